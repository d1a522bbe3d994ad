"""Recordings: what happened to each, and who may say that one begins, pauses or goes on.

The dialplan starts them and the call's end stops them, whatever the engine does. Here they are held until the debtor was
told or consented, and paused while a card's number is read out. What stands on record always covers what is silent: a
pause is on record before the PBX mutes, its end after the PBX hears again.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NoReturn, Protocol
from weakref import WeakValueDictionary

import structlog

from dialer.agents.roster import AgentError, Roster
from dialer.agents.session import Work
from dialer.calls.attempt import Attempt, State
from dialer.calls.inbound import InboundCall
from dialer.calls.live import LiveAttempts
from dialer.calls.pbx import Pbx
from dialer.compliance.gate import Gate
from dialer.kernel.clock import Clock
from dialer.kernel.errors import AwayError, DialerError, PbxRefusedError, UnknownNameError
from dialer.kernel.ids import AttemptId

NOTHING, CONSENT = "nothing", "consent"
BY_DIALPLAN, BY_ENGINE = "dialplan", "engine"


log = structlog.get_logger(__name__)


class What(StrEnum):
    """What can happen to a recording."""

    HELD = "held"
    """It began muted: the debtor wasn't told yet, or nobody knew whose case it was."""
    TOLD = "told"
    """The debtor was told that the call is recorded."""
    CONSENTED = "consented"
    """The debtor consented to the recording."""
    IDENTIFIED = "identified"
    """An agent said whose case it is, and its packs need nothing more."""
    RESUMED = "resumed"
    """From here on it hears both."""
    PAUSED = "paused"
    """From here on it is silent."""
    NOT_RECORDED = "not_recorded"
    """What was asked had no effect: nothing records this call."""
    STARTED = "started"
    """The file's first sound."""
    STOPPED = "stopped"
    """The file's last sound."""
    DISCARDED = "discarded"
    """What it was held for never came: the silent file was deleted."""
    DELETED = "deleted"
    """Its file is no more."""
    FETCHED = "fetched"
    """Somebody listened to it, or took it along."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened to a recording, who did it, and where it matters why."""

    attempt: AttemptId
    at: datetime
    what: What
    by: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Recording:
    """One complete file. known: whether its call is on record. cell: where the file is. deleted_at: it is no more."""

    attempt: AttemptId
    started_at: datetime
    stopped_at: datetime
    size_bytes: int
    sha256: str
    known: bool = True
    cell: str = ""
    deleted_at: datetime | None = None


class RecordingRecord(Protocol):
    """Where recordings are on record. Every method raises AwayError."""

    async def add(self, *moments: Moment) -> None:
        """Return once they are on the disk."""

    async def keep(self, recording: Recording) -> None:
        """Put a complete file on record, with its start and its stop; once, however often it is told."""

    async def moments(self, attempt: AttemptId) -> list[Moment]:
        """What happened to one recording, in its order."""

    async def unknown(self, attempts: Iterable[AttemptId]) -> set[AttemptId]:
        """Those of the files that were never put on record."""

    async def recordings(self) -> list[Recording]:
        """Every recording, the oldest first; also those that are no more."""


class Sound(Protocol):
    """An open recording: a WAV file, whatever it looks like on the disk."""

    size_bytes: int

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """What stands in the bytes [start, stop), in pieces. Raises OSError, DialerError."""


class RecordingSounds(Protocol):
    """The files."""

    def opened(self, attempt: AttemptId) -> AbstractContextManager[tuple[Sound, float]]:
        """A recording to read from, and the instant of its last write. Raises OSError, DialerError."""


class RecordingError(DialerError):
    """What was asked of the recording isn't possible now."""


def was_told(moments: Sequence[Moment]) -> bool:
    """Whether what it may have been held for is given."""
    return any(moment.what in (What.TOLD, What.CONSENTED, What.IDENTIFIED) for moment in moments)


def is_held(moments: Sequence[Moment]) -> bool:
    """Whether it began muted and was never let go."""
    return any(moment.what is What.HELD for moment in moments) and not was_told(moments)


def waits_for_case(moments: Sequence[Moment]) -> bool:
    """Whether it is silent since its beginning, and nobody but the engine would let it be heard."""
    begun = any(moment.what in (What.TOLD, What.CONSENTED, What.RESUMED, What.PAUSED) for moment in moments)
    return not begun and any(moment.what is What.HELD for moment in moments)


def _silenced(moments: Sequence[Moment]) -> Moment | None:
    """What let it be silent, as it is on record; None where it hears."""
    said = (moment for moment in reversed(moments) if moment.what in (What.HELD, What.PAUSED, What.RESUMED))
    last = next(said, None)
    return None if last is None or last.what is What.RESUMED else last


class Recordings:
    """What agents do with the recording of their call."""

    def __init__(
        self,
        record: RecordingRecord,
        pbx: Pbx,
        roster: Roster,
        live: LiveAttempts,
        gate: Gate,
        clock: Clock,
    ) -> None:
        self._record = record
        self._pbx = pbx
        self._roster = roster
        self._live = live
        self._gate = gate
        self._clock = clock
        # one word about a call at a time: a pause must not be undone by a resume that was asked for before it
        self._turns: WeakValueDictionary[AttemptId, asyncio.Lock] = WeakValueDictionary()

    async def hold(self, attempt: Attempt) -> bool:
        """Before the bridge: let what needs notice or consent begin muted, and say whether it does.

        Where the PBX doesn't do it, the dialplan records nothing.
        """
        if self._needs(attempt) == NOTHING:
            return False
        try:
            await self._pbx.hold_recording(attempt.id)
        except (PbxRefusedError, AwayError) as error:
            log.warning("recording.not_held", attempt=attempt.id, error=str(error))
            return False
        return True

    async def put_held(self, attempt: AttemptId) -> None:
        """Put on record that it began muted."""
        try:
            await self._put(attempt, What.HELD, BY_ENGINE)
        except AwayError as error:  # it stays silent, and a silent file is kept
            log.warning("recording.hold_unrecorded", attempt=attempt, error=str(error))

    async def record_caller(self, call: InboundCall) -> bool:
        """Before the bridge: let the recording of who rang us begin where its case is recorded, muted as long as its packs
        need something, or nobody knows whose case it is. Whether it began muted.
        """
        if not call.recorded:
            return False
        held = call.intent is None or self._needed(call.intent.packs) != NOTHING
        try:
            await self._pbx.record_caller(call.id, muted=held, stereo=call.stereo)
        except (PbxRefusedError, AwayError) as error:
            log.warning("recording.caller_not_recorded", attempt=call.id, error=str(error))
            return False
        return held

    async def identified(self, talk: Attempt, by: str) -> None:
        """It is known now whose case it is: what was held for that alone is heard from now on. Said again where the record
        or the PBX may have been away.
        """
        if not talk.recorded or self._needs(talk) != NOTHING:
            return
        async with self._turn(talk):
            try:
                moments = await self._record.moments(talk.id)
                if waits_for_case(moments):
                    if is_held(moments):
                        await self._put(talk.id, What.IDENTIFIED, by)
                    await self._mute(talk, by, muted=False)
                    await self._put(talk.id, What.RESUMED, by)
            except (RecordingError, AwayError) as error:
                log.warning("recording.not_resumed", attempt=talk.id, error=str(error))

    async def pause(self, agent: str) -> None:
        """Silence from now on. Raises AgentError, RecordingError, AwayError; where it raises, the agent must not
        believe in a pause.
        """
        attempt = self._talking(agent)
        async with self._turn(attempt):
            await self._put(attempt.id, What.PAUSED, agent)
            await self._mute(attempt, agent, muted=True)

    async def resume(self, agent: str) -> None:
        """Hear again after a pause. Raises AgentError, RecordingError, AwayError."""
        attempt = self._talking(agent)
        async with self._turn(attempt):
            moments = await self._record.moments(attempt.id)
            if self._needs(attempt) != NOTHING and not was_told(moments):
                raise RecordingError(
                    "the debtor hasn't been told that the call is recorded",
                    "tell the debtor, then say told or consented",
                )
            if attempt.recorded and is_held(moments):  # else it would be deleted as one that nobody let go
                await self._put(attempt.id, What.IDENTIFIED, agent)
            await self._mute(attempt, agent, muted=False)
            await self._put(attempt.id, What.RESUMED, agent)

    async def begin(self, agent: str, said: What) -> None:
        """The debtor was told, or consented: from now on it is recorded. Raises AgentError, RecordingError, AwayError."""
        attempt = self._talking(agent)
        if self._needs(attempt) == CONSENT and said is not What.CONSENTED:
            raise RecordingError("a pack wants the debtor's consent", "ask for it; without it nothing is recorded")
        async with self._turn(attempt):
            if not attempt.recorded:
                await self._refuse(attempt, agent)
            if was_told(await self._record.moments(attempt.id)):
                raise RecordingError("the recording was begun already", "after a pause resume it")
            await self._put(attempt.id, said, agent)
            await self._mute(attempt, agent, muted=False)
            await self._put(attempt.id, What.RESUMED, agent)

    async def fall_silent(self, attempt: Attempt, why: str) -> None:
        """Nobody of ours hears the debtor from now on. Raises AwayError: then it may go on."""
        if not attempt.recorded:
            return
        async with self._turn(attempt):
            try:
                if _silenced(await self._record.moments(attempt.id)) is None:
                    await self._put(attempt.id, What.PAUSED, BY_ENGINE, why)
                await self._mute(attempt, BY_ENGINE, muted=True)
            except RecordingError:
                return  # nothing records it

    async def hear_again(self, attempt: Attempt) -> None:
        """The debtor is back with the agent: where the engine let it fall silent, and not the agent, it hears again."""
        if not attempt.recorded:
            return
        async with self._turn(attempt):
            try:
                silenced = _silenced(await self._record.moments(attempt.id))
                if silenced is not None and (silenced.what, silenced.by) == (What.PAUSED, BY_ENGINE):
                    await self._mute(attempt, BY_ENGINE, muted=False)
                    await self._put(attempt.id, What.RESUMED, BY_ENGINE)
            except (RecordingError, AwayError) as error:
                log.warning("recording.not_resumed", attempt=attempt.id, error=str(error))

    async def fetched(self, attempt: AttemptId, by: str) -> None:
        """Put on record, before a byte is sent, that somebody gets it. Raises UnknownNameError, AwayError."""
        if await self._record.unknown([attempt]):
            raise UnknownNameError("there is no complete recording of this call", "dialer recordings list has them")
        await self._record.add(Moment(attempt, self._clock.now(), What.FETCHED, by))

    def _needs(self, attempt: Attempt) -> str:
        """What the packs of the call want first; nothing where it isn't recorded; in doubt consent."""
        return self._needed(attempt.intent.packs) if attempt.recorded else NOTHING

    def _needed(self, packs: tuple[str, ...]) -> str:
        if not all(name in self._gate.law.packs for name in packs):
            return CONSENT
        return self._gate.treatment(packs).recording

    def _talking(self, agent: str) -> Attempt:
        session = self._roster.session(agent)
        attempt = self._live.get(session.attempt) if session.attempt else None
        if attempt is None and session.work is Work.TALKING:
            raise AgentError(f"nobody has said whose call {agent} is on: nothing of it is recorded", "say it first")
        if attempt is None or attempt.state is not State.TALKING or session.work is not Work.TALKING:
            raise AgentError(f"{agent} talks to nobody")
        return attempt

    def _turn(self, attempt: Attempt) -> asyncio.Lock:
        return self._turns.setdefault(attempt.id, asyncio.Lock())

    async def _mute(self, attempt: Attempt, agent: str, *, muted: bool) -> None:
        if not attempt.recorded:  # a caller's is held before anybody knows whose case it is
            await self._refuse(attempt, agent)
        try:
            await self._pbx.mute_recording(attempt.id, muted=muted)
        except PbxRefusedError:
            await self._refuse(attempt, agent)

    async def _refuse(self, attempt: Attempt, agent: str) -> NoReturn:
        await self._put(attempt.id, What.NOT_RECORDED, agent)
        raise RecordingError(
            "this call isn't recorded", "its campaign or its mandate doesn't record, or the call just ended"
        ) from None

    async def _put(self, attempt: AttemptId, what: What, by: str, why: str = "") -> None:
        await self._record.add(Moment(attempt, self._clock.now(), what, by, why))

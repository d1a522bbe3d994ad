"""The record held against an outside witness, call by call.

The witness is the phone network's own CDR where it is ours, and the PBX's own channel log (CEL) where the trunk leads
to a foreign network. Attempts and witnessed calls are matched by number and order (network) or by id (PBX).
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from dialer.demo.stage import Stage
from dialer.reports.attempts import AttemptLine

CLOCK_TOLERANCE_SECONDS = 5.0
VOICE, NOTHING = "voice", "nothing"


@dataclass(frozen=True, slots=True)
class WitnessedCall:
    """One call as the witness saw it; times are epoch seconds of its own clock.

    bridged: whether the far end heard an agent (network) or the leg was bridged (PBX); None = it can't tell.
    """

    key: str
    started_at: float
    answered_at: float | None
    ended_at: float
    bridged: bool | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """How the record and the witness compare."""

    witness: str
    calls: int
    agreed: int
    bridges_attested: int
    disagreements: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return self.calls > 0 and not self.disagreements

    def sentence(self) -> str:
        if not self.calls and not self.disagreements:
            return f"{self.witness}: no call was seen, so nothing was checked"
        if self.complete:
            return (
                f"{self.witness}: all {self.calls} calls agree with the record, call by call "
                f"({self.bridges_attested} bridges and abandoned calls attested by it)"
            )
        return f"{self.witness}: {len(self.disagreements)} disagreements in {self.calls} calls"


def of_stage(stage: Stage, lines: list[AttemptLine]) -> Agreement:
    """The record held against the witness that this stage has."""
    network = stage.network
    if network is not None:
        name, seen = "the phone network's CDR", network_calls(network.read_csv("cdr-custom/network.csv"))
    else:
        name, seen = "the PBX's own record", pbx_calls(stage.pbx.read_csv("cel-custom/legs.csv"))
    return compare(lines, seen, witness=name, by_number=network is not None, offset_seconds=stage.offset_seconds)


def network_calls(rows: list[list[str]]) -> list[WitnessedCall]:
    """The phone network's CDR: dialled number, start, answer, end, disposition, heard."""
    return [
        WitnessedCall(
            key=number,
            started_at=float(start),
            answered_at=float(answer) or None,
            ended_at=float(end),
            bridged={VOICE: True, NOTHING: False}.get(heard),
        )
        for number, start, answer, end, _, heard in rows
    ]


def pbx_calls(rows: list[list[str]]) -> list[WitnessedCall]:
    """The PBX's channel event log: leg, event, instant; only the trunk legs."""
    events: dict[str, dict[str, float]] = defaultdict(dict)
    for leg, kind, at in rows:
        if leg.startswith("dla-"):
            events[leg].setdefault(kind, float(at))
    return [
        WitnessedCall(
            key=leg,
            started_at=seen["CHAN_START"],
            answered_at=seen.get("ANSWER"),
            ended_at=seen.get("CHAN_END", seen["CHAN_START"]),
            bridged="BRIDGE_ENTER" in seen,
        )
        for leg, seen in events.items()
        if "CHAN_START" in seen
    ]


def compare(
    lines: list[AttemptLine], witnessed: list[WitnessedCall], *, witness: str, by_number: bool, offset_seconds: float
) -> Agreement:
    """Match every attempt with one witnessed call and say where they differ.

    offset_seconds: how far the engine's clock is ahead of the witness's. An attempt that never left our side has
    no witnessed call; every other has exactly one, and the witness saw no call that isn't on record.
    """
    calls: dict[str, list[WitnessedCall]] = defaultdict(list)
    for call in sorted(witnessed, key=lambda seen: seen.started_at):
        calls[call.key].append(call)
    disagreements: list[str] = []
    attested = matched = 0
    for line in sorted(lines, key=lambda attempt: attempt.cleared_at):
        key = line.number.removeprefix("+") if by_number else line.attempt
        if line.result == "trunk_failure" and not calls[key]:
            continue
        if not calls[key]:
            disagreements.append(f"{line.attempt}: the record has it, the witness doesn't")
            continue
        call = calls[key].pop(0)
        matched += 1
        attested += call.bridged is not None and line.answered_at is not None
        disagreements += [f"{line.attempt}: {what}" for what in _differences(line, call, offset_seconds)]
    disagreements += [
        f"a call at {call.started_at:.3f}: the witness has it, the record doesn't"
        for left in calls.values()
        for call in left
    ]
    bad = len({text.split(":")[0] for text in disagreements})
    return Agreement(witness, len(witnessed), max(0, matched - bad), attested, disagreements)


def _differences(line: AttemptLine, call: WitnessedCall, offset_seconds: float) -> list[str]:
    different = []
    if line.ended_at is None:
        different.append("the record hasn't ended it")
    for what, ours, theirs in (
        ("dialled", line.dialled_at or line.cleared_at, call.started_at),
        ("answered", line.answered_at, call.answered_at),
        ("ended", line.ended_at, call.ended_at),
    ):
        if (ours is None) != (theirs is None):
            different.append(f"{what}: the record says {_yes(ours)}, the witness {_yes(theirs)}")
        elif ours and theirs and abs(ours.timestamp() - offset_seconds - theirs) > CLOCK_TOLERANCE_SECONDS:
            different.append(f"{what}: {abs(ours.timestamp() - offset_seconds - theirs):.1f} s apart")
    if call.bridged is not None and call.bridged != (line.bridged_at is not None):
        different.append(f"bridged: the record says {_yes(line.bridged_at)}, the witness {_yes(call.bridged or None)}")
    if line.abandoned_at is not None and line.bridged_at is not None:
        different.append("the record says both bridged and abandoned")
    return different


def _yes(value: datetime | float | bool | None) -> str:
    return "no" if value is None else "yes"

"""What must hold after the kills, by witnesses outside the engine: the phone network's CDR and the PBX's channel log.

The record is held against them, never the other way round; no rule of the engine is used.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from dialer.compliance.entry import Entry, EntryResult
from dialer.compliance.evidence import Fault
from dialer.demo.witness import WitnessedCall
from dialer.reports.attempts import AttemptLine

ATTEMPTS_PER_DAY = 3
CONVERSATIONS_PER_DAY = 1
GAP_SECONDS = 60.0
"""Between two calls to one number."""
TOLERANCE_SECONDS = 0.5
"""Two Asterisks see the end of one call a little apart."""
DIALLED_WITHIN_SECONDS = 15.0
"""From the clearance to the network's first sight of the call: the clearance lives 5 s, and a slow machine."""
NO_CALL = {"trunk_failure": "never left our side", "unknown": "nobody knows, counted as the worst"}
"""What the record may say of an attempt that the network never saw."""


@dataclass(frozen=True, slots=True)
class Strike:
    """One kill. Times are epoch seconds; `began` before it was asked, `struck` once it had surely happened."""

    what: str
    began: float
    struck: float


@dataclass(frozen=True, slots=True)
class Exit:
    """One end of the daemon. meant: it was killed, or told to stop. store_away: PostgreSQL was down just before."""

    at: float
    code: int
    meant: bool
    store_away: bool


@dataclass(frozen=True, slots=True)
class Found:
    """One finding of `dialer audit`. subject: the attempt, or the line of the CDR."""

    rule: str
    subject: str
    words: str


@dataclass(frozen=True, slots=True)
class Played:
    """Everything that is left of one run.

    offset_seconds: how far the engine's clock is ahead. legs: attempt to the start of its leg, by the PBX's own log.
    told: (instant, event) of the daemon's log. allowed: attempts with an allowing decision in the chain.
    in_flight: attempts that Redis still holds in flight after the end. resumed: seconds from each wait's begin to the
    next call.
    """

    seed: int
    seconds: float
    offset_seconds: float
    strikes: list[Strike]
    exits: list[Exit]
    debtor_of: Mapping[str, str]
    calls: list[WitnessedCall]
    legs: Mapping[str, float]
    lines: list[AttemptLine]
    entries: Mapping[str, Entry]
    told: list[tuple[float, str]]
    decisions: int
    allowed: Collection[str]
    faults: list[Fault]
    refused: Mapping[str, int]
    audited: list[Found]
    in_flight: Collection[str]
    resumed: list[float]
    tracebacks: int

    def real(self, instant: datetime) -> float:
        """An instant of the engine's clock as epoch seconds."""
        return instant.timestamp() - self.offset_seconds


def failures(run: Played) -> list[str]:
    """Everything that does not hold."""
    pairs, strange, uncalled = matched(run)
    wrong = above_caps(run.calls, run.debtor_of, run.offset_seconds)
    wrong += [f"the network has a call at {call.started_at:.3f} that the record lacks" for call in strange]
    wrong += [
        f"{leg}: the PBX has a leg that the record lacks" for leg in run.legs.keys() - {a.attempt for a in run.lines}
    ]
    wrong += [f"{a.attempt}: {a.result}, and the network saw no call" for a in uncalled if a.result not in NO_CALL]
    wrong += [
        f"{a.attempt}: trunk_failure, and the network saw a call" for _, a in pairs if a.result == "trunk_failure"
    ]
    wrong += [f"{a.attempt}: never ended on record" for a in run.lines if a.ended_at is None]
    wrong += [
        f"{a.attempt}: the network saw a call, the ledger on record says {_word(run.entries.get(a.attempt))}"
        for _, a in pairs
        if (entry := run.entries.get(a.attempt)) is None or entry.result is EntryResult.TRUNK_FAILURE
    ]
    wrong += [f"{entry.id}: in flight on record for ever" for entry in run.entries.values() if entry.in_flight]
    wrong += [f"{attempt}: in flight in Redis for ever" for attempt in run.in_flight]
    wrong += [f"{a.attempt}: no allowing decision in the chain" for a in run.lines if a.attempt not in run.allowed]
    wrong += [
        f"{attempt}: allowed, and no attempt on record" for attempt in set(run.allowed) - {a.attempt for a in run.lines}
    ]
    wrong += [f"chain {fault.chain} at {fault.position}: {fault.what}" for fault in run.faults]
    wrong += dialled_blind(run)
    unknown = {a.attempt for a in run.lines if a.result == "unknown"}
    wrong += [
        f"dialer audit: {found.subject}: {found.words} [{found.rule}]"
        for found in run.audited
        # who answered a daemon that was dead is on record as unknown
        if not (found.rule == "cdr-answered" and found.subject in unknown)
    ]
    wrong += [f"the daemon ended by itself with {end.code}" for end in run.exits if not end.meant and not _excused(end)]
    if run.tracebacks:
        wrong.append(f"{run.tracebacks} tracebacks in the daemon's log")
    last = max((strike.struck for strike in run.strikes), default=0.0)
    if not any(call.started_at > last for call in run.calls):
        wrong.append("no call after the last kill")
    return wrong


def above_caps(calls: Iterable[WitnessedCall], debtor_of: Mapping[str, str], offset_seconds: float) -> list[str]:
    """Every cap of the pack that some debtor is above, by the network's CDR alone."""
    by_debtor: dict[str, list[WitnessedCall]] = defaultdict(list)
    by_number: dict[str, list[WitnessedCall]] = defaultdict(list)
    for call in sorted(calls, key=lambda seen: seen.started_at):
        by_debtor[debtor_of[call.key]].append(call)
        by_number[call.key].append(call)
    wrong = []
    for debtor, mine in by_debtor.items():
        wrong += _too_close(f"debtor {debtor}", mine, 0.0)
        days = Counter(_day(call, offset_seconds) for call in mine)
        wrong += [f"debtor {debtor}: {count} calls on {day}" for day, count in days.items() if count > ATTEMPTS_PER_DAY]
        for place, call in enumerate(mine):
            after = [later for later in mine[place + 1 :] if _day(later, offset_seconds) == _day(call, offset_seconds)]
            if call.bridged and after:  # with an agent, who never says that it was somebody else
                wrong.append(
                    f"debtor {debtor}: called again on the day of a conversation, at {after[0].started_at:.3f}"
                )
    for number, mine in by_number.items():
        wrong += _too_close(f"a number of debtor {debtor_of[number]}", mine, GAP_SECONDS)
    return wrong


def matched(run: Played) -> tuple[list[tuple[WitnessedCall, AttemptLine]], list[WitnessedCall], list[AttemptLine]]:
    """Calls with their attempts, by number and instant; calls that no attempt explains; attempts without a call."""
    open_lines: dict[str, list[AttemptLine]] = defaultdict(list)
    for line in sorted(run.lines, key=lambda attempt: attempt.cleared_at):
        open_lines[line.number.removeprefix("+")].append(line)
    pairs, strange = [], []
    for call in sorted(run.calls, key=lambda seen: seen.started_at):
        mine = open_lines[call.key]
        fitting = [
            line
            for line in mine
            if -TOLERANCE_SECONDS <= call.started_at - run.real(line.cleared_at) <= DIALLED_WITHIN_SECONDS
        ]
        if not fitting:
            strange.append(call)
            continue
        mine.remove(fitting[0])
        pairs.append((call, fitting[0]))
    return pairs, strange, [line for lines in open_lines.values() for line in lines]


def dialled_blind(run: Played) -> list[str]:
    """Attempts that were cleared after the shared ledger was lost and before it was whole again."""
    wrong = []
    for strike in run.strikes:
        if not strike.what.startswith("redis"):
            continue
        began = next((at for at, event in run.told if event == "ledger.rebuild_began" and at > strike.began), None)
        whole = next((at for at, event in run.told if event == "ledger.rebuilt" and began and at > began), None)
        if whole is None:
            wrong.append(f"{strike.what} at {strike.began:.3f}: the ledger was never rebuilt")
            continue
        wrong += [
            f"{line.attempt}: cleared {run.real(line.cleared_at) - strike.struck:.3f} s after {strike.what}, "
            f"{whole - run.real(line.cleared_at):.3f} s before the ledger was whole"
            for line in run.lines
            if strike.struck < run.real(line.cleared_at) < whole
        ]
    return wrong


def figures(run: Played) -> list[str]:
    """The run in figures, for people."""
    pairs, _, uncalled = matched(run)
    tries = Counter(run.debtor_of[call.key] for call in run.calls)
    kinds = Counter(strike.what for strike in run.strikes)
    resumed = sorted(run.resumed)
    own = Counter(end.code for end in run.exits if not end.meant)
    return [
        f"seed {run.seed}: {len(run.strikes)} kills in {run.seconds:.0f} s: "
        + ", ".join(f"{count} {what}" for what, count in sorted(kinds.items())),
        (
            f"{len(run.calls)} calls by the network's CDR to {len(tries)} debtors "
            f"({sum(count == ATTEMPTS_PER_DAY for count in tries.values())} at their cap of {ATTEMPTS_PER_DAY}), "
            f"{sum(bool(call.bridged) for call in run.calls)} bridged; {len(run.legs)} legs by the PBX's log"
        ),
        f"{len(run.lines)} attempts on record, {len(pairs)} of them in the CDR; not in it: "
        + (", ".join(f"{count} {what}" for what, count in Counter(str(a.result) for a in uncalled).items()) or "none"),
        "results: " + ", ".join(f"{count} {what}" for what, count in Counter(str(a.result) for a in run.lines).items()),
        "refused: " + ", ".join(f"{count} {what}" for what, count in sorted(run.refused.items(), key=lambda i: -i[1])),
        f"{run.decisions} decisions in the chain; the daemon ended by itself: "
        + (", ".join(f"{count} times with {code}" for code, count in own.items()) or "never"),
        (
            f"seconds until the next call after a kill: median {resumed[len(resumed) // 2]:.1f}, longest {resumed[-1]:.1f}"
            if resumed
            else "no wait for a call"
        ),
    ]


def told(log: str) -> list[tuple[float, str]]:
    """Instant and event of each line of the daemon's log that is one."""
    found = []
    for line in log.splitlines():
        try:
            words = json.loads(line)
            found.append((datetime.fromisoformat(words["timestamp"]).timestamp(), str(words["event"])))
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _excused(end: Exit) -> bool:
    # a start that finds no record ends with 3 and is tried again by whoever supervises it
    return end.code == 3 and end.store_away


def _too_close(who: str, calls: list[WitnessedCall], gap_seconds: float) -> list[str]:
    wrong = []
    for before, after in pairwise(calls):
        apart = after.started_at - before.ended_at
        if apart < 0:
            wrong.append(f"{who}: two calls at once at {after.started_at:.3f}")
        elif apart < gap_seconds - TOLERANCE_SECONDS:
            wrong.append(f"{who}: {apart:.1f} s between two calls, {gap_seconds:g} s are the least")
    return wrong


def _day(call: WitnessedCall, offset_seconds: float) -> date:
    instant = datetime.fromtimestamp(call.started_at, UTC) + timedelta(seconds=offset_seconds)
    return instant.astimezone(ZoneInfo("Europe/Rome")).date()


def _word(entry: Entry | None) -> str:
    return "nothing" if entry is None else entry.result.value

"""Test cases of the gate as a file: `dialer gate test FILE.json`. The format is in docs/reference/gate-vectors.md."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from dialer.compliance.calendars import Calendars
from dialer.compliance.entry import Agreement, Blackout, Channel, Consent, Direction, Entry, EntryResult, Flag
from dialer.compliance.facts import Facts
from dialer.compliance.gate import facts_of as facts_of_standing
from dialer.compliance.gate import subject_of
from dialer.compliance.judging import judge
from dialer.compliance.ledger import ProcessLedger
from dialer.compliance.pack import Pack, Shelf
from dialer.compliance.rules import MaxTotal, Require
from dialer.compliance.verdict import CallMode, Intent, Verdict
from dialer.kernel.errors import InputError
from dialer.kernel.phone import PhoneNumber


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Call(_Part):
    """The call that is asked about. An empty `zones` is unknown."""

    debtor: str
    number: str
    debts: tuple[str, ...] = ()
    campaign: str = ""
    mode: CallMode
    zones: tuple[str, ...]
    ring_max_seconds: float = Field(ge=0, le=600)
    ring_timeout_seconds: float | None = None
    household: str = ""
    collector: str = ""
    workplace: bool = False


class Past(_Part):
    """A past attempt or contact; `at` is its end, `debts` null where they aren't known."""

    at: AwareDatetime
    result: EntryResult
    direction: Direction
    debtor: str | None
    number: str | None
    debts: tuple[str, ...] | None
    household: str = ""
    campaign: str = ""
    collector: str = ""
    channel: Channel = Channel.CALL
    workplace: bool = False


class Agreed(_Part):
    """The debtor agreed to be called then."""

    debtor: str
    start: AwareDatetime
    until: AwareDatetime


class Consented(_Part):
    """The debtor consented to be called about these debts; null: about all."""

    debtor: str
    debts: tuple[str, ...] | None
    at: AwareDatetime


class Inconvenient(_Part):
    """A time of the week that the debtor ruled out; weekday 0 is Monday."""

    debtor: str
    weekdays: tuple[int, ...]
    start: time
    end: time


class InFlight(_Part):
    """A call under way."""

    debtor: str | None = None
    number: str | None = None
    household: str = ""


class Expected(_Part):
    """What the gate must say."""

    decision: Literal["allow", "block"]
    reasons: tuple[str, ...]
    not_before: AwareDatetime | None = None


class Case(_Part):
    """One case."""

    id: str
    why: str = ""
    packs: tuple[str, ...] = Field(min_length=1)
    now: AwareDatetime
    call: Call
    history: tuple[Past, ...] = ()
    flags: tuple[str, ...] = ()
    agreements: tuple[Agreed, ...] = ()
    consents: tuple[Consented, ...] = ()
    inconvenient: tuple[Inconvenient, ...] = ()
    in_flight: tuple[InFlight, ...] = ()
    facts: dict[str, Any] = Field(default_factory=dict)
    expect: Expected


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the gate said of one case. `mismatches` is empty where it is as expected."""

    case: Case
    verdict: Verdict
    mismatches: tuple[str, ...]


def read(path: Path) -> list[Case]:
    """Read a file of cases. Raises InputError naming the case and the key."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}", "name a file that can be read") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        line = getattr(error, "lineno", 1)
        raise InputError(f"{path}:{line}: not JSON: {error}", "correct this line") from None
    if not isinstance(values, list):
        raise InputError(f"{path}:1: not a list of cases", "docs/reference/gate-vectors.md has the format")
    cases = []
    for index, value in enumerate(values):
        try:
            cases.append(Case.model_validate(value))
        except ValidationError as error:
            named = value.get("id", f"number {index + 1}") if isinstance(value, dict) else f"number {index + 1}"
            lines = "\n".join(
                f"{path}: case {named}: {'.'.join(map(str, item['loc']))}: {item['msg']}"
                for item in error.errors(include_url=False)
            )
            raise InputError(lines, "docs/reference/gate-vectors.md has the format") from None
    return cases


def run(case: Case, shelf: Shelf, calendars: Calendars) -> Outcome:
    """Ask the rules and compare. Raises InputError for a pack that isn't there."""
    packs = [shelf.load(name) for name in case.packs]
    verdict = judge(packs, facts_of(case, packs, calendars))
    expected, mismatches = case.expect, []
    decision = "allow" if verdict.allowed else "block"
    if decision != expected.decision:
        mismatches.append(f"decision: expected {expected.decision}, got {decision}")
    if list(verdict.reasons) != sorted(expected.reasons):
        mismatches.append(f"reasons: expected {sorted(expected.reasons)}, got {list(verdict.reasons)}")
    if expected.not_before is not None and verdict.not_before != expected.not_before:
        got = verdict.not_before.astimezone(expected.not_before.tzinfo).isoformat() if verdict.not_before else "unknown"
        mismatches.append(f"not_before: expected {expected.not_before.isoformat()}, got {got}")
    return Outcome(case, verdict, tuple(mismatches))


def facts_of(case: Case, packs: Sequence[Pack], calendars: Calendars) -> Facts:
    """The case as the rules see it; a fact that isn't given is as the packs need it."""
    call = case.call
    number_of = _numbering()
    debtor = number_of(call.debtor)
    intent = Intent(
        campaign=call.campaign,
        case_id=0,
        debtor_id=debtor,
        number=PhoneNumber(call.number),
        zones=call.zones,
        packs=case.packs,
        ring_max_seconds=call.ring_max_seconds,
        debts=tuple(number_of(name) for name in call.debts),
        household=call.household,
        collector=call.collector,
        mode=call.mode,
        workplace=call.workplace,
        ring_timeout_seconds=call.ring_timeout_seconds,
        given={"workplace": call.workplace}
        | _needed(packs, case.now)
        | {name: _value(value) for name, value in case.facts.items()},
    )
    entries = [
        Entry(
            id=f"{case.id}-{index}",
            revision=1,
            debtor_id=None if line.debtor is None else number_of(line.debtor),
            number=None if line.number is None else PhoneNumber(line.number),
            household=line.household,
            at=line.at,
            result=line.result,
            direction=line.direction,
            channel=line.channel,
            debts=None if line.debts is None else tuple(number_of(name) for name in line.debts),
            campaign=line.campaign,
            collector=line.collector,
            workplace=line.workplace,
        )
        for index, line in enumerate(case.history)
    ]
    flights = [
        Entry(
            f"f{index}",
            0,
            None if flight.debtor is None else number_of(flight.debtor),
            None if flight.number is None else PhoneNumber(flight.number),
            flight.household,
            at=case.now,
            result=EntryResult.UNKNOWN,
            in_flight=True,
        )
        for index, flight in enumerate(case.in_flight)
    ]
    said = [
        *(Flag(name, 1, debtor, name=name) for name in case.flags),
        *(
            Agreement(f"a{index}", 1, number_of(agreed.debtor), start=agreed.start, until=agreed.until)
            for index, agreed in enumerate(case.agreements)
        ),
        *(
            Consent(
                f"c{index}",
                1,
                number_of(consent.debtor),
                at=consent.at,
                debts=None if consent.debts is None else tuple(number_of(name) for name in consent.debts),
            )
            for index, consent in enumerate(case.consents)
        ),
        *(
            Blackout(f"b{index}", 1, number_of(time_.debtor), weekdays=time_.weekdays, start=time_.start, end=time_.end)
            for index, time_ in enumerate(case.inconvenient)
        ),
    ]
    # through the same ledger and the same eyes as a real call
    ledger = ProcessLedger()
    ledger.load([*entries, *flights, *said])
    return facts_of_standing(intent, ledger.standing(subject_of(intent)), case.now, calendars)


def _numbering() -> Any:
    known: dict[str, int] = {}
    return lambda name: known.setdefault(name, len(known) + 1)


def _value(value: Any) -> Any:
    """A date as a date: JSON has none."""
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _needed(packs: Sequence[Pack], now: datetime) -> dict[str, Any]:
    """Every fact that a pack requires, as it needs it."""
    good = {"be_true": True, "not_be_past": date.max, "be_days_ago": date.min, "be_recent": now.date()}
    required = {rule.fact: good[rule.must] for pack in packs for rule in pack.of_kind(Require)}
    return required | ({"attempts_so_far": 0} if any(pack.of_kind(MaxTotal) for pack in packs) else {})

"""Lines of the ledger as text: one form for every store."""

import json
from datetime import datetime, time
from typing import Any

from dialer.compliance.entry import (
    Agreement,
    Blackout,
    Channel,
    Consent,
    Direction,
    Entry,
    EntryResult,
    Flag,
    Line,
)
from dialer.kernel.clock import from_micro, to_micro
from dialer.kernel.phone import PhoneNumber


def encode(line: Line) -> str:
    """The line as a JSON list: its kind, its id, its revision, about whom, then what."""
    head = [line.id, line.revision, line.debtor_id, line.number, line.household]
    match line:
        case Entry():
            values = [
                "entry", *head, _micro(line.at), line.result, line.in_flight, line.direction, line.channel, line.debts,
                line.campaign, line.collector, line.workplace,
            ]  # fmt: skip
        case Flag():
            values = ["flag", *head, line.name, line.debt_id, _micro(line.until)]
        case Agreement():
            values = ["agreement", *head, _micro(line.start), _micro(line.until)]
        case Consent():
            values = ["consent", *head, _micro(line.at), line.debts, _micro(line.until)]
        case Blackout():
            times = line.start.isoformat(), line.end.isoformat()
            values = ["blackout", *head, line.weekdays, *times, _micro(line.until)]
        case _:
            msg = f"no form for {type(line).__name__}"
            raise TypeError(msg)
    return json.dumps(values, separators=(",", ":"))


def decode(text: str | bytes) -> Line:
    """The line again. Raises ValueError for what is none."""
    kind, *values = json.loads(text)
    id_, revision, debtor, number, household, *rest = values
    head = (id_, revision, debtor, None if number is None else PhoneNumber(number), household)
    match kind:
        case "entry":
            at, result, in_flight, direction, channel, debts, campaign, collector, workplace = rest
            return Entry(
                *head,
                at=from_micro(at),
                result=EntryResult(result),
                in_flight=in_flight,
                direction=Direction(direction),
                channel=Channel(channel),
                debts=_debts(debts),
                campaign=campaign,
                collector=collector,
                workplace=workplace,
            )
        case "flag":
            return Flag(*head, name=rest[0], debt_id=rest[1], until=_maybe(rest[2]))
        case "agreement":
            return Agreement(*head, start=from_micro(rest[0]), until=from_micro(rest[1]))
        case "consent":
            return Consent(*head, at=from_micro(rest[0]), debts=_debts(rest[1]), until=_maybe(rest[2]))
        case "blackout":
            start, end = time.fromisoformat(rest[1]), time.fromisoformat(rest[2])
            return Blackout(*head, weekdays=tuple(rest[0]), start=start, end=end, until=_maybe(rest[3]))
        case _:
            msg = f"a line of the unknown kind {kind!r}"
            raise ValueError(msg)


def kind_of(line: Line) -> str:
    """The kind's word."""
    return type(line).__name__.lower()


def _micro(instant: datetime | None) -> int | None:
    return None if instant is None else to_micro(instant)


def _maybe(micro: int | None) -> datetime | None:
    return None if micro is None else from_micro(micro)


def _debts(values: Any) -> tuple[int, ...] | None:
    return None if values is None else tuple(values)

"""What the reports read of calls: by line, by agent, by campaign, by number."""

from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, and_, case, func, insert, literal, or_, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncEngine

from dialer.adapters.store.away import reading, telling_away
from dialer.adapters.store.schema import (
    attempts,
    case_views,
    cases,
    debtors,
    decisions,
    inbound_calls,
    ledger,
    numbers,
    outcomes,
    working_times,
)
from dialer.agents.session import Work
from dialer.calls.inbound import InboundResult
from dialer.calls.results import NEVER_LEFT, Result
from dialer.cases.model import NOT_CALLED, CaseState
from dialer.compliance.entry import EVENTS
from dialer.compliance.reasons import Reason
from dialer.kernel.clock import from_micro
from dialer.reports.agents import AgentCalls
from dialer.reports.attempts import LONGEST_WRAP_UP_SECONDS, AttemptLine, AttemptTotals
from dialer.reports.inbound import InboundCalls
from dialer.reports.list_quality import SILENT_TRIES, HourCalls, ListFigures
from dialer.reports.report import Asked
from dialer.reports.trunks import TrunkCalls

PAGE = 2_000
MICROSECONDS = 1_000_000
QUARTER = 15 * 60 * MICROSECONDS
_SAME = (
    "case_id", "campaign", "number", "caller_id", "trunk", "mode", "packs", "cleared_at", "dialled_at", "rang_at",
    "answered_at", "bridged_at", "abandoned_at", "ended_at", "agent", "result", "cause", "sip", "refusals",
)  # fmt: skip
_SERVED = outcomes.c.counts_as.in_([ended.value for ended in EVENTS["served"]])
left = or_(attempts.c.result.is_(None), attempts.c.result.not_in([result.value for result in NEVER_LEFT]))
"""It left our side."""
contact = and_(attempts.c.bridged_at.is_not(None), _SERVED)
"""An agent talked to a person, as the agent says."""


def micros(column: ColumnElement[Any]) -> ColumnElement[int]:
    """An instant as the number that is stored."""
    return type_coerce(column, BigInteger)


def times(condition: ColumnElement[bool]) -> Any:
    """How often it holds."""
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def between(start: ColumnElement[Any], end: ColumnElement[Any]) -> Any:
    """From one instant to the other, all rows together, in microseconds; nothing where either lacks."""
    return func.coalesce(func.sum(micros(end) - micros(start)), 0)


talked = between(attempts.c.bridged_at, attempts.c.ended_at)
_wrap = micros(outcomes.c.recorded_at) - micros(attempts.c.ended_at)
_wrapped_up = and_(attempts.c.bridged_at.is_not(None), _wrap >= 0, _wrap <= int(LONGEST_WRAP_UP_SECONDS) * MICROSECONDS)
wrapped = func.coalesce(func.sum(case((_wrapped_up, _wrap), else_=0)), 0)


def within(chosen: Select[Any], asked: Asked) -> Select[Any]:
    """The attempts that were asked for; `cases` is joined."""
    if asked.campaign is not None:
        chosen = chosen.where(attempts.c.campaign == asked.campaign)
    if asked.creditor is not None:
        chosen = chosen.where(cases.c.creditor == asked.creditor)
    return in_period(chosen, attempts.c.cleared_at, asked)


def in_period(chosen: Select[Any], at: ColumnElement[datetime], asked: Asked) -> Select[Any]:
    """What lies in the period that was asked for."""
    if asked.since is not None:
        chosen = chosen.where(at >= asked.since)
    if asked.until is not None:
        chosen = chosen.where(at < asked.until)
    return chosen


def seconds(microseconds: Any) -> float:
    """A sum of the database in seconds."""
    return int(microseconds or 0) / MICROSECONDS


class SqlReports:
    """Every method raises AwayError."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def knows(self, what: str, name: str) -> bool:
        """Whether a case of that campaign, or creditor, is on record."""
        column = cases.c.campaign if what == "campaign" else debtors.c.creditor
        async with reading(self._engine) as connection:
            return await connection.scalar(select(literal(1)).where(column == name).limit(1)) is not None

    async def attempts(self, asked: Asked, seen_by: str = "") -> AsyncIterator[list[AttemptLine]]:
        """One line an attempt, the oldest first, page by page. seen_by: it is on record that this one saw the cases."""
        chosen = _joined(
            select(
                attempts.c.id,
                *(attempts.c[name] for name in _SAME),
                cases.c.creditor,
                debtors.c.reference,
                *(outcomes.c[name] for name in ("code", "note", "right_party", "recorded_at")),
            )
        ).join(debtors, attempts.c.debtor_id == debtors.c.id)
        chosen = within(chosen, asked).order_by(attempts.c.cleared_at, attempts.c.id).limit(PAGE)
        after: tuple[datetime, str] | None = None
        while True:
            page = chosen
            if after is not None:
                at, last = after
                same = and_(attempts.c.cleared_at == at, attempts.c.id > last)
                page = page.where(attempts.c.cleared_at >= at, or_(attempts.c.cleared_at > at, same))
            with telling_away():
                async with self._engine.begin() as connection:
                    rows = (await connection.execute(page)).all()
                    if seen_by and rows:
                        seen = sorted({row.case_id for row in rows})
                        view = {"viewed_by": seen_by, "viewed_at": asked.now, "how": "report attempts"}
                        await connection.execute(insert(case_views), [view | {"case_id": id_} for id_ in seen])
            yield [_line(row) for row in rows]
            if len(rows) < PAGE:
                return
            after = rows[-1].cleared_at, rows[-1].id

    async def attempt_totals(self, asked: Asked) -> AttemptTotals:
        """All attempts that were asked for."""
        answered, bridged = attempts.c.answered_at.is_not(None), attempts.c.bridged_at.is_not(None)
        waited = micros(attempts.c.bridged_at) - micros(attempts.c.answered_at)
        chosen = _joined(
            select(
                func.count(),
                func.count(attempts.c.dialled_at),
                times(answered),
                times(bridged),
                func.count(attempts.c.abandoned_at),
                times(attempts.c.result == Result.HUNG_UP.value),
                func.sum(waited),
                func.max(waited),
                talked,
            ).select_from(attempts)
        )
        async with reading(self._engine) as connection:
            row = (await connection.execute(within(chosen, asked))).one()
        slowest = None if row[7] is None else seconds(row[7])
        counts = dict(zip(("attempts", "dialled", "answered", "bridged", "abandoned", "hung_up"), row, strict=False))
        return AttemptTotals(
            **counts, waited_seconds=seconds(row[6]), slowest_seconds=slowest, talk_seconds=seconds(row[8])
        )

    async def agents(self, asked: Asked) -> list[AgentCalls]:
        """What each agent did, by name."""
        bridged = attempts.c.bridged_at.is_not(None)
        chosen = _joined(
            select(
                attempts.c.agent,
                times(bridged),
                talked,
                wrapped,
                times(_wrapped_up),
                times(contact),
                times(and_(bridged, outcomes.c.right_party)),
            )
        ).where(attempts.c.agent.is_not(None))
        chosen = within(chosen, asked).group_by(attempts.c.agent).order_by(attempts.c.agent)
        async with reading(self._engine) as connection:
            return [
                AgentCalls(row[0], int(row[1]), seconds(row[2]), seconds(row[3]), *map(int, row[4:]))
                for row in await connection.execute(chosen)
            ]

    async def working_times(self, asked: Asked) -> dict[str, dict[Work, float]]:
        """How many seconds each agent was at what, whatever campaign it was for."""
        spent = working_times.c.agent, working_times.c.work, func.sum(working_times.c.microseconds)
        chosen = in_period(select(*spent), working_times.c.began_at, asked).group_by(*spent[:2])
        found: dict[str, dict[Work, float]] = {}
        async with reading(self._engine) as connection:
            for agent, work, microseconds in await connection.execute(chosen):
                found.setdefault(agent, {})[Work(work)] = seconds(microseconds)
        return found

    async def trunks(self, asked: Asked) -> list[TrunkCalls]:
        """How the network treated each campaign's calls, by trunk and caller id."""
        of = attempts.c.campaign, attempts.c.trunk, attempts.c.caller_id
        rang, answered = attempts.c.rang_at.is_not(None), attempts.c.answered_at.is_not(None)
        chosen = _joined(
            select(
                *of,
                func.count(),
                times(rang),
                times(answered),
                between(attempts.c.answered_at, attempts.c.ended_at),
                times(and_(answered, attempts.c.ended_at.is_not(None))),
                between(attempts.c.dialled_at, attempts.c.rang_at),
                func.max(micros(attempts.c.rang_at) - micros(attempts.c.dialled_at)),
                *(times(attempts.c.result == result.value) for result in TrunkCalls.RESULTS),
            )
        ).where(attempts.c.dialled_at.is_not(None))
        chosen = within(chosen, asked).group_by(*of).order_by(*of)
        async with reading(self._engine) as connection:
            return [
                TrunkCalls(
                    row[0],
                    row[1],
                    row[2],
                    int(row[3]),
                    int(row[4]),
                    int(row[5]),
                    seconds(row[6]),
                    int(row[7]),
                    seconds(row[8]),
                    None if row[9] is None else seconds(row[9]),
                    dict(zip(TrunkCalls.RESULTS, map(int, row[10:]), strict=True)),
                )
                for row in await connection.execute(chosen)
            ]

    async def inbound(self, asked: Asked) -> list[InboundCalls]:
        """The calls that came in, by campaign."""
        until = func.coalesce(inbound_calls.c.bridged_at, inbound_calls.c.unserved_at, inbound_calls.c.ended_at)
        chosen = select(
            inbound_calls.c.campaign,
            func.count(),
            times(inbound_calls.c.case_id.is_(None)),
            func.count(inbound_calls.c.call_back_at),
            func.count(inbound_calls.c.call_back_due_at),
            between(inbound_calls.c.arrived_at, inbound_calls.c.bridged_at),
            func.max(micros(until) - micros(inbound_calls.c.arrived_at)),
            *(times(inbound_calls.c.result == result.value) for result in InboundResult),
        )
        if asked.campaign is not None:
            chosen = chosen.where(inbound_calls.c.campaign == asked.campaign)
        chosen = in_period(chosen, inbound_calls.c.arrived_at, asked).group_by(inbound_calls.c.campaign)
        async with reading(self._engine) as connection:
            return [
                InboundCalls(
                    campaign=row[0],
                    calls=int(row[1]),
                    unidentified=int(row[2]),
                    call_backs=int(row[3]),
                    call_backs_planned=int(row[4]),
                    waited_seconds=seconds(row[5]),
                    longest_wait_seconds=None if row[6] is None else seconds(row[6]),
                    results=dict(zip(InboundResult, map(int, row[7:]), strict=True)),
                )
                for row in await connection.execute(chosen.order_by(inbound_calls.c.campaign))
            ]

    async def lists(self, asked: Asked) -> list[ListFigures]:
        """The numbers of each campaign's and creditor's cases, and what calls found out about them."""
        tried = within(
            _joined(
                select(
                    attempts.c.case_id,
                    attempts.c.number,
                    func.count().label("tried"),
                    times(attempts.c.answered_at.is_not(None)).label("answered"),
                    times(attempts.c.result == Result.NOT_IN_SERVICE.value).label("dead"),
                )
            ).where(left),
            asked,
        ).group_by(attempts.c.case_id, attempts.c.number)
        calls = tried.subquery()
        wrong = (
            select(literal(1))
            .where(
                ledger.c.debtor_id == numbers.c.debtor_id,
                ledger.c.number == numbers.c.number,
                ledger.c.id.startswith(f"flg-{Reason.WRONG_NUMBER}-"),
                or_(ledger.c.counts_until.is_(None), ledger.c.counts_until > asked.now),
            )
            .exists()
        )
        exhausted = and_(
            cases.c.state == CaseState.OPEN.value, cases.c.why.like(f"{NOT_CALLED}%{Reason.ATTEMPTS_TOTAL}%")
        )
        bare = ~select(literal(1)).where(numbers.c.debtor_id == cases.c.debtor_id).exists()
        groups = (cases.c.campaign, cases.c.creditor)
        whole = _of_groups(select(*groups, func.count(), times(bare), times(exhausted)).group_by(*groups), asked)
        of_numbers = (
            select(
                *groups,
                func.count(),
                times(calls.c.tried.is_not(None)),
                times(calls.c.answered > 0),
                times(calls.c.dead > 0),
                times(wrong),
                times(and_(calls.c.tried >= SILENT_TRIES, calls.c.answered == 0)),
            )
            .join(numbers, numbers.c.debtor_id == cases.c.debtor_id)
            .outerjoin(calls, and_(calls.c.case_id == cases.c.id, calls.c.number == numbers.c.number))
            .group_by(*groups)
        )
        async with reading(self._engine) as connection:
            counted = {row[:2]: tuple(map(int, row[2:])) for row in await connection.execute(whole)}
            found = {
                row[:2]: tuple(map(int, row[2:])) for row in await connection.execute(_of_groups(of_numbers, asked))
            }
        return [ListFigures(*group, *counted[group], *found.get(group, (0,) * 6)) for group in sorted(counted)]

    async def hours(self, asked: Asked) -> list[HourCalls]:
        """Calls and answers by quarter of an hour and debtors' zone: from a quarter on each zone has its own hours."""
        begun = micros(attempts.c.cleared_at) // QUARTER
        groups = (attempts.c.campaign, cases.c.creditor, debtors.c.zone, begun)
        chosen = _joined(select(*groups, func.count(), times(attempts.c.answered_at.is_not(None)))).where(left)
        chosen = chosen.join(debtors, attempts.c.debtor_id == debtors.c.id)
        async with reading(self._engine) as connection:
            return [
                HourCalls(row[0], row[1], row[2], from_micro(int(row[3]) * QUARTER), int(row[4]), int(row[5]))
                for row in await connection.execute(within(chosen, asked).group_by(*groups))
            ]

    async def decisions(self, asked: Asked) -> dict[str, int]:
        """How often the gate decided what."""
        chosen = in_period(select(decisions.c.decision, func.count()), decisions.c.at, asked)
        async with reading(self._engine) as connection:
            return {row[0]: row[1] for row in await connection.execute(chosen.group_by(decisions.c.decision))}

    async def refusals(self, asked: Asked) -> AsyncIterator[list[tuple[str, int, str]]]:
        """Every decision against a call: what was decided, of which case, and its content; page by page."""
        order = (decisions.c.chain, decisions.c.position)
        chosen = select(*order, decisions.c.decision, decisions.c.case_id, decisions.c.content)
        chosen = in_period(chosen.where(decisions.c.decision.in_(("block", "withhold"))), decisions.c.at, asked)
        after: tuple[str, int] | None = None
        while True:
            page = chosen.order_by(*order).limit(PAGE)
            if after is not None:
                chain, position = after
                further = and_(decisions.c.chain == chain, decisions.c.position > position)
                page = page.where(or_(decisions.c.chain > chain, further))
            async with reading(self._engine) as connection:
                rows = (await connection.execute(page)).all()
            yield [(row.decision, row.case_id, row.content) for row in rows]
            if len(rows) < PAGE:
                return
            after = rows[-1].chain, rows[-1].position

    async def slowest(self, asked: Asked) -> Iterable[tuple[str, tuple[str, ...], str, datetime, float]]:
        """The slowest bridge of each campaign, packs, zone and quarter of an hour, as the accounts of abandoned calls
        are kept: in seconds from the answer.
        """
        begun = micros(attempts.c.cleared_at) // QUARTER
        groups = (attempts.c.campaign, attempts.c.packs, debtors.c.zone, begun)
        waited = micros(attempts.c.bridged_at) - micros(attempts.c.answered_at)
        chosen = select(*groups, func.max(waited)).join(debtors, attempts.c.debtor_id == debtors.c.id)
        chosen = chosen.where(attempts.c.bridged_at.is_not(None), attempts.c.answered_at.is_not(None))
        if asked.campaign is not None:
            chosen = chosen.where(attempts.c.campaign == asked.campaign)
        async with reading(self._engine) as connection:
            return [
                (row[0], tuple(filter(None, row[1].split(","))), row[2], from_micro(int(row[3]) * QUARTER), seconds(row[4]))
                for row in await connection.execute(chosen.group_by(*groups))
            ]  # fmt: skip


def _joined(chosen: Select[Any]) -> Select[Any]:
    return chosen.join(cases, attempts.c.case_id == cases.c.id).outerjoin(
        outcomes, attempts.c.id == outcomes.c.attempt_id
    )


def _of_groups(chosen: Select[Any], asked: Asked) -> Select[Any]:
    if asked.campaign is not None:
        chosen = chosen.where(cases.c.campaign == asked.campaign)
    if asked.creditor is not None:
        chosen = chosen.where(cases.c.creditor == asked.creditor)
    return chosen


def _line(row: Any) -> AttemptLine:
    same = {name: getattr(row, name) for name in (*_SAME, "creditor", "note", "right_party", "recorded_at")}
    return AttemptLine(attempt=row.id, debtor_reference=row.reference, outcome=row.code, **same)

"""Cases on record."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    String,
    bindparam,
    cast,
    exists,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dialer.adapters.store.among import among
from dialer.adapters.store.away import reading, telling_away
from dialer.adapters.store.flags import standing_about
from dialer.adapters.store.intake import add, facts_of
from dialer.adapters.store.lines import LINES, TRIES, by_debtor
from dialer.adapters.store.promises import offers_of, promises_of, remitted_of
from dialer.adapters.store.schema import (
    AGREED_BAND,
    URGENT_BAND,
    Instant,
    attempts,
    cases,
    debtors,
    debts,
    inbound_calls,
    mandates,
    numbers,
    outcomes,
)
from dialer.adapters.store.statements import statements_of
from dialer.adapters.store.write import Write
from dialer.adapters.store.writer import Writer
from dialer.campaigns.priority import BANDS, LONGEST_DUE_EVERY, page
from dialer.cases.book import Added
from dialer.cases.dossier import left_of
from dialer.cases.model import (
    CallBack,
    CaseCard,
    CaseState,
    Contact,
    DueCase,
    NewCase,
    NextAction,
    NextDue,
)
from dialer.kernel.ids import AttemptId
from dialer.kernel.phone import PhoneNumber

_PLANNED: dict[str, Any] = {name: bindparam(f"new_{name}") for name in ("due_at", "state", "why", "first_number")}
# what was paid, closed, or given to a letter or a person meanwhile stays so: nothing that a call plans opens it
_SCHEDULE = update(cases).where(cases.c.id == bindparam("case"), cases.c.state == CaseState.OPEN.value).values(_PLANNED)
_MINE, _NEWER, _CAME_IN = attempts.alias("mine"), attempts.alias("newer"), inbound_calls.alias("came_in")
CALLED_SINCE = or_(
    exists().where(
        _NEWER.c.case_id == _MINE.c.case_id,
        _NEWER.c.cleared_at > _MINE.c.cleared_at,
        _MINE.c.id == bindparam("attempt"),
    ),
    exists().where(
        _NEWER.c.case_id == _CAME_IN.c.case_id,
        _NEWER.c.cleared_at > _CAME_IN.c.arrived_at,
        _CAME_IN.c.id == bindparam("attempt"),
    ),
)
"""Whether the case of an attempt, or of a call that came in, was called again after it."""
_FOLLOW = (
    update(cases)
    .where(
        cases.c.id == bindparam("case"),
        ~CALLED_SINCE,
        or_(
            cases.c.state == CaseState.OPEN.value,
            # as this call's earlier word left it; its later one is written after the case
            exists().where(
                outcomes.c.attempt_id == bindparam("attempt"),
                outcomes.c.next_state == cases.c.state,
                outcomes.c.next_why == cases.c.why,
            ),
        ),
    )
    .values(_PLANNED)
)
_REPLAN = (
    update(cases)
    .where(
        cases.c.id == bindparam("case"),
        cases.c.state == bindparam("planned_state"),
        cases.c.due_at == bindparam("planned_due_at"),
        cases.c.why == bindparam("planned_why"),
    )
    .values({name: bindparam(f"new_{name}") for name in ("state", "due_at", "why", "first_number")})
)
_WANT = update(cases).where(cases.c.id == bindparam("case")).values(wanted_by=bindparam("new_wanted_by"))
_DUE = (
    select(
        cases.c.id,
        cases.c.debtor_id,
        cases.c.facts,
        cases.c.first_number,
        cases.c.creditor,
        cases.c.wanted_by,
        debtors.c.risk_class,
        debtors.c.zone,
        debtors.c.household,
        debtors.c.place,
        mandates.c.starts_on,
        mandates.c.ends_on,
        select(func.aggregate_strings(cast(debts.c.id, String), ","))
        .where(debts.c.case_id == cases.c.id)
        .scalar_subquery()
        .label("debts"),
    )
    .join(debtors)
    .outerjoin(mandates, (mandates.c.creditor == cases.c.creditor) & (mandates.c.reference == cases.c.mandate))
)
_DUE_PAGE = _DUE.where(among(cases.c.id, "ids"))
_OF_CAMPAIGN = (
    cases.c.campaign == bindparam("campaign"),
    cases.c.state == literal_column(f"'{CaseState.OPEN.value}'"),  # written out, as the partial index wants it
)
_NOW = bindparam("now", type_=Instant)
_MOST = bindparam("most", type_=Integer)
_CLIMBS = (cases.c.wanted_by <= _NOW, cases.c.band < literal_column(str(URGENT_BAND)))
_DUE_ORDER = (cases.c.due_at, cases.c.uncalled_since, cases.c.id)


def _seek(*where: ColumnElement[bool], by: Sequence[Any] = _DUE_ORDER) -> Select[Any]:
    """The first due cases of an index."""
    return select(cases.c.id).where(*_OF_CAMPAIGN, cases.c.due_at <= _NOW, *where).order_by(*by).limit(_MOST)


def _of_band(band: int) -> Select[Any]:
    return _seek(cases.c.band == literal_column(str(band)))


# one index after the other, and none once there are enough
_IN_ORDER = union_all(
    *(
        select(arm.subquery())
        for arm in (
            _of_band(AGREED_BAND),
            _of_band(URGENT_BAND),
            _seek(*_CLIMBS, by=(cases.c.wanted_by, cases.c.id)),
            *(_of_band(band) for band in range(BANDS, 0, -1)),
        )
    )
).limit(_MOST)
_NEXT = union_all(
    select(true().label("best"), _IN_ORDER.subquery().c.id),
    select(false().label("best"), _seek().limit(bindparam("share", type_=Integer)).subquery().c.id),
)
_WANTED = select(
    select(func.count()).where(*_OF_CAMPAIGN, *_CLIMBS).select_from(cases).scalar_subquery()
    + select(func.count())
    .where(*_OF_CAMPAIGN, cases.c.wanted_by <= _NOW, cases.c.band.in_((AGREED_BAND, URGENT_BAND)))
    .select_from(cases)
    .scalar_subquery()
)
MOST_HISTORY = 50
CHUNK = 1_000


def schedule_write(case_id: int, action: NextAction) -> Write:
    """The write that says what comes next in a case that is open."""
    return Write(2, _SCHEDULE, _planned(case_id, action))


def follow_write(case_id: int, attempt: AttemptId, action: NextAction) -> Write:
    """The write that says what comes next in a case after what was said of a call that is over.

    A word that corrects an earlier one also opens again what that one closed, and nothing else. Once the case was called
    again, what comes next is the newer call's.
    """
    return Write(2, _FOLLOW, {"attempt": attempt, **_planned(case_id, action)})


def _planned(case_id: int, action: NextAction) -> dict[str, Any]:
    return {
        "case": case_id,
        "new_due_at": action.due_at,
        "new_state": action.state.value,
        "new_why": action.why,
        "new_first_number": action.number,
    }


class SqlCaseBook:
    """The cases, read beside the writer. Every coroutine raises AwayError when the store is away."""

    def __init__(self, engine: AsyncEngine, writer: Writer) -> None:
        self._engine = engine
        self._writer = writer

    async def add(self, campaign: str, new: Sequence[NewCase], now: datetime) -> Added:
        """Take in new cases, due at once.

        A debt that the creditor gave before changes nothing; a new debt of a known debtor joins the case. So a
        file can be imported again, which also completes an import that was cut off: it runs in transactions of
        `CHUNK` cases, lest a running daemon wait for the disk.
        """
        total = Added()
        for start in range(0, len(new), CHUNK):
            with telling_away():
                async with self._engine.begin() as connection:
                    added = await connection.run_sync(add, campaign, new[start : start + CHUNK], now)
            total.new += added.new
            total.known += added.known
        return total

    async def due(self, campaign: str, now: datetime, most: int, excluding: Collection[int]) -> list[DueCase]:
        """Up to `most` open cases whose time has come, none of those `excluding`: who agreed to be called and who is
        urgent first, then by worth; a share of them are those that are due longest.

        Sees every schedule asked for before the call. A few seeks in indexes, however many cases are due.
        """
        await self._writer.flush()
        left_out = frozenset(excluding)
        # they are read too, wherever they stand
        share = most // LONGEST_DUE_EVERY + len(left_out)
        values = {"campaign": campaign, "now": now, "most": most + len(left_out), "share": share}
        async with reading(self._engine) as connection:
            found = (await connection.execute(_NEXT, values)).all()
            best = (id_ for is_best, id_ in found if is_best and id_ not in left_out)
            longest = (id_ for is_best, id_ in found if not is_best and id_ not in left_out)
            ids = page(best, longest, most)
            rows = {row.id: row for row in (await connection.execute(_DUE_PAGE, {"ids": ids})).all()}
            return await _due_cases(connection, [rows[case_id] for case_id in ids])

    async def call_backs(self, campaign: str, until: datetime, most: int) -> list[CallBack]:
        """Up to `most` agreed call-backs that are due until then, the earliest first.

        Sees every schedule asked for before the call.
        """
        await self._writer.flush()
        chosen = (
            _DUE.add_columns(cases.c.due_at)
            .where(cases.c.campaign == campaign, cases.c.state == CaseState.OPEN.value)
            .where(cases.c.band == AGREED_BAND, cases.c.due_at <= until)
            .order_by(*_DUE_ORDER)
            .limit(most)
        )
        async with reading(self._engine) as connection:
            rows = (await connection.execute(chosen)).all()
            found = await _due_cases(connection, rows)
            return [CallBack(case, row.due_at) for case, row in zip(found, rows, strict=True)]

    async def case(self, case_id: int) -> DueCase:
        """The case as the gate sees it, due or not. Raises LookupError."""
        async with reading(self._engine) as connection:
            rows = (await connection.execute(_DUE.where(cases.c.id == case_id))).all()
            if not rows:
                raise LookupError(case_id)
            return (await _due_cases(connection, rows, with_tries=True))[0]

    async def campaign_of(self, case_id: int) -> str:
        """The campaign that works it. Raises LookupError."""
        async with reading(self._engine) as connection:
            name = await connection.scalar(select(cases.c.campaign).where(cases.c.id == case_id))
        if name is None:
            raise LookupError(case_id)
        return str(name)

    async def creditor_of(self, case_id: int) -> str:
        """Who assigned it. Raises LookupError."""
        async with reading(self._engine) as connection:
            name = await connection.scalar(select(cases.c.creditor).where(cases.c.id == case_id))
        if name is None:
            raise LookupError(case_id)
        return str(name)

    async def cases_of(self, number: str) -> list[int]:
        """The cases of the debtors whose number it is."""
        chosen = select(cases.c.id).join(numbers, numbers.c.debtor_id == cases.c.debtor_id)
        async with reading(self._engine) as connection:
            return list(await connection.scalars(chosen.where(numbers.c.number == number).order_by(cases.c.id)))

    async def next_due(self, campaign: str, now: datetime) -> NextDue | None:
        """When the first open case of the campaign will be due that isn't yet; None where none will by itself.

        Sees every schedule asked for before the call.
        """
        await self._writer.flush()
        chosen = (
            select(cases.c.due_at, cases.c.why)
            .where(cases.c.campaign == campaign, cases.c.state == CaseState.OPEN.value, cases.c.due_at > now)
            .order_by(*_DUE_ORDER)
            .limit(1)
        )
        async with reading(self._engine) as connection:
            row = (await connection.execute(chosen)).one_or_none()
        return NextDue(row.due_at, row.why) if row else None

    async def card(self, case_id: int, now: datetime) -> CaseCard:
        """The case with its history, and what stands about it now. Raises LookupError."""
        async with reading(self._engine) as connection:
            case = (
                await connection.execute(
                    select(cases, debtors.c.reference, debtors.c.name, debtors.c.language, debtors.c.zone)
                    .join(debtors)
                    .where(cases.c.id == case_id)
                )
            ).one_or_none()
            if case is None:
                raise LookupError(case_id)
            tried = await connection.scalar(select(func.count()).where(attempts.c.case_id == case_id))
            past = await connection.execute(
                select(
                    attempts.c.cleared_at, attempts.c.number, attempts.c.result, attempts.c.agent,
                    outcomes.c.code, outcomes.c.note,
                )
                .outerjoin(outcomes, outcomes.c.attempt_id == attempts.c.id)
                .where(attempts.c.case_id == case_id, attempts.c.ended_at.is_not(None))
                .order_by(attempts.c.cleared_at.desc())
                .limit(MOST_HISTORY)
            )  # fmt: skip
            came_in = await connection.execute(
                select(
                    inbound_calls.c.arrived_at.label("cleared_at"),
                    func.coalesce(inbound_calls.c.number, "").label("number"),
                    literal_column("'inbound'").label("result"),
                    inbound_calls.c.agent, outcomes.c.code, outcomes.c.note,
                )
                .outerjoin(outcomes, outcomes.c.attempt_id == inbound_calls.c.id)
                .where(inbound_calls.c.case_id == case_id, inbound_calls.c.bridged_at.is_not(None))
                .where(inbound_calls.c.ended_at.is_not(None))
                .order_by(inbound_calls.c.arrived_at.desc())
                .limit(MOST_HISTORY)
            )  # fmt: skip
            spoken = sorted((_contact(row) for row in (*past, *came_in)), key=lambda one: one.at, reverse=True)
            history = tuple(spoken[:MOST_HISTORY])
            called = (
                await connection.scalars(select(numbers.c.number).where(numbers.c.debtor_id == case.debtor_id))
            ).all()
            statements = await statements_of(connection, case_id)
            return CaseCard(
                case_id,
                case.creditor,
                case.reference,
                case.name,
                case.language,
                tuple(statement.debt for statement in statements),
                tried or 0,
                history,
                statements,
                left_of(statements, await remitted_of(connection, case_id)),
                await standing_about(connection, case.debtor_id, called, now),
                case.note,
                tuple(await promises_of(connection, [case_id])),
                tuple(await offers_of(connection, case_id)),
                case.zone,
            )

    def want(self, case_id: int, by: datetime | None) -> None:
        """The case is urgent from `by` on; None: no more than any."""
        self._writer.put(Write(2, _WANT, {"case": case_id, "new_wanted_by": by}))

    async def count_wanted(self, campaign: str, now: datetime) -> int:
        """How many open cases of the campaign are called less often than wanted."""
        async with reading(self._engine) as connection:
            return await connection.scalar(_WANTED, {"campaign": campaign, "now": now}) or 0

    def schedule(
        self, case_id: int, at: datetime | None, state: CaseState, why: str, number: PhoneNumber | None = None
    ) -> None:
        """When the case is due again (None: not by itself), the reason in words, and which number is tried first."""
        self._writer.put(schedule_write(case_id, NextAction(state, at, why, number)))

    def replan(self, case_id: int, planned: NextAction, better: NextAction) -> None:
        """Put one plan in place of another, where nothing else was planned since."""
        values = {
            "case": case_id,
            "planned_state": planned.state.value,
            "planned_due_at": planned.due_at,
            "planned_why": planned.why,
            "new_state": better.state.value,
            "new_due_at": better.due_at,
            "new_why": better.why,
            "new_first_number": better.number,
        }
        # after every plan that is written with it: what came since holds
        self._writer.put(Write(3, _REPLAN, values))


async def _due_cases(connection: AsyncConnection, rows: Sequence[Any], *, with_tries: bool = False) -> list[DueCase]:
    """The cases of these rows, with their numbers and debts; with_tries: of the one case, the calls too."""
    if not rows:
        return []
    debtor_ids = [row.debtor_id for row in rows]
    tries = await connection.execute(TRIES, {"debtor_id": debtor_ids[0]}) if with_tries else ()
    lines = by_debtor((await connection.execute(LINES, {"debtor_ids": debtor_ids})).all(), tries)
    return [
        DueCase(
            row.id,
            row.debtor_id,
            (row.zone,) if row.zone else (),
            lines.get(row.debtor_id, ()),
            tuple(sorted(map(int, row.debts.split(",")))) if row.debts else (),
            row.household,
            row.place,
            facts_of(row.facts),
            row.first_number,
            row.creditor,
            row.wanted_by,
            row.risk_class,
            row.starts_on,
            row.ends_on,
        )
        for row in rows
    ]


def _contact(row: Any) -> Contact:
    return Contact(row.cleared_at, PhoneNumber(row.number), row.result, row.code, row.agent, row.note or "")

"""Which case next: our own choice, and the lists that others work through. None of them sees a debtor's hidden traits."""

from collections import deque
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from heapq import nsmallest
from typing import Protocol

from dialer.campaigns.habits import Habits
from dialer.campaigns.learning import Learning
from dialer.campaigns.selection import PAGE, Stock
from dialer.cases.model import AGREED, DueCase
from dialer.compliance.verdict import CallMode
from dialer.lab.record import YearRecord


class OrderName(StrEnum):
    """The orders that are compared."""

    CADENZA = "cadenza"
    """Ours: what the engine does."""
    FIFO = "fifo"
    """The case that has been due longest."""
    AMOUNT = "amount"
    """Of the cases that are due, the one that owes most."""
    ORACLE = "oracle"
    """Who is likeliest reached, at the likeliest hour, by what nobody can know: a bound, no product."""


class Deaf(Learning):
    """What those learn who work a list: nothing. So their calls stay where the next action puts them."""

    def of(self, campaign: str) -> Habits:  # noqa: ARG002
        return Habits()


class Order(Protocol):
    """Hands out due cases with the mode of the call, agreed call-backs first and with an agent held; a case that was
    handed out comes again after `put_back`.
    """

    async def next(self, now: datetime, monotonic: float) -> tuple[DueCase, CallMode] | None: ...
    def put_back(self, case_id: int) -> None: ...


class Ours:
    """The engine's own stock."""

    def __init__(self, campaign: str, record: YearRecord) -> None:
        self._stock = Stock(campaign, record)

    async def next(self, now: datetime, monotonic: float) -> tuple[DueCase, CallMode] | None:
        await self._stock.refill(1, now, monotonic)
        for case in self._stock.take_for_agents(1):
            return case, CallMode.RESERVED
        for case in self._stock.take(1):
            return case, CallMode.PROGRESSIVE
        return None

    def put_back(self, case_id: int) -> None:
        self._stock.put_back(case_id)


class Listed:
    """A list in a fixed order: the due cases with the lowest keys, fetched in pages as large as ours."""

    def __init__(self, record: YearRecord, key: Callable[[YearRecord, int], float]) -> None:
        self._record = record
        self._key = key
        self._page: deque[int] = deque()
        self._taken: set[int] = set()

    async def next(self, now: datetime, monotonic: float) -> tuple[DueCase, CallMode] | None:  # noqa: ARG002
        agreed = await self._record.call_backs("", now, 1)
        case_id = agreed[0].case.id if agreed else self._pop(now)
        if case_id is None:
            return None
        self._taken.add(case_id)
        return await self._record.case(case_id), CallMode.RESERVED if agreed else CallMode.PROGRESSIVE

    def put_back(self, case_id: int) -> None:
        self._taken.discard(case_id)

    def _pop(self, now: datetime) -> int | None:
        if not self._page:
            due = [case_id for case_id in self._record.due_ids(now) if self._free(case_id)]
            self._page.extend(nsmallest(PAGE, due, key=lambda case_id: (self._key(self._record, case_id), case_id)))
        while self._page:
            case_id = self._page.popleft()
            if self._free(case_id) and self._record.is_due(case_id, now):
                return case_id
        return None

    def _free(self, case_id: int) -> bool:
        return case_id not in self._taken and not self._record.cases[case_id].why.startswith(AGREED)


def order_of(name: OrderName, campaign: str, record: YearRecord, oracle: Callable[[], Order]) -> Order:
    """The order of this name. oracle: makes the one that knows more than an order may."""
    match name:
        case OrderName.ORACLE:
            return oracle()
        case OrderName.CADENZA:
            return Ours(campaign, record)
        case OrderName.FIFO:
            return Listed(record, _due_since)
        case OrderName.AMOUNT:
            return Listed(record, lambda record, case_id: -float(record.left_cents(case_id)))


def _due_since(record: YearRecord, case_id: int) -> float:
    due_at = record.cases[case_id].due_at
    return due_at.timestamp() if due_at is not None else float("inf")

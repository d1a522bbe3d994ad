"""Which case next: a small stock of due cases for each campaign, fetched in pages."""

from collections import deque
from datetime import datetime

from dialer.cases.book import CaseBook
from dialer.cases.model import DueCase, NumberLine

PAGE = 200
MOST_FOR_AGENT = 200
EMPTY_AGAIN_SECONDS = 2.0
"""An empty stock is asked for again after this time, not at every tick."""


class Stock:
    """The due cases of one campaign, the longest due first."""

    def __init__(self, campaign: str, book: CaseBook) -> None:
        self._campaign = campaign
        self._book = book
        self._cases: deque[DueCase] = deque()
        self._for_agent: deque[DueCase] = deque()
        self._taken: set[int] = set()
        self._empty_until = 0.0

    def __len__(self) -> int:
        return len(self._cases) + len(self._for_agent)

    async def refill(self, wanted: int, now: datetime, monotonic: float) -> None:
        """Fetch a page when fewer than `wanted` cases are at hand."""
        if len(self._cases) >= wanted or monotonic < self._empty_until:
            return
        here = self._taken | {case.id for case in self._cases}
        page = await self._book.due(self._campaign, now, max(PAGE, wanted), here)
        self._cases.extend(page)
        if not page:
            self._empty_until = monotonic + EMPTY_AGAIN_SECONDS

    def take(self, most: int) -> list[DueCase]:
        """The next cases; none of them is given out again before `put_back`."""
        taken = [self._cases.popleft() for _ in range(min(most, len(self._cases)))]
        self._taken.update(case.id for case in taken)
        return taken

    def wait_for_agent(self, case: DueCase) -> None:
        """It lacks nothing but an agent to hold: it comes first when one is free, and the gate isn't asked before."""
        if len(self._for_agent) < MOST_FOR_AGENT:
            self._for_agent.append(case)
        else:
            self.put_back(case.id)

    def take_for_agents(self, most: int) -> list[DueCase]:
        """The next cases that wait for an agent."""
        return [self._for_agent.popleft() for _ in range(min(most, len(self._for_agent)))]

    def put_back(self, case_id: int) -> None:
        """The case has a new due time on record: it may be fetched again."""
        self._taken.discard(case_id)


def numbers_to_try(case: DueCase) -> list[NumberLine]:
    """The case's numbers, the least tried first, then the one whose last try is longest ago."""
    return sorted(
        case.numbers, key=lambda line: (line.tried, line.last_tried_at.timestamp() if line.last_tried_at else 0)
    )

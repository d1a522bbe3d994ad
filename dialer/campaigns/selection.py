"""Which case next: a small stock of due cases for each campaign, fetched in pages; agreed call-backs come first."""

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType

from dialer.campaigns.priority import LONGEST_DUE_EVERY
from dialer.cases.book import CaseBook
from dialer.cases.model import NOT_CALLED, CallBack, DueCase, NextDue, NumberLine
from dialer.compliance.reasons import BY_THE_CLOCK
from dialer.kernel.phone import PhoneNumber

PAGE = 200
PAGE_LASTS_SECONDS = 60.0
"""An older page is fetched anew: what came due since, or is wanted by now, mustn't wait until it is used up."""
EMPTY_AGAIN_SECONDS = 2.0
"""An empty stock is asked for again after this time, not at every tick."""
MOST_FOR_AGENTS = 200
"""Cases that wait for an agent: who doesn't fit in is asked about again when the next page is fetched."""
CALL_BACKS_EVERY_SECONDS = 10.0
CALL_BACKS_AHEAD = timedelta(seconds=60)
"""How far ahead agreed call-backs are looked for: pacing keeps agents free for them."""


class Stock:
    """The due cases of one campaign, in the order of the choice (`dialer.campaigns.priority`)."""

    def __init__(self, campaign: str, book: CaseBook) -> None:
        self._campaign = campaign
        self._book = book
        self._cases: deque[DueCase] = deque()
        self._for_agents: deque[DueCase] = deque()
        self._call_backs: list[CallBack] = []
        self._taken: dict[int, DueCase] = {}
        self._fetched_at, self._given = 0.0, 0
        self._empty_until = 0.0
        self._next_due: NextDue | None = None
        self._call_backs_asked_at: float | None = None

    def __len__(self) -> int:
        return len(self._cases) + len(self._for_agents)

    async def refill(self, wanted: int, now: datetime, monotonic: float) -> None:
        """Look for agreed call-backs, and fetch a page when fewer than `wanted` cases are at hand, or it is old."""
        await self._look_for_call_backs(now, monotonic)
        # of an old page so many were given that one of them was due longest
        old = monotonic - self._fetched_at >= PAGE_LASTS_SECONDS and self._given >= LONGEST_DUE_EVERY
        if (len(self._cases) >= wanted and not old) or monotonic < self._empty_until:
            return
        if old:
            self._cases = deque(case for case in self._cases if case.failed_trunks)
        self._fetched_at, self._given = monotonic, 0
        here = set(self._taken) | {case.id for case in self._cases} | {call.case.id for call in self._call_backs}
        page = await self._book.due(self._campaign, now, max(PAGE, wanted), here)
        self._cases.extend(page)
        if not page:
            self._empty_until = monotonic + EMPTY_AGAIN_SECONDS
            self._next_due = await self._book.next_due(self._campaign, now)

    async def _look_for_call_backs(self, now: datetime, monotonic: float) -> None:
        asked_at = self._call_backs_asked_at
        if asked_at is None or monotonic - asked_at >= CALL_BACKS_EVERY_SECONDS:
            self._call_backs_asked_at = monotonic
            found = await self._book.call_backs(self._campaign, now + CALL_BACKS_AHEAD, PAGE)
            self._call_backs = [call for call in found if call.case.id not in self._taken]
            agreed = {call.case.id for call in self._call_backs}
            self._cases = deque(case for case in self._cases if case.id not in agreed)
        due = [call.case for call in self._call_backs if call.at <= now]
        self._call_backs = [call for call in self._call_backs if call.at > now]
        self._for_agents.extendleft(reversed(due))
        self._taken.update((case.id, case) for case in due)

    def opens_in_seconds(self, now: datetime) -> float | None:
        """Where no case is at hand, and it is for the hour that the next one waits: until it may be called."""
        later = self._next_due
        if len(self) or later is None or later.at <= now or not later.why.startswith(NOT_CALLED):
            return None
        if not BY_THE_CLOCK.issuperset(later.why.removeprefix(NOT_CALLED).split(",")):
            return None
        return (later.at - now).total_seconds()

    def call_backs(self, now: datetime) -> tuple[float, ...]:
        """Seconds until each agreed call-back that is near is due."""
        return tuple((call.at - now).total_seconds() for call in self._call_backs)

    @property
    def for_agents(self) -> int:
        """How many cases wait for an agent to hold."""
        return len(self._for_agents)

    def take(self, most: int) -> list[DueCase]:
        """The next cases; none of them is given out again before `put_back`."""
        taken = [self._cases.popleft() for _ in range(min(most, len(self._cases)))]
        self._taken.update((case.id, case) for case in taken)
        self._given += len(taken)
        return taken

    def wait_for_agent(self, case: DueCase) -> None:
        """It lacks nothing but an agent to hold: it comes first when one is free, and the gate isn't asked before."""
        if len(self._for_agents) < MOST_FOR_AGENTS:
            self._for_agents.append(case)
        else:
            self.put_back(case.id)

    def take_for_agents(self, most: int) -> list[DueCase]:
        """The next cases that must, or shall, be called with an agent held."""
        return [self._for_agents.popleft() for _ in range(min(most, len(self._for_agents)))]

    def put_back(self, case_id: int) -> None:
        """The case has a new due time on record: it may be fetched again."""
        self._taken.pop(case_id, None)

    def try_again(self, case: DueCase) -> None:
        """No trunk could take it now: it stays first, and which of them had no way for it isn't forgotten."""
        self._taken.pop(case.id, None)
        self._cases.appendleft(case)

    def put_first(self, case_id: int, number: PhoneNumber, failed_trunks: frozenset[str], *, for_agent: bool) -> None:
        """It is called again at once, on the same number over another trunk. What isn't at hand (a restart forgot it)
        is due on record.
        """
        case = self._taken.pop(case_id, None)
        if case is None:
            return
        case = replace(case, first_number=number, failed_trunks=failed_trunks)
        if for_agent:
            self._taken[case_id] = case
            self._for_agents.appendleft(case)
        else:
            self._cases.appendleft(case)


def numbers_to_try(case: DueCase, chances: Mapping[PhoneNumber, float] = MappingProxyType({})) -> list[NumberLine]:
    """The case's numbers: the one that the last outcome suggests, then the one at which the right party is likeliest now
    (`chances`, of which nothing is known at first), then the least tried, then the longest untried.
    """
    return sorted(
        case.numbers,
        key=lambda line: (
            line.number != case.first_number,
            -chances.get(line.number, 0.0),
            line.tried,
            line.last_tried_at.timestamp() if line.last_tried_at else 0,
        ),
    )

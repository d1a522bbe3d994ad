"""The account of abandoned calls that each pack keeps of each campaign: from the record at the start, then live.

The auditor recounts them from the record by code of its own (`dialer.audit.abandonment`); a test holds the two
against each other.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

import phonenumbers
import structlog
from phonenumbers import timezone

from dialer.calls.attempt import Attempt, State
from dialer.calls.live import LiveAttempts
from dialer.campaigns.campaign import Campaign
from dialer.compliance.entry import Direction
from dialer.compliance.gate import Law
from dialer.compliance.localtime import DAY, day_of, instant_of, midnight, zones_of
from dialer.compliance.rules import AbandonCap, Hours
from dialer.compliance.rules.hours import WEEKDAYS
from dialer.kernel.clock import Clock
from dialer.kernel.errors import AwayError
from dialer.kernel.ids import AttemptId
from dialer.kernel.phone import PhoneNumber
from dialer.live.abandoned import NONE, Counts, Portion, counts_of
from pacing import Account

SHARED_SECONDS = 30.0
"""Between two readings of the record where other cells work on it too."""
ALONE_SECONDS = 900.0
"""The same for a cell alone, which sees every call itself: only late corrections are left to be read."""
SETTLED = timedelta(hours=6)
"""What was cleared longer ago changes no more, but for a call that is still under way: it isn't read again."""
FRESH_SECONDS = 1.0
"""How old the time left in an answer may be."""
NOWHERE = "UTC"
"""Where a debtor's zone isn't known: the auditor's day, too."""

log = structlog.get_logger(__name__)
_Day = tuple[str, int]
"""A pack, and a local day."""
_Days = dict[_Day, Counts]


class AbandonmentRecord(Protocol):
    """The calls on record."""

    async def portions(
        self, since: datetime | None, until: datetime | None, excluding: Collection[AttemptId] = ()
    ) -> list[Portion]:
        """What was cleared from `since` on and before `until`, but for some. Raises AwayError."""

    async def flush(self) -> None:
        """Return once everything asked so far is on disk. Raises AwayError."""


@dataclass(frozen=True, slots=True)
class _Own:
    """A call that was under way here at the last reading, or since: on which days it counts, what of it the reading
    has, and what it is now.
    """

    days: tuple[_Day, ...]
    read: Counts
    counts: Counts


class Accounts:
    """Every account of every campaign.

    What lies further back than `SETTLED` is read once; what is younger is read again and again, without the calls
    under way here; those, and what ended since the last reading, are counted as they move.
    """

    def __init__(self, law: Law, record: AbandonmentRecord, live: LiveAttempts, clock: Clock) -> None:
        self._law = law
        self._record = record
        self._live = live
        self._clock = clock
        self._reading = asyncio.Lock()
        self._cut: datetime | None = None
        self._older: dict[str, _Days] = defaultdict(dict)
        self._recent: dict[str, _Days] = defaultdict(dict)
        self._here: dict[str, _Days] = defaultdict(dict)
        self._own: dict[str, dict[AttemptId, _Own]] = defaultdict(dict)
        self._ended: set[AttemptId] = set()
        self._zones: dict[str, set[str]] = defaultdict(set)
        self._said: dict[str, tuple[float, float | None, tuple[Account, ...]]] = {}

    # -- counting ---------------------------------------------------------------------------------------

    def touch(self, attempt: Attempt) -> None:
        """Count this call as it stands now. One that ended before the last reading is in it, without an outcome.

        One that came in is no call of ours: no cap knows it.
        """
        if attempt.direction is Direction.INBOUND:
            return
        zone = attempt.intent.zones[0] if attempt.intent.zones else NOWHERE
        own = self._own[attempt.campaign].get(attempt.id)
        if own is None:
            day = local_day(attempt.cleared_at, zone)
            read = counts_of(replace(attempt, outcome=None)) if attempt.state is State.ENDED else NONE
            own = _Own(tuple((pack, day) for pack in attempt.intent.packs), read, read)
        counts = counts_of(attempt)
        self._count_here(attempt.campaign, own.days, counts - own.counts)
        self._own[attempt.campaign][attempt.id] = replace(own, counts=counts)
        self._zones[attempt.campaign].add(zone)
        if attempt.state is State.ENDED:
            self._ended.add(attempt.id)

    async def read(self) -> None:
        """Read the record (again). Raises AwayError: then what was known holds."""
        async with self._reading:
            await self._read()

    async def _read(self) -> None:
        live, settled, now = list(self._live), set(self._ended), self._clock.now()
        await self._record.flush()
        cut = min((now - SETTLED, *(attempt.cleared_at for attempt in live)))
        if self._cut is None or cut > self._cut:
            _add(self._older, await self._record.portions(self._cut, cut))
            self._cut = cut
        portions = await self._record.portions(self._cut, None, excluding=[attempt.id for attempt in live])
        self._recent.clear()
        _add(self._recent, portions)
        self._forget(settled)
        self._zones.clear()
        for portion in portions:
            self._zones[portion.campaign].add(portion.zone or NOWHERE)
        for attempt in self._live:
            self.touch(attempt)
        self._said.clear()

    async def keep(self, every_seconds: float) -> None:
        """Read the record again and again, until cancelled."""
        while True:
            await asyncio.sleep(every_seconds)
            try:
                await self.read()
            except AwayError as error:
                log.warning("accounts.not_read", error=str(error))

    def _forget(self, settled: Collection[AttemptId]) -> None:
        """These had ended before the reading began: it has them whole."""
        self._ended -= set(settled)
        for campaign, owned in self._own.items():
            for id_ in settled & owned.keys():
                own = owned.pop(id_)
                self._count_here(campaign, own.days, own.read - own.counts)

    def _count_here(self, campaign: str, days: Iterable[_Day], counts: Counts) -> None:
        if counts == NONE:
            return
        here = self._here[campaign]
        for day in days:
            here[day] = here.get(day, NONE) + counts
        self._said.pop(campaign, None)

    # -- asking -----------------------------------------------------------------------------------------

    def of(self, campaign: Campaign, cap: float | None = None) -> tuple[Account, ...]:
        """One account for each window of each cap of the packs that apply; `cap`, of the house, only tightens them."""
        monotonic, said = self._clock.monotonic(), self._said.get(campaign.name)
        if said is not None and said[1] == cap and monotonic - said[0] < FRESH_SECONDS:
            return said[2]
        accounts = tuple(self._all(campaign, cap))
        self._said[campaign.name] = monotonic, cap, accounts
        return accounts

    def _all(self, campaign: Campaign, cap: float | None) -> Iterator[Account]:
        days: _Days = {}
        for book in (self._older, self._recent, self._here):
            for day, counts in book[campaign.name].items():
                days[day] = days.get(day, NONE) + counts
        for name in dict.fromkeys((*campaign.packs, *sorted({name for name, _ in days}))):
            pack = self._law.packs.get(name)
            mine = {day: counts for (other, day), counts in days.items() if other == name}
            for rule in pack.of_kind(AbandonCap) if pack else ():
                for window in rule.window:
                    yield from self._windows(campaign, f"{name} {rule.id} {window}", rule, window, mine, cap)

    def _windows(
        self,
        campaign: Campaign,
        name: str,
        rule: AbandonCap,
        window: str,
        days: Mapping[int, Counts],
        cap: float | None,
    ) -> Iterator[Account]:
        """The window that runs now; two where it isn't the same day with all of the campaign's debtors."""
        now = self._clock.now()
        names = tuple(sorted(self._zones[campaign.name])) or (home_of(campaign.caller_id),)
        todays: dict[int, float] = {}
        for zone in zones_of(names) or zones_of((NOWHERE,)):
            today = day_of(now, zone)
            left_seconds = max(0.0, (self._end_of(campaign, today, zone) - now).total_seconds())
            todays[today.toordinal()] = max(left_seconds, todays.get(today.toordinal(), 0.0))
        for number, left_seconds in sorted(todays.items()):
            first, last = window_of(window, number, min(days, default=number))
            abandoned, of = counted(days, first, last).ratio_of(rule.of)
            yield Account(
                name=name,
                cap=min(rule.cap, cap or rule.cap),
                answered=of,
                abandoned=abandoned,
                below=rule.comparison == "below",
                left_seconds=left_seconds if last == number else None,
            )

    def _end_of(self, campaign: Campaign, day: date, zone: ZoneInfo) -> datetime:
        """When the day is over there, or the last hour in which its packs allow a call."""
        ends = [midnight(day + DAY, zone)]
        for pack in (self._law.packs[name] for name in campaign.packs if name in self._law.packs):
            for hours in pack.of_kind(Hours):
                bands = getattr(hours, WEEKDAYS[day.weekday()])
                if bands and not hours.workplace_only:
                    ends.append(instant_of(day, max(end for _, end in bands), zone))
        return min(ends)


def window_of(window: str, day: int, first: int) -> tuple[int, int]:
    """The first and the last day of the window in which `day` lies; `first`: of the campaign's first call."""
    kind, _, length = window.partition(":")
    match kind:
        case "local_day":
            return day, day
        case "calendar_month":
            begin = date.fromordinal(day).replace(day=1)
            return begin.toordinal(), (begin + timedelta(days=32)).replace(day=1).toordinal() - 1
        case "tumbling_days":
            begin_day = first + (day - first) // int(length) * int(length)
            return begin_day, begin_day + int(length) - 1
        case "campaign":
            return 0, date.max.toordinal()
    raise ValueError(window)


def counted(days: Mapping[int, Counts], first: int, last: int) -> Counts:
    """The calls of those days."""
    counts = NONE
    for day, some in days.items():
        if first <= day <= last:
            counts += some
    return counts


@lru_cache(maxsize=256)
def home_of(caller_id: PhoneNumber) -> str:
    """The zone of a caller id, of several the middle one: where a campaign is at home before its first call tells."""
    names = timezone.time_zones_for_number(phonenumbers.parse(caller_id))
    zones = zones_of(tuple(name for name in names if "/" in name and not name.startswith("Etc/")))
    by_offset = sorted(zones, key=lambda zone: midnight(date(2026, 1, 1), zone))
    return by_offset[len(by_offset) // 2].key if by_offset else NOWHERE


def _add(books: dict[str, _Days], portions: Iterable[Portion]) -> None:
    for portion in portions:
        day, book = local_day(portion.begun, portion.zone), books[portion.campaign]
        for pack in portion.packs:
            book[pack, day] = book.get((pack, day), NONE) + portion.counts


def local_day(at: datetime, zone: str) -> int:
    """The number of the day on which a call counts, where its debtor is; empty: not known."""
    zones = zones_of((zone or NOWHERE,)) or zones_of((NOWHERE,))
    return day_of(at, zones[0]).toordinal()

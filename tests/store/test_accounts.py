"""The accounts that pacing obeys, against the auditor's recount of the same record."""

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from dialer.adapters.store.abandoned import SqlAbandoned
from dialer.adapters.store.audit import SqlAuditRecord
from dialer.adapters.store.place import Place
from dialer.audit import abandonment
from dialer.audit.instants import micros
from dialer.audit.law import Library
from dialer.calls.attempt import Attempt, Signal
from dialer.calls.live import LiveAttempts
from dialer.calls.results import Result
from dialer.campaigns.campaign import Campaign
from dialer.cases.debt import Debt
from dialer.cases.model import NewCase
from dialer.compliance.clearance import Reservation
from dialer.compliance.verdict import Intent
from dialer.kernel.money import Money
from dialer.live.accounts import Accounts, window_of
from dialer.outcomes.catalogue import shipped
from dialer.outcomes.record import RecordedOutcome
from dialer.testing.law import law
from tests.clock import SetClock
from tests.store.conftest import opened

NOW = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
ZONES = ("Europe/Rome", "America/New_York", "Europe/London")
PACKS = ("it-unirec", "us-reg-f", "uk-ofcom", "ca-on")
CAMPAIGNS = {
    "k": Campaign("k", PACKS, "+390612345678", 20.0, 2.0, None),
    "other": Campaign("other", ("it-unirec",), "+390612345678", 20.0, 2.0, None),
}
ENDS = (
    (Signal.UP, Signal.WAITS, Signal.CLAIMED, Signal.BRIDGED, Signal.HUNG_UP),
    (Signal.UP, Signal.WAITS, Signal.CLAIMED, Signal.BRIDGED, Signal.HUNG_UP),
    (Signal.UP, Signal.WAITS, Signal.ABANDONED, Signal.HUNG_UP),
    (Signal.UP, Signal.WAITS, Signal.HUNG_UP),
    (Signal.RANG, Signal.HUNG_UP),
    (Signal.RANG, Signal.VANISHED),
    (Signal.UP, Signal.VANISHED),
)


class Year:
    """A record that grows, under two campaigns, in three zones, over half a year."""

    def __init__(self, store, seed):
        self.store, self.chance = store, Random(seed)
        self.clock, self.live = SetClock(NOW), LiveAttempts()
        self.accounts = Accounts(law(*PACKS), SqlAbandoned(store.engine, store.writer), self.live, self.clock)
        self.cases, self.ended = {}, []

    async def begin(self):
        for campaign in CAMPAIGNS:
            new = [
                NewCase(
                    "Luce",
                    f"D{n}{campaign}",
                    f"N{n}",
                    (Debt(f"F{n}{campaign}", Money(1)),),
                    ("+393471234567",),
                    zone,
                    "it",
                )
                for n, zone in enumerate(ZONES)
            ]
            await self.store.book.add(campaign, new, NOW)
            self.cases[campaign] = await self.store.book.due(campaign, NOW, 10, ())

    async def placed(self, at):
        campaign = self.chance.choice(list(CAMPAIGNS))
        case = self.chance.choice(self.cases[campaign])
        packs = CAMPAIGNS[campaign].packs[: self.chance.randint(1, 4)]
        id_ = f"dla-{self.chance.getrandbits(60):026d}"
        held = Reservation(id_, Intent(campaign, case.id, case.debtor_id, "+393471234567", case.zones, packs, 0.0), at)
        await self.store.open(held)
        return Attempt(held.attempt, held.intent, at)

    def lives(self, attempt, signals, *, seen):
        """It moves on to its end; where it is `seen`, the accounts see every move."""
        at = attempt.cleared_at
        for signal in (Signal.SENT, *signals):
            at += timedelta(seconds=self.chance.uniform(0.1, 30))
            assert attempt.apply(signal, at) is not None
            if attempt.ended_at is not None:
                attempt.result = self.chance.choice((Result.UNKNOWN, Result.BUSY, Result.HUNG_UP, Result.WITHHELD))
                if attempt.bridged_at:
                    attempt.result = Result.CONNECTED
                self.live.drop(attempt)
                self.ended.append(attempt)
            self.store.attempts.save(attempt)
            if seen:
                self.accounts.touch(attempt)

    async def write_up(self, attempt, *, seen):
        attempt.outcome = self.chance.choice(list(shipped()))
        attempt.counts_as = shipped()[attempt.outcome].counts_as
        await self.store.attempts.add_outcome(
            RecordedOutcome(attempt.id, "anna", attempt.outcome, "", NOW, counts_as=attempt.counts_as)
        )
        if seen:
            self.accounts.touch(attempt)

    async def past(self, calls):
        for _ in range(calls):
            attempt = await self.placed(
                NOW - timedelta(hours=self.chance.choice((1, 5, 30, 24 * 200)) * self.chance.random())
            )
            self.lives(attempt, self.chance.choice(ENDS), seen=False)
            if attempt.bridged_at and self.chance.random() < 0.7:
                await self.write_up(attempt, seen=False)

    async def today(self, calls):
        for _ in range(calls):
            attempt = await self.placed(NOW - timedelta(seconds=self.chance.uniform(0, 600)))
            self.live.add(attempt)
            self.lives(attempt, self.chance.choice(ENDS), seen=True)
        for attempt in self.ended:
            if attempt.bridged_at and attempt.outcome is None and self.chance.random() < 0.5:
                await self.write_up(attempt, seen=True)

    async def agrees(self):
        """Each account says what the auditor says of the window that runs."""
        await self.store.writer.flush()
        tallies = await SqlAuditRecord(self.store.engine).tallies(None, micros(NOW), whole=True)
        lines = {
            (line.campaign, line.pack, line.window): line
            for line in abandonment.caps(tallies, Library.read(), None, micros(NOW))
        }
        compared = 0
        for campaign in CAMPAIGNS.values():
            firsts = {}
            for tally in tallies:
                for pack in tally.packs if tally.campaign == campaign.name else ():
                    day = abandonment.day(tally.begun, tally.zone)
                    firsts[pack] = min(day, firsts.get(pack, day))
            for account in self.accounts.of(campaign):
                pack, _, window = account.name.split()
                name = words_of(window, firsts.get(pack))
                line = lines.get((campaign.name, pack, name))
                if line is None:
                    assert (account.answered, account.abandoned) == (0, 0)
                    continue
                unknown = 0 if line.measure == "connected to an agent" else line.unknown
                assert (account.abandoned, account.answered) == (line.abandoned + line.unknown, line.of + unknown), (
                    account
                )
                assert (account.cap, account.below) == (line.cap, line.comparison == "below")
                compared += 1
        return compared


def words_of(window, first):
    if window == "local_day":
        return "2026-11-24"
    if window == "calendar_month":
        return "2026-11"
    if window == "campaign":
        return "the whole campaign"
    begin, _ = window_of(window, NOW.toordinal(), first or NOW.toordinal())
    return f"{datetime.fromordinal(begin).date()} and 30 days"


@pytest.mark.parametrize("seed", range(4))
async def test_the_accounts_say_what_the_auditor_recounts(tmp_path, seed):
    async with opened(Place(tmp_path / "dialer.db")) as store:
        year = Year(store, seed)
        await year.begin()
        await year.past(80)
        await year.accounts.read()
        assert await year.agrees() >= 5
        await year.today(30)
        assert await year.agrees() >= 5  # kept live
        await asyncio.gather(year.accounts.read(), year.accounts.read())
        assert await year.agrees() >= 5  # read again: nothing counted twice
        year.clock.time += timedelta(hours=20)
        await year.accounts.read()  # what was recent is settled now
        year.clock.time = NOW + timedelta(seconds=2)
        assert await year.agrees() >= 5


async def test_what_another_cell_abandons_is_in_the_account_after_the_next_reading(tmp_path):
    async with opened(Place(tmp_path / "dialer.db")) as store:
        here, there = Year(store, 1), Year(store, 2)
        await here.begin()
        there.cases = here.cases
        await here.accounts.read()
        await there.today(20)
        assert all(account.answered == 0 for account in here.accounts.of(CAMPAIGNS["k"]))
        await here.accounts.read()
        here.clock.time += timedelta(seconds=2)
        assert await here.agrees() >= 3
        assert sum(account.abandoned for account in here.accounts.of(CAMPAIGNS["k"])) > 0

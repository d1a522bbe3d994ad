"""The first gate: every rule, every reason, reservation before the dial, the check before the bridge."""

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

import dialer
from dialer.compliance.clearance import LIFETIME, Clearance, ClearanceError
from dialer.compliance.entry import Entry, EntryResult
from dialer.compliance.gate import Gate, Surroundings, entry_of
from dialer.compliance.ledger import WINDOW, LedgerAwayError, ProcessLedger, Subject
from dialer.compliance.pack import Shelf
from dialer.compliance.reasons import Reason
from dialer.compliance.verdict import CallMode, Intent
from dialer.kernel.errors import AwayError, InputError
from dialer.kernel.ids import Ids
from dialer.outcomes.counting import opt_out
from dialer.testing.law import FACTS, law
from tests.clock import SetClock

TUESDAY = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)  # 10:00 in Rome
NUMBER = "+393471234567"
OTHER = "+390212345678"


class Record:
    def __init__(self):
        self.opened, self.decisions, self.lines = [], [], []
        self.away = False

    async def open(self, reservation, entry, decision):
        await asyncio.sleep(0)
        if self.away:
            raise AwayError("no disk")
        self.opened.append(reservation.attempt)
        self.lines.append(entry)
        self.decisions.append(decision)

    def decided(self, decision):
        self.decisions.append(decision)

    def keep(self, *lines):
        self.lines.extend(lines)


class House:
    def __init__(self, *packs, now=TUESDAY):
        self.clock, self.record, self.ledger = SetClock(now), Record(), ProcessLedger()
        self.packs = packs or ("it-unirec",)
        self.gate = Gate(law(*self.packs), self.ledger, self.record, self.clock, Ids(Random(1)))
        self.gate.pbx_ready = True

    def intent(self, number=NUMBER, debtor=1, zones=("Europe/Rome",), ring=30.0, **more):
        return Intent("k", 7, debtor, number, zones, self.packs, ring, (debtor,), **{"given": FACTS} | more)

    def past(self, ago, number=NUMBER, debtor=1, result=EntryResult.NO_ANSWER, in_flight=False):
        at = self.clock.time - ago
        attempt = Ids(Random(at.timestamp())).attempt(at)
        self.ledger.put(Entry(attempt, 1, debtor, number, at=at, result=result, in_flight=in_flight, debts=(debtor,)))
        return attempt

    def settle(self, clearance, at, result=EntryResult.NO_ANSWER):
        entry = entry_of(clearance.reservation)
        self.gate.put(replace(entry, revision=1, in_flight=False, at=at, result=result))

    def judge(self, **intent):
        asked = self.intent(**intent)
        standing = self.ledger.standing(Subject(asked.debtor_id, asked.number, asked.household))
        return self.gate.judge(asked, standing, self.clock.time)

    async def reasons(self, **intent):
        answer = await self.gate.clear(self.intent(**intent))
        return [] if isinstance(answer, Clearance) else [str(reason) for reason in answer.reasons]


@pytest.mark.parametrize(
    ("rome", "open_"),
    [
        ("2026-11-24T08:29:59", False),
        ("2026-11-24T08:30:00", True),
        ("2026-11-24T20:59:29", True),
        ("2026-11-24T20:59:30", False),  # ringing would reach 21:00:00, which is exclusive
        ("2026-11-28T14:59:00", True),
        ("2026-11-28T15:00:00", False),
        ("2026-11-29T11:00:00", False),  # Sunday
    ],
)
async def test_hours_are_half_open_and_ringing_ends_before_closing(rome, open_):
    house = House(now=datetime.fromisoformat(rome + "+01:00").astimezone(UTC))
    assert (await house.reasons() == []) is open_


async def test_hours_tell_the_next_legal_instant():
    house = House(now=datetime.fromisoformat("2026-11-28T15:00:00+01:00"))
    verdict = house.judge()
    assert verdict.not_before == datetime.fromisoformat("2026-11-30T08:30:00+01:00")
    house.clock.time = verdict.not_before
    assert house.judge().allowed


async def test_hours_must_hold_in_every_zone():
    house = House("us-tsr", now=datetime.fromisoformat("2026-11-24T08:30:00-05:00"))
    both = ("America/New_York", "America/Los_Angeles")
    assert await house.reasons(zones=("America/New_York",)) == []
    house = House("us-tsr", now=datetime.fromisoformat("2026-11-24T08:30:00-05:00"))
    verdict = house.judge(zones=both)
    assert verdict.reasons == (Reason.HOURS,)
    assert verdict.not_before == datetime.fromisoformat("2026-11-24T08:00:00-08:00")


async def test_an_hour_that_the_clock_change_skips_or_repeats_is_no_trap():
    house = House(now=datetime.fromisoformat("2026-10-24T16:00:00+02:00"))  # Saturday; clocks go back on Sunday
    verdict = house.judge()
    assert verdict.not_before == datetime.fromisoformat("2026-10-26T08:30:00+01:00")


@pytest.mark.parametrize("zones", [(), ("Europe/Atlantis",), ("Europe/Rome", "nowhere"), ("../etc/passwd",)])
async def test_an_unknown_zone_refuses(zones):
    assert "zone-unknown" in await House().reasons(zones=zones)


async def test_the_gap_of_a_number_counts_from_its_last_call_whoever_was_called():
    house = House()
    house.past(timedelta(minutes=119), debtor=2)
    verdict = house.judge()
    assert verdict.reasons == (Reason.GAP_NUMBER,)
    assert verdict.not_before == TUESDAY + timedelta(minutes=1)
    house.clock.time += timedelta(minutes=1)
    assert await house.reasons() == []


async def test_the_attempts_of_a_day_count_per_debtor_over_all_numbers():
    house = House()
    house.clock.time += timedelta(hours=4)
    for hours in (1.2, 2.5, 3.8):
        house.past(timedelta(hours=hours), number=OTHER)
    verdict = house.judge()
    assert verdict.reasons == (Reason.ATTEMPTS_PER_DAY,)
    assert verdict.refusals[0].not_before == datetime.fromisoformat("2026-11-25T00:00:00+01:00")
    assert verdict.not_before == datetime.fromisoformat("2026-11-25T08:30:00+01:00")  # when the hours begin
    assert await house.reasons(debtor=2) == []


async def test_yesterdays_attempts_do_not_count_today():
    house = House()
    for hours in (10.5, 11, 12):  # before midnight in Rome
        house.past(timedelta(hours=hours), number=OTHER)
    assert await house.reasons() == []


async def test_a_number_on_the_list_is_refused_whoever_owns_it():
    house = House()
    house.gate.put(opt_out(NUMBER, house.clock.time))
    verdict = house.judge()
    assert verdict.reasons == (Reason.DO_NOT_CALL,)
    assert verdict.not_before is None


async def test_all_reasons_are_told_and_the_latest_instant_counts():
    house = House(now=datetime.fromisoformat("2026-11-24T07:30:00+01:00"))
    house.past(timedelta(minutes=5))
    verdict = house.judge()
    assert verdict.reasons == (Reason.GAP_DEBTOR, Reason.GAP_NUMBER, Reason.HOURS)
    assert verdict.not_before == datetime.fromisoformat("2026-11-24T09:25:00+01:00")
    assert {refusal.pack for refusal in verdict.refusals} == {"it-unirec"}


async def test_of_two_packs_both_must_allow():
    night = datetime.fromisoformat("2026-11-24T08:15:00+01:00")  # open for us-tsr, closed for it-unirec
    assert await House("us-tsr", now=night).reasons() == []
    assert await House("us-tsr", "it-unirec", now=night).reasons() == ["hours"]


async def test_one_call_at_a_time_to_a_debtor_and_to_a_number():
    house = House()
    assert isinstance(await house.gate.clear(house.intent()), Clearance)
    assert "in-flight" in await house.reasons()
    assert "in-flight" in await house.reasons(number=OTHER)
    assert "in-flight" in await house.reasons(debtor=2)
    assert await house.reasons(debtor=2, number=OTHER) == []


async def test_of_many_who_race_for_one_number_one_wins():
    house = House()
    answers = await asyncio.gather(*(house.gate.clear(house.intent(debtor=debtor)) for debtor in range(50)))
    assert sum(isinstance(answer, Clearance) for answer in answers) == 1
    assert len(house.record.opened) == 1


async def test_the_attempt_is_on_record_before_the_clearance_exists():
    house = House()
    clearance = await house.gate.clear(house.intent())
    assert house.record.opened == [clearance.reservation.attempt]


async def test_a_record_that_cannot_be_written_refuses_and_nobody_was_called():
    house = House()
    house.record.away = True
    assert await house.reasons() == ["store-away"]
    assert [(line.in_flight, line.result) for line in house.record.lines] == [(False, EntryResult.TRUNK_FAILURE)]
    assert len(house.gate.watch) == 0
    house.record.away = False
    assert await house.reasons() == []


async def test_nothing_is_cleared_before_the_pbx_is_reconciled():
    house = House()
    house.gate.pbx_ready = False
    assert await house.reasons() == ["pbx-away"]


async def test_a_clock_that_goes_back_blocks():
    house = House()
    assert await house.reasons(debtor=3, number=OTHER) == []
    house.clock.time -= timedelta(seconds=3)
    assert await house.reasons() == ["clock"]
    house.clock.time += timedelta(seconds=2)
    assert await house.reasons() == []


async def test_a_number_that_is_not_e164_is_refused():
    assert await House().reasons(number="0212345678") == ["number-invalid"]


async def test_the_bridge_is_judged_without_the_calls_own_reservation():
    house = House()
    clearance = await house.gate.clear(house.intent())
    house.clock.time += timedelta(seconds=20)
    own, intent = clearance.reservation.attempt, clearance.reservation.intent
    assert house.gate.recheck(own, intent).verdict.allowed
    house.gate.put(opt_out(NUMBER, house.clock.time))
    assert house.gate.recheck(own, intent).verdict.reasons == (Reason.DO_NOT_CALL,)


async def test_a_contact_of_another_agent_while_it_rang_forbids_the_bridge():
    house = House()
    clearance = await house.gate.clear(house.intent())
    reservation = clearance.reservation
    house.clock.time += timedelta(seconds=10)
    spoke = Entry("inbound", 1, 1, OTHER, at=house.clock.time, result=EntryResult.CONVERSATION)
    house.gate.put(spoke)
    decision = house.gate.recheck(reservation.attempt, reservation.intent)
    assert "conversations-per-day" in decision.verdict.reasons
    assert (decision.bridge, decision.blind) == (True, False)


async def test_a_bridge_whose_past_nobody_knows_is_judged_by_what_is_known_and_says_so():
    house = House()
    clearance = await house.gate.clear(house.intent())
    reservation = clearance.reservation
    house.gate.surroundings = Surroundings(feed_is_fresh=lambda: False)
    decision = house.gate.recheck(reservation.attempt, reservation.intent)
    assert (decision.verdict.allowed, decision.blind) == (True, True)
    house.gate.surroundings = Surroundings()
    house.gate.watch.drop(reservation.attempt)
    assert house.gate.recheck(reservation.attempt, reservation.intent).blind


async def test_a_call_adopted_while_the_ledger_was_away_is_judged_by_all_once_it_is_back(monkeypatch):
    house = House()
    intent = house.intent()
    house.past(timedelta(hours=1), result=EntryResult.CONVERSATION)

    async def away(_):
        raise LedgerAwayError("gone")

    monkeypatch.setattr(house.ledger, "read", away)
    with pytest.raises(LedgerAwayError):
        await house.gate.adopt("dla-1", intent)
    assert house.gate.recheck("dla-1", intent).verdict.allowed
    monkeypatch.undo()
    await house.gate.read_again()
    assert "conversations-per-day" in house.gate.recheck("dla-1", intent).verdict.reasons


async def test_a_call_that_ended_while_its_past_was_read_again_is_not_kept(monkeypatch):
    house = House()
    await house.gate.adopt("dla-1", house.intent())
    read = house.ledger.read

    async def slow(subject):
        house.gate.watch.drop("dla-1")
        return await read(subject)

    monkeypatch.setattr(house.ledger, "read", slow)
    await house.gate.read_again()
    assert len(house.gate.watch) == 0


@pytest.mark.parametrize(
    "missing",
    [
        {"record_is_held": lambda: False},
        {"ledger_is_whole": lambda: False},
        {"pbx_skew": lambda: timedelta(seconds=2.5)},
    ],
    ids=lambda missing: next(iter(missing)),
)
def test_a_gate_that_lacks_something_says_so_before_it_is_asked(missing):
    house = House()
    assert house.gate.may_clear
    house.gate.surroundings = Surroundings(**missing)
    assert not house.gate.may_clear
    house.gate.surroundings = Surroundings()
    house.gate.pbx_ready = False
    assert not house.gate.may_clear


async def test_a_ledger_that_is_away_clears_nobody():
    house = House()

    async def away(*_):
        raise LedgerAwayError("gone")

    house.ledger.read = away
    assert await house.reasons() == ["ledger-away"]
    assert house.record.opened == []


async def test_a_reservation_whose_answer_is_lost_clears_nobody_and_is_taken_back():
    house = House()
    reserve = house.ledger.reserve

    async def lost(entry, seen):
        await reserve(entry, seen)
        raise LedgerAwayError("no answer")

    house.ledger.reserve = lost
    assert await house.reasons() == ["ledger-away"]
    house.ledger.reserve = reserve
    assert await house.reasons() == []


async def test_what_changes_between_reading_and_reserving_is_judged_again():
    house = House()
    read = house.ledger.read

    async def busy(subject):
        standing = await read(subject)
        house.ledger.read = read
        house.gate.put(opt_out(NUMBER, house.clock.time))
        return standing

    house.ledger.read = busy
    assert await house.reasons() == ["do-not-call"]


async def test_a_word_that_comes_while_it_is_reserved_is_known_at_the_answer():
    house = House()
    reserve = house.ledger.reserve

    async def slow(entry, seen):
        won = await reserve(entry, seen)
        house.gate.put(opt_out(NUMBER, house.clock.time))  # before the gate hears that it won
        return won

    house.ledger.reserve = slow
    clearance = await house.gate.clear(house.intent())
    reservation = clearance.reservation
    assert house.gate.recheck(reservation.attempt, reservation.intent).verdict.reasons == ("do-not-call",)


async def test_what_comes_while_the_past_is_read_again_is_not_lost():
    house = House()
    clearance = await house.gate.clear(house.intent())
    reservation = clearance.reservation
    read = house.ledger.read

    async def slow(subject):
        standing = await read(subject)
        house.gate.put(opt_out(NUMBER, house.clock.time))
        return standing

    house.ledger.read = slow
    await house.gate.read_again()
    assert house.gate.recheck(reservation.attempt, reservation.intent).verdict.reasons == ("do-not-call",)


async def test_a_reservation_that_is_cancelled_is_taken_back():
    house = House()
    reserve, reserved = house.ledger.reserve, asyncio.Event()

    async def never(entry, seen):
        await reserve(entry, seen)
        reserved.set()
        await asyncio.sleep(60)

    house.ledger.reserve = never
    asking = asyncio.create_task(house.gate.clear(house.intent()))
    await reserved.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    house.ledger.reserve = reserve
    assert len(house.gate.watch) == 0
    assert await house.reasons() == []


async def test_a_ledger_that_never_stands_still_clears_nobody():
    house = House()

    async def never(*_):
        return False

    house.ledger.reserve = never
    assert await house.reasons() == ["in-flight"]


async def test_every_decision_is_recorded_with_its_packs():
    house = House()
    house.clock.time = datetime.fromisoformat("2026-11-24T23:00:00+01:00")
    await house.reasons()
    house.clock.time = TUESDAY + timedelta(days=1)
    clearance = await house.gate.clear(house.intent())
    house.gate.record(house.gate.recheck(clearance.reservation.attempt, clearance.reservation.intent))
    assert [(d.verdict.allowed, d.bridge, d.attempt is None) for d in house.record.decisions] == [
        (False, False, True),
        (True, False, False),
        (True, True, False),
    ]
    assert all(decision.verdict.versions[0].startswith("it-unirec ") for decision in house.record.decisions)


async def test_a_pack_that_is_not_loaded_refuses():
    house = House()
    house.packs = ("it-unirec", "us-reg-f")
    assert await house.reasons() == ["no-pack"]
    house.packs = ()
    assert await house.reasons() == ["no-pack"]


async def test_a_clock_that_is_not_the_pbxs_blocks():
    house = House()
    house.gate.surroundings = Surroundings(pbx_skew=lambda: timedelta(seconds=2.5))
    assert await house.reasons() == ["clock"]
    house.gate.surroundings = Surroundings(pbx_skew=lambda: timedelta(seconds=-1.5))
    assert await house.reasons() == []


async def test_a_daemon_in_whose_name_another_may_work_clears_nobody():
    house = House()
    house.gate.surroundings = Surroundings(record_is_held=lambda: False)
    assert await house.reasons() == ["store-away"]


async def test_a_clock_that_went_back_while_nobody_looked_blocks():
    house = House()
    house.gate.remember(TUESDAY + timedelta(hours=1))
    assert await house.reasons() == ["clock"]
    house.clock.time += timedelta(hours=1)
    assert await house.reasons() == []


async def test_months_after_a_silent_call_an_agent_is_still_held_for_the_next_one():
    house = House()
    house.past(timedelta(days=300), result=EntryResult.ABANDONED)
    house.ledger.forget_before(house.clock.time)
    assert await house.reasons() == ["reserved-agent-required"]
    assert await house.reasons(mode=CallMode.RESERVED) == []


async def test_a_household_is_called_once_at_a_time():
    house = House()
    assert await house.reasons(household="via Roma 1") == []
    assert "in-flight" in await house.reasons(debtor=2, number=OTHER, household="via Roma 1")
    assert await house.reasons(debtor=3, number="+390298765432", household="via Roma 2") == []


async def test_at_the_answer_the_ringing_is_over_and_asks_for_no_margin():
    house = House(now=datetime.fromisoformat("2026-11-24T20:59:00+01:00"))
    clearance = await house.gate.clear(house.intent(ring=30.0))
    house.clock.time += timedelta(seconds=58)
    assert house.gate.recheck(clearance.reservation.attempt, clearance.reservation.intent).verdict.allowed
    house.clock.time += timedelta(seconds=3)
    assert house.gate.recheck(clearance.reservation.attempt, clearance.reservation.intent).verdict.reasons == (
        Reason.HOURS,
    )


async def test_a_settled_attempt_frees_the_debtor_and_starts_the_gap():
    house = House()
    clearance = await house.gate.clear(house.intent())
    ended = house.clock.time + timedelta(seconds=40)
    house.settle(clearance, ended)
    house.clock.time = ended
    assert await house.reasons() == ["gap-debtor", "gap-number"]
    house.clock.time = ended + timedelta(hours=2)
    assert await house.reasons() == []


async def test_an_attempt_that_never_left_our_side_costs_nothing():
    house = House()
    clearance = await house.gate.clear(house.intent())
    house.settle(clearance, house.clock.time, EntryResult.TRUNK_FAILURE)
    assert await house.reasons() == []


async def test_the_ledger_forgets_only_what_no_rule_looks_at():
    house = House()
    house.past(WINDOW + timedelta(hours=1))
    house.past(timedelta(minutes=30))
    house.past(timedelta(minutes=40), in_flight=True)
    house.gate.put(opt_out(NUMBER, house.clock.time))
    subject = Subject(1, NUMBER)
    house.ledger.forget_before(house.clock.time)
    assert len(house.ledger.standing(subject).lines) == 3
    house.ledger.forget_before(house.clock.time + WINDOW)
    assert sorted(type(line).__name__ for line in house.ledger.standing(subject).lines) == ["Entry", "Flag"]
    assert len(house.ledger.standing(subject).in_flight) == 1


# -- the clearance ------------------------------------------------------------------------------------


async def test_a_clearance_is_used_once():
    house = House()
    clearance = await house.gate.clear(house.intent())
    assert clearance.use(house.clock.time).intent.number == NUMBER
    with pytest.raises(ClearanceError, match="used already"):
        clearance.use(house.clock.time)


@pytest.mark.parametrize("late", [LIFETIME + timedelta(milliseconds=1), timedelta(seconds=-1)])
async def test_a_clearance_expires(late):
    house = House()
    clearance = await house.gate.clear(house.intent())
    with pytest.raises(ClearanceError, match="expired"):
        clearance.use(house.clock.time + late)


async def test_nobody_else_makes_a_clearance():
    house = House()
    made = await house.gate.clear(house.intent())
    with pytest.raises(ClearanceError):
        Clearance(object(), made.reservation, made.treatment)
    package = Path(dialer.__file__).parent
    holders = {p.name for p in package.rglob("*.py") if re.search(r"\bSEAL\b", p.read_text())}
    assert holders == {"clearance.py", "gate.py"}


def test_the_word_that_places_calls_stands_in_one_file():
    package = Path(dialer.__file__).parent
    holders = {p.name for p in package.rglob("*.py") if re.search(r'"Originate"', p.read_text())}
    assert holders == {"asterisk.py"}


# -- what the packs demand of an answered call -----------------------------------------------------------


def test_italy_drops_within_three_seconds_with_comfort_noise_and_no_message():
    treatment = House().gate.treatment(("it-unirec",))
    assert (treatment.comfort_noise, treatment.message) == (True, False)
    assert treatment.claim_seconds == pytest.approx(2.6)


@pytest.mark.parametrize("name", ["us-tsr", "uk-ofcom"])
def test_us_and_uk_start_a_message_within_two_seconds(name):
    treatment = House(name).gate.treatment((name,))
    assert treatment.message
    assert treatment.claim_seconds == pytest.approx(1.6)


def test_packs_together_take_the_earliest_deadline_and_no_message_where_one_forbids_it():
    treatment = House("us-tsr", "it-unirec").gate.treatment(("us-tsr", "it-unirec"))
    assert (treatment.message, treatment.comfort_noise) == (False, True)
    assert treatment.claim_seconds == pytest.approx(1.6)


@pytest.mark.parametrize("name", ["it", "../../settings", "", "IT UNIREC"])
def test_an_unknown_pack_is_told_with_the_known_ones(name):
    with pytest.raises(InputError) as caught:
        Shelf().load(name)
    assert "it-unirec" in caught.value.remedy

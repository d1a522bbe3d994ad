"""Each kind of rule: the violation is found, its boundary isn't one."""

from dataclasses import replace
from datetime import timedelta

import pytest

from dialer.audit import report as report_
from dialer.audit.happened import SAID, read_line
from dialer.audit.instants import micros
from dialer.audit.law import Library
from dialer.audit.when import Corrections
from dialer.compliance.entry import (
    Agreement,
    Blackout,
    Channel,
    Consent,
    Direction,
    Entry,
    EntryResult,
    Flag,
)
from dialer.compliance.lines import encode
from dialer.kernel.errors import InputError
from dialer.outcomes.catalogue import shipped
from tests.audit.house import NUMBER, OTHER, ROME, TUESDAY, Book, broken, recount, rome

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HAIR = timedelta(microseconds=1)


def entry(at, result="conversation", *, debtor=1, number=NUMBER, **more):
    id_ = f"x{at.timestamp()}{result}"
    return Entry(id_, 1, debtor, number, more.pop("household", ""), at=at, result=EntryResult(result), **more)


async def test_a_lawful_day_is_clean_and_says_what_was_counted():
    book = Book()
    for hours in (0, 3, 6):
        book.call(TUESDAY + hours * HOUR, "no_answer", rang=2, lasts=25, ring=25)
    report = await recount(book)
    assert report.clean
    assert report.read["attempts"] == 3
    assert report.recounted["it-unirec: attempts-per-day"] == 3
    assert report.read["decisions: allow"] == 3
    # what it can't judge it says: five rules ask what the case or the configuration said then
    asked = ("licence", "assignment-notice", "caller-id", "trunk-origin", "workplace-supplied")
    assert {rule for rule, _ in report.not_judged} == {f"it-unirec: {rule}" for rule in asked}


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"mandate_starts_on": "2026-01-01", "mandate_ends_on": "2026-11-24"}, False),
        ({"mandate_starts_on": "2026-01-01", "mandate_ends_on": "2026-11-23"}, True),
        ({"mandate_starts_on": "2026-11-25"}, True),
        ({"mandate_starts_on": "2026-11-24"}, False),
        ({}, False),
    ],
)
async def test_a_call_without_an_open_mandate(given, wrong):
    book = Book()
    book.decide(book.call(TUESDAY, lasts=1, allowed=False), given=given)
    report = await recount(book)
    assert ("mandate" in [violation.rule for violation in report.violations]) == wrong
    assert report.recounted["mandate"] == ("mandate_starts_on" in given)


# -- when ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "wrong"),
    [
        ("24T08:29:59.999999", True),
        ("24T08:30:00", False),
        ("24T20:59:29.999999", False),
        ("24T20:59:30", True),  # the ringing would reach 21:00, which is closed
        ("28T14:59:00", False),
        ("28T15:00:00", True),
        ("29T11:00:00", True),
    ],
)
async def test_hours(at, wrong):
    book = Book()
    book.call(rome(at), lasts=1)
    assert await broken(book) == (["hours"] if wrong else [])


async def test_a_phone_that_really_rang_after_closing_time():
    book = Book()
    late = book.call(rome("24T20:59:29.9"), rang=1, lasts=30.2)
    assert await broken(book, late) == ["hours"]
    assert "still ringing at Tue 2026-11-24 21:00:00.1" in (await recount(book)).violations[0].words


async def test_a_talk_may_go_on_after_closing_time():
    book = Book()
    book.call(rome("24T20:59:00"), "connected", outcome="refuses", rang=2, answered=10, bridged=10.1, lasts=600)
    assert await broken(book) == []


async def test_hours_hold_in_every_zone_and_an_unknown_zone_is_never_legal():
    book = Book("us-tsr")
    book.call(rome("24T15:00:00"), zones=("America/New_York",), lasts=1)
    book.call(rome("25T15:00:00"), zones=("America/New_York", "America/Los_Angeles"), lasts=1)
    assert [one.at for one in (await recount(book)).violations] == [micros(rome("25T15:00:00"))]
    book = Book("us-tsr")
    book.call(zones=("Europe/Atlantis",), lasts=1)
    assert await broken(book) == ["zone-unknown"]


async def test_holidays_and_an_agencys_own():
    book = Book()
    book.call(TUESDAY + 14 * DAY, lasts=1)  # 8 December
    assert await broken(book) == ["holiday"]
    own = Corrections({"IT": {"remove": [(TUESDAY + 14 * DAY).date()], "add": [TUESDAY.date()]}})
    assert await broken(book, corrections=own) == []
    book.call(TUESDAY, lasts=1)
    assert await broken(book, corrections=own) == ["holiday"]


async def test_a_time_that_the_debtor_ruled_out_also_over_midnight_and_not_before_it_was_said():
    from datetime import time

    book = Book()
    book.line(Blackout("b", 1, 1, weekdays=(1,), start=time(12), end=time(9, 0)), recorded_at=TUESDAY - DAY)
    book.call(rome("24T11:59:29"), lasts=1)
    assert await broken(book) == []
    book.call(rome("25T08:59:00"), lasts=1)
    assert await broken(book) == ["inconvenient-time"]
    book.line(Blackout("b", 1, 1, weekdays=(1,), start=time(12), end=time(9, 0)), recorded_at=TUESDAY + 2 * DAY)
    assert await broken(book) == []


# -- how often ---------------------------------------------------------------------------------------------


async def test_the_fourth_attempt_of_a_day_whatever_the_number():
    book = Book()
    for hours in (0, 2, 4):
        book.call(TUESDAY + hours * HOUR, number=OTHER if hours == 2 else NUMBER)
    fourth = book.call(TUESDAY + 7 * HOUR)
    assert await broken(book, fourth) == ["attempts-per-day"]
    found = (await recount(book)).violations[0]
    assert (found.count, found.limit, found.subject) == (3, 3, fourth.id)
    # busy doesn't ring, yesterday is another day, and what never left our side is nothing
    for result in ("busy", "trunk_failure"):
        lighter = Book()
        lighter.placed = {one.id: one for one in book.placed.values()}
        lighter.told = book.told
        first = next(iter(lighter.placed.values()))
        lighter.placed[first.id] = replace(first, result=result)
        assert await broken(lighter) == []


async def test_a_call_of_unknown_end_counts_as_the_worst():
    book = Book()
    book.call(TUESDAY, "connected", answered=5, bridged=5.1, rang=1)  # and the agent said nothing
    second = book.call(TUESDAY + 3 * HOUR)
    assert await broken(book, second) == ["conversations-per-day"]
    book = Book()
    book.call(TUESDAY, None)
    assert await broken(book, book.call(TUESDAY + 3 * HOUR)) == ["conversations-per-day"]


async def test_an_end_at_midnight_belongs_to_the_later_day():
    book = Book()
    book.call(
        rome("23T20:59:00"), "connected", outcome="refuses", answered=1, bridged=1.1, rang=0.5, lasts=3 * 3600 + 61
    )
    assert await broken(book, book.call(rome("24T10:00:00"))) == ["conversations-per-day"]


async def test_what_happened_exactly_so_many_hours_ago_has_left_a_rolling_window():
    for early, wrong in ((HAIR, ["calls-7-in-7"]), (timedelta(), [])):
        book = Book("us-reg-f")
        for n in range(7):
            book.line(entry(TUESDAY - 7 * DAY + n * 3 * HOUR + 9 * HOUR + early * (n == 0), "no_answer", number=OTHER))
        # the local date of the first is the eighth back: only the hours hold it
        last = book.call(TUESDAY + 9 * HOUR, zones=("America/New_York",))
        assert await broken(book, last) == wrong


async def test_seven_calls_are_counted_for_each_debt_and_unknown_debts_for_all():
    for debts, wrong in (((1,), ["calls-7-in-7"]), ((), ["calls-7-in-7"]), ((2,), [])):
        book = Book("us-reg-f")
        for n in range(7):
            book.line(entry(TUESDAY - n * 4 * HOUR - 5 * HOUR, "no_answer", number=OTHER, debts=debts or None))
        last = book.call(TUESDAY + 6 * HOUR, debts=(1,), zones=("America/New_York",))
        assert await broken(book, last) == wrong


async def test_a_cool_off_counts_dates_and_an_inbound_talk_too():
    for days, wrong in ((6, ["conversation-cool-off"]), (7, [])):
        book = Book("us-reg-f")
        book.line(entry(TUESDAY + 14 * HOUR - days * DAY, direction=Direction.INBOUND))
        last = book.call(TUESDAY + 6 * HOUR, zones=("America/New_York",))
        assert await broken(book, last) == wrong


async def test_a_gap_counts_from_the_end_and_whoever_was_called():
    for minutes, wrong in ((119, ["gap-number"]), (120, [])):
        book = Book()
        book.call(TUESDAY, debtor=2, lasts=600)
        last = book.call(TUESDAY + timedelta(minutes=10 + minutes))
        assert await broken(book, last) == wrong


async def test_a_household_counts_together_where_the_pack_says_so():
    book = Book("us-ma")
    for n in (1, 2):
        book.line(entry(TUESDAY - n * DAY, "machine", debtor=2, number=OTHER, household="H", debts=(1,)))
    last = book.call(TUESDAY + 6 * HOUR, household="H", debts=(1,), zones=("America/New_York",))
    assert await broken(book, last) == ["contacts-per-week"]


async def test_a_message_counts_where_the_pack_says_so_and_late_records_are_told():
    book = Book("ca-on")
    for n in (1, 2, 3):
        message = entry(TUESDAY - n * DAY, "machine_message_left", channel=Channel.MESSAGE)
        book.line(message, recorded_at=TUESDAY + DAY if n == 1 else None)
    last = book.call(TUESDAY + 6 * HOUR, zones=("America/Toronto",))
    assert await broken(book, last) == ["contacts-per-week"]
    assert "1 of them came on record only after it" in (await recount(book)).violations[0].words


async def test_the_total_of_a_case_counts_what_lies_far_back(tmp_path):
    own = tmp_path / "total.toml"
    own.write_text(
        'name = "total"\nversion = "1"\nretention_days = 30\n[[rule]]\nkind = "max_total"\nid = "total"\nmax = 2\n'
    )
    library = Library.read(tmp_path)
    book = Book("total", library=library)
    for days in (90, 60):
        book.call(TUESDAY - days * DAY)
    last = book.call(TUESDAY)
    assert await broken(book, last, since=TUESDAY, library=library) == ["total"]
    book.change(next(iter(book.placed.values())), result="trunk_failure")
    assert await broken(book, last, since=TUESDAY, library=library) == []


# -- waivers -----------------------------------------------------------------------------------------------


def talked(book):
    book.call(TUESDAY, "connected", outcome="call_back", rang=1, answered=2, bridged=2.1, lasts=100)


async def test_an_agreed_call_back_is_exempt_once():
    book = Book()
    talked(book)
    start = TUESDAY + 3 * HOUR
    book.line(Agreement("a", 1, 1, start=start, until=start + HOUR), recorded_at=TUESDAY + timedelta(minutes=3))
    book.call(start, "busy", lasts=10)
    assert await broken(book) == []
    # the first has used it up; and exactly at its end it is over
    again = book.call(start + timedelta(minutes=59), number=OTHER)
    assert await broken(book, again) == ["conversations-per-day", "gap-debtor"]


async def test_an_agreement_that_came_on_record_after_the_call_is_none():
    book = Book()
    talked(book)
    call = book.call(TUESDAY + 3 * HOUR)
    book.line(Agreement("a", 1, 1, start=TUESDAY, until=TUESDAY + 9 * HOUR), recorded_at=TUESDAY + 4 * HOUR)
    book.line(Agreement("b", 1, 1, start=TUESDAY + 2 * HOUR, until=TUESDAY + 9 * HOUR), recorded_at=TUESDAY + 4 * HOUR)
    assert await broken(book, call) == ["conversations-per-day"]
    assert "only after the call" in (await recount(book)).violations[0].words


async def test_consent_exempts_its_own_debts_for_seven_dates_and_one_taken_back_can_not_be_judged():
    def scene(**consent):
        book = Book("us-reg-f")
        book.line(entry(TUESDAY - DAY))
        line = Consent("c", 1, 1, at=TUESDAY, debts=(1,), until=consent.get("until"))
        book.line(line, recorded_at=consent.get("recorded_at", TUESDAY))
        return book, book.call(TUESDAY + 6 * HOUR, debts=consent.get("debts", (1,)), zones=("America/New_York",))

    assert await broken(*scene()) == []
    assert await broken(*scene(debts=(2,))) == ["conversation-cool-off"]
    assert await broken(*scene(until=TUESDAY + HOUR)) == ["conversation-cool-off"]
    book, call = scene(until=TUESDAY + DAY, recorded_at=TUESDAY + DAY)
    assert await broken(book, call) == []
    assert any("taken back" in why for _, why in (await recount(book)).not_judged)


async def test_a_call_is_placed_with_consent_only_if_it_stood_when_it_was_placed():
    for minutes, wrong in ((-1, []), (1, ["calls-7-in-7"])):
        book = Book("us-reg-f")
        for n in range(6):
            book.line(entry(TUESDAY - n * 5 * HOUR - 20 * HOUR, "no_answer", number=OTHER))
        begun = TUESDAY + 6 * HOUR
        book.call(begun, "no_answer", lasts=300, number=OTHER, zones=("America/New_York",))
        book.line(Consent("c", 1, 1, at=begun + timedelta(minutes=minutes), until=begun + HOUR))
        last = book.call(begun + 3 * HOUR, zones=("America/New_York",))
        assert await broken(book, last) == wrong


# -- after an abandoned call, modes, one at a time ---------------------------------------------------------


async def test_the_lockout_after_an_abandoned_call_and_then_only_with_an_agent_held():
    gone = {"rang": 1, "answered": 2, "abandoned": 4.6, "lasts": 4.7}
    for after, mode, wrong in (
        (5 * DAY - timedelta(seconds=1), "reserved", ["abandoned-lockout"]),
        (5 * DAY + timedelta(seconds=5), "progressive", ["reserved-agent-required"]),
        (5 * DAY + timedelta(seconds=5), "reserved", []),
    ):
        book = Book()
        book.call(TUESDAY - DAY, "abandoned", **gone)
        call = book.call(TUESDAY - DAY + after, mode=mode)
        assert await broken(book, call) == wrong


async def test_uk_after_a_machine_only_with_an_agent_that_day_and_for_a_day():
    def scene(after, mode):
        book = Book("uk-ofcom")
        book.call(
            TUESDAY, "connected", outcome="machine", rang=1, answered=2, bridged=2.1, lasts=20, zones=("Europe/London",)
        )
        return book, book.call(TUESDAY + after, mode=mode, zones=("Europe/London",))

    assert await broken(*scene(4 * HOUR, "predictive")) == ["reserved-agent-required"]
    assert await broken(*scene(4 * HOUR, "reserved")) == []
    assert await broken(*scene(DAY + timedelta(seconds=20), "predictive")) == []
    assert await broken(*scene(DAY + timedelta(seconds=19), "predictive")) == ["reserved-agent-required"]


@pytest.mark.parametrize("same", ["debtor", "number", "household"])
async def test_two_calls_at_once(same):
    other = {"debtor": {"number": OTHER}, "number": {"debtor": 2}}.get(same, {"debtor": 2, "number": OTHER})
    book = Book()
    book.call(TUESDAY, "busy", lasts=10, household="H")
    second = book.call(
        TUESDAY + timedelta(seconds=9.999999), "busy", lasts=1, household="H" * (same == "household"), **other
    )
    assert await broken(book, second) == ["in-flight"]
    book.change(second, cleared_at=micros(TUESDAY) + 10_000_000)
    assert "in-flight" not in await broken(book, second)


async def test_a_call_that_never_ended_on_record_is_under_way_for_ever():
    book = Book()
    book.call(TUESDAY, ended=False)
    assert "in-flight" in await broken(book, book.call(TUESDAY + 20 * DAY))
    book = Book()
    book.line(entry(TUESDAY, in_flight=True, debtor=1, number=None))
    assert "in-flight" in await broken(book, book.call(TUESDAY + 3 * HOUR))


# -- flags -------------------------------------------------------------------------------------------------


async def test_a_flag_that_stood_and_one_that_was_over_or_about_another_debt():
    for flag, debts, wrong in (
        (Flag("f", 1, 1, name="cease"), (), ["cease"]),
        (Flag("f", 1, None, NUMBER, name="do-not-call"), (), ["do-not-call"]),
        (Flag("f", 1, 2, NUMBER, name="wrong_number"), (), []),
        (Flag("f", 1, None, OTHER, name="do-not-call"), (), []),
        (Flag("f", 1, 1, name="dispute", debt_id=7), (7,), ["dispute"]),
        (Flag("f", 1, 1, name="dispute", debt_id=7), (8,), []),
        (Flag("f", 1, 1, name="dispute", debt_id=7), (), ["dispute"]),
        (Flag("f", 1, 1, name="moratorium", until=TUESDAY), (), []),
        (Flag("f", 1, 1, name="moratorium", until=TUESDAY + HAIR), (), ["moratorium"]),
        (Flag("f", 1, 1, name="a-new-one"), (), ["a-new-one"]),
    ):
        book = Book()
        book.line(flag, recorded_at=TUESDAY - DAY)
        assert await broken(book, book.call(TUESDAY, debts=debts)) == wrong


async def test_a_flag_counts_from_the_outcome_that_said_it_even_if_nobody_put_one():
    book = Book()
    book.call(TUESDAY, "connected", outcome="do_not_call", debtor=2, rang=1, answered=2, bridged=2.1, lasts=60)
    assert await broken(book, book.call(TUESDAY + DAY)) == ["do-not-call"]
    # lifted since: it stood from the outcome on, until then
    book.line(Flag(f"opt-{NUMBER}", 2, None, NUMBER, name="do-not-call", until=TUESDAY + 2 * DAY), TUESDAY + 2 * DAY)
    assert await broken(book) == ["do-not-call"]
    assert await broken(book, book.call(TUESDAY + 3 * DAY)) == []


def test_the_auditors_own_table_says_of_every_shipped_outcome_what_the_gate_counts():
    assert {code: outcome.counts_as.value for code, outcome in shipped().items()} == dict(SAID)


@pytest.mark.parametrize("outcome", [one for one in shipped().values() if one.flag and one.flag.on != "debt"])
async def test_every_flag_that_an_outcome_sets_stands_even_if_nobody_put_it(outcome):
    book = Book()
    book.call(TUESDAY, "connected", outcome=outcome.code, rang=1, answered=2, bridged=2.1, lasts=60)
    assert await broken(book, book.call(TUESDAY + DAY)) == [outcome.flag.name]


@pytest.mark.parametrize(
    ("outcome", "said_as", "wrong"),
    [
        ("sold_house", "conversation", ["conversations-per-day"]),
        ("sold_house", "machine", []),
        ("sold_house", None, ["conversations-per-day"]),  # nobody knows: the worst
        ("refuses", "machine", ["conversations-per-day"]),  # a shipped one counts as it always does
    ],
)
async def test_an_agencys_own_outcome_counts_as_the_record_had_it(outcome, said_as, wrong):
    book = Book()
    book.call(TUESDAY, "connected", outcome=outcome, said_as=said_as, answered=1, bridged=1.1, rang=0.5, lasts=60)
    assert await broken(book, book.call(TUESDAY + 4 * HOUR)) == wrong


async def test_since_when_a_lifted_flag_stood_is_not_on_record_and_that_is_said():
    book = Book()
    book.call(TUESDAY)
    book.line(Flag("f", 2, 1, name="cease", until=TUESDAY + DAY), recorded_at=TUESDAY + DAY)
    report = await recount(book)
    assert report.clean
    assert any(rule == "cease" for rule, _ in report.not_judged)


async def test_who_is_flagged_while_it_rings_is_not_bridged_unless_nobody_could_know():
    book = Book()
    call = book.call(TUESDAY, "connected", outcome="refuses", rang=1, answered=8, bridged=8.1, lasts=60)
    book.line(Flag("f", 1, 1, name="cease"), recorded_at=TUESDAY + timedelta(seconds=5))
    assert await broken(book, call) == ["cease"]
    book.line(Flag("f", 1, 1, name="cease"), recorded_at=TUESDAY + timedelta(seconds=9))
    assert await broken(book, call) == []
    book = Book()
    call = book.call(TUESDAY, "connected", outcome="refuses", rang=1, answered=8, lasts=60)
    book.change(call, bridged_at=call.answered_at + 100_000)
    book.decide(call, "bridge", at=TUESDAY + timedelta(seconds=8), blind=True)
    book.line(Flag("f", 1, 1, name="cease"), recorded_at=TUESDAY + timedelta(seconds=5))
    report = await recount(book)
    assert report.clean
    assert ("cease", "bridged while what others recorded wasn't known") in report.not_judged


# -- how it rang, and who was there --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("times", "wrong"),
    [
        ({"rang": 5, "lasts": 25, "ring": 25}, []),  # 20 s
        ({"rang": 5.1, "lasts": 25, "ring": 25}, ["ring-min"]),
        ({"rang": 5.1, "lasts": 20, "ring": 25, "cause": 19, "sip": 480}, []),  # the network gave up, not we
        ({"rang": 2, "lasts": 9, "ring": 25, "cause": 16}, ["ring-min"]),  # hung up by us: a halt
        ({"rang": 1, "lasts": 31.2, "ring": 31.2}, []),  # 30.2 s, within what a time-out is off
        ({"rang": 1, "lasts": 31.3, "ring": 31.3}, ["ring-max"]),
    ],
)
async def test_how_long_it_rang(times, wrong):
    book = Book()
    book.call(TUESDAY, "no_answer", **times)
    assert await broken(book) == wrong


async def test_a_ringing_that_nobody_reported_can_not_be_judged():
    book = Book()
    book.call(TUESDAY, "no_answer", lasts=25, ring=25)
    assert ("it-unirec: ring-min", "nobody said that it rang") in (await recount(book)).not_judged


@pytest.mark.parametrize(
    ("packs", "times", "wrong"),
    [
        (("it-unirec",), {"answered": 5, "bridged": 8.0}, []),
        (("it-unirec",), {"answered": 5, "bridged": 8.000001}, ["answer-to-agent"]),
        (("it-unirec",), {"answered": 5, "abandoned": 7.6, "lasts": 8.0}, []),
        (("it-unirec",), {"answered": 5, "abandoned": 7.6, "lasts": 8.1, "cause": 16}, ["answer-to-agent"]),
        (("it-unirec",), {"answered": 5, "abandoned": 7.6, "lasts": 60}, []),  # found by a restart, a minute later
        (("it-unirec",), {"answered": 5, "abandoned": 8.1, "lasts": 60}, ["answer-to-agent"]),
        (("it-unirec",), {"answered": 5, "lasts": 9}, ["answer-to-agent"]),  # silent, until the person hung up
        (("uk-ofcom",), {"answered": 5, "abandoned": 6.9, "lasts": 20}, []),  # the message plays on
        (("uk-ofcom",), {"answered": 5, "abandoned": 7.1, "lasts": 20}, ["answer-to-agent"]),
        (("uk-ofcom", "it-unirec"), {"answered": 5, "abandoned": 6.9, "lasts": 7.1, "cause": 16}, ["answer-to-agent"]),
    ],
)
async def test_answer_to_agent(packs, times, wrong):
    result = "connected" if "bridged" in times else "abandoned" if "abandoned" in times else "hung_up"
    zone = "Europe/London" if packs == ("uk-ofcom",) else ROME
    book = Book(*packs)
    call = book.call(TUESDAY, result, outcome="refuses" if "bridged" in times else None, zones=(zone,), rang=1, **times)
    assert await broken(book, call) == wrong


async def test_an_end_that_nobody_listened_to_is_not_on_record():
    book = Book()
    book.call(TUESDAY, "unknown", rang=1, answered=5, lasts=60)
    assert ("it-unirec: answer-to-agent", "nobody listened when it ended") in (await recount(book)).not_judged


async def test_a_greeting_that_the_law_counts_from_is_not_on_record():
    book = Book("us-tsr")
    zones = ("America/New_York",)
    book.call(TUESDAY + 6 * HOUR, "connected", outcome="refuses", rang=1, answered=2, bridged=4.1, zones=zones)
    report = await recount(book)
    assert report.clean
    assert any(rule == "us-tsr: answer-to-agent" for rule, _ in report.not_judged)


# -- abandoned calls, by campaign ------------------------------------------------------------------------------


def busy_day(book, good, gone, at=TUESDAY, campaign="k", debtor=0, zone=ROME):
    for n in range(good):
        book.call(
            at + timedelta(seconds=n), "connected", debtor=debtor + n, number=f"+39347{debtor + n:07d}", outcome="refuses",
            rang=1, answered=2, bridged=2.1, campaign=campaign, zone=zone, zones=(zone,), case=debtor + n,
        )  # fmt: skip
    for n in range(good, good + gone):
        book.call(
            at + timedelta(seconds=n), "abandoned", debtor=debtor + n, number=f"+39347{debtor + n:07d}", rang=1,
            answered=2, abandoned=3.8, lasts=3.9, campaign=campaign, zone=zone, zones=(zone,), case=debtor + n,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("pack", "zone", "good", "gone", "kept"),
    [
        ("it-unirec", ROME, 100, 3, True),  # of the connected: 3/100
        ("it-unirec", ROME, 99, 3, False),
        ("us-tsr", "America/New_York", 97, 3, True),  # of the answered: 3/100, up to 3 %
        ("us-tsr", "America/New_York", 96, 3, False),
        ("uk-ofcom", "Europe/London", 98, 3, True),  # of abandoned and live: 3/101, below 3 %
        ("uk-ofcom", "Europe/London", 97, 3, False),  # 3/100 is not below
    ],
)
async def test_the_caps_on_abandoned_calls_by_their_own_definitions(pack, zone, good, gone, kept):
    book = Book(pack)
    busy_day(book, good, gone, at=TUESDAY + 6 * HOUR, zone=zone)
    report = await recount(book)
    assert {line.exceeded for line in report.caps} == {not kept}
    assert sorted({one.rule for one in report.violations}) == ([] if kept else ["abandon-cap"])


async def test_each_window_and_each_campaign_has_its_own_ratio():
    book = Book()
    busy_day(book, 100, 2)
    busy_day(book, 10, 1, at=TUESDAY + DAY, debtor=1000)
    busy_day(book, 3, 0, campaign="other", debtor=2000)
    report = await recount(book)
    lines = {(line.campaign, line.window): (line.abandoned, line.of, line.exceeded) for line in report.caps}
    assert lines == {
        ("k", "the whole campaign"): (3, 110, False),
        ("k", "2026-11-24"): (2, 100, False),
        ("k", "2026-11-25"): (1, 10, True),
        ("other", "the whole campaign"): (0, 3, False),
        ("other", "2026-11-24"): (0, 3, False),
    }


async def test_successive_thirty_days_begin_with_the_campaign():
    book = Book("us-tsr")
    for days in (0, 29, 30):
        busy_day(book, 1, 0, at=TUESDAY + 6 * HOUR + days * DAY, debtor=days, zone="America/New_York")
    windows = {line.window: line.of for line in (await recount(book)).caps}
    assert windows == {"2026-11-24 and 30 days": 2, "2026-12-24 and 30 days": 1}


async def test_calls_of_unknown_end_put_a_cap_in_doubt():
    book = Book()
    busy_day(book, 40, 1)
    book.call(TUESDAY + HOUR, "unknown", debtor=500, number=OTHER)
    report = await recount(book)
    assert report.clean
    assert any("may have been abandoned" in why for _, why in report.not_judged)


# -- what it doesn't know --------------------------------------------------------------------------------------


async def test_a_pack_of_another_version_is_not_judged_by_todays_unless_it_was_kept(tmp_path):
    from dialer.audit.law import SHIPPED

    book = Book()
    call = book.call(rome("29T11:00:00"))
    text = (SHIPPED / "it-unirec.toml").read_text().replace('version = "2026-11-22"', 'version = "old"')
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/it-unirec-old.toml").write_text(text)
    library = Library.read(earlier=tmp_path)
    (label,) = set(library.by_label) - set(Library.read().by_label)
    book.told[0].content["packs"] = [label]
    report = await recount(book)
    assert report.clean
    assert any(label in why for _, why in report.not_judged)
    assert await broken(book, call, library=library) == ["hours"]


async def test_a_rule_that_the_auditor_does_not_understand_is_named(tmp_path):
    (tmp_path / "odd.toml").write_text(
        'name = "odd"\nversion = "1"\nretention_days = 30\n'
        '[[rule]]\nkind = "hours"\nid = "hours"\nexcept_when = "raining"\n[[rule]]\nkind = "astrology"\nid = "stars"\n'
    )
    library = Library.read(tmp_path)
    book = Book("odd", library=library)
    book.call()
    report = await recount(book, library=library)
    assert {("odd: hours", "the auditor doesn't know except_when"), ("odd: stars", "the auditor doesn't know the kind astrology")} <= set(report.not_judged)  # fmt: skip


@pytest.mark.parametrize("text", ["name = ", 'name = "x"', 'name = "x"\nversion = "1"\nretention_days = 1\nrule = [1]'])
def test_a_file_that_is_no_pack_is_told(tmp_path, text):
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(InputError, match=r"bad\.toml"):
        Library.read(tmp_path)


async def test_every_shipped_pack_is_understood_whole():
    library = Library.read()
    assert {rule.unread for law in library.by_name.values() for rule in law.rules} == {""}
    assert len(library.by_name) == 16


def test_lines_that_are_none_are_told():
    for text in ("[]", "{}", "[1]", '["riddle","a",1,null,null,""]', '["entry","a",1,null,null,""]', "nonsense"):
        with pytest.raises(ValueError, match=r"\S"):
            read_line(text, 0)
    assert read_line(encode(entry(TUESDAY)), 5).recorded_at == 5


async def test_what_can_be_told_in_words_is_bounded(monkeypatch):
    monkeypatch.setattr(report_, "MOST_VIOLATIONS", 2)
    book = Book()
    for days in range(4):
        book.call(rome("29T11:00:00") + 7 * days * DAY)
    report = await recount(book)
    assert (len(report.violations), report.by_rule["hours"]) == (2, 4)

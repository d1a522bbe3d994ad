"""How often: counts, cool-offs, gaps; whom a past contact concerns; and what a silent call brings about."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from dialer.compliance.entry import EVENTS, Channel, Direction, EntryResult
from dialer.compliance.rules import CoolOff, Count, ForcedMode, Lockout, MaxTotal, MinCadence, MinGap
from dialer.compliance.verdict import CallMode
from tests.unit.rules_facts import N1, N2, any_facts, at, entry, facts, moved

HEAD = {"source": "the test", "confidence": "H", "event": "rang", "key": ("debtor",)}


def rule(kind, name, **values):
    return TypeAdapter(kind).validate_python({"id": name, "kind": name, **HEAD, **values})


def count(**values):
    return rule(Count, "count", **{"window": ("local_days:1",), "max": 1} | values)


def counts(one, when="2026-11-20 16:00", past_at="2026-11-20 09:00", result="no_answer", about=None, **more):
    """Whether a rule that allows nothing counts this contact."""
    known = facts(when, [entry(past_at, result, **more)], **(about or {}))
    return bool(one.check(known))


@pytest.mark.parametrize(
    ("key", "entry_says", "call_says", "does"),
    [
        (("debtor",), {}, {}, True),
        (("debtor",), {"debtor_id": 2}, {}, False),
        (("debtor",), {"debtor_id": None}, {}, True),
        (("debtor",), {"number": N2}, {}, True),
        (("number",), {"number": N2}, {}, False),
        (("number",), {"debtor_id": 2}, {}, True),
        (("number",), {"number": None}, {}, True),
        (("debtor", "debt"), {"debts": (2,)}, {}, False),
        (("debtor", "debt"), {"debts": (1, 2)}, {}, True),
        (("debtor", "debt"), {"debts": None}, {}, True),
        (("debtor", "debt"), {"debts": ()}, {}, True),
        (("debtor", "debt"), {"debts": (2,)}, {"debts": ()}, True),
        (("debtor", "debt"), {"debts": (2,)}, {"debts": (1, 2)}, True),
        (("debt",), {"debtor_id": 2}, {}, False),
        (("household",), {"debtor_id": 2, "household": "h"}, {"household": "h"}, True),
        (("household",), {"debtor_id": 2, "household": "g"}, {"household": "h"}, False),
        (("household",), {"debtor_id": 2}, {}, False),
        (("household",), {"debtor_id": None}, {"household": "h"}, True),
        (("household",), {}, {"household": "h"}, True),
        (("household", "debt"), {"debtor_id": 2, "household": "h"}, {"household": "h"}, True),
        (("household", "debt"), {"debtor_id": 2, "household": "h", "debts": (2,)}, {"household": "h"}, False),
        (("campaign", "debtor"), {"campaign": "other"}, {}, False),
        (("campaign", "debtor"), {"campaign": "k"}, {}, True),
        (("campaign", "debtor"), {"campaign": ""}, {}, True),
        (("collector", "debtor"), {"collector": "theirs"}, {"collector": "ours"}, False),
        (("collector", "debtor"), {"collector": ""}, {"collector": "ours"}, True),
        (("collector", "debtor"), {"collector": "theirs"}, {}, True),
    ],
)
def test_whom_a_contact_concerns(key, entry_says, call_says, does):
    assert counts(count(key=key), about=call_says, **entry_says) is does


@pytest.mark.parametrize(
    ("rule_says", "entry_says", "does"),
    [
        ({}, {"direction": Direction.INBOUND}, False),
        ({"direction": "inbound"}, {"direction": Direction.INBOUND}, True),
        ({"direction": "inbound"}, {}, False),
        ({"direction": "any"}, {"direction": Direction.INBOUND}, True),
        ({}, {"channel": Channel.MESSAGE}, False),
        ({"channels": ("call", "message")}, {"channel": Channel.MESSAGE}, True),
        ({"event": "busy"}, {"result": "busy"}, True),
        ({"event": "busy"}, {"result": "no_answer"}, False),
    ],
)
def test_which_contacts_count(rule_says, entry_says, does):
    assert counts(count(**rule_says), **entry_says) is does


@pytest.mark.parametrize(
    ("event", "does"),
    [
        # the table of events in the notes on compliance, with the results that the engine adds
        ("reached", ("not_in_service busy congestion unreachable no_answer rejected machine machine_message_left"
         " hung_up_early hung_up abandoned withheld third_party conversation unknown")),
        ("rang", ("no_answer rejected machine machine_message_left hung_up_early hung_up abandoned withheld third_party"
         " conversation unknown")),
        ("connected", ("unreachable no_answer rejected machine machine_message_left hung_up_early hung_up abandoned"
         " withheld third_party conversation unknown")),
        ("conversation", "hung_up conversation unknown"),
        ("contact", "machine_message_left hung_up abandoned withheld third_party conversation unknown"),
        ("message_possible", "machine machine_message_left hung_up abandoned withheld third_party conversation unknown"),
        ("machine", "machine machine_message_left"),
        ("abandoned", "abandoned withheld"),
        ("served", "hung_up third_party conversation"),
    ],
)  # fmt: skip
def test_what_each_event_is(event, does):
    one = count(event=event)
    assert {result.value for result in EntryResult if counts(one, result=result.value)} == set(does.split())
    assert {result.value for result in EVENTS[event]} == set(does.split())


def test_only_calls_to_the_workplace_bind_and_count():
    one = count(workplace_only=True)
    assert counts(one, about={"workplace": True}, workplace=True)
    assert not counts(one, about={"workplace": True})
    assert not counts(one, workplace=True)


def test_a_count_says_what_it_saw():
    past = [entry(f"2026-11-{day} 10:00") for day in (16, 17, 18)]
    (refusal,) = count(window=("local_days:7",), max=3).check(facts("2026-11-20 10:00", past))
    assert (refusal.count, refusal.limit) == (3, 3)
    assert refusal.facts == "3 in 7 days with today, limit 3"
    assert refusal.not_before == at("2026-11-23 00:00")


def test_several_windows_count_what_is_in_any():
    """A week of Monday to Sunday and seven days: the wider holds, and the later end."""
    one = count(window=("iso_week", "local_days:3"), max=1)
    (refusal,) = one.check(facts("2026-11-19 10:00", [entry("2026-11-16 10:00")]))
    assert refusal.not_before == at("2026-11-23 00:00")
    (refusal,) = one.check(facts("2026-11-23 10:00", [entry("2026-11-22 10:00")]))
    assert refusal.not_before == at("2026-11-25 00:00")


def test_of_several_debts_the_one_that_waits_longest():
    past = [entry("2026-11-16 10:00", debts=(1,)), entry("2026-11-18 10:00", debts=(2,))]
    for debts in ((1, 2), (2, 1)):
        known = facts("2026-11-20 10:00", past, debts=debts)
        for one in (
            count(key=("debtor", "debt"), window=("local_days:7",)),
            rule(CoolOff, "cool_off", key=("debtor", "debt"), local_days=7),
            rule(MinGap, "min_gap", key=("debtor", "debt"), minutes=7_200),
        ):
            (refusal,) = one.check(known)
            assert refusal.not_before >= at("2026-11-23 10:00")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(any_facts(good=True), st.integers(1, 30), st.integers(1, 6))
def test_a_count_is_what_a_plain_recount_says(known, days, limit):
    one = count(key=("debtor",), window=(f"local_days:{days}",), max=limit)
    today = {zone: known.now.astimezone(zone).date() for zone in known.zones}
    seen = sum(
        past.result in EVENTS["rang"]
        and past.direction == "outbound"
        and past.channel == "call"
        and past.debtor_id in (None, 1)
        and any((day - past.at.astimezone(zone).date()).days < days for zone, day in today.items())
        for past in known.past
    )
    assert bool(one.check(known)) == (seen >= limit)


# cool-off and gap


def test_a_cool_off_of_hours_and_of_days_ends_with_the_later():
    past = [entry("2026-11-20 20:00", "conversation")]
    (refusal,) = rule(CoolOff, "cool_off", local_days=1, hours=24).check(facts("2026-11-20 21:00", past))
    assert refusal.not_before == at("2026-11-21 20:00")
    (refusal,) = rule(CoolOff, "cool_off", local_days=2, hours=1).check(facts("2026-11-20 20:30", past))
    assert refusal.not_before == at("2026-11-22 00:00")
    assert rule(CoolOff, "cool_off", hours=24).check(facts("2026-11-21 19:59:59", past))
    assert not rule(CoolOff, "cool_off", hours=24).check(facts("2026-11-21 20:00", past))


def test_a_gap_is_over_at_its_last_minute():
    one = rule(MinGap, "min_gap", minutes=120)
    known = facts("2026-11-20 10:00", [entry("2026-11-20 09:00"), entry("2026-11-20 08:00")])
    (refusal,) = one.check(known)
    assert refusal.not_before == at("2026-11-20 11:00")
    assert refusal.facts == "last called 60 minutes ago, 120 required"
    assert one.check(moved(known, at("2026-11-20 10:59:59")))
    assert not one.check(moved(known, at("2026-11-20 11:00")))


@pytest.mark.parametrize("kind", [CoolOff, MinGap, Count])
def test_what_was_waived_isnt_checked(kind):
    values = {CoolOff: {"local_days": 7}, MinGap: {"minutes": 600}, Count: {"window": ("local_days:7",), "max": 1}}[
        kind
    ]
    name = {CoolOff: "cool_off", MinGap: "min_gap", Count: "count"}[kind]
    one = rule(kind, name, key=("debtor", "debt"), **values)
    known = facts("2026-11-20 10:00", [entry("2026-11-20 09:00", debts=None)], debts=(1, 2))
    assert one.check(replace(known, waived=frozenset({(name, 1)}))), "the other debt still binds"
    assert not one.check(replace(known, waived=frozenset({(name, 1), (name, 2)})))


def test_an_exempt_call_isnt_counted_later():
    past = entry("2026-11-20 09:00")
    known = facts("2026-11-20 10:00", [past])
    assert count().check(known)
    assert not count().check(replace(known, excluded=frozenset({("count", past.id)})))


@pytest.mark.parametrize(
    ("kind", "name", "values", "words"),
    [
        (CoolOff, "cool_off", {}, "local_days or hours"),
        (Lockout, "lockout", {}, "hours or wall_clock_days"),
        (Count, "count", {"window": ("local_days:1",), "max": 0}, "greater than or equal to 1"),
        (Count, "count", {"window": (), "max": 1}, "at least 1 item"),
        (MinGap, "min_gap", {"minutes": 60_000}, "less than or equal to 50000"),
        (MinGap, "min_gap", {"minutes": 5, "key": ("campaign",)}, "must name one of debtor"),
        (MinGap, "min_gap", {"minutes": 5, "event": "ringing"}, "no such event"),
    ],
)
def test_a_rule_that_says_nothing_is_refused(kind, name, values, words):
    with pytest.raises(ValidationError, match=words):
        rule(kind, name, **values)


@pytest.mark.parametrize(("so_far", "refused"), [(0, False), (9, False), (10, True), (None, True), ("ten", True)])
def test_so_many_attempts_in_all(so_far, refused):
    one = MaxTotal(id="attempts-total", kind="max_total", source="the test", confidence="H", max=10)
    found = one.check(facts("2026-11-20 10:00", given={} if so_far is None else {"attempts_so_far": so_far}))
    assert bool(found) is refused
    assert all(refusal.not_before is None and refusal.facts for refusal in found)


def test_a_cadence_blocks_nothing():
    one = MinCadence(id="cadence", kind="min_cadence", source="the test", confidence="H", days=3)
    assert not one.check(facts("2026-11-20 10:00", [entry("2026-10-20 09:00")]))
    assert one.wanted_by(at("2026-11-20 10:00")) == at("2026-11-23 10:00")


# after a silent call

LOCKOUT = rule(Lockout, "lockout", event="abandoned", key=("number",), hours=120, wall_clock_days=5)
SERVED = {"event": "abandoned", "until_served": True, "from_hours": 120, "from_wall_clock_days": 5}


def mode(*after, allowed=("reserved",)):
    values = {"id": "mode", "kind": "mode", "source": "the test", "confidence": "H", "allowed": allowed, "after": after}
    return TypeAdapter(ForcedMode).validate_python(values)


def test_a_lockout_binds_every_mode_and_says_since_when():
    known = facts("2026-11-18 10:00", [entry("2026-11-16 11:00", "withheld")], mode=CallMode.RESERVED)
    (refusal,) = LOCKOUT.check(known)
    assert refusal.not_before == at("2026-11-21 11:00")
    assert refusal.facts == "abandoned at 2026-11-16 10:00 UTC"


def test_a_lockout_of_a_workplace_binds_only_calls_to_it():
    one = rule(Lockout, "lockout", event="abandoned", key=("number",), hours=24, workplace_only=True)
    past = [entry("2026-11-20 09:00", "abandoned", workplace=True)]
    assert one.check(facts("2026-11-20 10:00", past, workplace=True))
    assert not one.check(facts("2026-11-20 10:00", past))


def test_a_lockout_of_two_zones_ends_with_the_later():
    """Between the two changes to winter time, five days by New York's clock are 120 hours, by Rome's 121."""
    known = facts(
        "2026-10-23 12:00", [entry("2026-10-22 12:00", "abandoned")], zones=("Europe/Rome", "America/New_York")
    )
    (refusal,) = LOCKOUT.check(known)
    assert refusal.not_before == at("2026-10-27 12:00")
    assert refusal.not_before - at("2026-10-22 12:00") == timedelta(hours=121)


def test_an_unknown_zone_waits_a_day_longer():
    (refusal,) = LOCKOUT.check(facts(at("2026-11-18 10:00"), [entry("2026-11-16 11:00", "abandoned")], zones=()))
    assert refusal.not_before == at("2026-11-22 11:00")


@pytest.mark.parametrize(
    ("more", "binds"),
    [
        ([], True),
        ([("2026-11-12 10:00", "conversation", {})], False),
        ([("2026-11-12 10:00", "hung_up", {})], False),
        ([("2026-11-12 10:00", "conversation", {"direction": Direction.INBOUND})], False),
        ([("2026-11-12 10:00", "conversation", {"number": N2})], True),
        ([("2026-11-12 10:00", "conversation", {"number": None})], True),
        ([("2026-11-12 10:00", "conversation", {"channel": Channel.MESSAGE})], True),
        ([("2026-11-12 10:00", "unknown", {})], True),
        ([("2026-11-08 10:00", "conversation", {})], True),
        ([("2026-11-12 10:00", "conversation", {}), ("2026-11-14 10:00", "abandoned", {})], True),
    ],
)
def test_a_reserved_agent_until_somebody_was_served(more, binds):
    past = [entry("2026-11-09 11:00", "abandoned"), *(entry(when, what, **how) for when, what, how in more)]
    found = mode(SERVED).check(facts("2026-11-20 10:00", past))
    assert bool(found) is binds
    assert all(refusal.not_before is None and "predictive" in refusal.facts for refusal in found)
    assert not mode(SERVED).check(facts("2026-11-20 10:00", past, mode=CallMode.RESERVED))


def test_the_reserved_agent_is_asked_for_once_the_lockout_is_over():
    known = facts("2026-11-21 10:59", [entry("2026-11-16 11:00", "abandoned")])
    assert not mode(SERVED).check(known)
    assert mode(SERVED).check(moved(known, at("2026-11-21 11:00")))


@pytest.mark.parametrize("number", [N1, None])
def test_a_mode_binds_where_the_number_may_have_been_this_one(number):
    assert mode({"event": "machine", "hours": 24}).check(
        facts("2026-11-20 10:00", [entry("2026-11-20 09:00", "machine", number=number)])
    )


def test_what_they_began_brings_no_mode_about():
    past = [entry("2026-11-20 09:00", "abandoned", direction=Direction.INBOUND)]
    assert not mode({"event": "abandoned", "hours": 72}).check(facts("2026-11-20 10:00", past))
    assert not LOCKOUT.check(facts("2026-11-20 10:00", past))


def test_a_mode_for_hours_and_the_local_day():
    rule_ = mode({"event": "machine", "hours": 2, "same_local_day": True})
    (refusal,) = rule_.check(facts("2026-11-20 15:00", [entry("2026-11-20 09:00", "machine")]))
    assert refusal.not_before == at("2026-11-21 00:00")
    (refusal,) = rule_.check(facts("2026-11-20 23:30", [entry("2026-11-20 23:00", "machine")]))
    assert refusal.not_before == at("2026-11-21 01:00")


def test_of_two_causes_the_later_end_and_none_where_one_has_none():
    past = [entry("2026-11-10 09:00", "abandoned"), entry("2026-11-20 09:00", "machine")]
    (refusal,) = mode({"event": "abandoned", "hours": 800}, {"event": "machine", "hours": 24}).check(
        facts("2026-11-20 10:00", past)
    )
    assert refusal.not_before == at("2026-11-10 09:00") + timedelta(hours=800)
    (refusal,) = mode(SERVED, {"event": "machine", "hours": 24}).check(facts("2026-11-20 10:00", past))
    assert refusal.not_before is None


@pytest.mark.parametrize("after", [{"event": "abandoned"}, {"event": "abandoned", "hours": 2, "until_served": True}])
def test_how_long_a_mode_binds_is_said_once(after):
    with pytest.raises(ValidationError, match="exactly one of them"):
        mode(after)

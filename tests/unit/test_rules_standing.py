"""What stands: flags, required facts, calls under way, ringing, agreements and consents."""

from datetime import UTC, date, datetime, timedelta

import pytest
from pydantic import TypeAdapter, ValidationError

from dialer.compliance.entry import Agreement, Channel, Consent, Direction, Flag
from dialer.compliance.rules import Agreed, Concurrency, Consented, Flagged, Require, RingMax, RingMin
from tests.unit.rules_facts import N1, N2, at, entry, facts

HEAD = {"source": "the test", "confidence": "H"}
FLAGGED = Flagged(id="flags", kind="flag", flags=("dispute", "cease"), **HEAD)
AGREED = Agreed(id="agreed", kind="agreement", exempts=("count",), **HEAD)
CONSENTED = Consented(id="consent", kind="consent", exempts=("count",), local_days=7, **HEAD)


def require(fact, must, **more):
    values = {"id": "must", "kind": "require", "fact": fact, "must": must, **HEAD, **more}
    return TypeAdapter(Require).validate_python(values)


# flags


def test_a_flag_refuses_under_its_own_name_and_says_about_what():
    flags = (
        Flag("1", 1, 1, name="dispute", debt_id=1),
        Flag("2", 1, None, N1, name="cease", until=at("2026-11-21 10:00")),
        Flag("3", 1, 1, name="minor"),
    )
    dispute, cease = FLAGGED.check(facts("2026-11-20 10:00", flags=flags))
    assert (dispute.reason, dispute.not_before, dispute.facts) == ("dispute", None, "stands about one debt")
    assert (cease.reason, cease.not_before) == ("cease", at("2026-11-21 10:00"))
    assert cease.facts == "stands about the number until 2026-11-21 09:00 UTC"


@pytest.mark.parametrize(("debts", "refused"), [((1,), False), ((2,), True), ((1, 2), True), ((), True)])
def test_a_flag_of_a_debt_stops_calls_about_it(debts, refused):
    known = facts("2026-11-20 10:00", debts=debts, flags=(Flag("1", 1, 1, name="dispute", debt_id=2),))
    assert bool(FLAGGED.check(known)) is refused


@pytest.mark.parametrize(("until", "refused"), [("10:00:01", True), ("10:00:00", False)])
def test_a_flag_is_over_at_its_end(until, refused):
    known = facts("2026-11-20 10:00", flags=(Flag("1", 1, 1, name="cease", until=at(f"2026-11-20 {until}")),))
    assert bool(FLAGGED.check(known)) is refused


# what must be so


@pytest.mark.parametrize(
    ("must", "value", "holds"),
    [
        ("be_true", True, True), ("be_true", False, False), ("be_true", None, False), ("be_true", "true", False),
        ("be_true", 1, False),
        ("not_be_past", date(2026, 11, 20), True), ("not_be_past", date(2026, 11, 19), False),
        ("not_be_past", None, False), ("not_be_past", "2026-12-31", False),
        ("not_be_past", datetime(2026, 12, 31, tzinfo=UTC), False),
        ("be_days_ago", date(2026, 11, 14), True), ("be_days_ago", date(2026, 11, 15), False),
        ("be_days_ago", date.max, False), ("be_days_ago", date.min, True),
        ("be_recent", date(2026, 11, 14), True), ("be_recent", date(2026, 11, 13), False),
    ],
)  # fmt: skip
def test_a_fact_must_be_so(must, value, holds):
    rule = require("thing", must, days=6 if must.endswith(("ago", "recent")) else 0)
    found = rule.check(facts("2026-11-20 10:00", given={} if value is None else {"thing": value}))
    assert bool(found) is not holds
    for refusal in found:
        assert refusal.facts == f"thing is {'not known' if value is None else value}"


def test_days_after_a_letter_end_by_themselves():
    rule = require("first_notice_sent_on", "be_days_ago", days=6)
    known = {"given": {"first_notice_sent_on": date(2026, 11, 16)}}
    (refusal,) = rule.check(facts("2026-11-20 10:00", zones=("Europe/Rome", "America/New_York"), **known))
    assert refusal.not_before == at("2026-11-22 00:00", "America/New_York")
    (refusal,) = rule.check(facts("2026-11-20 10:00", given={"first_notice_sent_on": date(2062, 11, 16)}))
    assert refusal.not_before is None, "no date to wait for"
    (refusal,) = rule.check(facts(at("2026-11-20 10:00"), zones=(), **known))
    assert refusal.not_before is None


def test_a_licence_must_be_valid_wherever_it_is_still_today():
    rule = require("licence_valid_until", "not_be_past")
    until = {"given": {"licence_valid_until": date(2026, 11, 20)}}
    assert rule.check(facts("2026-11-20 23:00", zones=("Europe/Rome", "Asia/Kolkata"), **until))
    assert not rule.check(facts("2026-11-20 23:00", **until))
    assert rule.check(facts(datetime(2026, 11, 20, 12, tzinfo=UTC), zones=(), **until)), "somewhere it is the 21st"


@pytest.mark.parametrize(("condition", "refused"), [(True, True), ("yes", True), (False, False), (None, False)])
def test_a_fact_is_asked_for_only_where_another_is_so(condition, refused):
    rule = require("notice_sent", "be_true", when="assigned")
    assert bool(rule.check(facts("2026-11-20 10:00", given={"assigned": condition}))) is refused


# calls under way, ringing


@pytest.mark.parametrize("busy", [{"debtor"}, {"number"}, {"household"}, {"debtor", "number"}])
def test_one_call_at_a_time(busy):
    rule = Concurrency(id="in-flight", kind="concurrency", **HEAD)
    (refusal,) = rule.check(facts("2026-11-20 10:00", in_flight=frozenset(busy)))
    assert refusal.not_before is None
    assert all(key in refusal.facts for key in busy)
    assert not rule.check(facts("2026-11-20 10:00"))


@pytest.mark.parametrize("key", [("household",), ("debtor",), ("number", "household")])
def test_two_calls_at_once_to_a_debtor_or_number_cant_be_allowed(key):
    with pytest.raises(ValidationError, match="must name"):
        TypeAdapter(Concurrency).validate_python({"id": "x", "kind": "concurrency", "key": key, **HEAD})


@pytest.mark.parametrize(("seconds", "reasons"), [(19.9, ["low"]), (20, []), (30, []), (30.1, ["high"]), (None, [])])
def test_ringing_is_neither_too_short_nor_too_long(seconds, reasons):
    known = facts("2026-11-20 10:00", ring_timeout_seconds=seconds)
    low = RingMin(id="low", kind="ring_min", seconds=20, **HEAD)
    high = RingMax(id="high", kind="ring_max", seconds=30, **HEAD)
    assert [refusal.reason for refusal in (*low.check(known), *high.check(known))] == reasons


# agreements and consents


@pytest.mark.parametrize(
    ("now", "past", "covers"),
    [
        ("16:29:59", [], False),
        ("16:30:00", [], True),
        ("17:59:59", [], True),
        ("18:00:00", [], False),
        ("17:00", [("16:45", "conversation", {})], False),
        ("17:00", [("16:45", "no_answer", {})], False),
        ("17:00", [("16:45", "trunk_failure", {})], True),
        ("17:00", [("16:15", "conversation", {})], True),
        ("17:00", [("16:45", "conversation", {"debtor_id": 2})], True),
        ("17:00", [("16:45", "conversation", {"debtor_id": None})], False),
        ("17:00", [("16:45", "conversation", {"direction": Direction.INBOUND})], False),
        ("17:00", [("16:45", "no_answer", {"direction": Direction.INBOUND})], True),
        ("17:00", [("16:45", "conversation", {"channel": Channel.MESSAGE})], True),
    ],
)
def test_an_agreement_is_for_one_call_in_its_time(now, past, covers):
    agreement = Agreement("a", 1, 1, start=at("2026-11-20 16:30"), until=at("2026-11-20 18:00"))
    entries = [entry(f"2026-11-20 {when}", what, **how) for when, what, how in past]
    known = facts(f"2026-11-20 {now}", entries, agreements=(agreement,))
    assert AGREED.covers(known) is covers


@pytest.mark.parametrize(
    ("now", "past", "debt", "covers"),
    [
        ("2026-11-14 09:59", [], 1, False),
        ("2026-11-14 10:00", [], 1, True),
        ("2026-11-20 23:59:59", [], 1, True),
        ("2026-11-21 00:00", [], 1, False),
        ("2026-11-16 10:00", [], 2, False),
        ("2026-11-16 10:00", [], None, False),
        ("2026-11-16 10:00", [("2026-11-14 10:00", "conversation", {})], 1, True),
        ("2026-11-16 10:00", [("2026-11-15 10:00", "conversation", {})], 1, False),
        ("2026-11-16 10:00", [("2026-11-15 10:00", "unknown", {})], 1, False),
        ("2026-11-16 10:00", [("2026-11-15 10:00", "third_party", {})], 1, True),
        ("2026-11-16 10:00", [("2026-11-15 10:00", "conversation", {"debts": (2,)})], 1, True),
        ("2026-11-16 10:00", [("2026-11-15 10:00", "conversation", {"debts": None})], 1, False),
        ("2026-11-16 10:00", [("2026-11-15 10:00", "conversation", {"debtor_id": 2})], 1, True),
        ("2026-11-16 10:00", [("2026-11-15 10:00", "conversation", {"number": N2})], 1, False),
    ],
)
def test_a_consent_holds_seven_days_or_until_they_talk(now, past, debt, covers):
    consent = Consent("c", 1, 1, at=at("2026-11-14 10:00"), debts=(1,))
    known = facts(now, [entry(when, what, **how) for when, what, how in past], consents=(consent,))
    assert CONSENTED.covers(known, debt, known.now) is covers


def test_a_consent_about_all_debts_and_one_that_was_revoked():
    known = facts("2026-11-16 10:00", consents=(Consent("c", 1, 1, at=at("2026-11-14 10:00")),))
    assert CONSENTED.covers(known, 7, known.now)
    assert CONSENTED.covers(known, None, known.now)
    revoked = facts(
        "2026-11-16 10:00", consents=(Consent("c", 1, 1, at=at("2026-11-14 10:00"), until=at("2026-11-16 10:00")),)
    )
    assert not CONSENTED.covers(revoked, 1, revoked.now)
    assert CONSENTED.covers(revoked, 1, revoked.now - timedelta(seconds=1))


def test_a_consent_ends_with_day_seven_in_the_first_of_the_zones():
    consent = Consent("c", 1, 1, at=at("2026-11-14 10:00"))
    known = facts("2026-11-21 02:00", zones=("Europe/Rome", "America/New_York"), consents=(consent,))
    assert not CONSENTED.covers(known, 1, known.now), "in Rome it is day eight"
    unknown = facts(at("2026-11-16 10:00"), zones=(), consents=(consent,))
    assert not CONSENTED.covers(unknown, 1, unknown.now), "no zone, no date, no consent"

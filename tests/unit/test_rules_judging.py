"""All rules together: what holds of every pack and all facts."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dialer.compliance.entry import Agreement, Consent, Flag
from dialer.compliance.judging import judge, refusals_of
from dialer.compliance.verdict import CallMode
from tests.unit.rules_facts import GOOD_FACTS, PACKS, any_facts, at, entry, facts, moved

names = st.lists(st.sampled_from(sorted(PACKS)), min_size=1, max_size=3, unique=True)
slow = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
TICK = timedelta(microseconds=1)


@slow
@given(names, any_facts())
def test_no_rule_raises_and_every_refusal_says_who_and_what(chosen, known):
    verdict = judge([PACKS[name] for name in chosen], known)
    for refusal in verdict.refusals:
        assert refusal.facts, refusal
        assert refusal.reason
        if refusal.reason != "never_heard_of" and not (refusal.reason in ("cease", "dispute") and not refusal.pack):
            assert refusal.pack in chosen
            rule = next(rule for rule in PACKS[refusal.pack].rule if rule.id == refusal.rule)
            assert refusal.reason in (rule.id, "zone-unknown") or rule.kind == "flag"
        assert refusal.not_before is None or refusal.not_before > known.now
    assert verdict.versions == tuple(PACKS[name].label for name in chosen)


@slow
@given(names, any_facts(good=True), st.data())
def test_not_before_is_the_first_legal_instant(chosen, known, data):
    packs = [PACKS[name] for name in chosen]
    verdict = judge(packs, known)
    if verdict.allowed:
        assert verdict.not_before is None
        return
    if verdict.not_before is None:
        later = known.now + timedelta(seconds=data.draw(st.integers(1, 20 * 86_400)))
        assert refusals_of(packs, moved(known, later)), "said never, and it is legal later"
        return
    assert not refusals_of(packs, moved(known, verdict.not_before))
    wait = verdict.not_before - known.now
    for instant in (
        verdict.not_before - TICK,
        verdict.not_before - min(wait, timedelta(seconds=1)),
        *(known.now + wait * data.draw(st.floats(0, 0.999999)) for _ in range(3)),
    ):
        assert refusals_of(packs, moved(known, instant)), f"legal at {instant} already"


@slow
@given(names, st.sampled_from(sorted(PACKS)), any_facts())
def test_a_pack_more_never_allows_what_was_blocked(chosen, more, known):
    before = refusals_of([PACKS[name] for name in chosen], known)
    after = refusals_of([PACKS[name] for name in (*chosen, more)], known)
    if before:
        assert after
    assert {(r.pack, r.reason) for r in before if r.pack} <= {(r.pack, r.reason) for r in after}


@slow
@given(names, any_facts(), st.data())
def test_a_contact_more_never_allows_what_was_blocked(chosen, known, data):
    """But for those that use up or serve: only what ended with nobody is added."""
    packs = [PACKS[name] for name in chosen]
    more = entry(known.now - timedelta(seconds=data.draw(st.integers(0, 30 * 86_400))), "no_answer")
    after = refusals_of(packs, replace(known, past=tuple(sorted((*known.past, more), key=lambda one: one.at))))
    assert {r.reason for r in refusals_of(packs, known)} <= {r.reason for r in after}


@slow
@given(names, any_facts())
def test_the_order_of_packs_changes_nothing(chosen, known):
    there, back = (judge([PACKS[name] for name in order], known) for order in (chosen, chosen[::-1]))
    assert (there.reasons, there.not_before) == (back.reasons, back.not_before)


def test_a_flag_that_no_pack_knows_refuses_only_where_it_concerns():
    """A flag of another debt, so that a pack that knows it never loosens."""
    flag = Flag("f", 1, 1, name="never_heard_of", debt_id=2)
    packs = [PACKS["us-reg-f"]]
    there = facts("2026-11-20 10:00", zones=("America/New_York",), debts=(1,), flags=(flag,))
    assert judge(packs, there).allowed
    assert judge(packs, replace(there, intent=replace(there.intent, debts=(2,)))).reasons == ("never_heard_of",)
    assert judge(packs, replace(there, intent=replace(there.intent, debts=()))).reasons == ("never_heard_of",)


def test_a_flag_ends_when_it_was_told_to():
    until = at("2026-11-20 12:00")
    known = facts("2026-11-20 10:00", given=GOOD_FACTS, flags=(Flag("f", 1, 1, name="dispute", until=until),))
    verdict = judge([PACKS["it-unirec"]], known)
    assert verdict.reasons == ("dispute",)
    assert verdict.not_before == until
    assert judge([PACKS["it-unirec"]], moved(known, until)).allowed


def test_the_earliest_time_waits_for_what_begins_meanwhile():
    """The day's conversation ends at midnight, then comes the night, then a holiday, then Sunday."""
    known = facts("2026-12-24 16:00", [entry("2026-12-24 09:00", "conversation")], given=GOOD_FACTS)
    verdict = judge([PACKS["it-unirec"]], known)
    assert verdict.reasons == ("conversations-per-day",)
    assert verdict.not_before == at("2026-12-28 08:30")


def test_an_agreement_that_begins_while_it_is_closed_doesnt_open_it():
    agreement = Agreement("a", 1, 1, start=at("2026-11-20 22:00"), until=at("2026-11-20 23:00"))
    known = facts(
        "2026-11-20 16:00", [entry("2026-11-20 09:00", "conversation")], given=GOOD_FACTS, agreements=(agreement,)
    )
    assert judge([PACKS["it-unirec"]], known).not_before == at("2026-11-21 08:30")


def test_a_reason_that_doesnt_end_by_itself_has_no_time():
    known = facts("2026-11-22 10:00", given=GOOD_FACTS | {"licence_valid_until": date(2026, 11, 1)})
    verdict = judge([PACKS["it-unirec"]], known)
    assert verdict.reasons == ("hours", "licence")
    assert verdict.not_before is None


def test_a_waiver_counts_in_its_own_pack_alone():
    past = [entry("2026-11-20 09:00", "conversation")]
    consent = Consent("c", 1, 1, at=at("2026-11-20 09:05"))
    known = facts("2026-11-20 17:00", past, given=GOOD_FACTS, consents=(consent,), mode=CallMode.PREVIEW)
    assert judge([PACKS["us-reg-f"]], known).allowed
    assert judge([PACKS["us-reg-f"], PACKS["it-unirec"]], known).reasons == ("conversations-per-day",)


def test_a_consent_that_was_revoked_or_lies_ahead_waives_nothing():
    past = [entry("2026-11-18 09:00", "conversation")]
    revoked = Consent("c", 1, 1, at=at("2026-11-18 09:05"), until=at("2026-11-20 10:00"))
    known = facts("2026-11-20 10:00", past, consents=(revoked,))
    assert judge([PACKS["us-reg-f"]], moved(known, at("2026-11-20 09:59:59"))).allowed
    assert judge([PACKS["us-reg-f"]], known).reasons == ("conversation-cool-off",)
    ahead = Consent("c", 1, 1, at=at("2026-11-20 11:00"))
    verdict = judge([PACKS["us-reg-f"]], replace(known, consents=(ahead,)))
    assert verdict.reasons == ("conversation-cool-off",)
    assert verdict.not_before == at("2026-11-20 11:00")


@pytest.mark.parametrize("name", sorted(PACKS))
def test_an_unknown_zone_is_refused_by_every_complete_pack(name):
    known = facts(datetime(2026, 11, 18, 12, tzinfo=UTC), zones=(), given=GOOD_FACTS)
    assert PACKS[name].overlay or "zone-unknown" in judge([PACKS[name]], known).reasons

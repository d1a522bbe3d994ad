"""The attempt's table, causes and results, and the reconciliation of record and PBX."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.calls.attempt import TABLE, Attempt, Effect, Signal, State
from dialer.calls.pbx import Leg, LegState, Survey
from dialer.calls.reconcile import Asked, findings
from dialer.calls.results import Result, unanswered
from dialer.calls.settling import result_of
from dialer.compliance.verdict import Intent

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
INTENT = Intent("k", 1, 1, "+393471234567", ("Europe/Rome",), ("it-unirec",), 30.0)


def attempt(state=State.CLEARED, **fields):
    made = Attempt("dla-" + "0" * 26, INTENT, NOW, **fields)
    made.state = state
    return made


def run(*signals, start=State.CLEARED):
    """Apply signals one second apart; the attempt and every effect."""
    made, effects = attempt(start), []
    for seconds, signal in enumerate(signals):
        effects += made.apply(signal, NOW + timedelta(seconds=seconds)) or ()
    return made, effects


def test_the_usual_life():
    made, effects = run(
        Signal.SENT,
        Signal.CREATED,
        Signal.RANG,
        Signal.UP,
        Signal.WAITS,
        Signal.CLAIMED,
        Signal.BRIDGED,
        Signal.HUNG_UP,
    )
    assert made.state is State.ENDED
    assert effects == [Effect.OFFER, Effect.CONNECT, Effect.PART, Effect.SETTLE]
    assert made.answer_to_agent_seconds == 3.0
    assert result_of(made, Signal.HUNG_UP) is Result.CONNECTED


def test_nobody_came_in_time():
    made, effects = run(
        Signal.SENT, Signal.CREATED, Signal.RANG, Signal.UP, Signal.WAITS, Signal.ABANDONED, Signal.HUNG_UP
    )
    assert effects == [Effect.OFFER, Effect.COUNT_ABANDONED, Effect.SETTLE]
    assert result_of(made, Signal.HUNG_UP) is Result.ABANDONED


def test_a_failed_claim_gives_the_agent_back_and_the_debtor_another_chance():
    made, effects = run(
        Signal.WAITS, Signal.CLAIMED, Signal.CLAIM_FAILED, Signal.CLAIMED, Signal.BRIDGED, start=State.DIALLING
    )
    assert effects == [Effect.OFFER, Effect.RELEASE, Effect.OFFER, Effect.CONNECT]
    assert made.state is State.TALKING


def test_the_deadline_beats_a_claim_on_its_way():
    made, effects = run(Signal.WAITS, Signal.CLAIMED, Signal.ABANDONED, start=State.DIALLING)
    assert effects == [Effect.OFFER, Effect.RELEASE, Effect.COUNT_ABANDONED]
    assert made.apply(Signal.BRIDGED, NOW) is None  # never both


def test_events_that_overtake_each_other_lose_nothing():
    made, effects = run(Signal.SENT, Signal.WAITS, Signal.UP, Signal.RANG, Signal.CREATED)
    assert made.state is State.WAITING
    assert effects == [Effect.OFFER]
    assert made.answered_at is not None


def test_an_unsure_request_is_never_lost_whatever_it_becomes():
    for signal, state in (
        (Signal.CREATED, State.DIALLING),
        (Signal.WAITS, State.WAITING),
        (Signal.VANISHED, State.ENDED),
    ):
        made, _ = run(Signal.SENT, Signal.UNSURE, signal)
        assert made.state is state


@given(st.lists(st.sampled_from(Signal), max_size=40))
def test_whatever_happens_an_attempt_ends_once_and_is_settled_once(signals):
    made, effects = run(Signal.SENT, *signals)
    assert effects.count(Effect.SETTLE) == (made.state is State.ENDED)
    assert effects.count(Effect.CONNECT) <= 1
    assert effects.count(Effect.COUNT_ABANDONED) <= 1
    assert not (Effect.CONNECT in effects and Effect.COUNT_ABANDONED in effects)
    assert (made.ended_at is not None) == (made.state is State.ENDED)
    # every promise to an agent is kept or given back
    claims = sum(signal is Signal.CLAIMED for signal in signals)
    assert effects.count(Effect.RELEASE) <= claims


@given(st.lists(st.sampled_from(Signal), max_size=40))
def test_an_agent_who_talked_parts_before_the_attempt_is_settled(signals):
    _, effects = run(Signal.SENT, *signals)
    if Effect.CONNECT in effects and Effect.SETTLE in effects:
        assert effects.index(Effect.CONNECT) < effects.index(Effect.PART) < effects.index(Effect.SETTLE)


@pytest.mark.parametrize("state", [state for state in State if state not in (State.ENDED, State.CLEARED)])
def test_from_every_state_a_hang_up_or_a_vanishing_ends_it(state):
    assert TABLE[state, Signal.HUNG_UP][0] is State.ENDED
    assert TABLE[state, Signal.VANISHED][0] is State.ENDED


def test_every_state_can_be_reached_and_left():
    reached = {target for target, _ in TABLE.values()}
    left = {state for state, _ in TABLE}
    assert reached == set(State) - {State.CLEARED}
    assert left == set(State) - {State.ENDED}


# -- results: the causes as a real Asterisk 22 gave them (tests/asterisk plays each) ------------------------


@pytest.mark.parametrize(
    ("cause", "sip", "rang", "result"),
    [
        (17, 486, False, Result.BUSY),
        (17, None, True, Result.BUSY),
        (34, 503, False, Result.CONGESTION),
        (1, 404, False, Result.NOT_IN_SERVICE),
        (22, 410, False, Result.NOT_IN_SERVICE),
        (28, 484, False, Result.NOT_IN_SERVICE),
        (21, 403, False, Result.REJECTED),
        (21, 603, True, Result.REJECTED),
        (38, 500, False, Result.CONGESTION),
        (19, 480, False, Result.UNREACHABLE),
        (19, 480, True, Result.NO_ANSWER),
        (20, None, False, Result.UNREACHABLE),
        (18, 408, False, Result.UNREACHABLE),
        (18, 408, True, Result.NO_ANSWER),
        (16, None, True, Result.NO_ANSWER),
        (127, None, False, Result.UNKNOWN),
        (0, None, False, Result.UNKNOWN),
        (None, None, False, Result.UNKNOWN),
    ],
)
def test_causes_of_calls_that_were_not_answered(cause, sip, rang, result):
    assert unanswered(cause, sip, rang=rang, rang_out=False, unheard=False) is result
    if sip != 408:
        assert unanswered(cause, sip, rang=rang, rang_out=False, unheard=True) is result


@pytest.mark.parametrize(
    ("seconds", "signals", "result"),
    [
        (16.03, [], Result.TRUNK_FAILURE),
        (15.4, [], Result.UNREACHABLE),  # the carrier's own 408: counted
        (17.1, [], Result.UNREACHABLE),
        (16.03, [Signal.RANG], Result.NO_ANSWER),
    ],
)
def test_a_408_is_the_trunks_silence_only_when_asterisks_patience_ended(seconds, signals, result):
    made = attempt(gives_up_at=NOW + timedelta(seconds=30), cause=18, sip=408)
    for signal in (Signal.SENT, Signal.CREATED, *signals):
        made.apply(signal, NOW)
    made.apply(Signal.HUNG_UP, NOW + timedelta(seconds=seconds))
    assert result_of(made, Signal.HUNG_UP) is result


def test_our_own_time_out_is_no_answer_whatever_asterisk_makes_of_it():
    assert unanswered(19, 480, rang=False, rang_out=True, unheard=False) is Result.NO_ANSWER
    made = attempt(State.RINGING, gives_up_at=NOW + timedelta(seconds=25), cause=19, sip=480)
    made.apply(Signal.HUNG_UP, NOW + timedelta(seconds=24.9))
    assert result_of(made, Signal.HUNG_UP) is Result.NO_ANSWER


@pytest.mark.parametrize(
    ("fields", "ended_by", "result"),
    [
        ({"answered_at": NOW}, Signal.HUNG_UP, Result.HUNG_UP),
        ({"answered_at": NOW, "refusals": ("hours",)}, Signal.HUNG_UP, Result.WITHHELD),
        ({"answered_at": NOW, "bridged_at": NOW}, Signal.VANISHED, Result.CONNECTED),
        ({"answered_at": NOW, "abandoned_at": NOW}, Signal.VANISHED, Result.ABANDONED),
        ({"answered_at": NOW}, Signal.VANISHED, Result.UNKNOWN),
        ({}, Signal.VANISHED, Result.UNKNOWN),
        ({}, Signal.REFUSED, Result.TRUNK_FAILURE),
        ({}, Signal.WITHDRAWN, Result.TRUNK_FAILURE),
    ],
)
def test_results_of_the_other_ends(fields, ended_by, result):
    assert result_of(attempt(State.ENDED, **fields), ended_by) is result


# -- reconciliation ---------------------------------------------------------------------------------------


def missed(state, leg=None, marked=False, **fields):
    made = attempt(state, **fields)
    survey = Survey(
        NOW,
        attempts={made.id: Leg(leg)} if leg else {},
        abandoned={made.id: NOW - timedelta(seconds=9)} if marked else {},
    )
    return [finding.signal for finding in findings([made], survey, asked(made))]


def asked(made):
    return Asked(NOW, {made.id: made.changes}, {})


@pytest.mark.parametrize(
    ("state", "leg", "signals"),
    [
        (State.UNCERTAIN, None, [Signal.VANISHED]),
        (State.TALKING, None, [Signal.VANISHED]),
        (State.UNCERTAIN, LegState.CALLING, [Signal.CREATED]),
        (State.UNCERTAIN, LegState.RINGING, [Signal.RANG]),
        (State.RINGING, LegState.RINGING, []),
        (State.RINGING, LegState.WAITING, [Signal.WAITS]),
        (State.UNCERTAIN, LegState.BRIDGED, [Signal.BRIDGED]),
        (State.CLAIMED, LegState.BRIDGED, [Signal.BRIDGED]),
        (State.CLAIMED, LegState.WAITING, [Signal.CLAIM_FAILED]),
        (State.TALKING, LegState.BRIDGED, []),
        (State.TALKING, LegState.OTHER, [Signal.AGENT_LEFT]),
        (State.TALKING, LegState.HELD, []),
        (State.TALKING, LegState.MOVING, []),
        (State.CLEARED, None, []),  # being sent right now
    ],
)
def test_what_was_missed_is_found(state, leg, signals):
    assert missed(state, leg) == signals


def test_of_what_moved_on_since_the_question_the_answer_says_nothing():
    for state, leg in ((State.DIALLING, None), (State.CLAIMED, Leg(LegState.WAITING)), (State.TALKING, None)):
        made = attempt(state)
        before = asked(made)
        made.changes += 1
        survey = Survey(NOW, {made.id: leg} if leg else {}, abandoned={made.id: NOW})
        assert [finding.signal for finding in findings([made], survey, before)] == [Signal.ABANDONED]  # a mark stays
        assert list(findings([made], replace(survey, abandoned={}), Asked(NOW, {}, {}))) == []


def test_a_leg_that_was_asked_for_a_moment_ago_may_still_come():
    just_sent = NOW - timedelta(seconds=4.9)
    assert missed(State.DIALLING, dialled_at=just_sent) == []
    assert missed(State.DIALLING, dialled_at=NOW - timedelta(seconds=5)) == [Signal.VANISHED]
    assert missed(State.DIALLING, dialled_at=just_sent, created=True) == [Signal.VANISHED]
    assert missed(State.UNCERTAIN, dialled_at=just_sent) == [Signal.VANISHED]  # asked on a link that was lost since


def test_a_mark_counts_before_the_leg_is_asked_for():
    assert missed(State.RINGING, None, marked=True) == [Signal.ABANDONED, Signal.VANISHED]
    assert missed(State.RINGING, LegState.OTHER, marked=True) == [Signal.ABANDONED]
    assert missed(State.ABANDONED, None, marked=True, abandoned_at=NOW) == [Signal.VANISHED]


@given(
    st.sampled_from([s for s in State if s not in (State.ENDED, State.CLEARED)]),
    st.none() | st.sampled_from(LegState),
    st.booleans(),
)
def test_no_finding_is_ignored_and_a_leg_that_is_gone_ends_the_attempt(state, leg, marked):
    made = attempt(state)
    survey = Survey(NOW, {made.id: Leg(leg)} if leg else {}, abandoned={made.id: NOW} if marked else {})
    copy = replace(made)
    for finding in findings([made], survey, asked(made)):
        assert copy.apply(finding.signal, finding.at) is not None or marked
    if leg is None:
        assert copy.state is State.ENDED


@pytest.mark.parametrize(
    ("lost", "rang", "result"),
    [(True, False, Result.UNKNOWN), (True, True, Result.NO_ANSWER), (False, False, Result.NO_ANSWER)],
)
def test_a_call_whose_trunk_fell_silent_before_it_rang_is_not_taken_for_a_debtor_who_did_not_answer(lost, rang, result):
    made = attempt(State.DIALLING, cause=19, sip=480, gives_up_at=NOW + timedelta(seconds=25), trunk_lost=lost)
    made.rang_at = NOW if rang else None
    made.apply(Signal.HUNG_UP, NOW + timedelta(seconds=25))
    assert result_of(made, Signal.HUNG_UP) is result

"""Seats and sessions: longest idle first, never stuck."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dialer.agents.roster import MOST_RECALLS, RECALL_AFTER, AgentError, Roster
from dialer.agents.session import SavedSession, Seat, Session, Work
from dialer.kernel.errors import UnknownNameError
from dialer.kernel.ids import Ids
from tests.clock import SetClock

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
CALL = "dla-" + "0" * 26


class Saved(dict):
    def save_session(self, session):
        self[session.agent] = session

    def save_worked(self, worked):
        self[worked.agent, worked.began_at, worked.work] = worked.spent


class House:
    def __init__(self, agents=("anna", "bruno", "carla")):
        self.clock, self.saved = SetClock(NOW), Saved()
        sessions = [Session(name, 1001 + n, f"PJSIP/{name}", frozenset({"k"}), NOW) for n, name in enumerate(agents)]
        self.roster = Roster(sessions, self.saved, self.clock, Ids(Random(1)))

    def wait(self, seconds):
        self.clock.time += timedelta(seconds=seconds)

    def seat(self, agent):
        """Log in, pick up, ready."""
        self.roster.log_in(agent, pause_reason=None)
        for session in self.roster.seats_to_call():
            self.roster.seat_idle(session.leg)
        return self.roster.session(agent)


def test_a_log_in_calls_the_phone_once_and_seats_it():
    house = House()
    house.roster.log_in("anna", pause_reason="logged in")
    (session,) = house.roster.seats_to_call()
    assert house.roster.seats_to_call() == []
    assert session.visible_state == "calling"
    house.roster.seat_idle(session.leg)
    assert (session.work, session.seat, session.free) == (Work.PAUSED, Seat.IDLE, False)
    house.roster.ready("anna")
    assert session.free


def test_the_longest_idle_agent_comes_first():
    house = House()
    for agent in ("bruno", "anna", "carla"):
        house.seat(agent)
        house.wait(1)
    order = [house.roster.take("k", f"{CALL[:-1]}{n}").agent for n in range(3)]
    assert order == ["bruno", "anna", "carla"]
    assert house.roster.take("k", CALL) is None


def test_a_wait_runs_from_being_ready_and_a_call_that_failed_does_not_end_it():
    house = House()
    anna = house.seat("anna")
    ready_at = house.clock.now()
    house.wait(5)
    house.roster.take("k", CALL)
    house.roster.release(CALL)
    house.wait(3)
    house.roster.take("k", CALL)
    house.roster.connect(CALL)
    assert (anna.ready_at, (anna.since - anna.ready_at).total_seconds()) == (ready_at, 8.0)
    house.roster.part(CALL)
    house.roster.pause("anna", "lunch")
    house.roster.wrapped("anna")
    assert anna.ready_at is None


def test_an_agent_goes_to_the_end_after_a_call():
    house = House(("anna", "bruno"))
    for agent in ("anna", "bruno"):
        house.seat(agent)
        house.wait(1)
    first = house.roster.take("k", CALL)
    house.roster.connect(CALL)
    house.roster.part(CALL)
    house.roster.seat_idle(first.leg)
    house.roster.wrapped("anna")
    assert house.roster.take("k", CALL).agent == "bruno"


def test_an_agent_of_another_campaign_is_not_taken():
    house = House(("anna",))
    house.seat("anna")
    assert house.roster.take("other", CALL) is None


def test_no_debtor_reaches_a_seat_that_has_not_come_back_from_the_last_one():
    house = House(("anna",))
    session = house.seat("anna")
    house.roster.take("k", CALL)
    house.roster.connect(CALL)
    house.roster.part(CALL)
    house.roster.wrapped("anna")
    assert session.work is Work.READY
    assert house.roster.take("k", CALL) is None
    house.roster.seat_idle(session.leg)
    assert house.roster.take("k", CALL) is session


def test_a_pause_asked_for_in_a_call_comes_after_it():
    house = House(("anna",))
    session = house.seat("anna")
    house.roster.take("k", CALL)
    house.roster.connect(CALL)
    house.roster.pause("anna", "lunch")
    assert session.work is Work.TALKING
    house.roster.part(CALL)
    house.roster.wrapped("anna")
    assert (session.work, session.pause_reason) == (Work.PAUSED, "lunch")


def test_a_promise_that_came_to_nothing_frees_the_agent():
    house = House(("anna",))
    session = house.seat("anna")
    house.roster.take("k", CALL)
    house.roster.release(CALL)
    assert session.free
    assert house.roster.of_attempt(CALL) is None


def test_a_log_out_while_promised_comes_when_the_promise_came_to_nothing():
    house = House(("anna",))
    session = house.seat("anna")
    house.roster.take("k", CALL)
    assert house.roster.log_out("anna") is None
    leg = session.leg
    assert house.roster.release(CALL) == leg
    assert (session.work, session.leg, session.seat) == (Work.OFFLINE, None, Seat.DOWN)


def test_who_is_ready_again_stays():
    house = House(("anna",))
    session = house.seat("anna")
    house.roster.take("k", CALL)
    house.roster.log_out("anna")
    house.roster.ready("anna")
    assert house.roster.release(CALL) is None
    assert session.free


def test_a_log_out_in_a_call_waits_for_its_end():
    house = House(("anna",))
    session = house.seat("anna")
    house.roster.take("k", CALL)
    house.roster.connect(CALL)
    assert house.roster.log_out("anna") is None
    house.roster.part(CALL)
    leg = session.leg
    assert house.roster.wrapped("anna") == leg
    assert (session.work, session.leg, session.seat) == (Work.OFFLINE, None, Seat.DOWN)
    assert house.saved["anna"].leg is None


def test_an_agent_who_hangs_up_the_phone_in_a_call_is_called_again_and_writes_it_up():
    house = House(("anna",))
    session = house.seat("anna")
    house.wait(60)
    house.roster.take("k", CALL)
    house.roster.connect(CALL)
    house.roster.seat_ended(session.leg)
    house.roster.part(CALL)
    assert (session.work, session.seat) == (Work.WRAPPING, Seat.DOWN)
    assert house.roster.seats_to_call() == []
    house.clock.time += RECALL_AFTER
    assert house.roster.seats_to_call() == [session]
    house.roster.seat_idle(session.leg)
    house.roster.wrapped("anna")
    assert session.free


def test_a_phone_that_never_answers_logs_the_agent_out():
    house = House(("anna",))
    house.roster.log_in("anna", pause_reason=None)
    for times in range(MOST_RECALLS + 1):
        if times:  # each time it is left twice as long
            house.clock.time += RECALL_AFTER * 2 ** (times - 1) - timedelta(seconds=1)
            assert house.roster.seats_to_call() == []
            house.clock.time += timedelta(seconds=1)
        (session,) = house.roster.seats_to_call()
        house.roster.seat_ended(session.leg)
    house.clock.time += RECALL_AFTER * 2**MOST_RECALLS
    assert house.roster.seats_to_call() == []
    assert session.work is Work.OFFLINE
    house.seat("anna")  # and may log in again
    assert session.free


def test_a_phone_is_called_for_longer_than_the_pbx_believes_it_gone_that_missed_one_question():
    conf = (Path(__file__).parents[2] / "asterisk-conf/pbx/pjsip_dialer.conf").read_text()
    (frequency,) = re.findall(r"^qualify_frequency = (\d+)$", conf, re.MULTILINE)
    calls = sum((RECALL_AFTER * 2**n for n in range(MOST_RECALLS)), timedelta())
    assert calls > timedelta(seconds=int(frequency) + 3)


def test_a_seat_that_held_for_long_and_drops_is_no_repeated_failure():
    house = House(("anna",))
    session = house.seat("anna")
    for _ in range(MOST_RECALLS * 3):
        house.wait(3_600)
        house.roster.seat_ended(session.leg)
        house.clock.time += RECALL_AFTER
        (session,) = house.roster.seats_to_call()
        house.roster.seat_idle(session.leg)
    assert session.free


def test_the_end_of_an_old_leg_changes_nothing():
    house = House(("anna",))
    session = house.seat("anna")
    old = session.leg
    house.roster.seat_ended(old)
    house.clock.time += RECALL_AFTER
    house.roster.seats_to_call()
    house.roster.seat_idle(session.leg)
    house.roster.seat_ended(old)
    assert session.free


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (lambda roster: roster.ready("anna"), "offline"),
        (lambda roster: roster.pause("anna", "x"), "offline"),
        (lambda roster: roster.wrapped("anna"), "offline"),
        (lambda roster: roster.log_out("anna"), "offline"),
    ],
)
def test_what_is_not_possible_now_is_told(what, words):
    with pytest.raises(AgentError, match=words):
        what(House().roster)


def test_an_unknown_name_is_told():
    with pytest.raises(UnknownNameError, match="nobody"):
        House().roster.ready("nobody")


def test_a_session_survives_a_restart():
    house = House(("anna", "bruno", "carla"))
    house.roster.adopt(SavedSession("anna", "dls-1", None, None, NOW), talking=None)
    house.roster.adopt(SavedSession("bruno", "dls-2", "lunch", None, NOW), talking=None)
    house.roster.adopt(SavedSession("carla", "dls-3", None, CALL, NOW), talking=None)
    house.roster.adopt(SavedSession("gone", "dls-4", None, None, NOW), talking=None)
    for leg in ("dls-1", "dls-2", "dls-3"):
        house.roster.seat_idle(leg)
    assert [session.work for session in house.roster] == [Work.READY, Work.PAUSED, Work.WRAPPING]
    assert house.roster.of_attempt(CALL).agent == "carla"
    assert house.roster.take("k", "dla-x").agent == "anna"


class RosterMachine(RuleBasedStateMachine):
    """Whatever agents, phones and calls do, nobody is stuck and no agent has two debtors."""

    def __init__(self):
        super().__init__()
        self.house = House(("anna", "bruno"))
        self.calls = 0
        self.held = []

    @property
    def roster(self):
        return self.house.roster

    def agent(self, act):
        try:
            act()
        except AgentError:
            pass

    @rule(
        agent=st.sampled_from(("anna", "bruno")),
        what=st.sampled_from(("log_in", "ready", "pause", "wrapped", "log_out")),
    )
    def asks(self, agent, what):
        extra = {"log_in": {"pause_reason": None}, "pause": {"reason": "break"}}.get(what, {})
        self.agent(lambda: getattr(self.roster, what)(agent, **extra))

    @rule(seconds=st.sampled_from((0.1, 2.0, 40.0)), answers=st.booleans())
    def phones(self, seconds, answers):
        self.house.wait(seconds)
        for session in self.roster.seats_to_call():
            (self.roster.seat_idle if answers else self.roster.seat_ended)(session.leg)

    @rule()
    def call(self):
        self.calls += 1
        self.roster.take("k", f"dla-{self.calls}")

    @rule()
    def hold(self):
        if (session := self.roster.hold("k")) is not None:
            self.held.append(session)

    @rule(placed=st.booleans())
    def asked(self, placed):
        if not self.held:
            return
        session = self.held.pop()
        if placed:
            self.calls += 1
            self.roster.promise(session, f"dla-{self.calls}")
        else:
            self.roster.let_go(session)

    @rule(agent=st.sampled_from(("anna", "bruno")), what=st.sampled_from(("connect", "release", "part")))
    def call_moves(self, agent, what):
        if attempt := self.roster.session(agent).attempt:
            getattr(self.roster, what)(attempt)

    @rule(agent=st.sampled_from(("anna", "bruno")), what=st.sampled_from(("seat_idle", "seat_ended")))
    def seat_moves(self, agent, what):
        if leg := self.roster.session(agent).leg:
            getattr(self.roster, what)(leg)

    @invariant()
    def a_busy_agent_has_one_call_and_a_free_one_none(self):
        calls = [session.attempt for session in self.roster if session.attempt]
        assert len(calls) == len(set(calls))
        for session in self.roster:
            busy = session.work in (Work.RESERVED, Work.TALKING, Work.WRAPPING)
            assert (session.attempt is not None) == (busy and session not in self.held)
            assert busy or session not in self.held
            assert not (session.free and busy)

    @invariant()
    def who_is_logged_in_has_a_seat_or_one_is_on_its_way(self):
        for session in self.roster:
            if session.work is Work.OFFLINE:
                assert (session.leg, session.seat, session.call_seat_at) == (None, Seat.DOWN, None)
            else:
                assert session.seat is not Seat.DOWN or session.call_seat_at is not None


TestRoster = RosterMachine.TestCase
TestRoster.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)

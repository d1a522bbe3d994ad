"""Which trunk takes the next call: weights, what each can carry, and what becomes of a sick one."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.calls.attempt import Attempt, State
from dialer.calls.live import LiveAttempts
from dialer.calls.results import Result
from dialer.calls.trunks import CONGESTED_SECONDS, Trunks
from dialer.campaigns.trunk import Trunk, ways
from dialer.compliance.verdict import Intent
from pacing.governor import BURST_SECONDS, PROBE_SECONDS, SICK_AFTER_FAILURES
from tests.clock import SetClock

ROME = "+390612345678"
PARIS = "+33142345678"


def trunk(name, **settings):
    return Trunk(name, name, **({"channels": 1_000, "calls_per_second": 10_000.0, "country": "IT"} | settings))


class Room:
    """Some trunks, and the calls under way."""

    def __init__(self, *trunks):
        self.clock, self.live, self.count = SetClock(), LiveAttempts(), 0
        self.trunks = Trunks(trunks, self.live, self.clock)
        self.clock.on(seconds=10)

    def call(self, caller_id=ROME, trunks=(), **how):
        """Place one call: the trunk that takes it, or None."""
        chosen = self.trunks.take(trunks, caller_id, **how)
        if chosen is None:
            return None
        self.count += 1
        intent = Intent("k", 1, 1, "+393471234567", (), (), 30.0, caller_id=caller_id, trunk=chosen.name)
        self.live.add(Attempt(f"dla-{self.count:026d}", intent, self.clock.now(), State.DIALLING))
        self.trunks.let_go(chosen, placed=True)
        return chosen.name

    def end(self, result, name=None):
        """End every call (of a trunk) so."""
        for attempt in [one for one in self.live if name in (None, one.intent.trunk)]:
            self.live.drop(attempt)
            self.trunks.settled(attempt, result)

    def sicken(self, name):
        while not self.state(name).sick:
            self.call(trunks=[self.state(name).trunk], decided=True)
            self.end(Result.TRUNK_FAILURE, name)

    def state(self, name):
        return next(state for state in self.trunks if state.name == name)


def test_weights_share_out_the_calls_and_a_trunk_of_weight_0_stands_back():
    room = Room(trunk("a", weight=3), trunk("b"), trunk("spare", weight=0))
    order = [room.call() for _ in range(400)]
    assert Counter(order) == {"a": 300, "b": 100}
    assert order[:8] == ["a", "a", "b", "a"] * 2  # in turns, not in blocks


def test_what_one_trunk_cannot_carry_another_takes():
    room = Room(trunk("a", weight=9, channels=2), trunk("b", channels=3), trunk("spare", weight=0, channels=1))
    assert Counter(room.call() for _ in range(7)) == {"a": 2, "b": 3, "spare": 1, None: 1}
    room.end(Result.BUSY, "b")
    assert room.call() == "b"


def test_a_call_that_was_not_placed_leaves_its_channel():
    room = Room(trunk("a", channels=1))
    first = room.trunks.take((), ROME)
    assert room.trunks.take((), ROME) is None  # held, though no call is under way yet
    room.trunks.let_go(first, placed=True)
    assert room.trunks.take((), ROME) is first


@given(
    rates=st.lists(st.floats(0.5, 20), min_size=1, max_size=3),
    gaps=st.lists(st.floats(0.01, 0.7), min_size=50, max_size=200),
)
def test_no_trunk_ever_takes_more_than_its_rate_and_its_channels(rates, gaps):
    room = Room(*(trunk(f"t{n}", calls_per_second=rate, channels=40) for n, rate in enumerate(rates)))
    at: dict[str, list[float]] = {}
    for gap in gaps:
        for _ in range(5):
            if name := room.call():
                at.setdefault(name, []).append(room.clock.monotonic())
        assert all(room.trunks.calls()[f"t{n}"] <= 40 for n in range(len(rates)))
        room.clock.on(seconds=gap)
    for n, rate in enumerate(rates):
        times = at.get(f"t{n}", [])
        for start in times:
            assert sum(start <= time < start + 1 for time in times) <= rate * (1 + BURST_SECONDS) + 1


def test_a_call_that_somebody_decided_on_waits_for_no_turn_but_for_a_channel():
    room = Room(trunk("a", calls_per_second=0.5, channels=3))
    assert [room.call() for _ in range(3)] == ["a", None, None]
    assert [room.call(decided=True) for _ in range(3)] == ["a", "a", None]


def test_a_sick_trunk_gets_one_call_at_a_time_now_and_then_and_is_back_at_the_first_sign_of_life():
    room = Room(trunk("a"), trunk("b"))
    room.sicken("a")
    assert [room.call() for _ in range(4)] == ["a", "b", "b", "b"]  # found out at once whether it still is
    room.clock.on(seconds=PROBE_SECONDS)
    assert room.call() == "b"  # the probe hasn't ended
    room.end(Result.TRUNK_FAILURE, "a")
    assert [room.call() for _ in range(2)] == ["a", "b"]
    probe = next(attempt for attempt in room.live if attempt.intent.trunk == "a")
    room.trunks.heard(probe)
    assert Counter(room.call() for _ in range(10)) == {"a": 5, "b": 5}


def test_a_long_call_to_no_debtor_takes_a_channel_and_keeps_no_sick_trunk_from_its_probe():
    room = Room(trunk("a", channels=2), trunk("b"))
    room.sicken("a")
    room.trunks.carry("a")
    room.clock.on(seconds=PROBE_SECONDS)
    assert [room.call() for _ in range(2)] == ["a", "b"]
    assert room.trunks.calls()["a"] == 2
    assert room.trunks.calls(ringing=True)["a"] == 1
    room.trunks.drop("a")
    assert room.trunks.calls()["a"] == 1


@pytest.mark.parametrize(
    "result", [Result.BUSY, Result.NO_ANSWER, Result.REJECTED, Result.NOT_IN_SERVICE, Result.CONGESTION]
)
def test_what_the_far_end_answers_never_makes_a_trunk_sick(result):
    room = Room(trunk("a"))
    for _ in range(3 * SICK_AFTER_FAILURES):
        room.call()
        room.end(result)
    assert not room.state("a").sick


def test_a_trunk_that_had_no_way_stands_back_for_a_while_where_another_can_take_the_call():
    room = Room(trunk("a"), trunk("b", channels=2))
    assert [room.call(), room.call()] == ["a", "b"]
    room.end(Result.CONGESTION, "a")
    assert [room.call(), room.call()] == ["b", "a"]  # the other one is full, too
    room.end(Result.CONGESTION)
    room.clock.on(seconds=CONGESTED_SECONDS)
    assert {room.call(), room.call()} == {"a", "b"}


def test_where_every_trunk_is_sick_each_is_probed_in_turn():
    room = Room(trunk("a"), trunk("b"))
    room.sicken("a")
    room.sicken("b")
    seen = set()
    for _ in range(2):
        room.clock.on(seconds=PROBE_SECONDS)
        seen.add(room.call())
        room.end(Result.TRUNK_FAILURE)
    assert seen == {"a", "b"}


def test_capacity_is_what_the_well_ones_offer_together():
    room = Room(trunk("a", channels=10, calls_per_second=2.0), trunk("b", channels=5, calls_per_second=1.5))
    both = room.trunks.capacity(())
    assert (both.names, both.channels, both.calls_per_second, both.failures) == (("a", "b"), 15, 3.5, 0)
    room.sicken("a")
    left = room.trunks.capacity(())
    assert (left.names, left.channels, left.calls_per_second, left.failures) == (("b",), 5, 1.5, 0)
    room.sicken("b")
    none = room.trunks.capacity(())
    assert (none.names, none.channels, none.failures) == (("a", "b"), 15, SICK_AFTER_FAILURES)
    assert room.trunks.capacity([room.state("a").trunk]).channels == 10


def test_a_caller_id_goes_over_trunks_of_its_own_country_and_over_others_only_where_there_is_none():
    home, abroad, unsaid = trunk("home"), trunk("abroad", country="FR"), trunk("unsaid", country=None)
    assert ways(ROME, [abroad, home, unsaid]) == [home]
    assert ways(PARIS, [abroad, home, unsaid]) == [abroad]
    assert ways(ROME, [abroad, unsaid]) == [abroad, unsaid]  # the packs say what becomes of it
    room = Room(replace(home, channels=1), abroad)
    assert [room.call(), room.call(), room.call(PARIS)] == ["home", None, "abroad"]

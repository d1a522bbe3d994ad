"""Progressive pacing and the governor."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pacing
from pacing import Floor, Limit, Memory, Target, governor
from pacing.governor import Rate

AGES = st.lists(st.floats(0, 600), max_size=30).map(tuple)
FLOORS = st.builds(
    Floor,
    elapsed_seconds=st.floats(0, 10),
    idle=AGES,
    talking=AGES,
    wrapping=AGES,
    dialling=AGES,
    waiting=AGES,
    channels_in_use=st.integers(0, 100),
    cases=st.none() | st.integers(0, 100),
    trunk_failures=st.integers(0, 10),
    halted=st.booleans(),
)
TARGETS = st.builds(Target, channels=st.integers(1, 100), calls_per_second=st.floats(0.1, 100))
MEMORIES = st.builds(Rate, tokens=st.floats(0, 100), since_probe_seconds=st.floats(0, 100)).map(
    lambda rate: Memory(governor=rate)
)
FULL = Memory(governor=Rate(tokens=100.0))
WIDE = Target(channels=1_000, calls_per_second=100.0)


def idle(count):
    return (1.0,) * count


def test_one_line_for_each_free_agent():
    burst, _ = pacing.size(Floor(0.0, idle=idle(4)), WIDE, FULL)
    assert (burst.calls, burst.limit) == (4, Limit.AGENTS)


def test_lines_that_may_still_need_an_agent_hold_one_back():
    floor = Floor(0.0, idle=idle(4), dialling=(3.0, 5.0), waiting=(0.1,))
    assert pacing.size(floor, WIDE, FULL)[0].calls == 1


def test_agents_promised_to_an_answered_call_are_not_dialled_for():
    assert pacing.size(Floor(0.0, idle=(), reserved=3), WIDE, FULL)[0].calls == 0


@given(FLOORS, TARGETS, MEMORIES)
def test_never_more_lines_than_free_agents(floor, target, memory):
    burst, _ = pacing.size(floor, target, memory)
    assert 0 <= burst.calls <= max(0, len(floor.idle) - len(floor.dialling) - len(floor.waiting))


@given(FLOORS, TARGETS, MEMORIES)
def test_the_same_input_gives_the_same_answer(floor, target, memory):
    assert pacing.size(floor, target, memory)[0] == pacing.size(floor, target, memory)[0]


@given(FLOORS, TARGETS, MEMORIES)
def test_one_more_free_agent_never_means_fewer_calls(floor, target, memory):
    more = replace(floor, idle=(*floor.idle, 0.0))
    assert pacing.size(more, target, memory)[0].calls >= pacing.size(floor, target, memory)[0].calls


@given(FLOORS, TARGETS, MEMORIES)
def test_one_more_call_in_flight_never_means_more_calls(floor, target, memory):
    more = replace(floor, dialling=(*floor.dialling, 0.0), channels_in_use=floor.channels_in_use + 1)
    assert pacing.size(more, target, memory)[0].calls <= pacing.size(floor, target, memory)[0].calls


@given(FLOORS, TARGETS, MEMORIES)
def test_nothing_is_launched_when_halted_or_out_of_channels_or_of_cases(floor, target, memory):
    for stopped, limit in (
        (replace(floor, halted=True), Limit.HALT),
        (replace(floor, channels_in_use=target.channels, halted=False), None),
        (replace(floor, cases=0, halted=False), None),
    ):
        burst, _ = pacing.size(stopped, target, memory)
        assert burst.calls == 0
        assert limit is None or burst.limit is limit


@pytest.mark.parametrize(
    ("floor", "target", "memory", "limit", "words"),
    [
        (Floor(0.0, idle=idle(9), channels_in_use=8), Target(channels=10, calls_per_second=99), FULL, Limit.CHANNELS, "8 of 10"),
        (Floor(0.0, idle=idle(9)), Target(calls_per_second=5), Memory(governor=Rate(tokens=2.0)), Limit.RATE, "5 calls per second"),
        (Floor(0.0, idle=idle(9), cases=3), WIDE, FULL, Limit.CASES, "no case"),
        (Floor(0.0, idle=idle(9), cases=0), WIDE, FULL, Limit.CASES, "no case"),
        (Floor(0.0, idle=idle(9), cases=0, opens_in_seconds=11_941.0), WIDE, FULL, Limit.HOURS, "again in 3 h 20 min"),
        (Floor(0.0, cases=0, opens_in_seconds=59.0), WIDE, FULL, Limit.HOURS, "again in 0 h 01 min"),
        (Floor(0.0, idle=idle(9), halted=True), WIDE, FULL, Limit.HALT, "nothing is dialled"),
        (Floor(0.0, idle=idle(2), dialling=(1.0,)), WIDE, FULL, Limit.AGENTS, "2 free"),
    ],
)  # fmt: skip
def test_the_limit_is_named_with_its_figures(floor, target, memory, limit, words):
    burst, _ = pacing.size(floor, target, memory)
    assert burst.limit is limit
    assert words in burst.sentence


def test_the_rate_holds_over_time():
    target = Target(channels=1_000, calls_per_second=5.0)
    memory, placed = Memory(), 0
    for _ in range(400):  # 100 s in ticks of 250 ms, agents without end
        burst, memory = pacing.size(Floor(0.25, idle=idle(50)), target, memory)
        placed += burst.calls
    assert 495 <= placed <= 505


def test_unused_rate_is_hardly_saved_and_no_second_sees_a_burst():
    target = Target(channels=999, calls_per_second=20.0)
    memory = pacing.size(Floor(3_600.0), target, Memory())[1]
    placed = []
    for _ in range(40):
        burst, memory = pacing.size(Floor(0.25, idle=idle(500)), target, memory)
        placed.append(burst.calls)
    assert placed[0] == 6
    assert max(sum(placed[n : n + 4]) for n in range(36)) <= 20 * 1.25 + 1


def test_a_slow_rate_still_lets_one_call_through():
    memory, placed = Memory(governor=Rate(tokens=0.0)), 0
    for _ in range(100):
        burst, memory = pacing.size(Floor(0.1, idle=idle(1)), Target(calls_per_second=0.5), memory)
        placed += burst.calls
    assert placed == 5


def test_a_sick_trunk_is_only_probed():
    sick = Floor(0.25, idle=idle(9), trunk_failures=governor.SICK_AFTER_FAILURES)
    burst, memory = pacing.size(sick, WIDE, FULL)
    assert (burst.calls, burst.limit) == (1, Limit.TRUNK)
    placed = 0
    for _ in range(80):  # 20 s
        burst, memory = pacing.size(sick, WIDE, memory)
        placed += burst.calls
    assert placed == 2
    assert pacing.size(replace(sick, dialling=(1.0,)), WIDE, FULL)[0].calls == 0


@given(FLOORS, TARGETS, MEMORIES)
def test_risk_is_certain_only_where_no_agent_would_be_left(floor, target, memory):
    burst, _ = pacing.size(floor, target, memory)
    assert burst.risk_last == 0.0
    assert burst.risk_next == (1.0 if burst.calls == burst.wanted else 0.0)


def test_after_a_start_the_rate_grows_and_a_halt_begins_anew():
    target = Target(channels=1_000, calls_per_second=20.0, ramp_seconds=40.0)

    def placed(memory, seconds):
        count = 0
        for _ in range(seconds * 4):
            burst, memory = pacing.size(Floor(0.25, idle=idle(50)), target, memory)
            count += burst.calls
        return count, memory

    first, memory = placed(Memory(), 10)
    memory = placed(memory, 30)[1]
    full, memory = placed(memory, 10)
    assert first < full / 4
    assert 195 <= full <= 205
    assert pacing.size(Floor(0.25, idle=idle(50)), target, Memory())[0].limit is Limit.RAMP
    memory = pacing.size(Floor(0.25, halted=True), target, memory)[1]
    assert placed(memory, 10)[0] < full / 4


@pytest.mark.parametrize("late", [{"acknowledgement_seconds": 2.0}, {"lag_seconds": 2.0}])
def test_a_pbx_that_falls_behind_is_given_fewer_calls(late):
    target, memory, count = Target(channels=1_000, calls_per_second=20.0), Memory(), 0
    for _ in range(40):
        burst, memory = pacing.size(Floor(0.25, idle=idle(50), **late), target, memory)
        count += burst.calls
    assert 48 <= count <= 52  # a quarter of 200: four times too late
    assert (burst.limit, "2.0 s late" in burst.sentence) == (Limit.LATE, True)

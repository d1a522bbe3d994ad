"""A caller id that is hardly answered any more is told from chance, by its siblings."""

from datetime import UTC, datetime
from random import Random

import pytest
from structlog.testing import capture_logs

from dialer.calls.attempt import Attempt
from dialer.calls.results import Result
from dialer.campaigns.caller_id import CallerId
from dialer.campaigns.campaign import Campaign
from dialer.compliance.verdict import Intent
from dialer.live.answer_rates import MEMORY_CALLS, AnswerRates

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
GOOD, ALSO, BAD, OWN = (f"+3906948012{n:02d}" for n in range(4))


def rates(*numbers, mandate=()):
    ids, own = (tuple(CallerId(number, registered=True) for number in some) for some in (numbers, mandate))
    campaign = Campaign("k", ("it-unirec",), numbers[0], 20.0, 2.0, None, caller_ids=ids, mandate_caller_ids={"L": own})
    return AnswerRates({"k": campaign})


def call(watched, number, result, **fields):
    intent = Intent("k", 1, 1, "+393471234567", (), (), 30.0, caller_id=number)
    answered = result in (Result.CONNECTED, Result.ABANDONED, Result.HUNG_UP, Result.WITHHELD)
    watched.settled(
        Attempt("dla-" + "0" * 26, intent, NOW, result=result, answered_at=NOW if answered else None, **fields)
    )


def play(watched, calls, chance, of, seed):
    """So many calls with each number, of which each is answered with its own chance."""
    dice = Random(seed)
    for _ in range(calls):
        for number in of:
            call(watched, number, Result.CONNECTED if dice.random() < chance.get(number, 0.3) else Result.NO_ANSWER)


def line(watched, number):
    return next(line for line in watched.lines() if line.caller_id == number)


@pytest.mark.parametrize("seed", range(3))
def test_a_collapse_is_seen_within_some_hundred_calls_told_once_and_over_when_it_is(seed):
    watched = rates(GOOD, ALSO, BAD)
    with capture_logs() as logs:
        play(watched, 1_000, {}, (GOOD, ALSO, BAD), seed)
        assert logs == []
        play(watched, 2 * MEMORY_CALLS, {BAD: 0.03}, (GOOD, ALSO, BAD), seed + 100)
        (told,) = logs
        assert (told["event"], told["ending"], told["log_level"]) == ("caller_id.collapsed", BAD[-4:], "warning")
        assert [line.collapsed for line in watched.lines()] == [False, False, True]
        assert "rested = true" in line(watched, BAD).sentence
        play(watched, 3 * MEMORY_CALLS, {}, (GOOD, ALSO, BAD), seed + 200)
        assert [entry["event"] for entry in logs] == ["caller_id.collapsed", "caller_id.recovered"]
    assert BAD not in str(logs)


def test_equal_numbers_never_raise_an_alarm_however_often_one_looks():
    for seed in range(8):
        watched = rates(GOOD, ALSO)
        with capture_logs() as logs:
            play(watched, 1_000, {}, (GOOD, ALSO), seed)
        assert logs == []


def test_a_somewhat_lower_rate_is_no_collapse():
    watched = rates(GOOD, ALSO)
    with capture_logs() as logs:
        play(watched, 4_000, {GOOD: 0.30, ALSO: 0.22}, (GOOD, ALSO), 1)
    assert logs == []


def test_a_few_calls_prove_nothing():
    watched = rates(GOOD, BAD)
    play(watched, 500, {}, (GOOD,), 1)
    for _ in range(8):
        call(watched, BAD, Result.NO_ANSWER)
    low, high = line(watched, BAD).interval
    assert low == pytest.approx(0.0)
    assert not line(watched, BAD).collapsed
    assert high > 0.3


def test_what_never_reached_a_phone_says_nothing_of_the_number():
    watched = rates(GOOD, BAD)
    for result in (Result.TRUNK_FAILURE, Result.CONGESTION, Result.NOT_IN_SERVICE, Result.UNKNOWN):
        call(watched, BAD, result)
    call(watched, BAD, Result.NO_ANSWER, trunk_lost=True)
    call(watched, BAD, Result.NO_ANSWER, hang_up_wanted=True)
    assert line(watched, BAD).calls == 0


def test_a_mandates_numbers_are_compared_with_each_other_alone():
    watched = rates(GOOD, ALSO, mandate=(OWN,))
    with capture_logs() as logs:
        play(watched, 1_000, {OWN: 0.02}, (GOOD, ALSO, OWN), 1)
    assert logs == []  # other debtors: nobody knows what would be usual there
    assert line(watched, OWN).siblings is None


def test_the_rate_is_of_the_last_calls():
    watched = rates(GOOD)
    play(watched, 3_000, {GOOD: 1.0}, (GOOD,), 1)
    play(watched, 3_000, {GOOD: 0.0}, (GOOD,), 1)
    assert line(watched, GOOD).rate < 0.01
    assert line(watched, GOOD).calls == pytest.approx(MEMORY_CALLS, rel=0.01)

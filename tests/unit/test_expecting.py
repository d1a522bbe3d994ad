"""When calls that ring will be answered, against what follows from the law of answers by hand."""

from dataclasses import replace

import pytest

from pacing import Happening, Memory, Target, What, answering, answers

TARGET = Target(ring_timeout_seconds=25.0)
ENDS = [Happening(What.ANSWERED, 4.0 + n % 12) for n in range(200)] + [Happening(What.RANG_OUT, 25.0)] * 300
KNOWN = answering.learn_ends(answering.sized(answering.Answering(), 25.0), tuple(ENDS), 60.0)


def expected(ages, wanted=1, kind="", known=KNOWN):
    return answers(ages, (kind,) * len(ages), TARGET, Memory(answering=known), wanted)


def test_after_too_few_calls_nothing_is_foreseen():
    found = expected((2.0,) * 9, known=answering.Answering())
    assert (found.chance, found.seconds) == (None, None)


def test_fewer_calls_than_answers_that_are_wanted_are_never_enough():
    for ages, wanted in (((), 1), ((2.0,), 2)):
        found = expected(ages, wanted)
        assert (found.chance, found.seconds) == (0.0, None)


def test_the_chance_of_one_call_is_the_laws_own_and_two_are_independent():
    one = expected((0.0,)).chance
    assert one == pytest.approx(answering.law(KNOWN, answering.level(KNOWN)).chance, abs=0.02)
    assert expected((0.0, 0.0)).chance == pytest.approx(1 - (1 - one) ** 2, abs=1e-9)
    assert expected((0.0, 0.0), wanted=2).chance == pytest.approx(one**2, abs=1e-9)


def test_more_calls_are_answered_sooner_the_second_later_than_the_first_and_old_calls_hardly():
    first, second = (expected((2.0,) * 12, wanted) for wanted in (1, 2))
    assert 0 < first.seconds < second.seconds < 25
    assert first.seconds < expected((2.0,) * 6).seconds
    old = expected((24.5,))
    assert (old.seconds, old.chance < 0.1) == (None, True)


def test_a_kind_that_is_answered_more_often_is_expected_sooner():
    known = replace(KNOWN, kinds={"0:mobile": (200.0, 60.0)})
    calls = (2.0,) * 6
    assert expected(calls, kind="mobile", known=known).seconds < expected(calls, known=known).seconds

"""What had to be so before the call, by the facts that the gate was given."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from dialer.audit import how
from dialer.audit.instants import micros
from dialer.audit.report import Unsure, Wrong

NOON = micros(datetime(2026, 11, 24, 11, tzinfo=UTC))


def judged(given, zones=("Europe/Rome",), **values):
    rule = SimpleNamespace(id="r", values={"fact": "f", **values})
    call = SimpleNamespace(given=given, at=NOON, zones=zones)
    return [type(finding) for finding in how.require(rule, call)]


@pytest.mark.parametrize(
    ("given", "values", "found"),
    [
        ({"f": True}, {"must": "be_true"}, []),
        ({"f": False}, {"must": "be_true"}, [Wrong]),
        ({}, {"must": "be_true"}, [Wrong]),
        ({"f": "yes"}, {"must": "be_true"}, [Wrong]),
        ({}, {"must": "be_true", "when": "npl"}, []),
        ({"npl": False}, {"must": "be_true", "when": "npl"}, []),
        ({"npl": True}, {"must": "be_true", "when": "npl"}, [Wrong]),
        ({"f": "2026-11-24"}, {"must": "not_be_past"}, []),
        ({"f": "2026-11-23"}, {"must": "not_be_past"}, [Wrong]),
        ({"f": "2026-11-18"}, {"must": "be_days_ago", "days": 6}, []),
        ({"f": "2026-11-19"}, {"must": "be_days_ago", "days": 6}, [Wrong]),
        ({"f": "2026-11-14"}, {"must": "be_recent", "days": 10}, []),
        ({"f": "2026-11-13"}, {"must": "be_recent", "days": 10}, [Wrong]),
        ({"f": "some day"}, {"must": "not_be_past"}, [Wrong]),
        (None, {"must": "be_true"}, [Unsure]),
    ],
)
def test_a_fact_is_judged_as_it_was_given(given, values, found):
    assert judged(given, **values) == found


def test_the_day_is_that_of_every_zone():
    late = {"f": "2026-11-23"}
    assert judged(late, ("Pacific/Honolulu",), must="not_be_past") == [Wrong]
    assert judged({"f": "2026-11-24"}, ("Pacific/Honolulu", "Pacific/Auckland"), must="not_be_past") == [Wrong]

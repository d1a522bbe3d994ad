"""A mandate that isn't open stops calls: its days are the debtor's, wherever that may be."""

from datetime import UTC, date, datetime

import pytest

from dialer.compliance.facts import Facts
from dialer.compliance.localtime import zones_of
from dialer.compliance.mandated import ENDS_ON, STARTS_ON, mandate_refusals
from dialer.compliance.verdict import Intent

DAY = date(2026, 11, 24)
# when this day begins and ends in Rome, and that it is the 24th there alone
IN_ROME = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)


def reasons(zones, at, **terms):
    intent = Intent("k", 1, 1, "+393471234567", zones, ("it-unirec",), 0.0, given=terms)
    return [refusal.reason for refusal in mandate_refusals(Facts(intent, at, at, zones_of(zones)))]


@pytest.mark.parametrize(
    ("zones", "refused"),
    [
        (("Europe/Rome",), True),  # 25 November, 00:30
        (("Europe/London",), False),
        (("Europe/London", "Europe/Rome"), True),
        ((), True),  # somewhere it is the 25th
    ],
)
def test_the_last_day_is_over_once_it_is_over_anywhere(zones, refused):
    assert bool(reasons(zones, IN_ROME, **{STARTS_ON: date(2026, 1, 1), ENDS_ON: DAY})) == refused


@pytest.mark.parametrize(
    ("zones", "refused"),
    [(("Europe/Rome",), False), (("Europe/London",), True), (("Europe/London", "Europe/Rome"), True), ((), True)],
)
def test_the_first_day_has_begun_once_it_has_begun_everywhere(zones, refused):
    assert bool(reasons(zones, IN_ROME, **{STARTS_ON: date(2026, 11, 25)})) == refused


@pytest.mark.parametrize("term", [datetime(2027, 1, 1, tzinfo=UTC), "2027-01-01", 1])
def test_a_last_day_that_is_none_refuses(term):
    assert reasons(("Europe/Rome",), IN_ROME, **{ENDS_ON: term}) == ["mandate"]


def test_without_terms_on_record_nothing_is_refused():
    assert reasons(("Europe/Rome",), IN_ROME) == []

"""Facts for the tests of rules: one debtor and number, made short; and any facts at all, for properties."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from dialer.compliance.calendars import Calendars
from dialer.compliance.entry import (
    Agreement,
    Blackout,
    Channel,
    Consent,
    Direction,
    Entry,
    EntryResult,
    Flag,
)
from dialer.compliance.facts import Facts
from dialer.compliance.localtime import zones_of
from dialer.compliance.pack import Shelf
from dialer.compliance.verdict import CallMode, Intent
from dialer.kernel.phone import PhoneNumber

ROME, NEW_YORK = ZoneInfo("Europe/Rome"), ZoneInfo("America/New_York")
N1, N2 = PhoneNumber("+390612345678"), PhoneNumber("+390687654321")
SHELF = Shelf()
PACKS = {name: SHELF.load(name) for name in SHELF.names}


def at(text, zone="Europe/Rome"):
    """Local time as an instant."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def intent(**more):
    values = {
        "campaign": "k", "case_id": 1, "debtor_id": 1, "number": N1, "zones": ("Europe/Rome",), "packs": (),
        "ring_max_seconds": 30.0, "debts": (1,), "mode": CallMode.PREDICTIVE,
    }  # fmt: skip
    return Intent(**values | more)


def facts(now, past=(), zones=("Europe/Rome",), ring=30.0, calendars=None, **more):
    """What stands at `now` (local text, or an instant). `more` goes to Intent where it knows the name."""
    now = at(now, zones[0] if zones else "UTC") if isinstance(now, str) else now
    own = {name: more.pop(name) for name in list(more) if name in Intent.__dataclass_fields__}
    return Facts(
        intent=intent(zones=zones, ring_max_seconds=ring, **own),
        now=now,
        rings_until=now + timedelta(seconds=ring),
        zones=zones_of(tuple(zones)),
        past=tuple(sorted(past, key=lambda entry: entry.at)),
        calendars=calendars or Calendars(),
        **more,
    )


def entry(when, result="no_answer", zone="Europe/Rome", **more):
    values = {"debtor_id": 1, "number": N1, "debts": (1,)} | more
    when = at(when, zone) if isinstance(when, str) else when
    return Entry(f"e{when:%Y%m%d%H%M%S%f}", 1, at=when, result=EntryResult(result), **values)


ZONES = (
    "Europe/Rome", "Europe/London", "America/New_York", "America/Los_Angeles", "America/Phoenix", "America/Santiago",
    "Asia/Kolkata", "Australia/Sydney", "Australia/Lord_Howe", "Pacific/Auckland", "UTC",
)  # fmt: skip
seconds = lambda low, high: st.integers(low, high).map(lambda value: timedelta(seconds=value))  # noqa: E731
instants = st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31)).map(  # noqa: DTZ001
    lambda value: value.replace(microsecond=0, tzinfo=UTC)
)
debts = st.none() | st.lists(st.sampled_from((1, 2)), max_size=2, unique=True).map(tuple)
clocks = st.builds(time, st.integers(0, 23), st.sampled_from((0, 30)))
KNOWN_FACTS = (
    "licence_valid_until", "assignment_notice_sent", "assigned_npl", "caller_id_registered", "trunk_domestic",
    "workplace_supplied", "workplace", "first_notice_sent_on", "subdivision", "attempts_so_far",
)  # fmt: skip
GOOD_FACTS = {
    "licence_valid_until": date.max, "caller_id_registered": True, "trunk_domestic": True, "workplace_supplied": True,
    "first_notice_sent_on": date(2025, 1, 1),
}  # fmt: skip
given_values = (
    st.none() | st.booleans() | st.dates() | st.integers(-5, 50) | st.text(max_size=5) | instants
    | st.sampled_from(("AU-VIC", "AU-XYZ", "DE-BY", "yes"))
)  # fmt: skip
DAY = 86_400


@st.composite
def any_facts(draw, good=False):
    """Facts of every shape; `good`: what the packs require is so, so that a call can become legal."""
    now = draw(instants)
    zones = tuple(draw(st.lists(st.sampled_from(ZONES), min_size=1 if good else 0, max_size=2, unique=True)))
    given_ = draw(st.dictionaries(st.sampled_from(KNOWN_FACTS), given_values)) if not good else dict(GOOD_FACTS)
    number = st.sampled_from((N1, N1, N2))
    whom = st.sampled_from((1, 1, 1, 2))
    # one span for all contacts: crowded ones fill the counts of a day, a week, a month
    span = draw(st.sampled_from((DAY, 7 * DAY, 30 * DAY, 40 * DAY)))
    results = st.sampled_from(EntryResult) if draw(st.booleans()) else st.just(EntryResult.CONVERSATION)
    past = draw(st.lists(st.builds(
        lambda ago, id_, **more: Entry(f"e{id_}", 1, at=now - ago, **more),
        seconds(0, span), st.integers(0, 10**9), result=results, debtor_id=st.none() | whom,
        number=st.none() | number, household=st.sampled_from(("", "h", "g")), direction=st.sampled_from(Direction),
        channel=st.sampled_from(Channel), debts=debts, campaign=st.sampled_from(("", "k", "other")),
        collector=st.sampled_from(("", "ours", "theirs")), workplace=st.booleans(),
    ), max_size=25))  # fmt: skip
    ahead = st.none() | seconds(-10 * DAY, 10 * DAY).map(lambda value: now + value)
    return facts(
        now,
        past,
        zones,
        draw(st.sampled_from((0.0, 15.0, 30.0, 60.0))),
        given=given_,
        debts=draw(debts) or (),
        household=draw(st.sampled_from(("", "h"))),
        collector=draw(st.sampled_from(("", "ours"))),
        mode=draw(st.sampled_from(CallMode)),
        workplace=draw(st.booleans()),
        ring_timeout_seconds=None if good else draw(st.none() | st.floats(0, 120)),
        in_flight=frozenset() if good else draw(st.frozensets(st.sampled_from(("debtor", "number", "household")))),
        flags=tuple(draw(st.lists(st.builds(
            lambda name, debt, until: Flag(f"f{name}", 1, 1, name=name, debt_id=debt, until=until),
            st.sampled_from(("cease", "dispute", "never_heard_of")), st.sampled_from((None, 1, 2)),
            ahead.filter(bool) if good else ahead,
        ), max_size=2))),
        agreements=tuple(draw(st.lists(st.builds(
            lambda start, length: Agreement("a", 1, 1, start=now + start, until=now + start + length),
            seconds(-3 * DAY, 3 * DAY), seconds(60, DAY),
        ), max_size=2))),
        consents=tuple(draw(st.lists(st.builds(
            lambda ago, about, until: Consent("c", 1, 1, at=now - ago, debts=about, until=until),
            seconds(0, 12 * DAY), debts, ahead,
        ), max_size=2))),
        blackouts=tuple(draw(st.lists(st.builds(
            lambda days, start, end, until: Blackout("b", 1, 1, weekdays=tuple(days), start=start, end=end, until=until),
            st.sets(st.integers(0, 6), max_size=4), clocks, clocks, ahead,
        ), max_size=2))),
    )  # fmt: skip


def moved(known, now):
    """The same facts at another instant."""
    from dataclasses import replace

    return replace(known, now=now, rings_until=now + (known.rings_until - known.now))

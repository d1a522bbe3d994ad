"""Ids, numbers, money, time, percentiles, tasks."""

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.kernel import ids, money, phone
from dialer.kernel.clock import SystemClock
from dialer.kernel.ids import Ids
from dialer.kernel.money import BadMoneyError, Money
from dialer.kernel.percentiles import percentiles
from dialer.kernel.phone import BadPhoneError
from dialer.kernel.tasks import Tasks

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_ids_are_well_formed_unique_and_in_the_order_of_time():
    maker = Ids(Random(1))
    made = [maker.attempt(NOON + timedelta(milliseconds=n)) for n in range(1_000)]
    assert made == sorted(set(made))
    assert all(ids.is_well_formed(attempt) and len(attempt) <= 32 for attempt in made)
    assert maker.seat_leg(NOON).startswith("dls-")


@pytest.mark.parametrize(
    "text", ["", "dla-", "dla-" + "0" * 25, "dla-" + "u" * 26, "xla-" + "0" * 26, "dla-" + "0" * 26 + "\n"]
)
def test_what_is_no_id_of_ours_is_known(text):
    assert not ids.is_well_formed(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("347 1234567", "+393471234567"),
        ("+39 347-123.4567", "+393471234567"),
        ("02 12345678", "+390212345678"),
        ("0039 06 69881234", "+390669881234"),
        ("+44 20 7946 0958", "+442079460958"),
    ],
)
def test_numbers_as_people_write_them(text, number):
    assert phone.parse(text, "IT") == number
    assert phone.is_dialable(number)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("non attivo", "not a telephone number"),
        ("", "not a telephone number"),
        ("3,93E+11", "power of ten"),
        ("3.93471234E+11", "power of ten"),
        ("12", "no such number"),
        ("347 1234567 / 348 7654321", "not a telephone number"),
        ("892424", "premium-rate"),
        ("+39 347 12345678901", "no such number"),
    ],
)
def test_what_is_no_persons_number_is_refused_with_a_remedy(text, why):
    with pytest.raises(BadPhoneError, match=why) as caught:
        phone.parse(text, "IT")
    assert caught.value.remedy


def test_a_lost_leading_zero_is_recognised():
    with pytest.raises(BadPhoneError) as caught:
        phone.parse("212345678", "IT")
    assert "leading zero" in caught.value.remedy
    assert "212345678" not in caught.value.remedy  # a number never stands in an error's text


@pytest.mark.parametrize(
    "text", ["+39", "393471234567", "+39347123456\n", "+39 347", "PJSIP/x", "+393471234567&", "+0123456"]
)
def test_only_e164_may_reach_a_dial_string(text):
    assert not phone.is_dialable(text)


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("1.234,56", 123456),
        ("1234.56", 123456),
        ("1,234.56", 123456),
        ("€ 99,00", 9900),
        ("99", 9900),
        ("1.234", 123400),
        ("12.345.678,90", 1234567890),
        ("-5,5", -550),
        ("0,07", 7),
        ("1'000,00 EUR", 100000),
    ],
)
def test_amounts_as_offices_write_them(text, cents):
    assert money.parse(text) == Money(cents)


@pytest.mark.parametrize("text", ["", "abc", "1,2,3", "1.234.56", "12,345,6", "1e5", "--5", "1.2345,6", "1,234,56"])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(BadMoneyError):
        money.parse(text)


@given(st.integers(-(10**12), 10**12))
def test_money_reads_what_it_prints(cents):
    assert money.parse(str(Money(cents)).replace(" EUR", "")) == Money(cents)


def test_a_shifted_clock_maps_the_pbx_by_the_same_offset():
    clock = SystemClock(timedelta(days=3))
    epoch = datetime.now(UTC).timestamp()
    assert abs(clock.at(epoch) - clock.now()) < timedelta(seconds=5)
    assert clock.now() - datetime.now(UTC) > timedelta(days=2, hours=23)


def test_percentiles_are_nearest_rank():
    assert percentiles([]) == {}
    assert percentiles([7.0]) == {"p50": 7.0, "p95": 7.0, "p99": 7.0, "max": 7.0}
    assert percentiles([float(n) for n in range(1, 101)]) == {"p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0}


async def test_the_failure_of_a_task_is_loud():
    async def fail():
        raise LookupError("gone")

    with pytest.raises(ExceptionGroup) as caught:
        async with Tasks() as tasks:
            tasks.start("waits", asyncio.sleep(60))
            tasks.start("fails", fail())
    assert isinstance(caught.value.exceptions[0], LookupError)


async def test_tasks_can_be_ended():
    async with Tasks() as tasks:
        tasks.start("waits", asyncio.sleep(60))
        assert len(tasks) == 1
        tasks.cancel()
    assert len(tasks) == 0


@pytest.mark.parametrize("head", ["", "+39", "+39 ", "0039", "39"])
@pytest.mark.parametrize("code", [f"3{n:02}" for n in range(100)])
def test_a_mobile_number_is_read_as_the_library_reads_it(head, code):
    for rest in ("0000000", "1234567", "999 9999", "12-34.567", "123456", "12345678"):
        text = f"{head}{code} {rest}"
        number = phonenumbers.parse(text, "IT")
        if phonenumbers.number_type(number) in (
            phonenumbers.PhoneNumberType.MOBILE,
            phonenumbers.PhoneNumberType.FIXED_LINE,
        ):
            assert phone.parse(text, "IT") == phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        else:
            with pytest.raises(phone.BadPhoneError):
                phone.parse(text, "IT")
        if not head:
            abroad = phonenumbers.parse(text, "DE")
            if not phonenumbers.is_valid_number(abroad):
                with pytest.raises(phone.BadPhoneError):
                    phone.parse(text, "DE")

"""Payments and balances: exact to the cent, and nothing that may be a card's number gets in."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.cases.debt import Debt, Item, ItemKind
from dialer.cases.payment import Balance, Payment, PaymentMethod, balance_of, refuse_card_numbers
from dialer.kernel.errors import InputError
from dialer.kernel.money import Money

DAY = date(2026, 11, 20)


def euro(cents):
    return Money(cents)


def payment(cents, reference="B1", **more):
    return Payment(reference, "F1", euro(cents), DAY, **more)


def itemised(principal, interest, fees, costs):
    parts = zip(ItemKind, (principal, interest, fees, costs), strict=True)
    items = tuple(Item(kind, euro(cents)) for kind, cents in parts)
    return Debt("F1", euro(sum(item.amount.cents for item in items)), items=items)


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "POS 5500005555555559 done",
        "2026-11-20 378282246310005",
        "4111.1111.1111.1111",
        "".join(chr(0xFF10 + int(digit)) for digit in "4111111111111111"),
    ],
)
def test_what_looks_like_a_cards_number_is_refused_and_never_quoted(text):
    with pytest.raises(InputError) as refused:
        payment(100, receipt=text)
    with pytest.raises(InputError):
        payment(100, reference=text)
    assert not any(part in f"{refused.value} {refused.value.remedy}" for part in text.split() if part[0].isdigit())


@pytest.mark.parametrize(
    "text",
    ["", "4111111111111112", "POS 00123/000456", "CRO 12345678901", "IT60X0542811101000000123456", "20261120-0001"],
)
def test_what_is_no_cards_number_passes(text):
    refuse_card_numbers("receipt", text)


# prefixes of issuers, each with a length that its scheme uses
SCHEMES = (
    ("4", 13), ("4", 16), ("4", 19), ("51", 16), ("55", 16), ("2221", 16), ("2720", 16), ("34", 15), ("37", 15),
    ("50", 13), ("56", 19), ("58", 16), ("60", 16), ("62", 19), ("36", 14), ("305", 16), ("3528", 16), ("3589", 19),
)  # fmt: skip


@given(st.sampled_from(SCHEMES), st.integers(0, 10**19), st.sampled_from(["", " ", "-", "."]))
def test_every_card_of_a_scheme_with_the_right_check_digit_is_seen_however_it_is_parted(scheme, rest, sign):
    prefix, length = scheme
    number = with_check_digit(prefix + str(rest).zfill(20)[-(length - len(prefix) - 1) :])
    assert len(number) == length
    parted = sign.join(number[start : start + 4] for start in range(0, len(number), 4))
    with pytest.raises(InputError):
        refuse_card_numbers("receipt", f"pos{parted}.")


@pytest.mark.parametrize(
    "body",
    ["011111111111111", "112345678901234", "222012345678901", "272112345678901", "71234567890123456", "9123456789012",
     "3412345678901234", "4111111111111", "202611200001234"],
)  # fmt: skip
def test_a_reference_that_no_scheme_would_issue_passes_though_its_check_digit_is_right(body):
    refuse_card_numbers("reference", with_check_digit(body))


def test_of_a_long_row_of_digits_no_more_than_a_cards_length_is_looked_at(monkeypatch):
    looked_at = []

    class Never:
        def fullmatch(self, number):
            looked_at.append(len(number))

    monkeypatch.setattr("dialer.cases.payment._CARD", Never())
    refuse_card_numbers("note", "4 " * 1_000)
    assert max(looked_at) == 19
    assert len(looked_at) <= 19 * 1_000


def with_check_digit(body):
    digits = [int(digit) for digit in reversed(body)]
    total = sum(sum(divmod(2 * digit, 10)) for digit in digits[::2]) + sum(digits[1::2])
    return body + str(-total % 10)


def test_a_payment_without_a_key_or_an_amount_is_refused():
    with pytest.raises(InputError):
        payment(100, reference="")
    with pytest.raises(InputError):
        payment(0)


def test_the_balance_is_what_was_owed_less_what_was_paid_and_pays_costs_before_principal():
    debt = itemised(10000, 1500, 300, 200)
    found = balance_of(debt, [payment(1000), payment(600, "B2", method=PaymentMethod.CARD)])
    assert (found.owed, found.paid, found.left) == (euro(12000), euro(1600), euro(10400))
    assert found.parts == (
        (ItemKind.COSTS, euro(0)),
        (ItemKind.FEES, euro(0)),
        (ItemKind.INTEREST, euro(400)),
        (ItemKind.PRINCIPAL, euro(10000)),
    )


def test_a_payment_that_was_taken_back_is_owed_again_and_too_much_shows_below_zero():
    debt = Debt("F1", euro(5000))
    assert balance_of(debt, [payment(5000), payment(-5000, "B2")]) == Balance(euro(5000), euro(0), euro(5000))
    assert balance_of(debt, [payment(5001)]).left == euro(-1)


@given(st.lists(st.integers(0, 10**9), min_size=4, max_size=4), st.lists(st.integers(1, 10**9), max_size=5))
def test_no_cent_is_lost_among_the_parts(owed, paid):
    debt = itemised(*owed)
    found = balance_of(debt, [payment(cents, str(cents)) for cents in paid])
    assert found.left.cents == sum(owed) - sum(paid)
    assert sum(left.cents for _, left in found.parts) == max(found.left.cents, 0)
    assert all(left.cents >= 0 for _, left in found.parts)


def test_another_currency_is_no_payment_of_this_debt():
    with pytest.raises(ValueError, match="USD"):
        balance_of(Debt("F1", euro(5000)), [Payment("B1", "F1", Money(100, "USD"), DAY)])


@pytest.mark.parametrize(
    "items", [(Item(ItemKind.PRINCIPAL, Money(1)),), (Item(ItemKind.PRINCIPAL, Money(5000, "USD")),)]
)
def test_a_debt_is_the_sum_of_its_items_in_one_currency(items):
    with pytest.raises(ValueError, match="items"):
        Debt("F1", euro(5000), items=items)

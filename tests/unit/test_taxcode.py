"""Tax codes: the right ones pass in one form, and every mistyped sign is caught that the law's check catches."""

import re
from string import ascii_uppercase, digits

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.cases.taxcode import BadTaxCodeError, check_digit, check_letter, parse

ROSSI = "RSSMRA80A01H501U"


@pytest.mark.parametrize("text", [ROSSI, "rss mra 80a01 h501u", "RSSMRA80A01H501U "])
def test_a_right_code_comes_in_one_form(text):
    assert parse(text) == ROSSI


@pytest.mark.parametrize("text", ["00743110157", "IT00743110157", "00743 110157"])
def test_a_right_company_code_comes_in_one_form(text):
    assert parse(text) == "00743110157"


def test_a_trader_may_have_the_persons_code():
    assert parse(ROSSI) == ROSSI


def test_digits_replaced_by_letters_pass_with_their_own_check_letter():
    replaced = "RSSMRA80A01H50M"
    assert parse(replaced + check_letter(replaced)) == replaced + check_letter(replaced)
    with pytest.raises(BadTaxCodeError):
        parse(replaced + "U")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("RSSMRA80A01H501A", "check letter"),
        ("RSSMRA80A01H50", "14 signs"),
        ("", "0 signs"),
        ("00743110158", "check digit"),
        ("743110157", "9 digits"),
        ("00000000000", "check digit"),
        ("RSSMRA80G01H501U", "letters and digits"),
        ("RSSMRÀ80A01H501U", "letters and digits"),
        ("\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661", "11 signs"),
    ],
)
def test_what_is_no_code_is_refused_with_why(text, why):
    with pytest.raises(BadTaxCodeError, match=why) as refused:
        parse(text)
    assert refused.value.remedy


@pytest.mark.parametrize("day", ["00", "32", "40", "72"])
def test_a_day_of_birth_that_is_none_is_refused(day):
    code = f"RSSMRA80A{day}H501"
    with pytest.raises(BadTaxCodeError, match="day of birth"):
        parse(code + check_letter(code))


@given(
    st.from_regex(
        r"[A-Z]{6}[0-9]{2}[ABCDEHLMPRST](0[1-9]|[12][0-8]|4[1-9]|5[0-9]|6[0-8])[A-Z][0-9]{3}", fullmatch=True
    ),
    st.data(),
)
def test_every_single_mistyped_sign_of_a_persons_code_is_caught(fifteen, data):
    code = fifteen + check_letter(fifteen)
    assert parse(code) == code
    place = data.draw(st.integers(0, 15))
    signs = digits if code[place].isdigit() else ascii_uppercase
    other = data.draw(st.sampled_from(sorted(set(signs) - {code[place]})))
    with pytest.raises(BadTaxCodeError):
        parse(code[:place] + other + code[place + 1 :])


@given(st.from_regex(r"[0-9]{9}[1-9]", fullmatch=True), st.integers(0, 10), st.integers(1, 9))
def test_every_single_mistyped_digit_of_a_companys_code_is_caught(ten, place, shift):
    code = ten + check_digit(ten)
    assert parse(code) == code
    wrong = code[:place] + str((int(code[place]) + shift) % 10) + code[place + 1 :]
    with pytest.raises(BadTaxCodeError, match="check digit"):
        parse(wrong)
    assert re.fullmatch(r"\d", check_digit(ten))

"""The generated portfolio: reproducible, valid, and nobody's number."""

import csv
import io
from datetime import date
from itertools import islice

import phonenumbers
import pytest
from phonenumbers import carrier

from dialer.cases import portfolio, taxcode
from dialer.cases.importing import Defaults, parse

TODAY = date(2026, 11, 22)


def numbers(row):
    return [row[name] for name in ("phone_1", "phone_2", "guarantor_phone") if row.get(name)]


def test_the_same_seed_gives_the_same_portfolio_and_another_gives_another():
    first = list(portfolio.rows(200, 1, TODAY))
    assert first == list(portfolio.rows(200, 1, TODAY))
    assert first[:50] == list(islice(portfolio.rows(10**9, 1, TODAY), 50))  # it streams, and doesn't hang on the count
    assert first != list(portfolio.rows(200, 2, TODAY))


def test_every_row_comes_in():
    rows = list(portfolio.rows(2_000, 1, TODAY))
    out = io.StringIO()
    writer = csv.DictWriter(out, portfolio.COLUMNS, delimiter=";", restval="")
    writer.writeheader()
    writer.writerows(rows)
    parsed = parse(out.getvalue().encode(), Defaults())
    assert (parsed.rejects, parsed.rows, len(parsed.cases)) == ((), len(rows), 2_000)


def test_its_tax_codes_have_the_right_check_letters():
    for row in portfolio.rows(2_000, 3, TODAY):
        assert taxcode.parse(row["tax_code"]) == row["tax_code"]


@pytest.mark.parametrize(
    ("surname", "name", "born_on", "female", "town", "code"),
    [
        ("Rossi", "Mario", date(1980, 1, 1), False, "H501", "RSSMRA80A01H501U"),
        ("Fò", "Anna", date(1999, 12, 31), True, "F205", "FOXNNA99T71F205"),
        ("De Laurentiis", "Beatrice", date(1950, 8, 9), True, "F839", "DLRBRC50M49F839"),
    ],
)
def test_a_tax_code_is_made_as_the_decree_says(surname, name, born_on, female, town, code):
    made = portfolio.person_tax_code(surname, name, born_on, female=female, town_code=town)
    assert made.startswith(code)
    assert taxcode.parse(made) == made


def test_its_numbers_are_valid_each_once_and_of_codes_that_no_carrier_has():
    found = [
        number
        for row in portfolio.rows(2_000, 5, TODAY)
        if row["debt_reference"].endswith("-1")
        for number in numbers(row)
    ]
    assert len(set(found)) == len(found)
    for text in found:
        number = phonenumbers.parse(text, None)
        assert phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.MOBILE
        assert carrier.name_for_number(number, "en") == ""
        assert str(number.national_number)[:3] in portfolio.MOBILE_CODES
    assert not {"313", "319"} & set(portfolio.MOBILE_CODES)  # the railway's and Intermatica's

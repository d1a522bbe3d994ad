"""A generated portfolio of Italian cases, for trials and measurements: nobody in it exists.

Names are put together by chance. Tax codes are those of such a person, with the right check letter; somebody born that
day in that town under that name may have the same, for the code holds nothing else.

Numbers: Italy reserves none for fiction. All are mobile numbers of the codes 310, 311, 312 and 314 to 318. libphonenumber
9 takes them for valid, and its table of carriers has none for them (resources/carrier/en/39.txt: in the decade 31 only
319; 313 is the railway's). Should the regulator give them out one day, they are somebody's: import such a file where
nothing dials the public network.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from dialer.cases import taxcode

CREDITORS = ("Luce Serena S.p.A.", "Gas Aurora S.r.l.", "Telefonia Brezza S.p.A.", "Prestiti Mirto S.p.A.")
MEN = ("Bruno", "Dario", "Fabio", "Ivo", "Marco", "Paolo", "Silvio", "Ugo", "Andrea", "Luca", "Matteo", "Nicolò")
WOMEN = ("Anna", "Carla", "Elena", "Giulia", "Laura", "Nadia", "Rita", "Teresa", "Beatrice", "Chiara", "Sara", "Zoè")
SURNAMES = (
    "Alberghi", "Bertolazzi", "Cavalloro", "Dellarovere", "Fontechiari", "Gualdrini", "Lamberteschi", "Montefusco",
    "Nocerini", "Orsolani", "Pietrafitta", "Quarantotto", "Roccasecca", "Santaguida", "Torrechiara", "Valdambrini",
    "Però", "D'Accurso", "De Laurentiis", "Fò",
)  # fmt: skip
COMPANIES = ("Officine", "Trasporti", "Panificio", "Edilizia", "Lavanderia", "Autocarrozzeria")
STREETS = ("Via Roma", "Via Garibaldi", "Corso Italia", "Piazza Verdi", "Viale Europa", "Via dei Mille")


@dataclass(frozen=True, slots=True)
class _Town:
    """code: its sign in tax codes (catasto)."""

    name: str
    code: str
    province: str
    postal_code: str


TOWNS = (
    _Town("Roma", "H501", "RM", "00184"), _Town("Milano", "F205", "MI", "20121"), _Town("Napoli", "F839", "NA", "80132"),
    _Town("Torino", "L219", "TO", "10121"), _Town("Palermo", "G273", "PA", "90133"),
    _Town("Genova", "D969", "GE", "16121"), _Town("Bologna", "A944", "BO", "40121"),
    _Town("Firenze", "D612", "FI", "50122"), _Town("Bari", "A662", "BA", "70121"), _Town("Catania", "C351", "CT", "95121"),
)  # fmt: skip
MOBILE_CODES = ("310", "311", "312", "314", "315", "316", "317", "318")
NUMBERS = len(MOBILE_CODES) * 10**7
_SPREAD = 48_271_817
"""Has no divisor in common with NUMBERS: n times it gives every number once before any comes again."""
COMPANY_SHARE, SECOND_DEBT_SHARE, SECOND_NUMBER_SHARE, GUARANTOR_SHARE, ITEMISED_SHARE = 0.12, 0.15, 0.35, 0.05, 0.3
MEDIAN_LOG_EUROS, SPREAD_LOG_EUROS = 5.6, 0.9
YOUNGEST_DAYS, OLDEST_DAYS = 20, 1_800
COLUMNS = (
    "creditor", "debtor_reference", "debtor_name", "debtor_kind", "tax_code", "debt_reference", "amount", "due_on",
    "principal", "interest", "fees", "phone_1", "phone_2", "street", "postal_code", "city", "province",
    "guarantor_name", "guarantor_phone", "mandate", "risk_class",
)  # fmt: skip


def rows(debtors: int, seed: int, today: date) -> Iterator[dict[str, str]]:
    """One row a debt, of so many debtors, by our columns; the same seed and day give the same rows.

    Amounts are lognormal around 270 euros; days due lie 20 to 1,800 days back; one debtor in seven owes two debts.
    """
    chance = Random(seed)
    shift = chance.randrange(NUMBERS)
    for index in range(debtors):
        debtor = _debtor(chance, seed, index) | {"phone_1": _number(shift + 3 * index)}
        if chance.random() < SECOND_NUMBER_SHARE:
            debtor["phone_2"] = _number(shift + 3 * index + 1)
        if chance.random() < GUARANTOR_SHARE:
            debtor["guarantor_name"] = f"{chance.choice(WOMEN)} {chance.choice(SURNAMES)}"
            debtor["guarantor_phone"] = _number(shift + 3 * index + 2)
        for second in range(1 + (chance.random() < SECOND_DEBT_SHARE)):
            yield debtor | _debt(chance, today) | {"debt_reference": f"F{seed}-{index:07d}-{second + 1}"}


def person_tax_code(surname: str, name: str, born_on: date, *, female: bool, town_code: str) -> str:
    """The codice fiscale of a person (DM 23/12/1976): three letters each of surname and name, birth, town, check."""
    day = born_on.day + (taxcode.FEMALE_DAY_OFFSET if female else 0)
    month = "ABCDEHLMPRST"[born_on.month - 1]
    first = f"{_surname_letters(surname)}{_name_letters(name)}{born_on:%y}{month}{day:02d}{town_code}"
    return first + taxcode.check_letter(first)


def _debtor(chance: Random, seed: int, index: int) -> dict[str, str]:
    town = chance.choice(TOWNS)
    shared = {
        "creditor": chance.choice(CREDITORS),
        "debtor_reference": f"D{seed}-{index:07d}",
        "street": f"{chance.choice(STREETS)} {chance.randint(1, 180)}",
        "postal_code": town.postal_code,
        "city": town.name,
        "province": town.province,
        "mandate": f"M{seed}",
        "risk_class": chance.choice("ABCD"),
    }
    surname = chance.choice(SURNAMES)
    if chance.random() < COMPANY_SHARE:
        ten = f"{chance.randrange(10**7):07d}{chance.randint(1, 100):03d}"  # the last three: the office that gave it
        code = ten + taxcode.check_digit(ten)
        name = f"{chance.choice(COMPANIES)} {surname} S.r.l."
        return shared | {"debtor_name": name, "debtor_kind": "company", "tax_code": code}
    female = chance.random() < 0.5
    name = chance.choice(WOMEN if female else MEN)
    born_on = date(1945, 1, 1) + timedelta(days=chance.randrange(60 * 365))
    code = person_tax_code(surname, name, born_on, female=female, town_code=chance.choice(TOWNS).code)
    return shared | {"debtor_name": f"{name} {surname}", "debtor_kind": "person", "tax_code": code}


def _debt(chance: Random, today: date) -> dict[str, str]:
    cents = int(chance.lognormvariate(MEDIAN_LOG_EUROS, SPREAD_LOG_EUROS) * 100) + 1_500
    due_on = today - timedelta(days=chance.randint(YOUNGEST_DAYS, OLDEST_DAYS))
    debt = {"amount": _euros(cents), "due_on": f"{due_on:%d/%m/%Y}"}
    if chance.random() < ITEMISED_SHARE:
        interest, fees = cents // 20, 500
        debt |= {"principal": _euros(cents - interest - fees), "interest": _euros(interest), "fees": _euros(fees)}
    return debt


def _number(index: int) -> str:
    code, rest = divmod(index * _SPREAD % NUMBERS, 10**7)
    return f"+39 {MOBILE_CODES[code]} {rest:07d}"


def _euros(cents: int) -> str:
    return f"{cents // 100:,}".replace(",", ".") + f",{cents % 100:02d}"


def _surname_letters(text: str) -> str:
    consonants, vowels = _letters(text)
    return (consonants + vowels + "XXX")[:3]


def _name_letters(text: str) -> str:
    consonants, vowels = _letters(text)
    if len(consonants) > 3:
        return consonants[0] + consonants[2] + consonants[3]
    return (consonants + vowels + "XXX")[:3]


def _letters(text: str) -> tuple[str, str]:
    plain = text.upper().translate(str.maketrans("ÀÈÉÌÒÙ", "AEEIOU"))
    letters = [letter for letter in plain if letter.isalpha()]
    vowels = "".join(letter for letter in letters if letter in "AEIOU")
    return "".join(letter for letter in letters if letter not in "AEIOU"), vowels

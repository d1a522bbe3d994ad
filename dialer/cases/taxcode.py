"""Italian tax codes: codice fiscale (a person's 16 signs) and partita IVA (11 digits), each with its check.

Sources: DM 23/12/1976 (the code, its check letter, and the letters that replace digits where two people would have the
same code: omocodia); DPR 633/1972 art. 35 and DM 23/12/1976 for the check digit of the eleven digits.
"""

import re

_MONTHS = "ABCDEHLMPRST"
_OMOCODIA = "LMNPQRSTUV"
"""What stands for 0 to 9 in a code that is somebody else's already."""
_DIGIT = f"[0-9{_OMOCODIA}]"
_PERSON = re.compile(rf"[A-Z]{{6}}{_DIGIT}{{2}}[{_MONTHS}]{_DIGIT}{{2}}[A-Z]{_DIGIT}{{3}}[A-Z]")
_COMPANY = re.compile(r"[0-9]{11}")
# what a sign counts in the first, third … place, by its value (0 to 9, A to Z) in the others
_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_AS_DIGITS = str.maketrans(_OMOCODIA, "0123456789")
_DAYS = {month: 30 if month in "DHPS" else 29 if month == "B" else 31 for month in _MONTHS}
FEMALE_DAY_OFFSET = 40


class BadTaxCodeError(ValueError):
    """This text is no tax code: the message says why, `remedy` what to do."""

    def __init__(self, why: str, remedy: str = "check it with the creditor, or leave it empty") -> None:
        super().__init__(why)
        self.remedy = remedy


def parse(text: str) -> str:
    """The code in capitals without blanks. Raises BadTaxCodeError.

    A person has the 16 signs, or a provisional code of eleven digits with a company's check; a company its eleven digits,
    or the 16 signs of the one person who trades.
    """
    code = re.sub(r"[\s.\-]", "", text).upper()
    if re.fullmatch(r"IT[0-9]{11}", code):
        code = code[2:]
    if re.fullmatch(r"[0-9]{8,10}", code):
        raise BadTaxCodeError(
            f"{len(code)} digits where a partita IVA has 11",
            "a spreadsheet dropped its leading zeros: format the column as text and export it again",
        )
    if _COMPANY.fullmatch(code):
        _check_digits(code)
    elif len(code) == 16:
        _check_person(code)
    else:
        raise BadTaxCodeError(f"{len(code)} signs where a codice fiscale has 16 and a partita IVA 11")
    return code


def check_letter(first_fifteen: str) -> str:
    """The sixteenth sign of a codice fiscale."""
    values = [int(sign) if sign.isdigit() else ord(sign) - ord("A") for sign in first_fifteen]
    return chr(ord("A") + (sum(_ODD[value] for value in values[::2]) + sum(values[1::2])) % 26)


def check_digit(first_ten: str) -> str:
    """The eleventh digit of a partita IVA (Luhn)."""
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in first_ten[1::2])
    return str(-(sum(map(int, first_ten[::2])) + sum(doubled)) % 10)


def _check_person(code: str) -> None:
    if not _PERSON.fullmatch(code):
        raise BadTaxCodeError("not the letters and digits of a codice fiscale")
    if check_letter(code[:15]) != code[15]:
        raise BadTaxCodeError("its check letter is wrong: a sign was mistyped")
    day = int(code[9:11].translate(_AS_DIGITS))
    if not 1 <= (day - FEMALE_DAY_OFFSET if day > FEMALE_DAY_OFFSET else day) <= _DAYS[code[8]]:
        raise BadTaxCodeError("the day of birth in it is none")


def _check_digits(code: str) -> None:
    if check_digit(code[:10]) != code[10] or code == "0" * 11:
        raise BadTaxCodeError("its check digit is wrong: a digit was mistyped")

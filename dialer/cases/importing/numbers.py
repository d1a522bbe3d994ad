"""The telephone numbers of a cell: one or several, with the words that offices write beside them."""

import re
from dataclasses import dataclass, field

import phonenumbers

from dialer.cases.debtor import NumberKind
from dialer.cases.importing.rejects import BadCellError
from dialer.kernel import phone
from dialer.kernel.phone import BadPhoneError, NoSuchNumberError, PhoneNumber

_BETWEEN = re.compile(r"\s*[;,|\n]\s*|\s+[/\-]\s+|\s+(?:o|e|oppure)\s+", re.IGNORECASE)
_WORDS = re.compile(r"[^\W\d_]+")
_HOME = {"tel", "telefono", "cell", "cel", "cellulare", "mob", "mobile", "fisso", "casa", "ab", "abit", "abitazione",
         "n", "nr", "num", "numero"}  # fmt: skip
_WORK = {"uff", "ufficio", "lav", "lavoro"}
_OUT_OF_USE = {"attivo", "attiva", "inesistente", "inattivo", "inattiva", "disattivo", "disattivato", "disattivata",
               "cessato", "cessata", "errato", "errata", "sbagliato", "scollegato", "disabilitato"}  # fmt: skip
_NUMBER = re.compile(r"[+(]{0,2}\d[\d\s().\-/]*")
_POWER_OF_TEN = re.compile(r"[0-9]+([.,][0-9]+)?[eE]\+?[0-9]+")
_AS_FRACTION = re.compile(r"(\+?\d{6,})[.,]0+")
_SHORTENED = re.compile(r"\d\s*(/\s*\d{1,4}|-\s*\d)$")
LEAST_DIGITS, LEAST_DIGITS_OF_SEVERAL = 8, 9
"""Of a landline without its zero; with fewer it may be a part of a number, as 12345678 of 02 12345678 beside another."""
ONE_A_CELL = "write one number, as +39 347 1234567, or several with / between"


@dataclass(slots=True)
class Found:
    """The numbers of one cell, and what in it is none: as it stands there, with the error."""

    numbers: dict[PhoneNumber, NumberKind] = field(default_factory=dict)
    bad: list[tuple[str, BadCellError]] = field(default_factory=list)


def numbers_of(text: str, region: str, *, landline_zero: bool = False, at_work: bool = False) -> Found:
    """Read a cell. region: ISO 3166, of numbers without a country code.

    landline_zero: restore the lost zero, where that leaves nothing in the cell unread: beside what is no number, digits
    may be a part of one.
    """
    parts = [part for part in map(str.strip, _parts(text)) if part]
    found = _found(parts, region, at_work=at_work)
    if landline_zero and found.bad:
        restored = _found(parts, region, LEAST_DIGITS if len(parts) == 1 else LEAST_DIGITS_OF_SEVERAL, at_work=at_work)
        return found if restored.bad else restored
    return found


def _found(parts: list[str], region: str, zero_from_digits: int | None = None, *, at_work: bool) -> Found:
    """zero_from_digits: how many a number without its zero has at least for the zero to be restored; None: never."""
    found = Found()
    for part in parts:
        try:
            for number, kind in _with_slashes(part, region, zero_from_digits):
                found.numbers.setdefault(number, NumberKind.WORKPLACE if at_work else kind)
        except BadCellError as error:
            found.bad.append((part, error))
    return found


def _parts(text: str) -> list[str]:
    """The cell where numbers may end; whole where its signs aren't separators, or a word in it may be about each."""
    if _POWER_OF_TEN.fullmatch(text) or _AS_FRACTION.fullmatch(text) or _words(text) & _OUT_OF_USE:
        return [text]
    return _BETWEEN.split(text)


def _words(text: str) -> set[str]:
    return {word.lower() for word in _WORDS.findall(text)}


def _with_slashes(part: str, region: str, zero_from_digits: int | None) -> list[tuple[PhoneNumber, NumberKind]]:
    """One number, or several with plain slashes between: then each is one, for a slash also stands within numbers."""
    try:
        return [_one(part, region, zero_from_digits)]
    except BadCellError:
        pieces = part.split("/")
        if len(pieces) == 1 or _SHORTENED.search(part):
            raise
        try:
            return [_one(piece, region) for piece in pieces]
        except BadCellError:
            pass
        raise


def _one(text: str, region: str, zero_from_digits: int | None = None) -> tuple[PhoneNumber, NumberKind]:
    text = text.strip()
    if _POWER_OF_TEN.fullmatch(text):
        raise BadCellError(
            "a spreadsheet turned this number into a power of ten", "format the column as text and export it again"
        )
    if fraction := _AS_FRACTION.fullmatch(text):
        text = fraction[1]  # else its zero would be dialled
    words = _words(text)
    if words & _OUT_OF_USE:
        raise BadCellError("the cell says that the number isn't in use", "remove it, or the words if they are wrong")
    if words - _HOME - _WORK:
        raise BadCellError(
            "not a telephone number" if not any(map(str.isdigit, text)) else "words beside the number", ONE_A_CELL
        )
    digits = re.sub(r"^[\s.:]+|[\s.:]+$", "", re.sub(r"[^\W\d_]+[.:]*", " ", text)) if words else text
    if not _NUMBER.fullmatch(digits):
        raise BadCellError("not a telephone number", ONE_A_CELL)
    if _SHORTENED.search(digits):
        raise BadCellError("a second number cut short", "write each number out, as 02 123456 / 02 123457")
    try:
        number = phone.parse(digits, region)
    except BadPhoneError as error:
        restored = None
        if zero_from_digits is not None and isinstance(error, NoSuchNumberError):
            restored = _with_zero(digits, region, zero_from_digits)
        if restored is None:
            raise BadCellError(str(error), error.remedy) from None
        number = restored
    return number, NumberKind.WORKPLACE if words & _WORK else NumberKind.UNKNOWN


def _with_zero(digits: str, region: str, least_digits: int) -> PhoneNumber | None:
    """The landline whose leading zero a spreadsheet dropped.

    Subscribers' numbers in Italy begin with 0 or 3: what is a landline with the zero was nobody's number without it.
    """
    bare = re.sub(r"\D", "", digits)
    if region != "IT" or digits.startswith("+") or bare.startswith(("0", "3")) or len(bare) < least_digits:
        return None
    try:
        number = phonenumbers.parse("0" + bare, region)
        if phonenumbers.number_type(number) != phonenumbers.PhoneNumberType.FIXED_LINE:
            return None
        return phone.parse("0" + bare, region)
    except (phonenumbers.NumberParseException, BadPhoneError):
        return None

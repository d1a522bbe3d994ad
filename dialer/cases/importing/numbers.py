"""The telephone numbers of a cell: one or several, with the words that offices write beside them."""

import re
from dataclasses import dataclass, field

import phonenumbers

from dialer.cases.debtor import NumberKind
from dialer.cases.importing.rejects import BadCellError
from dialer.kernel import phone
from dialer.kernel.phone import BadPhoneError, PhoneNumber

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
ONE_A_CELL = "write one number, as +39 347 1234567, or several with / between"


@dataclass(slots=True)
class Found:
    """The numbers of one cell, and what in it is none: as it stands there, with the error."""

    numbers: dict[PhoneNumber, NumberKind] = field(default_factory=dict)
    bad: list[tuple[str, BadCellError]] = field(default_factory=list)


def numbers_of(text: str, region: str, *, landline_zero: bool = False, at_work: bool = False) -> Found:
    """Read a cell. region: ISO 3166, of numbers without a country code. landline_zero: restore the lost zero."""
    found = Found()
    try:
        whole = [_one(text, region, landline_zero=landline_zero)]
        parts = []
    except BadCellError as error:
        whole, parts = [], _parts(text)
        if len(parts) < 2 and "/" not in text:
            found.bad.append((text.strip(), error))
            return found
    for part in filter(None, map(str.strip, parts)):
        try:
            whole += _with_slashes(part, region, landline_zero=landline_zero)
        except BadCellError as error:
            found.bad.append((part, error))
    for number, kind in whole:
        found.numbers.setdefault(number, NumberKind.WORKPLACE if at_work else kind)
    return found


def _parts(text: str) -> list[str]:
    """The cell where numbers may end; whole where its signs aren't separators, or a word in it may be about each."""
    if _POWER_OF_TEN.fullmatch(text) or _AS_FRACTION.fullmatch(text) or _words(text) & _OUT_OF_USE:
        return [text]
    return _BETWEEN.split(text)


def _words(text: str) -> set[str]:
    return {word.lower() for word in _WORDS.findall(text)}


def _with_slashes(part: str, region: str, *, landline_zero: bool) -> list[tuple[PhoneNumber, NumberKind]]:
    """One number, or several with plain slashes between: then each is one, for a slash also stands within numbers."""
    try:
        return [_one(part, region, landline_zero=landline_zero)]
    except BadCellError:
        pieces = part.split("/")
        if len(pieces) == 1 or _SHORTENED.search(part):
            raise
        try:
            return [_one(piece, region, landline_zero=landline_zero) for piece in pieces]
        except BadCellError:
            pass
        raise


def _one(text: str, region: str, *, landline_zero: bool) -> tuple[PhoneNumber, NumberKind]:
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
        restored = _with_zero(digits, region) if landline_zero else None
        if restored is None:
            raise BadCellError(str(error), error.remedy) from None
        number = restored
    return number, NumberKind.WORKPLACE if words & _WORK else NumberKind.UNKNOWN


def _with_zero(digits: str, region: str) -> PhoneNumber | None:
    """The landline whose leading zero a spreadsheet dropped.

    Subscribers' numbers in Italy begin with 0 or 3: what is a landline with the zero was nobody's number without it.
    """
    bare = re.sub(r"\D", "", digits)
    if region != "IT" or digits.startswith("+") or bare.startswith(("0", "3")):
        return None
    try:
        number = phonenumbers.parse("0" + bare, region)
        if phonenumbers.number_type(number) != phonenumbers.PhoneNumberType.FIXED_LINE:
            return None
        return phone.parse("0" + bare, region)
    except (phonenumbers.NumberParseException, BadPhoneError):
        return None

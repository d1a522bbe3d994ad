"""A line as the short value of a hash's field, and back.

Redis keeps a hash in one compact block as long as no value is over 64 bytes and no more than 128 fields are in it:
so what the key itself says is left out, numbers are written in base 36 and words as letters.
`revision|KINDinstant|...`: the scripts read so much, the rest is ours alone.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta

from dialer.compliance.entry import (
    EVENTS,
    Agreement,
    Blackout,
    Channel,
    Consent,
    Direction,
    Entry,
    EntryResult,
    Flag,
    Line,
)
from dialer.kernel.phone import PhoneNumber

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PAIRS = [first + second for first in _DIGITS for second in _DIGITS]
_PLAIN = re.compile(r"[^%|=\n]*").fullmatch
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ANY, _NOBODY = "*", "="
_USUAL = "oc-"
"""An outbound call, not to a workplace."""

# what is stored lives on when a word is renamed or the enum is put in another order: a new word takes a new letter
RESULTS = {
    EntryResult.TRUNK_FAILURE: "t",
    EntryResult.NOT_IN_SERVICE: "i",
    EntryResult.BUSY: "b",
    EntryResult.CONGESTION: "c",
    EntryResult.UNREACHABLE: "o",
    EntryResult.NO_ANSWER: "n",
    EntryResult.REJECTED: "r",
    EntryResult.MACHINE: "m",
    EntryResult.MACHINE_MESSAGE_LEFT: "l",
    EntryResult.HUNG_UP_EARLY: "e",
    EntryResult.HUNG_UP: "h",
    EntryResult.ABANDONED: "a",
    EntryResult.WITHHELD: "w",
    EntryResult.THIRD_PARTY: "p",
    EntryResult.CONVERSATION: "v",
    EntryResult.UNKNOWN: "u",
}
DIRECTIONS = {Direction.OUTBOUND: "o", Direction.INBOUND: "i"}
CHANNELS = {Channel.CALL: "c", Channel.MESSAGE: "m", Channel.LETTER: "l", Channel.VISIT: "v"}
_RESULTS = {letter: result for result, letter in RESULTS.items()}
_DIRECTIONS = {letter: direction for direction, letter in DIRECTIONS.items()}
_CHANNELS = {letter: channel for channel, letter in CHANNELS.items()}


def pack(line: Line, house: str) -> list[str]:
    """The values of a line under its keys, in their order. house: the collector of most entries, left out."""
    instant: datetime | None
    match line:
        case Entry():
            kind, instant = _kind_of(line), line.at
            how = DIRECTIONS[line.direction] + CHANNELS[line.channel] + ("w" if line.workplace else "-")
            codes = RESULTS[line.result] + ("" if how == _USUAL else how)
            collector = "" if line.collector == house else _escaped(line.collector) or _NOBODY
            rest = f"{codes}|{_integers(line.debts)}|{_escaped(line.campaign)}|{collector}"
        case Flag():
            kind, instant, rest = "f", line.until, f"{_escaped(line.name)}|{_maybe(line.debt_id)}"
        case Agreement():
            kind, instant, rest = "a", line.until, _micro(line.start)
        case Consent():
            kind, instant, rest = "c", line.until, f"{_micro(line.at)}|{_integers(line.debts)}"
        case Blackout():
            times = f"{line.start.isoformat()}|{line.end.isoformat()}"
            kind, instant, rest = "b", line.until, f"{_integers(line.weekdays)}|{times}"
        case _:
            msg = f"no form for {type(line).__name__}"
            raise TypeError(msg)
    head = f"{line.revision}|{kind}{'' if instant is None else _micro(instant)}"
    debtor, number, household = _maybe(line.debtor_id), _number(line.number), _escaped(line.household)
    # what a key says is left out under it
    values = []
    if debtor:
        values.append(f"{head}||{number}|{household}|{rest}")
    if number:
        values.append(f"{head}|{debtor}||{household}|{rest}")
    if household:
        values.append(f"{head}|{debtor}|{number}||{rest}")
    return values


def unpack(id_: str, value: str, key: str, house: str) -> Line:
    """The line again. Raises ValueError for what is none."""
    revision, head, debtor, number, household, *rest = value.split("|")
    kind, instant = head[0], _instant_or_none(head[1:])
    known, _, name = key.partition(":")
    base = (
        id_,
        int(revision),
        int(name) if known == "d" else _maybe_integer(debtor),
        PhoneNumber(name) if known == "n" else _read_number(number),
        name if known == "h" else _plain(household),
    )
    match kind:
        case "e" | "i" | "s" if instant is not None:
            codes, debts, campaign, collector = rest
            how = codes[1:] or _USUAL
            return Entry(
                *base,
                at=instant,
                result=_RESULTS[codes[0]],
                in_flight=kind == "i",
                direction=_DIRECTIONS[how[0]],
                channel=_CHANNELS[how[1]],
                debts=_read_integers(debts),
                campaign=_plain(campaign),
                collector=house if not collector else "" if collector == _NOBODY else _plain(collector),
                workplace=how[2] == "w",
            )
        case "f":
            return Flag(*base, name=_plain(rest[0]), debt_id=_maybe_integer(rest[1]), until=instant)
        case "a" if instant is not None:
            return Agreement(*base, start=_instant(rest[0]), until=instant)
        case "c":
            return Consent(*base, at=_instant(rest[0]), debts=_read_integers(rest[1]), until=instant)
        case "b":
            start, end = time.fromisoformat(rest[1]), time.fromisoformat(rest[2])
            return Blackout(*base, weekdays=_read_integers(rest[0]) or (), start=start, end=end, until=instant)
        case _:
            msg = f"a value of the unknown kind {kind!r}"
            raise ValueError(msg)


def _kind_of(entry: Entry) -> str:
    """`i` in flight; `s` a silent call, which is remembered longer; `e` every other entry."""
    if entry.in_flight:
        return "i"
    return "s" if entry.result in EVENTS["abandoned"] else "e"


def revision_of(value: str) -> int:
    """The revision, without the rest."""
    return int(value.partition("|")[0])


def _base36(number: int) -> str:
    if number < 0:
        return "-" + _base36(-number)
    text = ""
    while number >= len(_PAIRS):
        number, pair = divmod(number, len(_PAIRS))
        text = _PAIRS[pair] + text
    return _PAIRS[number].removeprefix("0") + text if number or text else "0"


def _micro(instant: datetime) -> str:
    since = instant - _EPOCH
    return _base36((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def _instant(text: str) -> datetime:
    return _EPOCH + timedelta(microseconds=int(text, 36))


def _instant_or_none(text: str) -> datetime | None:
    return _instant(text) if text else None


def _maybe(number: int | None) -> str:
    return "" if number is None else _base36(number)


def _maybe_integer(text: str) -> int | None:
    return int(text, 36) if text else None


def _integers(numbers: Iterable[int] | None) -> str:
    return _ANY if numbers is None else ",".join(map(_base36, numbers))


def _read_integers(text: str) -> tuple[int, ...] | None:
    return None if text == _ANY else tuple(_each(text))


def _each(text: str) -> Iterator[int]:
    return (int(number, 36) for number in text.split(",") if number)


def _number(number: str | None) -> str:
    if number is None:
        return ""
    digits = number[1:]
    if number[0] == "+" and digits.isascii() and digits.isdigit() and digits[0] != "0":
        return _base36(int(digits))
    return "=" + _escaped(number)


def _read_number(text: str) -> PhoneNumber | None:
    if not text:
        return None
    return PhoneNumber(_plain(text[1:]) if text[0] == "=" else f"+{int(text, 36)}")


def _escaped(word: str) -> str:
    # a word may hold what separates, and may be the very sign that stands for something else
    if _PLAIN(word):
        return word
    return word.replace("%", "%25").replace("|", "%7C").replace("=", "%3D").replace("\n", "%0A")


def _plain(text: str) -> str:
    if "%" not in text:
        return text
    return text.replace("%0A", "\n").replace("%3D", "=").replace("%7C", "|").replace("%25", "%")

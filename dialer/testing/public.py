"""The public of the simulated network: the last two digits of a number are its behaviour.

The dialplan of asterisk-conf/phone-network plays it; a test holds the two against each other.
"""

from dataclasses import dataclass
from enum import Enum

from dialer.calls.results import Result


@dataclass(frozen=True, slots=True)
class Kind:
    """What a number does.

    share: of a generated portfolio, in parts. results: what may rightly become of a call to it.
    """

    code: str
    text: str
    share: int
    results: frozenset[Result]


_PUT_THROUGH = frozenset({Result.CONNECTED, Result.ABANDONED, Result.HUNG_UP})


class Behaviour(Enum):
    """Everything that a number of the simulated network can do."""

    PERSON = Kind("10", "a person answers and stays", 26, _PUT_THROUGH)
    PERSON_HANGS_UP = Kind("11", "a person answers and hangs up first", 12, _PUT_THROUGH)
    BUSY = Kind("12", "busy", 9, frozenset({Result.BUSY}))
    CONGESTION = Kind("13", "no circuit free", 3, frozenset({Result.CONGESTION}))
    NEVER_ANSWERS = Kind("14", "rings and is never answered", 13, frozenset({Result.NO_ANSWER}))
    VOICEMAIL = Kind("15", "voicemail", 11, _PUT_THROUGH)
    NETWORK_TONE = Kind("16", "network tone as early media", 2, frozenset({Result.NOT_IN_SERVICE}))
    FAX = Kind("17", "fax", 1, _PUT_THROUGH)
    ANSWERS_AND_HANGS_UP = Kind("18", "answers and hangs up at once", 2, _PUT_THROUGH)
    EARLY_MEDIA = Kind("19", "ringback as early media, then a person", 4, _PUT_THROUGH)
    UNALLOCATED = Kind("20", "no such number", 4, frozenset({Result.NOT_IN_SERVICE}))
    REJECTED_BY_NETWORK = Kind("21", "rejected by the network", 1, frozenset({Result.REJECTED}))
    UNREACHABLE = Kind("22", "phone off", 5, frozenset({Result.UNREACHABLE}))
    INCOMPLETE = Kind("23", "incomplete number", 1, frozenset({Result.NOT_IN_SERVICE}))
    NETWORK_ERROR = Kind("24", "network error", 1, frozenset({Result.CONGESTION}))
    CHANGED = Kind("25", "number changed", 1, frozenset({Result.NOT_IN_SERVICE}))
    SILENT = Kind("26", "answers and stays silent", 1, _PUT_THROUGH)
    REJECTED = Kind("29", "rings, then the person rejects", 3, frozenset({Result.REJECTED}))


_BY_CODE = {behaviour.value.code: behaviour for behaviour in Behaviour}


def behaviour_of(number: str) -> Behaviour | None:
    """What a number does on the simulated network."""
    return _BY_CODE.get(number[-2:])

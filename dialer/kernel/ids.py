"""Opaque, unique, time-ordered ids, fit to be an Asterisk channel's Uniqueid."""

import re
from datetime import datetime
from random import Random
from typing import NewType

AttemptId = NewType("AttemptId", str)
"""One intention to ring one number; also the Uniqueid of its trunk leg. Or one call that came in, which the dialplan
names: its leg carries the id as account code."""
SeatLegId = NewType("SeatLegId", str)
"""The Uniqueid of an agent's waiting leg; a new one each time the seat is called."""
SpyLegId = NewType("SpyLegId", str)
"""The Uniqueid of the leg on which a supervisor listens to an agent; it names the listening, too."""
OutsideLegId = NewType("OutsideLegId", str)
"""The Uniqueid of the leg of somebody who is no debtor and is called into a debtor's call."""

ATTEMPT_PREFIX = "dla-"
SEAT_PREFIX = "dls-"
INBOUND_PREFIX = "dli-"
SPY_PREFIX = "dlp-"
OUTSIDE_PREFIX = "dlo-"
# Crockford's base 32 in lower case, as ULIDs use it (https://github.com/ulid/spec)
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_WELL_FORMED = re.compile(r"dl[aiops]-[0-9a-hjkmnp-tv-z]{26}")
_TIME_BITS, _CHANCE_BITS = 48, 80


class Ids:
    """Makes ids: 48 bits of milliseconds, then 80 bits of chance, so that two daemons never make the same."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance

    def attempt(self, now: datetime) -> AttemptId:
        return AttemptId(ATTEMPT_PREFIX + self._ulid(now))

    def inbound(self, now: datetime) -> AttemptId:
        """As the dialplan makes them."""
        return AttemptId(INBOUND_PREFIX + self._ulid(now))

    def seat_leg(self, now: datetime) -> SeatLegId:
        return SeatLegId(SEAT_PREFIX + self._ulid(now))

    def spy_leg(self, now: datetime) -> SpyLegId:
        return SpyLegId(SPY_PREFIX + self._ulid(now))

    def outside_leg(self, now: datetime) -> OutsideLegId:
        return OutsideLegId(OUTSIDE_PREFIX + self._ulid(now))

    def _ulid(self, now: datetime) -> str:
        number = (int(now.timestamp() * 1000) << _CHANCE_BITS) | self._chance.getrandbits(_CHANCE_BITS)
        return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


def is_call(id_: str) -> bool:
    """Whether it is the id of an attempt, or of a call that came in."""
    return id_.startswith((ATTEMPT_PREFIX, INBOUND_PREFIX)) and is_well_formed(id_)


def is_inbound(id_: str) -> bool:
    """Whether it is the id of a call that came in."""
    return id_.startswith(INBOUND_PREFIX) and is_well_formed(id_)


def is_well_formed(text: str) -> bool:
    """Whether `text` may be an id of ours: checked wherever one comes back from outside."""
    return _WELL_FORMED.fullmatch(text) is not None

"""Time is passed in: the system's, one shifted by a constant, or a test's."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def to_micro(instant: datetime) -> int:
    """An aware instant as microseconds since the epoch, exactly: a float would round them."""
    return (instant - EPOCH) // MICROSECOND


def from_micro(micro: int) -> datetime:
    """The instant again, in UTC."""
    return EPOCH + micro * MICROSECOND


class Clock(Protocol):
    """Where the engine gets its time from."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""

    def at(self, epoch_seconds: float) -> datetime:
        """The instant that the PBX calls `epoch_seconds`, in this clock's time."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never going back: for measuring how long."""


class SystemClock:
    """The machine's clock, shifted by a constant.

    The shift serves demo, tests and benchmarks: they dial at any hour of any day with the rules
    unweakened, because for the engine it is a Tuesday morning. The PBX keeps the real time, so its
    instants are mapped by the same offset.
    """

    def __init__(self, offset: timedelta = timedelta()) -> None:
        self.offset = offset

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def at(self, epoch_seconds: float) -> datetime:
        return datetime.fromtimestamp(epoch_seconds, UTC) + self.offset

    def monotonic(self) -> float:
        return time.monotonic()

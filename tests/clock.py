"""The engine's clock in tests that set it."""

from datetime import UTC, datetime, timedelta

from dialer.kernel.clock import SystemClock

TUESDAY = datetime(2026, 11, 24, 9, tzinfo=UTC)
"""10:00 in Rome."""


class SetClock:
    """It stands where a test sets it."""

    def __init__(self, time=TUESDAY):
        self.time = time

    def now(self):
        return self.time

    def at(self, epoch_seconds):
        return datetime.fromtimestamp(epoch_seconds, UTC)

    def monotonic(self):
        return self.time.timestamp()

    def on(self, **more):
        """Let so much time pass, as `timedelta` names it."""
        self.time += timedelta(**more)


def going_on():
    """A clock that goes on from that Tuesday, and the lines of a configuration that give a command the same one:
    days and limits fall as they are written, whatever day it is.
    """
    clock = SystemClock(TUESDAY - datetime.now(UTC))
    return clock, f"\n[demo]\nclock_offset_seconds = {clock.offset.total_seconds()}\n"

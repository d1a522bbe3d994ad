"""An event loop whose clock jumps to the next timer instead of waiting for it."""

import asyncio
import selectors
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
"""A Tuesday, 10:00 in Rome."""


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            return super().select(None)
        self.now += timeout
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Hours pass in milliseconds. Nothing that waits for another thread or a socket may run on it."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(selector=self._jumping)

    def time(self) -> float:
        return self._jumping.now


class LoopClock:
    """The engine's clock on such a loop."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self.jump = timedelta()
        """Added to every reading: a test's clock fault."""

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic()) + self.jump

    def at(self, epoch_seconds: float) -> datetime:
        return datetime.fromtimestamp(epoch_seconds, UTC)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

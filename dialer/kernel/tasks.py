"""Background tasks, started in one place: the failure of one ends the daemon, loudly."""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

MOST_TASKS = 10_000


class Tasks:
    """Named tasks inside one task group: use it as `async with Tasks() as tasks`."""

    def __init__(self) -> None:
        self._group = asyncio.TaskGroup()
        self._running: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def start(self, name: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run `work` beside everything else. Raises RuntimeError above `MOST_TASKS`."""
        if len(self._running) >= MOST_TASKS:
            work.close()
            msg = f"{MOST_TASKS} tasks are running, {name} can't be started"
            raise RuntimeError(msg)
        task = self._group.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def cancel(self) -> None:
        """End every task."""
        for task in list(self._running):
            task.cancel()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._group.__aexit__(kind, error, trace)

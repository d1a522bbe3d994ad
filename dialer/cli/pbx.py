"""Asking the PBX itself, beside the daemon or before it runs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import SystemRandom
from typing import Any, TypeVar

import structlog

from dialer import configured, settings
from dialer.adapters.ami.asterisk import Asterisk
from dialer.kernel.clock import SystemClock
from dialer.kernel.events import PbxEvent

CONNECT_SECONDS = 10.0
T = TypeVar("T")


async def ask_asterisk(
    loaded: settings.Settings,
    question: Callable[[Asterisk], Awaitable[T]],
    on_event: Callable[[PbxEvent], None] = lambda _: None,
) -> T:
    """Log in as the daemon does and ask. Raises DialerError.

    What goes wrong is raised, so the link's own log, which would stand among the command's output, is quiet meanwhile.
    """
    asterisk = Asterisk(
        configured.link(loaded), configured.trunks(loaded), SystemClock(timedelta()), SystemRandom(), on_event
    )
    answered: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    async def ask() -> None:
        answer = await question(asterisk)
        if not answered.done():
            answered.set_result(answer)

    words = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    task = asyncio.create_task(asterisk.link.run(ask, lambda: None))
    try:
        waits: list[asyncio.Future[Any]] = [task, answered]
        done, _ = await asyncio.wait(waits, timeout=CONNECT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if task in done:
            task.result()
        if answered not in done:
            raise asterisk.link.absent
        return answered.result()
    finally:
        task.cancel()
        structlog.configure(**words)

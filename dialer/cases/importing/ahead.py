"""Reading ahead: a long file is read by a process of its own while what it read before is stored."""

import signal
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from dialer.cases.importing.profile import Profile
from dialer.cases.importing.reading import Batch, Reading
from dialer.cases.importing.rows import Defaults

BATCHES_AHEAD = 2
"""More would only be memory: the slower of reading and storing sets the pace."""

_reading: list[Iterator[Batch]] = []
"""In the reading process: the one file's batches."""


def ahead(path: Path, defaults: Defaults, profile: Profile | None) -> Iterator[Batch]:
    """The batches of `Reading(path)`, in the same order. Raises what reading raises."""
    context = get_context("spawn")  # a fork would take the caller's locks and threads along
    with ProcessPoolExecutor(1, context, initializer=_begin, initargs=(path, defaults, profile)) as reader:
        coming = deque(reader.submit(_next) for _ in range(BATCHES_AHEAD))
        try:
            while (batch := coming.popleft().result()) is not None:
                coming.append(reader.submit(_next))
                yield batch
        finally:
            reader.shutdown(cancel_futures=True)


def _begin(path: Path, defaults: Defaults, profile: Profile | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a stop at the terminal is the parent's to tell
    _reading.append(_read(path, defaults, profile))


def _read(path: Path, defaults: Defaults, profile: Profile | None) -> Iterator[Batch]:
    with path.open("rb") as file:
        yield from Reading(file, defaults, profile).batches()


def _next() -> Batch | None:
    return next(_reading[0], None)

"""The ledger built anew from the record, after Redis lost something: by one cell, under a lock."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Protocol

import structlog

from dialer.adapters.redis.commands import MOST_LINES, Claim, Commands
from dialer.compliance.clearance import LIFETIME
from dialer.compliance.entry import Line
from dialer.compliance.ledger import LedgerAwayError
from dialer.kernel.errors import AwayError

LOCK_SECONDS = 10.0
"""How long after a rebuilding cell was killed another one begins."""
BATCH_SECONDS = 60.0
"""How long the record may take for its next lines."""
QUIET = LIFETIME + timedelta(seconds=1)
"""Before the record is read: an attempt that was reserved in what is lost now is in the record after this time, or its
clearance has expired and it is never dialled.
"""

log = structlog.get_logger(__name__)


class LinesOfRecord(Protocol):
    """The durable record, as far as a rebuild needs it."""

    def pages(self) -> AsyncIterator[Sequence[Line]]:
        """All lines at which a rule may still look, those in flight however old. Raises AwayError."""

    async def watermark(self) -> int:
        """A number that grows with every line on record. Raises AwayError."""

    async def known(self, attempts: Collection[str]) -> Collection[str]:
        """Those of the attempts that the record has. Raises AwayError."""


async def rebuild(commands: Commands, record: LinesOfRecord, quiet: timedelta = QUIET) -> bool:
    """Rebuild the ledger, if nobody else does; True once it is whole. Raises AwayError.

    Lines stay what they are however often they are loaded: whoever is killed at it leaves nothing that must be undone.
    """
    claim = await commands.begin(secrets.token_hex(8), LOCK_SECONDS)
    if claim is None:
        return False
    log.warning("ledger.rebuild_began")
    try:
        async with _kept(commands, claim):
            await asyncio.sleep(quiet.total_seconds())
            watermark = await record.watermark()
            lines = await _load(commands, claim, record)
        # chance makes the number: a generation that comes back from an old snapshot is never taken for this one
        await commands.finish(claim, str(secrets.randbits(52)), watermark)
    except AwayError:
        with contextlib.suppress(LedgerAwayError):
            await commands.extend(claim, 0)
        raise
    log.warning("ledger.rebuilt", lines=lines, watermark=watermark)
    return True


async def _load(commands: Commands, claim: Claim, record: LinesOfRecord) -> int:
    count = 0
    batches = aiter(record.pages())
    while True:
        try:
            async with asyncio.timeout(BATCH_SECONDS):
                batch = await anext(batches)
        except StopAsyncIteration:
            return count
        except TimeoutError:
            raise AwayError("the record doesn't hand out its lines") from None
        for first in range(0, len(batch), MOST_LINES):
            await commands.load(claim, batch[first : first + MOST_LINES])
        count += len(batch)


@asynccontextmanager
async def _kept(commands: Commands, claim: Claim) -> AsyncIterator[None]:
    # a lock that is lost is noticed by the next write, which asks for it
    async def keep() -> None:
        while True:
            await asyncio.sleep(LOCK_SECONDS / 4)
            with contextlib.suppress(LedgerAwayError):
                await commands.extend(claim, LOCK_SECONDS)

    keeper = asyncio.create_task(keep())
    try:
        yield
    finally:
        keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeper

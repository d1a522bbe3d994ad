"""The ledger that cells share, on Redis: fast, and never trusted further than Redis can prove that it lost nothing.

Redis may be flushed, restarted empty, restarted from an old snapshot, or replaced by a replica that lags behind. Every
script that reads or reserves first checks that the data are those of a generation that was built from the record in
this very Redis. Where they are not, the ledger is away for everybody until one cell has rebuilt it.
"""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import structlog

from dialer.adapters.redis.commands import MOST_LINES, Commands, LostError, State
from dialer.adapters.redis.rebuild import QUIET, LinesOfRecord, rebuild
from dialer.adapters.redis.wire import Names, Wire
from dialer.compliance.entry import Entry, EntryResult, Line
from dialer.compliance.ledger import LedgerAwayError, Standing, Subject
from dialer.kernel.clock import Clock
from dialer.kernel.errors import AwayError, InputError

MOST_WAITING = 100_000
"""Lines that may wait for Redis. Beyond, they are dropped and the ledger is rebuilt from the record, which has them."""
MOST_RECENT = 10_000
"""Own lines that are written again after a rebuild: the record may not have had the last of them."""
FLUSH_SECONDS = 5.0
READ_SECONDS = 1.0
"""How long a read waits for own lines about its subject to be written first."""
LOOK_SECONDS = 1.0
"""How often an idle cell looks whether the ledger is still whole."""
PAUSE_SECONDS = 0.2

log = structlog.get_logger(__name__)


class RedisLedger:
    """The port `Ledger` on Redis. Nothing works until `run` does.

    cell: this daemon's name, its alone. record: from what the ledger is rebuilt. prefix: of every key; cells that share
    debtors share it. house: the collector that stands in most entries.
    quiet: see `rebuild.QUIET`; tests shorten it.
    """

    def __init__(
        self,
        url: str,
        cell: str,
        record: LinesOfRecord,
        clock: Clock,
        *,
        prefix: str = "ledger",
        house: str = "",
        quiet: timedelta = QUIET,
    ) -> None:
        if not cell or "\n" in cell:
            raise InputError("a cell needs a name")
        self._commands = Commands(Wire(url), Names(prefix), cell, house, clock)
        self._cell = cell
        self._record = record
        self._clock = clock
        self._quiet = quiet
        self._generation = ""
        self._waiting: deque[Line] = deque()
        self._touched: Counter[str] = Counter()
        self._recent: deque[Line] = deque(maxlen=MOST_RECENT)
        self._flying: set[str] = set()
        self._overflowed = False
        self._put = self._written = 0
        self._work = asyncio.Event()
        self._progress = asyncio.Condition()
        self._followed = ""
        self._looked = clock.monotonic()
        self._heard = False

    @property
    def feed_fresh(self) -> bool:
        """Whether every line that any cell has written was delivered, or is about to be."""
        return self._followed != "" and self._followed == self._generation

    @property
    def ready(self) -> bool:
        """Whether Redis answered when it was last asked, and the ledger was whole then."""
        return self._heard and self._generation != "" and not self._overflowed

    @property
    def backlog(self) -> int:
        """Lines that wait for Redis."""
        return len(self._waiting)

    async def read(self, subject: Subject) -> Standing:
        """What stands about them, everything included that this cell has put. Raises LedgerAwayError."""
        keys = subject.keys
        if any(key in self._touched for key in keys):
            await self._written_to(self._put, READ_SECONDS)
        generation = self._joined()
        try:
            return await self._commands.read(generation, keys)
        except LostError:
            self._leave(generation)
            raise

    async def reserve(self, entry: Entry, seen: Standing) -> bool:
        """Put an attempt in flight, if nothing changed since `seen`. Raises LedgerAwayError."""
        generation = self._joined()
        keys = entry.keys
        if len(seen.versions) != len(keys) + 1 or str(seen.versions[0]) != generation:
            return False  # read before the ledger was rebuilt
        if any(key in self._touched for key in keys):
            return False  # put by ourselves after it was read
        self._flying.add(entry.id)
        try:
            won = await self._commands.reserve(generation, entry, seen.versions[1:])
        except LostError:
            self._leave(generation)
            raise
        if not won:
            self._flying.discard(entry.id)
        return won

    def put(self, *lines: Line) -> None:
        """Write lines soon, in order."""
        for line in lines:
            if isinstance(line, Entry):
                (self._flying.add if line.in_flight else self._flying.discard)(line.id)
            self._enqueue(line)
        self._work.set()

    async def flush(self) -> None:
        """Return once everything put so far is in Redis. Raises LedgerAwayError."""
        await self._written_to(self._put, FLUSH_SECONDS)

    async def run(self) -> None:
        """Write what was put, and rebuild the ledger where it must be, until cancelled."""
        reason = ""
        while True:
            try:
                await self._session()
            except AwayError as error:
                self._heard = False
                if str(error) != reason:
                    log.warning("ledger.lost", reason=str(error))
                reason = str(error)
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                reason = ""

    async def feed(self, deliver: Callable[[Line], None], missed: Callable[[], Awaitable[None]]) -> None:
        """Deliver the lines that any cell writes, own ones too, until cancelled.

        missed: called whenever lines may have gone by undelivered, also at the start; whoever keeps what stands about
        somebody reads it again in there. Until it returns `feed_fresh` is False. It may raise AwayError.
        """
        while True:
            try:
                await self._follow(deliver, missed)
            except AwayError:
                await asyncio.sleep(PAUSE_SECONDS)
            finally:
                self._followed = ""

    async def settle_unknown(self, cell: str) -> int:
        """Settle what a cell that isn't running left in flight and the record doesn't know; how many it were.

        Nobody was called: an attempt is in the record before anybody hears of it. Raises AwayError.
        """
        flying = await self._commands.flying()
        left = {id_: line for id_, (owner, line) in flying.items() if owner == cell and id_ not in self._flying}
        unknown = left.keys() - set(await self._record.known(left.keys())) if left else set()
        for id_ in unknown:
            line = left[id_]
            assert isinstance(line, Entry)
            revision = line.revision + 1
            self.put(replace(line, revision=revision, in_flight=False, result=EntryResult.TRUNK_FAILURE))
        return len(unknown)

    async def close(self) -> None:
        """Leave; `run` and `feed` have ended."""
        await self._commands.close()

    def _joined(self) -> str:
        if not self.ready:
            raise LedgerAwayError("the ledger is being rebuilt")
        return self._generation

    def _leave(self, generation: str) -> None:
        # what is said about an older generation doesn't concern the one that was joined since
        if self._generation == generation:
            self._generation = ""
            self._work.set()

    def _enqueue(self, line: Line) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._overflowed = True
            return
        self._waiting.append(line)
        self._touched.update(line.keys)
        self._put += 1

    async def _session(self) -> None:
        if self._overflowed:
            await self._give_up()
        if self._generation and not self._heard:
            await self._look()
        if not self._generation:
            await self._join()
        await self._write()
        self._work.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self._work.wait()
        if self._clock.monotonic() - self._looked >= LOOK_SECONDS:
            await self._look()

    async def _look(self) -> State:
        """How Redis stands now. Raises LedgerAwayError."""
        mine = self._generation
        state = await self._commands.state()
        self._looked = self._clock.monotonic()
        self._heard = True
        if state.evicts or state.generation != mine:
            self._leave(mine)
        if state.evicts:
            raise LedgerAwayError("Redis may drop keys when its memory is full", "set maxmemory-policy to noeviction")
        return state

    async def _join(self) -> None:
        state = await self._look()
        if not state.generation:
            if not await rebuild(self._commands, self._record, self._quiet):
                raise LedgerAwayError("another cell rebuilds the ledger")
            state = await self._look()
        self._commands.join(state)
        await self.settle_unknown(self._cell)
        # before anybody can read: these go first, and whoever asks about one of them waits for it
        again = list(self._recent)
        self._recent.clear()
        self._waiting.extendleft(reversed(again))
        self._put += len(again)
        for line in again:
            self._touched.update(line.keys)
        self._generation = state.generation
        log.info("ledger.joined", again=len(again))

    async def _give_up(self) -> None:
        if generation := (await self._commands.state()).generation:
            await self._commands.disown(generation)
        self._leave(self._generation)
        log.error("ledger.overflowed", waiting=len(self._waiting))
        self._overflowed = False

    async def _write(self) -> None:
        while self._waiting:
            batch = [self._waiting[place] for place in range(min(MOST_LINES, len(self._waiting)))]
            generation = self._generation
            try:
                await self._commands.put(generation, batch)
            except LostError:
                self._leave(generation)
                raise
            for line in batch:
                self._waiting.popleft()
                self._touched.subtract(line.keys)
                for key in line.keys:
                    if not self._touched[key]:
                        del self._touched[key]
            self._recent.extend(batch)
            self._written += len(batch)
            async with self._progress:
                self._progress.notify_all()

    async def _written_to(self, count: int, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds), self._progress:
                await self._progress.wait_for(lambda: self._written >= count)
        except TimeoutError:
            raise LedgerAwayError("lines wait for Redis", "check that it runs") from None

    async def _follow(self, deliver: Callable[[Line], None], missed: Callable[[], Awaitable[None]]) -> None:
        generation = self._joined()
        state = await self._commands.state()
        if state.generation != generation:
            raise LostError("the ledger is being rebuilt")
        position = state.fed
        # from here on lines are kept for us; those before are in what is read now
        await missed()
        self._followed = generation
        looked = self._clock.monotonic()
        while True:
            lines = await self._commands.follow(position)
            position = self._deliver(lines, position, deliver)
            if lines and self._clock.monotonic() - looked < LOOK_SECONDS:
                continue
            looked = self._clock.monotonic()
            state = await self._commands.state()
            if state.generation != generation:
                self._leave(generation)
                raise LostError("the ledger is being rebuilt")
            if state.fed > position:
                # written since: they are there, or the feed was cut behind us
                lines = await self._commands.follow(position, wait=False)
                if not lines:
                    raise LostError("the feed was cut")
                position = self._deliver(lines, position, deliver)

    def _deliver(self, lines: list[tuple[int, Line]], position: int, deliver: Callable[[Line], None]) -> int:
        for number, line in lines:
            if number != position + 1:
                raise LostError("the feed was cut")
            position = number
            deliver(line)
        return position

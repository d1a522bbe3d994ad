"""What can be said to Redis, typed: one method a script."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from dialer.adapters.redis.form import pack, revision_of, unpack
from dialer.adapters.redis.wire import Names, Script, Wire
from dialer.compliance.entry import Entry, Line
from dialer.compliance.ledger import WINDOW, LedgerAwayError, Standing
from dialer.compliance.lines import decode, encode
from dialer.kernel.clock import Clock

LONGEST_FEED = 50_000
"""Lines that the feed keeps for readers who are behind: some 15 MB."""
MOST_LINES = 50
"""In one script, which holds up everybody else while it runs: 1 to 2 ms."""
_WINDOW_MS = round(WINDOW.total_seconds() * 1000)


class LostError(LedgerAwayError):
    """The ledger isn't whole, or is another generation than ours."""


@dataclass(frozen=True, slots=True)
class State:
    """How Redis stands.

    generation: what was rebuilt last; "" while it isn't whole. fed: the number of the feed's last line.
    watermark: of the record, when the rebuild began. evicts: Redis may drop keys when its memory is full.
    house: the collector that is left out of what is stored.
    """

    generation: str
    fed: int
    watermark: int
    evicts: bool
    house: str


class Flight(StrEnum):
    """What a line says about an attempt in flight, as the scripts want it."""

    FLYING = "flying"
    SETTLED = "settled"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to rebuild: lost with the lock, or when Redis isn't the one any more in which it was taken."""

    token: str
    replid: str


class Commands:
    """One ledger on one Redis, as one cell uses it. Everything raises LedgerAwayError.

    house: the collector that is left out of what is stored. Whoever builds the first ledger on a Redis chooses it;
    `join` takes over what it is.
    """

    def __init__(self, wire: Wire, names: Names, cell: str, house: str, clock: Clock) -> None:
        self._wire = wire
        self._names = names
        self._cell = cell
        self._house = house
        self._clock = clock

    async def state(self) -> State:
        generation, fed, watermark, evicts, house = await self._wire.run(Script.STATE, [self._names.meta])
        return State(generation, fed, watermark, bool(evicts), house)

    async def read(self, generation: str, keys: Sequence[str]) -> Standing:
        """What stands under the keys. Raises LostError."""
        names = [self._names.meta, *map(self._names.__getitem__, keys)]
        found = await self._wire.run(Script.READ, names, generation)
        if found is None:
            raise LostError("the ledger is being rebuilt")
        versions = [int(generation)]
        best: dict[str, tuple[int, str, str]] = {}
        for key, text in zip(keys, found, strict=True):
            flat = text.split("\n") if text else []
            fields = dict(zip(flat[::2], flat[1::2], strict=True))
            versions.append(int(fields.pop("#", 0)))
            for id_, value in fields.items():
                revision = revision_of(value)
                if id_ not in best or best[id_][0] < revision:
                    best[id_] = revision, value, key
        with _readable():
            lines = tuple(unpack(id_, value, key, self._house) for id_, (_, value, key) in best.items())
        return Standing(lines, tuple(versions))

    async def reserve(self, generation: str, entry: Entry, seen: Sequence[int]) -> bool:
        """Put it in flight, if its keys have these versions still. Raises LostError."""
        names = self._names
        keys = [names.meta, names.flying, names.feed, *map(names.__getitem__, entry.keys)]
        seen_and_new: list[str | float] = []
        for version, value in zip(seen, pack(entry, self._house), strict=True):
            seen_and_new += [version, value]
        answer = await self._wire.run(
            Script.RESERVE, keys, generation, self._now, _WINDOW_MS, LONGEST_FEED, self._cell, entry.id, encode(entry),
            *seen_and_new,
        )  # fmt: skip
        if answer < 0:
            raise LostError("the ledger is being rebuilt")
        return bool(answer)

    async def put(self, generation: str, lines: Sequence[Line]) -> None:
        """Write lines and tell the other cells. Raises LostError."""
        await self._put(lines, generation, Claim("", ""))

    async def load(self, claim: Claim, lines: Sequence[Line]) -> None:
        """Write lines of the record. Raises LostError."""
        await self._put(lines, "", claim)

    async def flying(self) -> dict[str, tuple[str, Line]]:
        """The attempts in flight: each one's cell and line."""
        found = {}
        for id_, value in (await self._wire.flying(self._names)).items():
            cell, _, line = value.partition("\n")
            with _readable():
                found[id_] = cell, decode(line)
        return found

    async def follow(self, position: int, *, wait: bool = True) -> list[tuple[int, Line]]:
        """The feed's lines after a position."""
        answer = await self._wire.follow(self._names, position, MOST_LINES, wait=wait)
        with _readable():
            return [(number, decode(line)) for number, line in answer]

    async def begin(self, token: str, seconds: float) -> Claim | None:
        """Take the right to rebuild; None if there is nothing to rebuild, or another cell does it."""
        keys = [self._names.meta, self._names.lock]
        replid, house = await self._wire.run(Script.BEGIN, keys, token, round(seconds * 1000), self._house)
        if not replid:
            return None
        self._house = house
        return Claim(token, replid)

    def join(self, state: State) -> None:
        """Write and read as this generation does."""
        self._house = state.house

    async def extend(self, claim: Claim, seconds: float) -> bool:
        """Keep the right so much longer, or with 0 give it back; False if it was lost."""
        return bool(await self._wire.run(Script.EXTEND, [self._names.lock], claim.token, round(seconds * 1000)))

    async def finish(self, claim: Claim, generation: str, watermark: int) -> None:
        """It is whole. Raises LostError."""
        keys = [self._names.meta, self._names.lock, self._names.feed]
        if not await self._wire.run(Script.FINISH, keys, claim.token, claim.replid, generation, watermark):
            raise LostError("Redis went away while the ledger was rebuilt")

    async def disown(self, generation: str) -> None:
        """This generation misses something: let it be rebuilt."""
        await self._wire.run(Script.DISOWN, [self._names.meta], generation)

    async def close(self) -> None:
        """Leave."""
        await self._wire.close()

    @property
    def _now(self) -> int:
        return round(self._clock.now().timestamp() * 1000)

    async def _put(self, lines: Sequence[Line], generation: str, claim: Claim) -> None:
        names = self._names
        keys = [names.meta, names.lock, names.flying, names.feed]
        values: list[str | float] = []
        for line in lines:
            packed = pack(line, self._house)
            told = "" if claim.token else encode(line)  # nobody is told of what is loaded
            values += [line.id, told, _flight(line), len(packed), *packed]
            keys += map(names.__getitem__, line.keys)
        answer = await self._wire.run(
            Script.PUT, keys, generation, self._now, _WINDOW_MS, LONGEST_FEED, self._cell, claim.token, claim.replid,
            len(lines), *values,
        )  # fmt: skip
        if answer < 0:
            raise LostError("the ledger is being rebuilt")


def _flight(line: Line) -> Flight:
    if not isinstance(line, Entry):
        return Flight.OTHER
    return Flight.FLYING if line.in_flight else Flight.SETTLED


@contextmanager
def _readable() -> Iterator[None]:
    # what can't be read may be what forbids the call; the text itself holds numbers and isn't told
    try:
        yield
    except (ValueError, KeyError, IndexError):
        raise LedgerAwayError("a line of the ledger can't be read", "let all cells run the same version") from None

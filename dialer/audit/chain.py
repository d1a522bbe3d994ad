"""The chain of decisions: whether it holds, where it ends, and whether an end noted earlier is still in it."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from dialer.compliance.evidence import Fault, Link, verify
from dialer.kernel.errors import InputError

_HEAD = re.compile(r"(?P<chain>.+):(?P<position>[1-9][0-9]*):(?P<digest>[0-9a-f]{64})")
_BATCH = 2_000


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain at some time: noted outside, it shows later that nothing up to it was cut off or made anew."""

    chain: str
    position: int
    digest: str

    @classmethod
    def parse(cls, text: str) -> "Head":
        """Read CHAIN:POSITION:DIGEST. Raises InputError."""
        found = _HEAD.fullmatch(text.strip())
        if not found:
            raise InputError(
                f"--head {text!r}: not a head of a chain",
                "write CHAIN:POSITION:DIGEST, as dialer audit --verify prints it",
            )
        return cls(found["chain"], int(found["position"]), found["digest"])

    def __str__(self) -> str:
        return f"{self.chain}:{self.position}:{self.digest}"


@dataclass(slots=True)
class Verified:
    """What the chains are. lost: heads noted earlier that aren't in them. erased: decisions without their person."""

    heads: list[Head] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    found: list[Head] = field(default_factory=list)
    links: int = 0
    erased: int = 0

    @property
    def holds(self) -> bool:
        return not self.faults and not self.lost

    def as_json(self) -> dict[str, Any]:
        """Everything, for a program."""
        return {
            "holds": self.holds,
            "links": self.links,
            "erased": self.erased,
            "heads": [str(head) for head in self.heads],
            "heads_found_again": [str(head) for head in self.found],
            "heads_lost": self.lost,
            "faults": [{"chain": fault.chain, "position": fault.position, "what": fault.what} for fault in self.faults],
        }


async def verify_chains(links: AsyncIterator[Link], noted: Sequence[Head] = ()) -> Verified:
    """Check every link, in a thread: the loop goes on. No more than a batch is held at once, however long the chains."""
    wanted = {(head.chain, head.position): head for head in noted}
    result = Verified()
    seen: dict[tuple[str, int], str] = {}
    loop = asyncio.get_running_loop()

    def pulled() -> Iterator[Link]:
        while batch := asyncio.run_coroutine_threadsafe(_batch(links), loop).result():
            for link in batch:
                result.links += 1
                result.erased += link.subject is None
                if (link.chain, link.position) in wanted:
                    seen[link.chain, link.position] = link.digest
                yield link

    heads, result.faults = await asyncio.to_thread(verify, pulled())
    result.heads = [Head(chain, position, digest) for chain, (position, digest) in sorted(heads.items())]
    for place, head in wanted.items():
        digest = seen.get(place)
        if digest == head.digest:
            result.found.append(head)
        elif digest is None:
            end = heads.get(head.chain, (0, ""))[0]
            result.lost.append(f"{head.chain}: decision {head.position} was there once; the chain ends at {end} now")
        else:
            result.lost.append(
                f"{head.chain}: decision {head.position} is another one than was noted: the chain was made anew"
            )
    return result


async def _batch(links: AsyncIterator[Link]) -> list[Link]:
    batch: list[Link] = []
    async for link in links:
        batch.append(link)
        if len(batch) >= _BATCH:
            break
    return batch

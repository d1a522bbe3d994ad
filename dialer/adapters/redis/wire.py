"""The connection: every word to Redis is a script with a deadline, and is said again once if the reply was lost."""

import asyncio
import hashlib
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ReadOnlyError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from dialer.compliance.ledger import LedgerAwayError
from dialer.kernel.errors import InputError

COMMAND_SECONDS = 1.0
"""For an answer; to connect; for a free connection."""
PATIENCE_SECONDS = 2.0
"""For all of it, said twice."""
CONNECTIONS = 16
BLOCK_SECONDS = 0.5
"""How long the feed waits for lines before it looks whether the ledger is still whole."""
_DEFAULT_PORT = 6379
_LOST = (RedisConnectionError, RedisTimeoutError, OSError, TimeoutError)


def _text(name: str) -> str:
    return (files(__package__) / "scripts" / f"{name}.lua").read_text(encoding="utf-8")


class Script(Enum):
    """The scripts, as `scripts/*.lua` hold them. Each may run twice: the second time it changes nothing."""

    STATE = "state"
    READ = "read"
    RESERVE = "reserve"
    PUT = "put"
    BEGIN = "begin"
    EXTEND = "extend"
    FINISH = "finish"
    DISOWN = "disown"

    def __init__(self, name: str) -> None:
        self.text = f"{_text('common')}\n{_text(name)}"
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()  # the name Redis gives it


@dataclass(frozen=True, slots=True)
class Names:
    """The keys of one ledger. The braces keep them on one node of a Cluster, where scripts see them together."""

    prefix: str

    def __post_init__(self) -> None:
        if not self.prefix or any(sign in self.prefix for sign in "{} \n"):
            raise InputError(f"{self.prefix!r} can't be the prefix of keys", "use letters and digits")

    def __getitem__(self, name: str) -> str:
        return f"cadenza:{{{self.prefix}}}:{name}"

    @property
    def meta(self) -> str:
        """The generation, the data in which it is whole, the feed's counter, the watermark."""
        return self["meta"]

    @property
    def lock(self) -> str:
        """Who rebuilds."""
        return self["rebuild"]

    @property
    def flying(self) -> str:
        """Attempts in flight: id to cell and line."""
        return self["flying"]

    @property
    def feed(self) -> str:
        """Every line that changed something, in order."""
        return self["feed"]


class Wire:
    """Commands with a deadline. Whatever goes wrong is a LedgerAwayError.

    The library itself never sends anything again. A script is said once more after a lost reply, because it changes
    nothing the second time; there it ends. Nor is it ever cancelled: a connection that was cancelled while it greeted
    goes back to the pool as if it had, and hands out answers that belong to others. Who waits no longer leaves it to
    end by its own deadlines.
    """

    def __init__(self, url: str) -> None:
        self._clients: list[Redis | RedisCluster] = []
        self._client = self._connected(url, CONNECTIONS, COMMAND_SECONDS)
        # whoever waits for the feed doesn't hold up others, and waits longer than they
        self._patient = self._connected(url, 1, COMMAND_SECONDS + BLOCK_SECONDS)
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, script: Script, keys: Sequence[str], *values: str | float) -> Any:
        """What the script answers. Raises LedgerAwayError: then it ran, or not, or will."""
        return await self._wait_for(self._twice(script, keys, values))

    async def flying(self, names: Names) -> dict[str, str]:
        """The attempts in flight, as they stand there. Raises LedgerAwayError."""
        return dict(await self._wait_for(self._client.execute_command("HGETALL", names.flying)))

    async def follow(self, names: Names, position: int, most: int, *, wait: bool) -> list[tuple[int, str]]:
        """Lines of the feed after a position, each with its own; none if none came in time. Raises LedgerAwayError."""
        block: list[str | int] = ["BLOCK", round(BLOCK_SECONDS * 1000)] if wait else []
        command = ("XREAD", "COUNT", most, *block, "STREAMS", names.feed, f"{position}-0")
        answer = await self._wait_for(self._patient.execute_command(*command))
        return [(int(id_.partition("-")[0]), fields["line"]) for _, lines in answer or () for id_, fields in lines]

    async def close(self) -> None:
        """Leave."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=PATIENCE_SECONDS)
        for task in self._tasks:
            task.cancel()
        for client in self._clients:
            await client.aclose()

    def _connected(self, url: str, connections: int, seconds: float) -> Redis | RedisCluster:
        client, *others = _clients(url, connections, seconds)
        self._clients += [client, *others]
        return client

    async def _wait_for(self, work: Coroutine[Any, Any, Any]) -> Any:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        with _away():
            done, _ = await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
            if not done:
                raise TimeoutError
            return task.result()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # heard, even if nobody waits any more

    async def _twice(self, script: Script, keys: Sequence[str], values: Sequence[str | float]) -> Any:
        try:
            return await self._evaluate(script, keys, values)
        except (*_LOST, ReadOnlyError):
            return await self._evaluate(script, keys, values)

    async def _evaluate(self, script: Script, keys: Sequence[str], values: Sequence[str | float]) -> Any:
        try:
            return await self._client.execute_command("EVALSHA", script.sha, len(keys), *keys, *values)
        except NoScriptError:
            return await self._client.execute_command("EVAL", script.text, len(keys), *keys, *values)


def _clients(url: str, connections: int, seconds: float) -> list[Redis | RedisCluster]:
    """A client, and those that it asks, for `redis://`, `rediss://`, `unix://`, `redis+sentinel://host,host/service`, `redis+cluster://host,host`.

    Raises InputError.
    """
    options: dict[str, Any] = {
        "decode_responses": True,
        "protocol": 2,  # one shape of answers, whatever the server
        "socket_timeout": seconds,
        "socket_connect_timeout": COMMAND_SECONDS,
        "retry": Retry(NoBackoff(), 0),  # by default the library sends everything up to ten times again
    }
    scheme = url.partition("://")[0]
    try:
        if scheme not in ("redis+sentinel", "redis+cluster"):
            pool = BlockingConnectionPool.from_url(url, max_connections=connections, timeout=COMMAND_SECONDS, **options)
            return [Redis.from_pool(pool)]
        parts = urlsplit(url)
        credentials, _, places = parts.netloc.rpartition("@")
        user, _, password = credentials.partition(":")
        options |= {"username": unquote(user) or None, "password": unquote(password) or None}
        hosts = [_host(place) for place in places.split(",")]
        if scheme == "redis+cluster":
            nodes = [ClusterNode(host, port) for host, port in hosts]
            return [RedisCluster(startup_nodes=nodes, **options)]
        timeouts = {"socket_timeout": COMMAND_SECONDS, "socket_connect_timeout": COMMAND_SECONDS}
        database = int(parse_qs(parts.query).get("db", ["0"])[0])
        sentinel = Sentinel(hosts, sentinel_kwargs=timeouts)  # type: ignore[no-untyped-call]
        return [sentinel.master_for(parts.path.strip("/"), db=database, **options), *sentinel.sentinels]
    except ValueError as error:
        # the address may hold a password: it isn't repeated
        raise InputError(f"the address of Redis can't be read: {error}", "write redis://host:6379/0") from None


def _host(place: str) -> tuple[str, int]:
    parts = urlsplit(f"//{place}")
    return parts.hostname or "", parts.port or _DEFAULT_PORT


@contextmanager
def _away() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        # only the kind of error: its words may repeat arguments, which hold numbers
        raise LedgerAwayError(f"Redis can't be asked ({type(error).__name__})", "check that it runs") from None

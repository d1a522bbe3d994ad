"""Where the record and the ledger are."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import parse_qs, quote, urlsplit

from pydantic import AfterValidator, Field, SecretStr

from dialer.adapters.store.place import Place
from dialer.settings.secrets import secret
from dialer.settings.section import NAME, Section

_URL_OPTIONS = frozenset({"host", "ssl"})


def _postgresql(text: str) -> str:
    try:
        url = urlsplit(text)
        options, port = parse_qs(url.query), url.port
    except ValueError:
        url, options, port = urlsplit(""), {}, None
    if url.scheme != "postgresql" or not url.path.strip("/") or not (url.hostname or "host" in options) or port == 0:
        raise ValueError("not the URL of a database: write it as postgresql://user@host:5432/database")
    if url.password is not None:
        raise ValueError("holds a password: move it to password_file, or to the variable DIALER_STORE__PASSWORD")
    if url.fragment or not options.keys() <= _URL_OPTIONS:
        raise ValueError(f"has an option that isn't known; known are {', '.join(sorted(_URL_OPTIONS))}")
    return text


def _redis(text: str) -> str:
    try:
        url = urlsplit(text)
        holds = url.password is not None or "password" in parse_qs(url.query, keep_blank_values=True)
    except ValueError:
        raise ValueError("not the URL of a server: write it as redis://127.0.0.1:6379/0") from None
    if holds:
        raise ValueError("holds a password: move it to password_file, or to the variable DIALER_LEDGER__PASSWORD")
    return text


class LedgerSettings(Section):
    """Where reservations and past contacts are compared."""

    kind: Literal["process", "sql", "redis"] = Field(
        "process",
        description="`process`: one daemon alone; `sql`: cells on one PostgreSQL; `redis`: cells on one Redis",
    )
    url: Annotated[str, AfterValidator(_redis)] = Field(
        "redis://127.0.0.1:6379/0", description="the Redis server, where kind is `redis`"
    )
    prefix: str = Field(
        "ledger", pattern=NAME, description="of its keys: agencies that share a Redis each have their own"
    )
    password: SecretStr | None = Field(
        None, description="better in password_file or in the variable DIALER_LEDGER__PASSWORD"
    )
    password_file: Path | None = Field(None, description="a file that holds the password of the Redis server")


class StoreSettings(Section):
    """The record: a SQLite file, or a PostgreSQL database where `url` is set."""

    path: Path = Field(Path("dialer.db"), description="the SQLite file; its folder must exist")
    url: Annotated[str, AfterValidator(_postgresql)] | None = Field(
        None,
        description="a PostgreSQL database, as postgresql://user@host:5432/database, which is used instead of `path`; "
        "`?ssl=verify-full` demands TLS, `?host=/run/postgresql` names the folder of a socket",
    )
    password: SecretStr | None = Field(
        None, description="better in password_file or in the variable DIALER_STORE__PASSWORD"
    )
    password_file: Path | None = Field(None, description="a file that holds the password of the user in `url`")
    cell: str = Field("cell1", pattern=NAME, description="the daemon's own name among those on one PostgreSQL")


def place(store: StoreSettings) -> Place:
    """Where the record is. Raises InputError where the file of the password can't be read."""
    if store.url is None:
        return Place(store.path)
    password = ""
    if store.password is not None or store.password_file is not None:
        password = secret(store.password, store.password_file, "store.password", "DIALER_STORE__PASSWORD")
    return Place(store.path, store.url, password, store.cell)


def redis_url(ledger: LedgerSettings) -> str:
    """Where the shared ledger is, with its password. Raises InputError where the password's file can't be read."""
    if ledger.password is None and ledger.password_file is None:
        return ledger.url
    password = secret(ledger.password, ledger.password_file, "ledger.password", "DIALER_LEDGER__PASSWORD")
    scheme, _, rest = ledger.url.partition("://")
    user, at, host = rest.rpartition("@")
    return f"{scheme}://{user if at else ''}:{quote(password, safe='')}@{host}"

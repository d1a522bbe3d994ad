"""A backup comes back as it was, beside a daemon that worked on; what isn't whole, or isn't ours, never does."""

import asyncio
import json
import os
import stat
import tarfile
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from dialer.adapters.store import database
from dialer.adapters.store.decisions import SqlDecisions
from dialer.adapters.store.hold import only_daemon
from dialer.adapters.store.place import Place
from dialer.agents.session import SavedSession
from dialer.audit.chain import verify_chains
from dialer.campaigns.campaign import CampaignState as S
from dialer.cli import app
from dialer.kernel.errors import EXIT_IN_USE, EXIT_INPUT, EXIT_NO
from tests.conftest import ROOT
from tests.conftest import database as new_database
from tests.store.conftest import Noon, opened
from tests.store.test_migrations import record_of
from tests.store.test_record import ended_attempt, first_case, new_case

CALLS = 3


class House:
    """A record on one kind of store, the place for its copy, and the commands."""

    def __init__(self, folder, place, elsewhere):
        self.folder, self.place, self.elsewhere = folder, place, elsewhere
        self.file = folder / "backup.tar"

    def config(self, place):
        path = self.folder / "dialer.toml"
        path.write_text(
            f"[store]\nurl = {json.dumps(place.url)}\n" if place.url else f'[store]\npath = "{place.path}"\n'
        )
        return path

    async def dialer(self, place, *words):
        """Its exit code and what it prints; in a thread, for it has a loop of its own."""
        words = [*map(str, words), "-c", str(self.config(place))]
        done = await asyncio.to_thread(CliRunner().invoke, app, words)
        return getattr(done.exception, "exit_code", done.exit_code), f"{done.output}{done.exception or ''}"

    async def back_up(self):
        code, words = await self.dialer(self.place, "backup", self.file)
        assert code == 0, words
        return words

    async def restore(self):
        return await self.dialer(self.elsewhere, "restore", self.file)


@pytest.fixture
def sqlite_house(tmp_path):
    return House(tmp_path, Place(tmp_path / "dialer.db"), Place(tmp_path / "new/dialer.db"))


@pytest.fixture
async def postgres_house(tmp_path, monkeypatch, postgres_server, postgres_place):
    tree = Path(os.environ.get("DIALER_POSTGRES", ROOT / ".cache/postgres"))
    (program,) = tree.glob("tree/usr/lib/postgresql/*/bin/pg_dump.bin")
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    async with new_database(postgres_server) as empty:
        yield House(tmp_path, postgres_place, Place(Path(), empty))


@pytest.fixture(params=["sqlite", "postgres"])
def house(request):
    return request.getfixturevalue(f"{request.param}_house")


@pytest.fixture
async def store(house):
    """The record, with some calls on it."""
    (house.folder / "new").mkdir()
    async with opened(house.place) as store:
        case = await first_case(store, new_case())
        for n in range(1, CALLS + 1):
            await ended_attempt(store, case, n)
        await store.attempts.flush()
        yield store


@asynccontextmanager
async def engine_on(place):
    engine = await database.open_database(place)
    yield engine
    await engine.dispose()


async def heads(place):
    async with engine_on(place) as engine:
        return [str(head) for head in (await verify_chains(SqlDecisions(engine).links())).heads]


async def test_a_backup_made_beside_the_daemon_comes_back_as_it_was(house, store):
    async with only_daemon(house.place):
        words = await house.back_up()
    (head,) = await heads(house.place)
    assert head in words
    assert "the chain holds" in words
    assert stat.S_IMODE(house.file.stat().st_mode) == 0o600
    assert not [path for path in house.folder.iterdir() if path.name.startswith(".dialer-")]
    await ended_attempt(store, await store.book.case(1), CALLS + 1)  # it works on
    await store.attempts.flush()
    code, words = await house.restore()
    assert code == 0, words
    assert await heads(house.elsewhere) == [head]
    async with engine_on(house.elsewhere) as engine, engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM attempts")) == CALLS
        assert await connection.scalar(text("SELECT count(*) FROM decisions")) == CALLS
    if not house.place.url:
        assert stat.S_IMODE(house.elsewhere.path.stat().st_mode) == 0o600
        assert sorted(path.name for path in house.elsewhere.path.parent.iterdir()) == ["dialer.db", "dialer.db.lock"]
    # and never over a record
    code, words = await house.restore()
    assert code == EXIT_IN_USE
    assert "there is a record already" in words


async def test_what_comes_back_dials_nobody_before_it_is_told_what_it_lost(house, store):
    was = dict(zip("abcd", (S.RUNNING, S.DRAINING, S.HALTED, S.STOPPED), strict=True))
    for name, state in was.items():
        await store.floor.save_campaign_state(name, state, Noon().now())
    store.floor.save_session(SavedSession("anna", "dls-1", None, "k1", Noon().now()))
    await store.writer.flush()
    await house.back_up()
    code, words = await house.restore()
    assert (code, "is paused until dialer campaign start" in words) == (0, True), words
    async with opened(house.elsewhere) as restored:
        assert await restored.floor.campaign_states() == was | {"a": S.PAUSED, "b": S.PAUSED}
        assert await restored.floor.sessions() == []
    assert await store.floor.campaign_states() == was


async def test_a_record_that_fails_its_proof_leaves_the_place_empty(house, store):
    await house.back_up()
    whole = house.file.read_bytes()
    house.file.write_bytes(whole.replace(b'"cell1:3:', b'"cell1:9:'))
    code, words = await house.restore()
    assert (code, "was there once" in words) == (EXIT_NO, True), words
    house.file.write_bytes(whole)
    code, words = await house.restore()
    assert code == 0, words


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
async def test_what_root_restores_is_the_folders_owners(house, store):
    await house.back_up()
    folder = house.elsewhere.path.parent
    os.chown(folder, 4711, 4712)
    code, words = await house.restore()
    assert code == 0, words
    owners = {path.name: (path.stat().st_uid, path.stat().st_gid) for path in folder.iterdir()}
    assert owners == dict.fromkeys(("dialer.db", "dialer.db.lock"), (4711, 4712))


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
async def test_a_secret_in_the_configuration_is_blank_in_the_copy(house, store, monkeypatch):
    def with_a_secret(place):
        path = House.config(house, place)
        path.write_text(path.read_text() + '[pbx]  # ours\nsecret = "hush-hush-hush"\nsecret_file = "there"\n')
        return path

    monkeypatch.setattr(house, "config", with_a_secret)
    await house.back_up()
    with tarfile.open(house.file) as archive:
        copied = archive.extractfile("dialer.toml").read().decode()
    assert copied.endswith('[pbx]  # ours\nsecret = ""\nsecret_file = "there"\n')
    assert b"hush" not in house.file.read_bytes()


async def test_nothing_is_restored_beside_a_daemon(house, store):
    await house.back_up()
    async with only_daemon(house.elsewhere):
        code, words = await house.restore()
    assert code == EXIT_IN_USE
    assert "another daemon" in words or "other daemons" in words
    assert house.elsewhere.url or not house.elsewhere.path.exists()


async def test_a_backup_replaces_no_file(house, store):
    house.file.write_text("somebody's own")
    code, words = await house.dialer(house.place, "backup", house.file)
    assert code == EXIT_IN_USE, words
    assert house.file.read_text() == "somebody's own"


async def test_an_older_schema_is_backed_up_before_the_upgrade_and_restored_by_its_own_dialer_alone(house):
    (house.folder / "new").mkdir()
    async with record_of(house.place, "0012"):
        pass
    words = await house.back_up()
    assert "schema 0012" in words
    code, words = await house.restore()
    assert code == EXIT_INPUT
    assert f"its schema is 0012, this dialer needs {database.head()}" in words
    # the upgrade: back up, migrate, start
    code, words = await house.dialer(house.place, "migrate")
    assert code == 0, words
    async with only_daemon(house.place), engine_on(house.place) as engine:
        assert await database.revision_of(engine) == database.head()


async def test_a_record_that_was_changed_behind_the_chain_is_told(house, store):
    async with store.engine.begin() as connection:
        await connection.execute(text("UPDATE decisions SET content = replace(content, '\"k\"', '\"m\"')"))
    code, words = await house.dialer(house.place, "backup", house.file)
    assert code == EXIT_NO
    assert "the chain is broken" in words
    assert house.file.exists()  # better than none


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
async def test_a_damaged_file_and_one_of_another_store_are_refused_and_leave_nothing(house, store):
    await house.back_up()
    whole = house.file.read_bytes()
    middle = whole.index(b"SQLite format 3") + 5_000
    for spoilt, words in (
        (whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :], "damaged"),
        (whole[:middle], "damaged"),
        (b"no tar at all", "not a backup"),
        (whole.replace(b'"kind": "SQLite"', b'"kind": "SQLit3"'), "damaged"),
        (whole.replace(b'"cell1:3:', b'"cell1:9:'), "was there once"),
    ):
        house.file.write_bytes(spoilt)
        code, said = await house.restore()
        assert code in (EXIT_NO, EXIT_INPUT), said
        assert words in said
        assert not house.elsewhere.path.exists()
    house.file.write_bytes(whole)
    code, said = await house.dialer(Place(Path(), "postgresql://nobody@127.0.0.1:1/none"), "restore", house.file)
    assert (code, "of a SQLite record" in said) == (EXIT_INPUT, True)
    with tarfile.open(house.file) as archive:
        assert archive.getnames() == ["about.json", "dialer.toml", "record"]

"""What the gate relies on in a ledger, held against each of them, and against a model that is plain enough to trust."""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete

from dialer.adapters.redis.ledger import RedisLedger
from dialer.adapters.store import schema
from dialer.adapters.store.database import open_database
from dialer.adapters.store.ledger import SqlLedger
from dialer.adapters.store.place import Place
from dialer.adapters.store.writer import Writer
from dialer.compliance.entry import (
    Agreement,
    Blackout,
    Channel,
    Consent,
    Direction,
    Entry,
    EntryResult,
    Flag,
    keys_of,
)
from dialer.compliance.ledger import ProcessLedger, Subject
from dialer.kernel.clock import SystemClock
from tests.redis.house import PATIENT

NOON = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
NUMBER, OTHER = "+393471234567", "+390212345678"


class NoRecord:
    """Nothing happened before."""

    async def pages(self):
        for page in ():
            yield page

    async def watermark(self):
        return 0

    async def known(self, attempts):
        return list(attempts)


@asynccontextmanager
async def process_ledgers(request):
    ledger = ProcessLedger()
    yield ledger, ledger


@asynccontextmanager
async def redis_ledgers(request):
    server = request.getfixturevalue("redis_server")
    for name, seconds in PATIENT.items():
        request.getfixturevalue("monkeypatch").setattr(name, seconds)
    prefix, clock = uuid4().hex, SystemClock(NOON - datetime.now(UTC))
    cells = [
        RedisLedger(server.url, name, NoRecord(), clock, prefix=prefix, house="acme", quiet=timedelta())
        for name in ("a", "b")
    ]
    tasks = []
    for cell in cells:
        tasks.append(asyncio.create_task(cell.run()))
        while not cell.ready:
            await asyncio.sleep(0.001)
    yield cells
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for cell in cells:
        await cell.close()


async def emptied(engine):
    async with engine.begin() as connection:
        for table in (schema.ledger, schema.ledger_keys, schema.flag_changes):  # all that a ledger writes
            await connection.execute(delete(table))


@asynccontextmanager
async def sql_ledgers(place):
    clock = SystemClock(NOON - datetime.now(UTC))
    handles, tasks, engines = [], [], []
    for _ in range(2):
        engine = await open_database(place)
        writer = Writer(engine)
        tasks.append(asyncio.create_task(writer.run()))
        engines.append(engine)
        handles.append(SqlLedger(engine, writer, clock))
    await emptied(engines[0])
    yield handles
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await emptied(engines[0])  # the template is copied by others
    for engine in engines:
        await engine.dispose()


def sqlite_ledgers(request):
    return sql_ledgers(Place(request.getfixturevalue("tmp_path") / "ledger.db"))


def postgres_ledgers(request):
    url = request.getfixturevalue("postgres_server").url(request.getfixturevalue("postgres_template"))
    return sql_ledgers(Place(Path(), url))


# another ledger: an async context manager that gives two handles on one fresh store, as two cells hold them
LEDGERS = {
    "process": process_ledgers,
    "redis": redis_ledgers,
    "sqlite": sqlite_ledgers,
    "postgres": postgres_ledgers,
}


@pytest.fixture(params=LEDGERS)
def opened(request):
    if request.param == "redis":
        request.getfixturevalue("redis_server")  # asked for again later, when a loop runs
    if request.param == "postgres":
        request.getfixturevalue("postgres_template")
    return lambda: LEDGERS[request.param](request)


@pytest.fixture
async def two(opened):
    async with opened() as handles:
        yield handles


@pytest.fixture
def ledger(two):
    return two[0]


def attempt(id_="a1", debtor=1, number=NUMBER, household="", revision=0, **values):
    values = {"at": NOON, "result": EntryResult.UNKNOWN, "in_flight": True} | values
    return Entry(id_, revision, debtor, number, household, **values)


def settled(entry, result=EntryResult.NO_ANSWER, revision=1):
    return replace(entry, revision=revision, in_flight=False, result=result)


def subject_of(line):
    return Subject(line.debtor_id, line.number, line.household)


async def put(ledger, *lines):
    ledger.put(*lines)
    await ledger.flush()


async def lines_of(ledger, line):
    return set((await ledger.read(subject_of(line))).lines)


async def test_nothing_stands_about_a_stranger(ledger):
    assert (await ledger.read(Subject(1, NUMBER, "house"))).lines == ()


async def test_a_reservation_is_in_flight_for_everybody_it_concerns(two):
    mine, other = two
    entry = attempt(household="house")
    assert await mine.reserve(entry, await mine.read(subject_of(entry)))
    for subject in (Subject(1, None), Subject(None, NUMBER), Subject(None, None, "house"), Subject(1, NUMBER, "house")):
        assert (await other.read(subject)).in_flight == (entry,)
    assert (await other.read(Subject(2, OTHER, "elsewhere"))).lines == ()


async def test_of_two_who_saw_the_same_one_wins(two):
    mine, other = two
    seen, seen_too = await mine.read(Subject(1, NUMBER)), await other.read(Subject(1, NUMBER))
    assert await mine.reserve(attempt("a1"), seen)
    assert not await other.reserve(attempt("a2"), seen_too)
    assert {line.id for line in await lines_of(mine, attempt())} == {"a1"}


@pytest.mark.parametrize("line", [attempt("b", 1, OTHER), attempt("b", 2, NUMBER), attempt("b", 2, OTHER, "house")])
async def test_a_change_under_any_key_fails_the_reservation(two, line):
    mine, other = two
    entry = attempt("a", 1, NUMBER, "house")
    seen = await mine.read(subject_of(entry))
    await put(other, line)
    assert not await mine.reserve(entry, seen)
    assert await mine.reserve(entry, await mine.read(subject_of(entry)))


async def test_a_change_about_others_does_not(two):
    mine, other = two
    seen = await mine.read(Subject(1, NUMBER))
    await put(other, attempt("b", 2, OTHER, "house"))
    assert await mine.reserve(attempt(), seen)


async def test_asked_again_it_says_what_it_said(ledger):
    seen = await ledger.read(Subject(1, NUMBER))
    assert await ledger.reserve(attempt("a1"), seen)
    assert await ledger.reserve(attempt("a1"), seen)
    assert not await ledger.reserve(attempt("a2"), seen)
    assert not await ledger.reserve(attempt("a2"), seen)
    assert len(await lines_of(ledger, attempt())) == 1


async def test_many_at_once_on_one_debtor_make_one_call(two):
    seen = [await handle.read(Subject(1, NUMBER)) for handle in two]
    won = await asyncio.gather(*(two[i % 2].reserve(attempt(f"a{i}"), seen[i % 2]) for i in range(40)))
    assert sum(won) == 1


async def test_the_higher_revision_holds_in_whatever_order(two):
    mine, other = two
    entry = attempt()
    await put(other, settled(entry, EntryResult.CONVERSATION, 2))
    await put(mine, entry, settled(entry))
    assert await lines_of(mine, entry) == await lines_of(other, entry) == {settled(entry, EntryResult.CONVERSATION, 2)}


async def test_what_was_settled_is_in_flight_no_more(two):
    mine, other = two
    entry = attempt()
    assert await mine.reserve(entry, await mine.read(subject_of(entry)))
    await put(mine, settled(entry))
    standing = await other.read(subject_of(entry))
    assert standing.in_flight == ()
    assert await other.reserve(attempt("a2"), standing)


async def test_what_a_handle_put_and_flushed_the_other_one_reads(two):
    mine, other = two
    lines = [attempt(f"a{i}", in_flight=False) for i in range(250)]
    await put(mine, *lines)
    assert await lines_of(other, lines[0]) == set(lines)


WORDS = st.sampled_from(["", "k", "acme", "città", "a|b=c%25", "%7C", "=", "a\nb"])
INSTANTS = st.datetimes(NOON.replace(tzinfo=None) - timedelta(days=30), datetime(2199, 1, 1)).map(  # noqa: DTZ001
    lambda instant: instant.replace(tzinfo=UTC)
)
MAYBE = st.none() | INSTANTS
DEBTS = st.none() | st.lists(st.integers(0, 2**53), max_size=3).map(tuple)
ABOUT = st.tuples(
    st.sampled_from([None, 1, 2]), st.sampled_from([None, NUMBER, OTHER]), st.sampled_from(["", "house", "a|%="])
).filter(lambda about: keys_of(*about))
TIMES = st.times().map(lambda when: time(when.hour, when.minute))
LINES = st.one_of(
    st.builds(
        lambda about, revision, **values: Entry("", revision, *about, **values),
        ABOUT,
        st.integers(0, 5),
        at=st.datetimes(NOON.replace(tzinfo=None) - timedelta(days=30), NOON.replace(tzinfo=None)).map(
            lambda instant: instant.replace(tzinfo=UTC)
        ),
        result=st.sampled_from(EntryResult),
        in_flight=st.booleans(),
        direction=st.sampled_from(Direction),
        channel=st.sampled_from(Channel),
        debts=DEBTS,
        campaign=WORDS,
        collector=WORDS,
        workplace=st.booleans(),
    ),
    st.builds(
        lambda about, revision, **values: Flag("", revision, *about, **values),
        ABOUT,
        st.integers(0, 5),
        name=WORDS,
        debt_id=st.none() | st.integers(0, 99),
        until=MAYBE,
    ),
    st.builds(
        lambda about, revision, **values: Agreement("", revision, *about, **values),
        ABOUT,
        st.integers(0, 5),
        start=INSTANTS,
        until=INSTANTS,
    ),
    st.builds(
        lambda about, revision, **values: Consent("", revision, *about, **values),
        ABOUT,
        st.integers(0, 5),
        at=INSTANTS,
        debts=DEBTS,
        until=MAYBE,
    ),
    st.builds(
        lambda about, revision, **values: Blackout("", revision, *about, **values),
        ABOUT,
        st.integers(0, 5),
        weekdays=st.sets(st.integers(0, 6)).map(lambda days: tuple(sorted(days))),
        start=TIMES,
        end=TIMES,
        until=MAYBE,
    ),
)
HANDLES = st.integers(0, 1)


class Model:
    """What a ledger is: lines by id, the highest revision of each, and how often each key changed."""

    def __init__(self):
        self.lines = {}
        self.changed = Counter()
        self.touched = Counter()
        """How often a key was named: a ledger may take a line that changes nothing for a change."""

    def put(self, line):
        self.touched.update(line.keys)
        known = self.lines.get(line.id)
        if known is None or known.revision < line.revision:
            self.lines[line.id] = line
            self.changed.update(line.keys)

    def about(self, subject):
        return {line for line in self.lines.values() if set(line.keys) & set(subject.keys)}

    def versions(self, subject):
        return [self.changed[key] for key in subject.keys], [self.touched[key] for key in subject.keys]


class LedgerMachine(RuleBasedStateMachine):
    """Two cells read, reserve, settle and put in any order; after each step all must be as in the model."""

    opened = None
    seen = Bundle("seen")
    reserved = Bundle("reserved")
    known = Bundle("known")

    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner()
        self.model = Model()
        self.made = 0

    @initialize()
    def open(self):
        self.store = type(self).opened()
        self.handles = self.runner.run(self.store.__aenter__())

    def teardown(self):
        if hasattr(self, "store"):
            self.runner.run(self.store.__aexit__(None, None, None))
        self.runner.close()

    def new_id(self):
        self.made += 1
        return f"dla-{self.made:026}"

    def put(self, handle, *lines):
        for line in lines:
            self.model.put(line)
        self.runner.run(put(self.handles[handle], *lines))

    @rule(target=seen, handle=HANDLES, about=ABOUT)
    def read(self, handle, about):
        subject = Subject(*about)
        standing = self.runner.run(self.handles[handle].read(subject))
        assert len(standing.lines) == len(set(standing.lines))
        assert set(standing.lines) == self.model.about(subject)
        return subject, standing, self.model.versions(subject)

    @rule(target=reserved, handle=HANDLES, seen=seen)
    def reserve(self, handle, seen):
        subject, standing, (changed, touched) = seen
        entry = attempt(self.new_id(), subject.debtor_id, subject.number, subject.household, campaign="k", debts=(1, 2))
        changed_now, touched_now = self.model.versions(subject)
        won = self.runner.run(self.handles[handle].reserve(entry, standing))
        if changed != changed_now:
            assert not won
        elif touched == touched_now:
            assert won
        again = self.runner.run(self.handles[handle].reserve(entry, standing))
        assert again == won
        if not won:
            return multiple()
        self.model.put(entry)
        return entry

    @rule(target=known, handle=HANDLES, entry=consumes(reserved), result=st.sampled_from(EntryResult))
    def settle(self, handle, entry, result):
        line = settled(entry, result)
        self.put(handle, line)
        return line

    @rule(target=known, handle=HANDLES, line=LINES)
    def something_new(self, handle, line):
        line = replace(line, id=self.new_id())
        self.put(handle, line)
        return line

    @rule(handle=HANDLES, line=known, up=st.integers(-2, 3))
    def put_again(self, handle, line, up):
        # the revision says which line it is: of one revision there is one line only
        before = self.model.lines[line.id]
        revision = before.revision + up
        if up > 0:
            line = replace(before, revision=revision)
        elif up == 0:
            line = before
        elif revision >= 0:
            line = replace(line, revision=min(revision, line.revision))
        self.put(handle, line)

    @rule(lines=st.lists(st.tuples(HANDLES, LINES), max_size=6))
    def many_at_once(self, lines):
        made = [(handle, replace(line, id=self.new_id())) for handle, line in lines]
        for _, line in made:
            self.model.put(line)

        async def all_of_them():
            for handle, line in made:
                self.handles[handle].put(line)
            await asyncio.gather(*(handle.flush() for handle in self.handles))

        self.runner.run(all_of_them())

    @precondition(lambda self: hasattr(self, "handles"))
    @invariant()
    def every_key_tells_the_same(self):
        for subject in (
            Subject(1, None),
            Subject(2, NUMBER),
            Subject(None, OTHER, "house"),
            Subject(None, None, "a|%="),
        ):
            standing = self.runner.run(self.handles[self.made % 2].read(subject))
            assert set(standing.lines) == self.model.about(subject)


@pytest.mark.timeout(400)  # thousands of statements: a busy machine is slow, not wrong
def test_it_is_as_the_model(opened):
    machine = type("Machine", (LedgerMachine,), {"opened": staticmethod(opened)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=30, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


async def test_a_silent_call_is_remembered_when_other_calls_are_forgotten(ledger):
    silent = settled(attempt("s", at=NOON - timedelta(days=100)), EntryResult.ABANDONED)
    await put(ledger, silent, settled(attempt("n", at=NOON - timedelta(days=100))))
    for number in range(20):  # so many that a sweep comes by
        await put(ledger, settled(attempt(f"r{number}")))
    if isinstance(ledger, ProcessLedger):
        ledger.forget_before(NOON)
    found = {line.id for line in await lines_of(ledger, silent)}
    assert "s" in found
    assert "n" not in found

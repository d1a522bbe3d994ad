"""Which recordings go when: on SQLite and PostgreSQL, with real files."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from dialer.adapters.recordings import RecordingFiles
from dialer.adapters.store.inbound import SqlInbound
from dialer.adapters.store.minimise import Minimiser
from dialer.adapters.store.recordings import SqlRecordings
from dialer.adapters.store.schema import attempts
from dialer.calls.inbound import InboundCall, InboundResult, InboundState
from dialer.calls.recording import Moment, Recording, RecordingError, What
from dialer.calls.retention import Pruning, Retention, kept_days
from dialer.compliance.entry import Flag
from dialer.compliance.pack import Shelf
from dialer.compliance.verdict import Intent
from dialer.kernel.clock import to_micro
from tests.clock import SetClock
from tests.store.test_record import HOME, MOBILE, NOW, ended_attempt, new_case

DAY = timedelta(days=1)
PACKS = {name: Shelf().load(name) for name in ("it-unirec", "us-reg-f", "us-ma", "house-caps")}
HOLDS = ("dispute", "attorney")


def pack(least=0, most=None, name="x"):
    kept = {"retention_days": 1096, "recordings_least_days": least, "recordings_most_days": most}
    return replace(PACKS["house-caps"], name=name, **kept)


@pytest.mark.parametrize(
    ("packs", "wish", "days"),
    [
        ([], None, None),
        ([pack()], None, None),
        ([pack()], 10, (10, "the mandate")),
        ([pack(most=180)], None, (180, "x")),
        ([pack(most=180), pack(most=90, name="y")], None, (90, "y")),
        ([pack(most=180)], 30, (30, "the mandate")),
        ([pack(most=180)], 365, (180, "x")),
        ([pack(least=1096)], None, (1096, "x")),
        ([pack(least=1096)], 30, (1096, "x")),
        ([pack(least=1096)], 2000, (2000, "the mandate")),
        ([pack(least=100), pack(least=200, name="y")], 0, (200, "y")),
        ([pack(most=180), pack(least=1096, name="y")], None, (1096, "y")),
        ([pack(most=180), pack(least=1096, name="y")], 2000, (1096, "y")),
        ([], 0, (0, "the mandate")),
    ],
)
def test_a_duty_to_keep_holds_against_every_limit_and_a_mandate_moves_within_them(packs, wish, days):
    assert kept_days(packs, wish) == days


class Archive:
    """Recordings of calls on record, each with its file."""

    def __init__(self, store, folder):
        self.store, self.record, self.files = store, SqlRecordings(store.engine), RecordingFiles(folder)
        self.folder = folder
        self.calls = 0

    async def add(self, creditor="Luce", packs="it-unirec", age=200, number=None, cell="cell1"):
        """A recorded call so many days ago, of a debtor of its own; its id."""
        self.calls += 1
        n, at = self.calls, NOW - age * DAY
        number = number or f"+3934700{n:05d}"
        await self.store.book.add("k", [new_case(n, numbers=(number,), creditor=creditor)], at)
        case = next(case for case in await self.store.book.due("k", NOW, 100, ()) if case.numbers[0].number == number)
        attempt = (await ended_attempt(self.store, case, n, number, at)).id
        await self.store.attempts.flush()
        async with self.store.engine.begin() as connection:
            await connection.execute(update(attempts).where(attempts.c.id == attempt).values(packs=packs))
        return await self.keep(attempt, at, cell=cell), case

    async def came_in(self, case, age=200, cell="cell1"):
        """A recorded call of the case's debtor to us; its id."""
        self.calls += 1
        at, number = NOW - age * DAY, case.numbers[0].number
        intent = Intent("k", case.id, case.debtor_id, number, (), ("it-unirec",), 0.0)
        call = InboundCall(
            f"dli-{self.calls:026d}", HOME, number, at, InboundState.ENDED, "k", case.id, intent=intent,
            agent="anna", bridged_at=at, ended_at=at, result=InboundResult.CONNECTED,
        )  # fmt: skip
        SqlInbound(self.store.engine, self.store.writer).save_inbound(call)
        await self.store.attempts.flush()
        return await self.keep(call.id, at, cell=cell)

    async def keep(self, attempt, at, *, known=True, cell="cell1"):
        (self.folder / f"{attempt}.wav").write_bytes(attempt.encode())
        await self.record.keep(Recording(attempt, at, at, 30, f"{self.calls:064d}", known, cell))
        return attempt

    async def flag(self, name, case=None, number=None, until=None, at=NOW):
        debtor = case.debtor_id if case else None
        flag = Flag(f"flg-{name}-{debtor or ''}-{number or ''}-", to_micro(at), debtor, number, name=name, until=until)
        self.store.attempts.keep(flag)
        await self.store.attempts.flush()

    def pruning(self, days=(), cell="cell1"):
        return Pruning(self.record, self.files.delete, cell, Retention(PACKS.get, dict(days), HOLDS))

    def minimiser(self, clock, cell="cell1"):
        return Minimiser(self.store.engine, clock, {"it-unirec": 365}, self.files.delete, cell, HOLDS)

    def there(self, *calls):
        return [self.files.find(attempt) is not None for attempt in calls]


@pytest.fixture
def archive(sql, tmp_path):
    return Archive(sql, tmp_path)


def ids(lines):
    return {line.attempt for line in lines}


async def test_a_run_deletes_exactly_what_is_over_and_leaves_a_tombstone(archive):
    over, _ = await archive.add()
    young, _ = await archive.add(age=100)
    shorter, _ = await archive.add(creditor="Gas", age=40)
    duty, _ = await archive.add(creditor="Gas", packs="us-reg-f,us-ma", age=1000)
    unsaid, _ = await archive.add(packs="house-caps", age=5000)
    held, debtor = await archive.add()
    lifted, freed = await archive.add()
    number, _ = await archive.add(number=HOME)
    elsewhere, _ = await archive.add(cell="cell2")
    strange, _ = await archive.add(packs="it-unirec,of-another-house", age=5000)
    orphan = await archive.keep(f"dla-{99:026d}", NOW - 5000 * DAY, known=False)
    await archive.flag("dispute", debtor)
    await archive.flag("attorney", number=HOME)
    await archive.flag("do-not-call", freed)
    await archive.flag("dispute", freed, at=NOW - 9 * DAY, until=NOW - DAY)
    pruning = archive.pruning({"Gas": 30})

    would = await pruning.run(NOW, "anna", dry_run=True)
    everything = [over, young, shorter, duty, unsaid, held, lifted, number, elsewhere, strange, orphan]
    assert all(archive.there(*everything))
    done = await pruning.run(NOW, "anna")
    assert done == would
    assert ids(done.deleted) == {over, shorter, lifted}
    assert ids(done.held) == {held, number}
    assert ids(done.unclear) == {strange, orphan}
    assert (done.kept, done.stuck) == (3, [])
    assert [call for call, there in zip(everything, archive.there(*everything), strict=True) if not there] == [
        over,
        shorter,
        lifted,
    ]
    whys = {moment.why for call in (over, shorter) for moment in await archive.record.moments(call) if moment.why}
    assert whys == {"it-unirec keeps it 180 days", "the mandate keeps it 30 days"}
    assert (await archive.record.moments(over))[-1] == Moment(
        over, NOW, What.DELETED, "anna", "it-unirec keeps it 180 days"
    )
    gone = {one.attempt: one for one in await archive.record.recordings() if one.deleted_at}
    assert {call: one.deleted_at for call, one in gone.items()} == dict.fromkeys((over, shorter, lifted), NOW)
    assert gone[over].sha256 == f"{1:064d}"
    again = await pruning.run(NOW)
    assert (again.deleted, ids(again.held)) == ([], {held, number})


async def test_what_debtors_said_who_rang_us_is_kept_held_deleted_and_erased_as_in_our_own_calls(archive):
    _, case = await archive.add(age=3000)
    _, other = await archive.add(age=3000)
    over, young = await archive.came_in(case), await archive.came_in(case, age=10)
    disputed, elsewhere = await archive.came_in(other), await archive.came_in(other, cell="cell2")
    await archive.flag("dispute", other)
    done = await archive.pruning({"Luce": 100}).run(NOW)
    assert over in ids(done.deleted)
    assert disputed in ids(done.held)
    assert (done.kept, done.unclear) == (1, [])
    assert archive.there(over, young, disputed, elsewhere) == [False, True, True, True]
    with pytest.raises(RecordingError, match="dispute"):
        await archive.pruning().delete(disputed, NOW, "anna", "asked")
    late = SetClock(NOW + 3000 * DAY)
    done = await archive.minimiser(late).run("Luce")
    assert (done.recordings, [kept.debtor for kept in done.kept]) == (1, [other.debtor_id])
    assert archive.there(young, disputed) == [False, True]
    (moment,) = await archive.record.moments(young)
    assert (moment.what, moment.by) == (What.DELETED, "minimise")
    await archive.flag("dispute", other, at=NOW + DAY, until=NOW + DAY)
    (kept,) = (await archive.minimiser(late).run("Luce")).kept
    assert kept.why == "a recording lies at cell2; prune or delete it there first"


async def test_a_flag_that_ends_lets_the_recording_go(archive):
    call, case = await archive.add()
    await archive.flag("dispute", case, until=NOW + 10 * DAY)
    assert ids((await archive.pruning().run(NOW)).held) == {call}
    assert ids((await archive.pruning().run(NOW + 11 * DAY)).deleted) == {call}


async def test_a_run_that_was_cut_off_before_the_tombstone_is_made_good(archive):
    call, _ = await archive.add()
    archive.files.find(call).unlink()
    done = await archive.pruning().run(NOW)
    assert ids(done.deleted) == {call}
    assert (await archive.record.moments(call))[-1].why == "it-unirec keeps it 180 days; its file was gone before"
    await archive.record.put_deleted(call, NOW + DAY, "other", "again")
    assert [moment.what for moment in await archive.record.moments(call)].count(What.DELETED) == 1


async def test_what_cannot_be_deleted_is_told_and_the_others_go(archive):
    stuck, _ = await archive.add()
    goes, _ = await archive.add()
    path = archive.files.find(stuck)
    path.unlink()
    path.mkdir()  # which no unlink removes, whoever runs it
    done = await archive.pruning().run(NOW)
    assert (ids(done.stuck), ids(done.deleted)) == ({stuck}, {goes})
    assert [one.attempt for one in await archive.record.recordings() if one.deleted_at] == [goes]


async def test_one_is_deleted_before_its_time_unless_a_flag_or_a_pack_demands_it(archive):
    free, _ = await archive.add(age=1)
    held, case = await archive.add(age=1)
    duty, _ = await archive.add(packs="us-reg-f", age=1)
    strange, _ = await archive.add(packs="of-another-house", age=1)
    elsewhere, _ = await archive.add(age=1, cell="cell2")
    orphan = await archive.keep(f"dla-{99:026d}", NOW, known=False)
    await archive.flag("dispute", case)
    for call, why in ((held, "dispute"), (duty, "1096"), (strange, "of-another-house"), (elsewhere, "cell2")):
        with pytest.raises(RecordingError, match=why):
            await archive.pruning().delete(call, NOW, "anna", "asked")
    await archive.pruning().delete(free, NOW, "anna", "the debtor took the consent back")
    await archive.pruning().delete(orphan, NOW, "anna", "nobody knows whose it is")
    assert archive.there(free, orphan, held, duty, strange, elsewhere) == [False, False, True, True, True, True]
    assert (await archive.record.moments(free))[-1].why == "the debtor took the consent back"
    with pytest.raises(RecordingError):
        await archive.pruning().delete(free, NOW, "anna", "again")


async def test_the_end_of_a_mandate_erases_no_recording_that_a_flag_holds_and_leaves_tombstones_of_the_others(archive):
    held, case = await archive.add(age=3000, number=MOBILE)
    goes, _ = await archive.add(age=3000)
    await archive.flag("dispute", case, at=NOW - 2900 * DAY)
    late = SetClock(NOW + 3000 * DAY)
    done = await archive.minimiser(late).run("Luce")
    assert (done.recordings, [kept.why for kept in done.kept]) == (
        1,
        ["dispute holds the recordings of calls to this debtor"],
    )
    assert archive.there(held, goes) == [True, False]
    (moment,) = await archive.record.moments(goes)
    assert (moment.what, moment.by) == (What.DELETED, "minimise")


async def test_the_end_of_a_mandate_waits_for_a_recording_that_lies_at_another_cell(archive):
    here, _ = await archive.add(age=3000)
    away, case = await archive.add(age=3000, cell="cell2")
    late = SetClock(NOW + 3000 * DAY)
    for dry_run in (True, False):
        done = await archive.minimiser(late).run("Luce", dry_run=dry_run)
        (kept,) = done.kept
        assert (done.debtors, done.recordings, kept.debtor, kept.until) == (1, 1, case.debtor_id, None)
        assert kept.why == "a recording lies at cell2; prune or delete it there first"
    assert [one.attempt for one in await archive.record.recordings() if one.deleted_at is None] == [away]
    assert archive.there(here, away) == [False, True]
    await archive.pruning(cell="cell2").run(late.now())
    done = await archive.minimiser(late).run("Luce")
    assert (done.debtors, done.kept) == (1, [])

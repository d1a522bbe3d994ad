"""The audit of a record that the real gate and the real stores wrote; tampering; the end of a mandate."""

import json
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import delete, func, insert, select, text, update

from dialer.adapters.store.audit import SqlAuditRecord
from dialer.adapters.store.decisions import SqlDecisions
from dialer.adapters.store.ledger import SqlLedger
from dialer.adapters.store.letters import SqlLetters
from dialer.adapters.store.listenings import SqlListenings
from dialer.adapters.store.mandates import SqlMandates
from dialer.adapters.store.minimise import Minimiser
from dialer.adapters.store.schema import METADATA, attempts, cases, decisions, ledger
from dialer.agents.listening import Ended, Listening, Turn
from dialer.audit.auditor import Bench, audit
from dialer.audit.chain import Head, verify_chains
from dialer.audit.law import Library
from dialer.calls.attempt import Attempt, Signal
from dialer.calls.results import Result
from dialer.cases.debt import Debt, Item, ItemKind
from dialer.cases.debtor import Address, Guarantor
from dialer.cases.history import HistoryEntry, HistoryKind
from dialer.cases.letter import Letter, LetterContent, LetterDates, LetterKind, Then
from dialer.cases.limitation import WrittenFact, WrittenFactKind
from dialer.cases.mandate import Mandate
from dialer.cases.model import CaseState, NewCase
from dialer.cases.payment import Payment
from dialer.compliance.clearance import Clearance
from dialer.compliance.entry import Flag
from dialer.compliance.gate import Gate
from dialer.compliance.verdict import Intent
from dialer.kernel.clock import to_micro
from dialer.kernel.errors import InputError, UnknownNameError
from dialer.kernel.events import SpyMode
from dialer.kernel.ids import Ids
from dialer.kernel.money import Money
from dialer.outcomes.catalogue import shipped
from dialer.outcomes.counting import entry_for, flag_for
from dialer.outcomes.record import RecordedOutcome
from dialer.testing.law import FACTS, law
from tests.clock import SetClock

TUESDAY = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
MOBILE, HOME, SHARED = "+393471234567", "+390212345678", "+393331112223"
LIBRARY = Library.read()


class House:
    """The gate on a SQL record."""

    def __init__(self, store):
        self.store, self.clock, self.engine = store, SetClock(TUESDAY), store.engine
        store.attempts._clock = self.clock
        self.gate = Gate(
            law("it-unirec"),
            SqlLedger(self.engine, store.writer, self.clock),
            store.attempts,
            self.clock,
            Ids(Random(1)),
        )
        self.gate.pbx_ready = True

    async def load(self):
        people = [("Luce", 1, (MOBILE, SHARED)), ("Luce", 2, (HOME, SHARED)), ("Gas", 3, (SHARED,))]
        for creditor, n, lines in people:
            debt = Debt(f"F{n}", Money(100))
            case = NewCase(creditor, f"D{n}", f"Nicolò {n}", (debt,), lines, "Europe/Rome", "it", household=f"home {n}")
            await self.store.book.add("k", [case], self.clock.now())
        self.cases = {case.id: case for case in await self.store.book.due("k", self.clock.now(), 10, ())}

    def intent(self, case, number, **more):
        found = self.cases[case]
        return Intent(
            "k", case, found.debtor_id, number, ("Europe/Rome",), ("it-unirec",), 30.0, debts=found.debts,
            household=found.household, collector="c", given=FACTS, **more,
        )  # fmt: skip

    async def call(self, case=1, number=MOBILE, code=None, result=None, **more):
        """One call from the gate to the outcome, or None where the gate refuses."""
        answer = await self.gate.clear(self.intent(case, number, **more))
        if not isinstance(answer, Clearance):
            return None
        held = answer.use(self.clock.now())
        attempt = Attempt(held.attempt, held.intent, held.cleared_at)
        now = self.clock.now()
        attempt.gives_up_at = now + timedelta(seconds=28)
        attempt.apply(Signal.SENT, now)
        attempt.apply(Signal.RANG, now + timedelta(seconds=2))
        self.clock.on(seconds=10 if code else 28)
        if code:
            attempt.apply(Signal.WAITS, self.clock.now())
            self.gate.record(self.gate.recheck(attempt.id, attempt.intent))
            attempt.apply(Signal.CLAIMED, self.clock.now())
            attempt.apply(Signal.BRIDGED, self.clock.now() + timedelta(milliseconds=14))
            attempt.agent = "anna"
            self.clock.on(seconds=60)
        attempt.apply(Signal.HUNG_UP, self.clock.now())
        attempt.result = result or (Result.CONNECTED if code else Result.NO_ANSWER)
        self.gate.watch.drop(attempt.id)
        line = entry_for(attempt, self.clock.now())
        self.store.attempts.save(attempt, line)
        self.gate.count(line)
        if code:
            self.clock.on(seconds=5)
            chosen = shipped()[code]
            attempt.outcome, attempt.counts_as = code, chosen.counts_as
            said = [entry_for(attempt, self.clock.now()), flag_for(attempt, chosen, None, self.clock.now())]
            lines = tuple(line for line in said if line)
            outcome = RecordedOutcome(
                attempt.id, "anna", code, f"note of {number}", self.clock.now(), lines, chosen.counts_as
            )
            await self.store.attempts.add_outcome(outcome)
            self.gate.count(*lines)
        await self.store.attempts.flush()
        return attempt.id

    async def day(self):
        """Some hours of an agency: what the gate lets through, and what it doesn't."""
        made = []
        for hours in range(9):
            self.clock.time = TUESDAY + timedelta(hours=hours)
            code = {0: "machine", 3: "third_party", 6: "refuses"}.get(hours)
            for case in self.cases:
                for number in (MOBILE, HOME, SHARED):
                    if number in [line.number for line in self.cases[case].numbers]:
                        made.append(await self.call(case, number, code))
        assert made.count(None) > 10
        return [id_ for id_ in made if id_]

    async def audit(self, since=None, library=LIBRARY, page_debtors=2):
        await self.store.attempts.flush()
        record = SqlAuditRecord(self.engine, page_debtors)
        return await audit(record, Bench(library), self.clock.now() + timedelta(hours=1), since)

    async def verify(self, *noted):
        return await verify_chains(SqlDecisions(self.engine).links(), noted)

    async def change(self, statement, *values):
        async with self.engine.begin() as connection:
            await connection.execute(statement, *values)

    async def rows(self, *columns):
        async with self.engine.connect() as connection:
            return (await connection.execute(select(*columns))).all()


@pytest.fixture
async def house(sql):
    made = House(sql)
    await made.load()
    return made


async def test_what_the_gate_let_through_is_clean_by_the_auditor(house):
    made = await house.day()
    report = await house.audit()
    assert report.clean, [violation.sentence() for violation in report.violations]
    assert report.read["attempts"] == len(made) >= 9
    assert report.read["decisions: allow"] == len(made)
    assert report.read["decisions: block"] > 10
    assert report.read["decisions: bridge"] >= 2
    assert report.not_judged == {}
    assert report.caps
    verified = await house.verify()
    assert verified.holds
    assert verified.links == report.read["decisions"]


async def test_an_hourly_audit_reads_what_came_since_and_judges_it_by_all_that_was_before(house):
    made = await house.day()
    since = TUESDAY + timedelta(hours=5)
    assert 0 < (await house.audit(since)).read["attempts"] < len(made)
    # an older call moved up to the latest: only the look-back shows that this is one too many
    late = max(made)
    row = next(
        row for row in await house.rows(attempts.c.id, attempts.c.debtor_id, attempts.c.number) if row.id == late
    )
    others = [one for one in made if one != late]
    await house.change(
        update(attempts).where(attempts.c.id.in_(others)).values(debtor_id=row.debtor_id, number=row.number)
    )
    found = {violation.rule for violation in (await house.audit(since)).violations if violation.subject == late}
    assert "attempts-per-day" in found


async def test_a_call_that_the_gate_never_allowed_is_found_by_number_and_debtor(house):
    (row, *_) = await house.rows(attempts) if await house.call() else ()
    stray = row._asdict() | {"id": f"dla-{9:026d}", "cleared_at": row.ended_at + timedelta(minutes=9)}
    stray |= {"debtor_id": 3, "case_id": 3}
    await house.change(insert(attempts), [stray])
    found = {violation.rule for violation in (await house.audit()).violations}
    assert {"decision-missing", "gap-number"} <= found
    assert "in-flight" not in found


async def test_a_call_taken_off_the_record_is_missed(house):
    made = await house.call()
    await house.change(delete(attempts).where(attempts.c.id == made))
    found = [violation.rule for violation in (await house.audit()).violations]
    assert found.count("attempt-missing") >= 1


async def test_a_flag_put_while_it_rang_is_seen_by_the_auditor_as_by_the_gate(house):
    await house.call(code="do_not_call")
    house.clock.on(days=1)
    assert await house.call() is None
    first = (await house.rows(attempts))[0]
    stray = first._asdict() | {"id": f"dla-{9:026d}", "cleared_at": house.clock.now(), "dialled_at": house.clock.now()}
    stray |= {name: house.clock.now() + timedelta(seconds=5) for name in ("rang_at", "answered_at", "bridged_at")}
    await house.change(insert(attempts), [stray | {"ended_at": house.clock.now() + timedelta(seconds=65)}])
    assert "do-not-call" in {violation.rule for violation in (await house.audit()).violations}


# -- tampering -----------------------------------------------------------------------------------------------


async def chain(house):
    for _ in range(4):
        await house.call()
        house.clock.on(hours=2, minutes=1)
    await house.store.attempts.flush()
    verified = await house.verify()
    assert verified.holds
    (head,) = verified.heads
    assert head.position >= 4
    return head


async def test_a_changed_decision_is_found(house):
    await chain(house)
    content = json.loads((await house.rows(decisions.c.content))[1].content) | {"campaign": "other"}
    await house.change(update(decisions).where(decisions.c.position == 2).values(content=json.dumps(content)))
    (fault,) = (await house.verify()).faults
    assert (fault.position, fault.what) == (2, "the decision was changed")


async def test_a_decision_taken_out_of_the_middle_is_found(house):
    await chain(house)
    await house.change(delete(decisions).where(decisions.c.position == 2))
    assert [fault.what for fault in (await house.verify()).faults] == ["decisions 2 to 2 missing"]


async def test_two_decisions_swapped_are_found(house):
    await chain(house)
    for old, new in ((2, 99), (3, 2), (99, 3)):
        await house.change(update(decisions).where(decisions.c.position == old).values(position=new))
    faults = (await house.verify()).faults
    assert {fault.position for fault in faults} >= {2, 3}


async def test_a_tail_cut_off_is_found_by_a_head_noted_before(house):
    head = await chain(house)
    await house.change(delete(decisions).where(decisions.c.position == head.position))
    assert (await house.verify()).holds  # the chain alone can't tell
    verified = await house.verify(head)
    assert not verified.holds
    assert "the chain ends at" in verified.lost[0]


async def test_a_chain_made_anew_is_found_by_a_head_noted_before_and_a_longer_one_is_in_order(house):
    head = await chain(house)
    house.clock.on(days=1)
    await house.call()
    verified = await house.verify(head, Head.parse(str(head)))
    assert verified.holds
    assert verified.found == [head]
    other = Head(head.chain, head.position, "0" * 64)
    assert "made anew" in (await house.verify(other)).lost[0]
    assert "ends at 0" in (await house.verify(Head("nobody", 1, "0" * 64))).lost[0]


@pytest.mark.parametrize("text_", ["", "cell1", "cell1:0:" + "a" * 64, "cell1:1:xyz", "cell1:1:" + "A" * 64])
def test_what_is_no_head_is_refused(text_):
    with pytest.raises(InputError, match="not a head"):
        Head.parse(text_)


async def test_another_person_under_a_decision_is_found_and_an_erased_one_is_not(house):
    await chain(house)
    await house.change(update(decisions).where(decisions.c.position == 2).values(subject='{"debtor":9}'))
    assert [fault.what for fault in (await house.verify()).faults] == ["the person was changed"]
    await house.change(update(decisions).where(decisions.c.position == 2).values(subject=None, salt=None))
    verified = await house.verify()
    assert verified.holds
    assert verified.erased == 1


async def test_columns_that_belie_the_content_are_found_by_the_audit(house):
    await chain(house)
    await house.change(update(decisions).where(decisions.c.position == 1).values(decision="block"))
    assert (await house.verify()).holds
    found = {violation.rule for violation in (await house.audit()).violations}
    assert {"decision-altered"} <= found


# -- flags: the register knows since when one stood, and the ledger's line only the last word ---------------------

SET, LIFT = False, True


@pytest.mark.parametrize(
    ("words", "broken"),
    [
        (((-2, SET),), {"dispute"}),
        (((-2, SET), (24, SET)), {"dispute"}),
        (((-2, SET), (24, LIFT)), {"dispute"}),
        (((-2, SET), (24, LIFT), (48, SET)), {"dispute"}),
        (((-2, SET), (-1, LIFT)), set()),
        (((-2, SET), (-1, LIFT), (24, SET)), set()),
        (((24, SET),), set()),
    ],
)
async def test_a_call_while_a_flag_stood_is_found_whatever_was_said_of_the_flag_later(house, words, broken):
    assert await house.call() is not None
    called_at = house.clock.time
    for hours, lifted in words:
        house.clock.time = at = called_at + timedelta(hours=hours)
        line = Flag("flg-dispute-1--", to_micro(at), 1, name="dispute", until=at if lifted else None)
        house.store.attempts.keep(line)
        await house.store.attempts.flush()
    house.clock.time = called_at + timedelta(days=5)
    report = await house.audit()
    assert {violation.rule for violation in report.violations} == broken
    assert "dispute" not in {rule for rule, _ in report.not_judged}


# -- the end of a mandate ----------------------------------------------------------------------------------------

YEARS = timedelta(days=1826)


def days_kept():
    return {law_.name: law_.retention_days for law_ in LIBRARY.by_name.values()}


async def minimise(house, creditor="Luce", *, dry_run=False, retention=None):
    days = days_kept() if retention is None else retention
    return await Minimiser(house.engine, house.clock, days, lambda _: False, "cell1").run(creditor, dry_run=dry_run)


async def everything(house):
    """Every text that stands in the database."""
    found = []
    async with house.engine.connect() as connection:
        for table in METADATA.sorted_tables:
            found += [str(tuple(row)) for row in await connection.execute(select(table))]
    return "\n".join(found)


SECRETS = (
    "RSSMRA80A01H501U",
    "maria.segreta@pec.example",
    "Via Segreta",
    "Anna Garante",
    "nota segreta",
    "POS 77",
    "CRO 88",
    "PEC di lei",
    "della Zia",
    "R9",
    "lettera segreta",
    "racc. 15",
)


async def dossier(house):
    """What else may stand in a case."""
    now, debtor = house.clock.now(), 1
    more = NewCase(
        "Luce", "D1", "Nicolò 1", (Debt("X1", Money(100), items=(Item(ItemKind.FEES, Money(100), None, "della Zia"),)),),
        (MOBILE,), "Europe/Rome", "it", tax_code=SECRETS[0], pec=SECRETS[1], addresses=(Address("Via Segreta 1"),),
        guarantors=(Guarantor("Anna Garante", "", (HOME,)),), risk_class="R9", note="nota segreta",
    )  # fmt: skip
    await house.store.book.add("k", [more], now)
    paid = Payment("CRO 88", "X1", Money(10), now.date(), receipt="POS 77")
    assert (await house.store.payments.add("Luce", [paid], "anna", now)).new == 1
    case = next(row for row in await house.rows(cases.c.id, cases.c.debtor_id) if row.debtor_id == debtor)
    await house.store.dossiers.write(HistoryEntry(case.id, "N1", now, HistoryKind.NOTE, "nota segreta"), now)
    fact = WrittenFact(WrittenFactKind.NOTICE_RECEIVED, now.date(), "PEC di lei")
    await house.store.dossiers.record_fact(case.id, "X1", fact, now)
    house.store.attempts.keep(
        Flag(f"flg-language-{debtor}--", 1, debtor, name="language", until=TUESDAY - timedelta(days=9)),
        by="anna",
        evidence="PEC di lei",
    )
    await house.store.attempts.flush()
    await house.store.dossiers.look(case.id, "anna", "test", now)
    house.store.book.schedule(case.id, now, CaseState.LETTER, "a letter is due")
    await house.store.attempts.flush()
    content = LetterContent(
        "Nicolò 1", Address("Via Segreta 1"), SECRETS[0], ("Agenzia",), "s", "lettera segreta", SECRETS[1]
    )
    letter = Letter(
        case.id, 1, LetterKind.REGISTERED, "demand.it", "v", "b", now, now.date(), "anna", (1,), Money(1), 15, Then.CALL,
        content,
    )  # fmt: skip
    assert await SqlLetters(house.engine).keep([letter]) == [letter]
    await SqlLetters(house.engine).tell(
        letter.id, LetterDates(received_on=now.date(), tracking="racc. 15"), "posta", now
    )
    before = await everything(house)
    assert [secret for secret in SECRETS if secret not in before] == []


async def test_before_the_time_is_over_it_is_closed_and_flagged_and_kept_with_its_date(house):
    await house.day()
    house.clock.time = TUESDAY + timedelta(days=30)
    done = await minimise(house)
    assert (done.debtors, done.flagged, len(done.kept)) == (0, 2, 2)
    last = max(row.at for row in await house.rows(decisions.c.at))
    assert {keep.until.date() for keep in done.kept} <= {
        (last + YEARS).date(),
        (last + YEARS - timedelta(days=1)).date(),
    }
    assert {row.state for row in await house.rows(cases.c.state, cases.c.creditor) if row.creditor == "Luce"} == {
        CaseState.CLOSED.value
    }
    # the gate knows, the other creditor's case goes on, and a second run changes nothing
    assert await house.call(1) is None
    assert await house.call(3, SHARED) is not None
    assert (await minimise(house)).flagged == 0
    assert (await house.audit()).clean


async def test_when_the_time_is_over_the_person_is_gone_and_the_counts_and_the_chain_stay(house):
    made = await house.day()
    await dossier(house)
    before = await house.audit()
    house.clock.time = TUESDAY + YEARS + timedelta(days=1)
    dry = await minimise(house, dry_run=True)
    assert "Nicolò 1" in await everything(house)
    done = await minimise(house)
    assert (dry.debtors, dry.attempts, dry.decisions, dry.notes, dry.numbers) == (
        done.debtors, done.attempts, done.decisions, done.notes, done.numbers,
    )  # fmt: skip
    assert (done.debtors, done.kept) == (2, [])
    left = await everything(house)
    for person in ("Nicolò 1", "Nicolò 2", MOBILE, HOME, "D1'", "home 1", *SECRETS):
        assert person not in left, person
    assert "Nicolò 3" in left  # another creditor's
    assert SHARED in left
    verified = await house.verify()
    assert verified.holds
    assert verified.erased == done.decisions
    house.clock.time = TUESDAY + timedelta(days=1)
    after = await house.audit()
    assert after.clean, [violation.sentence() for violation in after.violations]
    assert after.read["attempts"] == before.read["attempts"] == len(made)
    assert after.recounted["it-unirec: gap-number"] == before.recounted["it-unirec: gap-number"]
    assert [line.of for line in after.caps] == [line.of for line in before.caps]


async def test_a_listening_goes_with_the_last_debtor_who_was_heard_in_it_and_the_chain_stays(house):
    await house.day()
    record = SqlListenings(house.engine, house.store.writer)
    longest = timedelta(days=max(law_.retention_days for law_ in LIBRARY.by_name.values()))
    late = TUESDAY + max(longest, YEARS) + timedelta(days=2)

    async def listen(number, *heard, at=TUESDAY, ends=True):
        leg, end = f"dlp-{number:026d}", at + timedelta(hours=1)
        turns = [Turn(SpyMode.LISTEN, at, "boss"), Turn(SpyMode.WHISPER, at, "boss")]
        one = Listening(leg, f"boss {number}", "anna", "agreement", agent_told=True, turns=turns, ended_at=end)
        await record.begin(one)
        for case_id in heard:
            record.heard(case_id, one.supervisor, end)
        if ends:
            one.ended = Ended.SEEN
            record.end_listening(one)
        return leg

    goes = {await listen(1, 1), await listen(2, 1, 2), await listen(3)}
    stays = {await listen(4, 1, 3), await listen(5, at=late - longest), await listen(6, 1, ends=False)}
    await house.store.attempts.flush()
    house.clock.time = late
    assert (await minimise(house, dry_run=True)).listenings == 3
    assert {one.leg for one in await record.listenings(None, 99)} == goes | stays
    assert (await minimise(house)).listenings == 3
    assert {one.leg for one in await record.listenings(None, 99)} == stays
    assert (await minimise(house)).listenings == 0
    assert (await house.verify()).holds


async def test_a_listening_goes_with_its_debtor_though_another_ones_recording_stops_the_run(house, monkeypatch):
    monkeypatch.setattr("dialer.adapters.store.minimise.PAGE_DEBTORS", 1)
    await house.day()
    record = SqlListenings(house.engine, house.store.writer)
    for number, heard in enumerate(((1,), (1, 2))):
        leg, end = f"dlp-{number:026d}", TUESDAY + timedelta(hours=1)
        turns = [Turn(SpyMode.LISTEN, TUESDAY, "boss")]
        one = Listening(leg, f"boss {number}", "anna", "agreement", agent_told=True, turns=turns, ended_at=end)
        await record.begin(one)
        for case_id in heard:
            record.heard(case_id, one.supervisor, end)
        one.ended = Ended.SEEN
        record.end_listening(one)
    await house.store.attempts.flush()
    of_second = {row.id for row in await house.rows(attempts.c.id, attempts.c.debtor_id) if row.debtor_id == 2}
    assert of_second

    def stuck(attempt):
        if attempt in of_second:
            raise OSError(13, "Permission denied", "theirs.wav")
        return False

    house.clock.time = TUESDAY + YEARS + timedelta(days=1)
    with pytest.raises(InputError):
        await Minimiser(house.engine, house.clock, days_kept(), stuck, "cell1").run("Luce")
    assert [one.supervisor for one in await record.listenings(None, 99)] == ["boss 1"]
    assert (await minimise(house)).listenings == 1
    assert await record.listenings(None, 99) == []


async def test_calls_to_one_number_are_still_counted_together_under_its_pseudonym(house):
    first = await house.call(1, SHARED)
    house.clock.on(hours=3)
    second = await house.call(2, SHARED)
    ended = {row.id: row.ended_at for row in await house.rows(attempts.c.id, attempts.c.ended_at)}[first]
    house.clock.time = TUESDAY + YEARS + timedelta(days=1)
    await minimise(house)
    assert len({row.number for row in await house.rows(attempts.c.number)}) == 1
    soon = ended + timedelta(minutes=5)
    await house.change(update(attempts).where(attempts.c.id == second).values(cleared_at=soon))
    assert "gap-number" in {violation.rule for violation in (await house.audit()).violations}


async def test_a_second_run_finds_nothing_more_and_the_same_person_may_come_again(house):
    await house.day()
    house.clock.time = TUESDAY + YEARS + timedelta(days=1)
    await minimise(house)
    assert (await minimise(house)).debtors == 0
    debt = Debt("F1", Money(100))
    again = NewCase("Luce", "D1", "Nicolò 1", (debt,), (MOBILE,), "Europe/Rome", "it")
    assert (await house.store.book.add("k", [again], house.clock.now())).new == 1
    assert len(await house.store.book.due("k", house.clock.now() + timedelta(days=1), 10, ())) >= 1


async def test_an_opt_out_outlives_the_mandate(house):
    await house.call(code="do_not_call")
    house.clock.time = TUESDAY + YEARS + timedelta(days=1)
    await minimise(house)
    assert [row.id for row in await house.rows(ledger.c.id)] == [f"opt-{MOBILE}"]


async def test_who_was_never_called_goes_at_once_and_who_is_being_called_stays(house):
    await house.gate.clear(house.intent(1, MOBILE))
    await house.store.attempts.flush()
    done = await minimise(house)
    assert (done.debtors, [keep.until for keep in done.kept]) == (1, [None])
    assert "hasn't ended" in done.kept[0].why


async def test_without_its_pack_nobody_knows_how_long_so_it_is_kept(house):
    await house.call()
    house.clock.time = TUESDAY + 3 * YEARS
    (keep,) = (await minimise(house, retention={"us-tsr": 30})).kept
    assert "it-unirec" in keep.why


async def test_a_mandate_that_wants_it_longer_than_the_packs_keeps_it_longer(house):
    await house.call()
    terms = Mandate("Luce", "2026/7", "TULPS", TUESDAY.date(), None, (), YEARS.days * 2)
    await SqlMandates(house.engine).put(terms)
    house.clock.time = TUESDAY + YEARS + timedelta(days=1)
    await house.change(update(cases).where(cases.c.creditor == "Luce").values(mandate="2026/7"))
    (keep,) = (await minimise(house, dry_run=True)).kept
    assert "the mandate keeps it" in keep.why
    assert keep.until.date() >= (TUESDAY + 2 * YEARS).date()
    house.clock.time = TUESDAY + 2 * YEARS + timedelta(days=1)
    assert (await minimise(house, dry_run=True)).kept == []


async def test_a_creditor_that_nobody_knows(house):
    with pytest.raises(UnknownNameError, match="Nobody"):
        await minimise(house, "Nobody")


async def test_the_schema_finds_attempts_by_number(house):
    async with house.engine.connect() as connection:
        assert await connection.scalar(select(func.count()).select_from(attempts)) == 0
        if connection.dialect.name == "sqlite":
            plan = await connection.execute(text("EXPLAIN QUERY PLAN SELECT id FROM attempts WHERE number = 'x'"))
            assert "ix_attempts_number" in str(plan.all())

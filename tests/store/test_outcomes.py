"""Every outcome that ships, from the agent's form to the next action, on both databases."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from dialer.adapters.store import schema
from dialer.adapters.store.learnt import SqlLearnt
from dialer.adapters.store.mandates import SqlMandates
from dialer.adapters.store.payments import SqlPayments
from dialer.adapters.store.promises import SqlPromises
from dialer.adapters.store.ranking import SqlRanking
from dialer.agents.roster import AgentError
from dialer.calls.attempt import Attempt, Signal
from dialer.calls.live import LiveAttempts
from dialer.calls.results import Result
from dialer.campaigns.asking import intent_for
from dialer.campaigns.campaign import Campaign
from dialer.campaigns.learning import Learning
from dialer.cases.debt import Debt
from dialer.cases.history import MomentKind
from dialer.cases.mandate import Mandate
from dialer.cases.model import AGREED, PAID, CaseState, NewCase
from dialer.cases.offers import Answer, Step
from dialer.cases.payment import Payment
from dialer.compliance.clearance import Clearance
from dialer.compliance.entry import Agreement, Flag
from dialer.compliance.gate import Gate
from dialer.compliance.ledger import ProcessLedger
from dialer.compliance.verdict import CallMode
from dialer.kernel.errors import InputError
from dialer.kernel.ids import Ids
from dialer.kernel.money import Money
from dialer.outcomes.catalogue import Blank, Do, Flagging, shipped
from dialer.outcomes.closing import Closing
from dialer.outcomes.counting import flag_for
from dialer.outcomes.keeping import Keeping
from dialer.outcomes.planning import Planning
from dialer.outcomes.rules import Rules
from dialer.testing.law import FACTS, law
from dialer.texts.scripts import SHIPPED, Scripts, shipped_scripts
from dialer.web.api import OutcomeBody
from tests.clock import SetClock

TUESDAY = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
ROME = ZoneInfo("Europe/Rome")
MOBILE, HOME = "+393471234567", "+390212345678"
LADDER = (Step(10.0, 6, 30), Step(30.0, 1, 15))
FILLED = {
    Blank.AMOUNT: "90,00",
    Blank.PAY_BY: "2026-12-04",
    Blank.INSTALMENTS: 3,
    Blank.CALL_BACK_AT: "2026-11-25T22:30",  # in the debtor's time; nobody may be called then
    Blank.DEBT: "F1",
    Blank.PAID_ON: "2026-11-20",
    Blank.PAYMENT_REFERENCE: "CRO 77",
    Blank.LANGUAGE: "ro",
    Blank.EVIDENCE: "avv. Rossi, Milano",
    Blank.OFFERS: [{"discount_percent": 10, "instalments": 3, "until": "2026-12-10", "answer": "refused"}],
}
STATES = {Do.LETTER: CaseState.LETTER, Do.ESCALATE: CaseState.ESCALATED, Do.STOP: CaseState.CLOSED}


class Desk:
    """One agent, one creditor's case at a time, the gate and the record."""

    def __init__(self, store, rules=None, seed=1):
        self.store, self.clock = store, SetClock(TUESDAY)
        self.rules = rules or Rules(ladder=LADDER, supervisors=frozenset({"bruno"}))
        self.gate = Gate(law("it-unirec"), ProcessLedger(), store.attempts, self.clock, Ids(Random(seed)))
        self.gate.pbx_ready = True
        self.campaign = Campaign("k", ("it-unirec",), "+390612345678", 25.0, 5.0, None, facts=FACTS)
        self.session = SimpleNamespace(attempt=None)
        self.live = LiveAttempts()
        roster = SimpleNamespace(session=lambda _: self.session)
        campaigns = {"k": self.campaign}
        self.learning = Learning(SqlLearnt(store.engine, store.writer, schema.habits), self.clock)
        self.planning = Planning(store.book, SqlRanking(store.engine), self.gate, campaigns, self.learning, self.clock)
        self.closing = Closing(
            store.attempts, store.book, self.gate, roster, self.live, self.clock, campaigns,
            lambda *_: self.rules, self.planning,
        )  # fmt: skip

    async def case(self, n=1, numbers=(MOBILE, HOME), mandate=""):
        debts = (Debt(f"F{n}", Money(20_000)), Debt(f"G{n}", Money(10_000)))
        case = NewCase("Luce", f"D{n}", f"Nicolò {n}", debts, numbers, "Europe/Rome", "it", mandate=mandate)
        await self.store.book.add("k", [case], self.clock.now())
        self.case_id = max(case.id for case in await self.store.book.due("k", self.clock.now(), 100, ()))

    async def talk(self, number=MOBILE, agent="anna"):
        """One call in which an agent talks; still under way."""
        case = await self.store.book.case(self.case_id)
        answer = await self.gate.clear(intent_for(self.campaign, case, number, self.gate.law.packs))
        assert isinstance(answer, Clearance), answer
        held = answer.use(self.clock.now())
        attempt = Attempt(held.attempt, held.intent, held.cleared_at)
        for signal in (Signal.SENT, Signal.WAITS, Signal.CLAIMED, Signal.BRIDGED):
            attempt.apply(signal, self.clock.now())
        attempt.agent, self.session.attempt = agent, attempt.id
        self.live.add(attempt)
        self.closing.save(attempt)
        return attempt

    def end(self, attempt):
        attempt.apply(Signal.HUNG_UP, self.clock.now())
        self.closing.settle(attempt, Signal.HUNG_UP)
        assert attempt.result is Result.CONNECTED
        self.live.drop(attempt)
        self.clock.time += timedelta(seconds=5)  # the agent's wrap-up

    async def say(self, code, agent="anna", **fields):
        """As the interface hands the agent's form over."""
        body = OutcomeBody.model_validate({"code": code, "note": "detto", "fields": fields})
        self.clock.time += timedelta(microseconds=1)  # of two words about one thing the later one holds
        return await self.closing.write_up(agent, body.code, body.note, body.fields)

    async def row(self, table, **where):
        await self.store.attempts.flush()
        async with self.store.engine.connect() as connection:
            chosen = select(table).where(*(table.c[name] == value for name, value in where.items()))
            rows = (await connection.execute(chosen)).all()
        return rows[0] if len(rows) == 1 else rows

    async def verdicts(self, at):
        """What the gate says of each number at an instant, by what is on record."""
        case = await self.store.book.case(self.case_id)
        self.campaign.mode = CallMode.RESERVED
        intents = [intent_for(self.campaign, case, line.number, self.gate.law.packs) for line in case.numbers]
        return {intent.number: await self.gate.foresee(intent, at) for intent in intents}


@pytest.mark.parametrize("full", [False, True], ids=["least", "full"])
@pytest.mark.parametrize("in_the_call", [False, True], ids=["after", "during"])
async def test_every_outcome_from_the_form_to_the_next_action(sql, full, in_the_call):
    for n, outcome in enumerate(shipped().values(), start=1):
        desk = Desk(sql, seed=n)
        numbers = (f"+39347{n:07d}", f"+3902{n:07d}")
        await desk.case(n, numbers)
        attempt = await desk.talk(numbers[0])
        desk.clock.time += timedelta(minutes=3)
        if not in_the_call:
            desk.end(attempt)
        fields = {blank.value: FILLED[blank] for blank in (outcome.blanks if full else outcome.needs)}
        if "debt" in fields:
            fields["debt"] = f"F{n}"
        await desk.say(outcome.code, **fields)
        if in_the_call:
            assert (await desk.row(schema.cases, id=desk.case_id)).why == "being called", "it is still being called"
            desk.end(attempt)
        await holds(desk, outcome, attempt, fields)


async def holds(desk, outcome, attempt, fields):
    said = await desk.row(schema.outcomes, attempt_id=attempt.id)
    assert (said.code, said.counts_as, said.right_party) == (outcome.code, outcome.counts_as.value, outcome.right_party)
    kept = json.loads(said.form)
    assert set(kept) == set(fields)

    lines = await desk.store.lines()
    assert lines[attempt.id].result is outcome.counts_as
    flags = [line for line in lines.values() if isinstance(line, Flag) and about(line, attempt)]
    assert [flag.name for flag in flags] == ([outcome.flag.name] if outcome.flag else [])
    for flag in flags:
        assert (flag.number is not None) == (outcome.flag.on == "number")
        assert (flag.debt_id is not None) == (outcome.flag.on == "debt" and "debt" in fields)
    agreed = [line for line in lines.values() if isinstance(line, Agreement) and about(line, attempt)]
    assert len(agreed) == (outcome.next.do is Do.CALL_BACK)

    card = await desk.store.book.card(desk.case_id, desk.clock.now())
    assert len(card.promises) == (outcome.next.do is Do.PROMISE)
    if card.promises:
        (promise,) = card.promises
        parts = fields.get("instalments", 1)
        assert (promise.id, promise.agent, promise.amount, len(promise.instalments), promise.grace_days) == (
            attempt.id, "anna", Money(9_000), parts, 3,
        )  # fmt: skip
        assert promise.instalments[0].due_on == date(2026, 12, 4)
    assert [(offer.agent, offer.terms.discount_percent, offer.answer) for offer in card.offers] == (
        [("anna", 10.0, Answer.REFUSED)] if "offers" in fields else []
    )

    case = await desk.row(schema.cases, id=desk.case_id)
    assert case.why.startswith((f"after {outcome.code}", AGREED)), case.why
    assert CaseState(case.state) is STATES.get(outcome.next.do, CaseState.OPEN)
    verdicts = await desk.verdicts(case.due_at) if case.due_at else {}
    open_ = CaseState(case.state) is CaseState.OPEN
    assert open_ == any(verdict.allowed for verdict in verdicts.values()) or not (outcome.flag or open_)
    if open_:
        assert verdicts[case.first_number].allowed, case.why
        found = [due.id for due in await desk.store.book.due("k", case.due_at, 1_000, ())]
        assert desk.case_id in found
        before = await desk.store.book.due("k", case.due_at - timedelta(seconds=1), 1_000, ())
        assert desk.case_id not in [due.id for due in before]
    else:
        later = await desk.store.book.due("k", TUESDAY + timedelta(days=400), 1_000, ())
        assert desk.case_id not in [due.id for due in later], "nobody calls it meanwhile"
    if outcome.next.number == "another":
        assert case.first_number != attempt.intent.number


def about(line, attempt):
    return line.debtor_id == attempt.intent.debtor_id or (
        line.debtor_id is None and line.number == attempt.intent.number
    )


async def test_a_call_back_comes_at_the_first_legal_time_and_says_why(sql):
    desk = Desk(sql)
    await desk.case()
    desk.end(await desk.talk())
    await desk.say("call_back", call_back_at="2026-11-26T22:30")
    case = await desk.row(schema.cases, id=desk.case_id)
    assert case.due_at == datetime(2026, 11, 27, 7, 30, tzinfo=UTC)  # 08:30 in Rome
    assert case.why == (
        "agreed call-back for Thu 26 Nov 2026 22:30, called at Fri 27 Nov 2026 08:30, the first legal time (hours)"
    )
    assert case.first_number == MOBILE
    (call,) = await sql.book.call_backs("k", case.due_at, 10)
    assert (call.case.id, call.at) == (desk.case_id, case.due_at)


async def test_an_agreed_call_back_may_come_on_the_same_day_as_the_talk(sql):
    """The pack lets the debtor agree to a second conversation; without the agreement it waits for tomorrow."""
    for code, fields, day in (
        ("call_back", {"call_back_at": "2026-11-24T17:30"}, 24),
        ("partial_payment", {"amount": "10,00", "paid_on": "2026-11-24"}, 1),
    ):
        desk = Desk(sql, seed=day)
        await desk.case(day, (f"+3934711111{day:02d}",))
        desk.end(await desk.talk(f"+3934711111{day:02d}"))
        await desk.say(code, **fields)
        case = await desk.row(schema.cases, id=desk.case_id)
        assert case.due_at.day == day
        assert "legal" not in case.why


async def test_what_is_said_again_and_again_is_spaced_and_then_brings_a_letter(sql):
    desk = Desk(sql)
    await desk.case()
    waits, whys = [], []
    for _ in range(3):
        case = await desk.row(schema.cases, id=desk.case_id)
        desk.clock.time = max(desk.clock.time, case.due_at)
        desk.end(await desk.talk())
        await desk.say("refuses")
        case = await desk.row(schema.cases, id=desk.case_id)
        waits.append(round((case.due_at - desk.clock.time) / timedelta(days=1)))
        whys.append(case.why)
    assert waits == [3, 6, 0]
    assert whys[0].startswith("after refuses: called again from Fri 27 Nov")
    assert whys[1].startswith("after refuses (said 2 times in a row): called again from Thu 03 Dec")
    assert whys[2] == "after refuses, 3 times in a row: a letter is due, and no call meanwhile"
    assert case.state == "letter"


async def test_who_is_called_again_is_called_at_the_hour_that_pays(sql):
    """The spacing of the outcome is the earliest; agreed call-backs and promises keep their own time."""
    desk = Desk(sql)
    await desk.case()
    habits = desk.learning.of("k")
    for hour in range(9, 20):
        for n in range(100):
            habits.called("unknown/unknown", hour, answered=n < (50 if hour == 18 else 5))
            if n < (40 if hour == 18 else 4):
                habits.spoke("unknown/unknown", hour, "", promised=False)
    before = habits.dump()["risks"][""]
    attempt = await desk.talk()
    desk.end(attempt)
    said = await desk.say("machine")
    assert said.then.due_at.astimezone(ROME).hour == 18
    assert said.then.why.startswith("after machine: called again from ")
    assert "18-19, when numbers like it are answered by" in said.then.why
    case = await desk.row(schema.cases, id=desk.case_id)
    assert (case.due_at, case.why, case.first_number) == (said.then.due_at, said.then.why, said.then.number)
    assert habits.dump()["risks"][""] == before
    # no later than the pack wants the next call
    refused = await desk.say("refuses")
    assert refused.then.due_at.astimezone(ROME).strftime("%d %H") == "27 11"
    call_back = await desk.say("call_back", call_back_at="2026-11-25T10:30")
    assert call_back.then.due_at.astimezone(ROME).strftime("%d %H:%M") == "25 10:30"


async def test_a_wrong_number_leaves_the_others_and_the_last_one_a_letter(sql):
    desk = Desk(sql)
    await desk.case()
    desk.end(await desk.talk())
    await desk.say("wrong_number")
    case = await desk.row(schema.cases, id=desk.case_id)
    assert (case.state, case.first_number) == ("open", HOME)
    desk.clock.time = case.due_at
    desk.end(await desk.talk(HOME))
    await desk.say("wrong_number")
    case = await desk.row(schema.cases, id=desk.case_id)
    assert (case.state, case.first_number) == ("letter", None)
    assert case.why == "after wrong_number, and no other number is left: a letter is due, and no call meanwhile"


async def test_the_history_says_which_version_of_the_script_the_agent_had(sql):
    desk = Desk(sql)
    await desk.case()
    attempt = await desk.talk()
    await desk.say("refuses")
    desk.end(attempt)
    version = shipped_scripts().pick("it").version
    assert (await desk.row(schema.outcomes)).script == version
    dossier = await sql.dossiers.look(desk.case_id, "carla", "test", desk.clock.now())
    (moment,) = [moment for moment in dossier.timeline if moment.kind is MomentKind.ATTEMPT]
    assert moment.details["script"] == version


async def unsaid(desk):
    dossier = await desk.store.dossiers.look(desk.case_id, "carla", "test", desk.clock.now())
    (moment,) = [moment for moment in dossier.timeline if moment.kind is MomentKind.ATTEMPT]
    return moment.details["unsaid"]


async def test_what_an_agent_does_not_confirm_as_said_is_on_record_by_who_was_spoken_to(sql):
    desk = Desk(sql)
    await desk.case()
    await desk.talk()
    who, for_whom, *more = shipped_scripts().pick("it").compulsory(to_debtor=True)
    for code, said, lacking in (
        ("refuses", [who], [for_whom, *more]),
        ("refuses", [who, for_whom, *more], []),
        ("third_party", [], [who]),  # who else answers mustn't hear the rest
        ("machine", [], []),
    ):
        await desk.say(code, said=said)
        await sql.attempts.flush()
        assert await unsaid(desk) == lacking, code
    for wrong in ({"said": ["Buongiorno"]}, {"unsaid": [who]}):
        with pytest.raises(InputError) as told:
            await desk.say("refuses", **wrong)
        assert who in told.value.remedy
    assert await unsaid(desk) == []


async def test_a_script_that_wants_every_part_confirmed_has_an_outcome_with_the_debtor_refused_without(sql, tmp_path):
    text = (SHIPPED / "it.toml").read_text()
    (tmp_path / "it.toml").write_text('unconfirmed = "refuse"\n' + text)
    scripts = Scripts.read(tmp_path, "it")
    desk = Desk(sql, rules=Rules(scripts=scripts))
    await desk.case()
    await desk.talk()
    parts = scripts.pick("it").compulsory(to_debtor=True)
    with pytest.raises(InputError, match=f"said: {parts[-1]}: not confirmed"):
        await desk.say("refuses", said=parts[:-1])
    assert await desk.row(schema.outcomes) == []
    await desk.say("hung_up")
    await desk.say("refuses", said=parts)
    assert (await desk.row(schema.outcomes)).code == "refuses"


async def test_a_later_word_replaces_promise_and_offers(sql):
    desk = Desk(sql)
    await desk.case()
    attempt = await desk.talk()
    offer = {"discount_percent": 30, "until": "2026-12-05", "answer": "accepted"}
    await desk.say("promise_to_pay", amount="210,00", pay_by="2026-12-04", offers=[offer])
    card = await sql.book.card(desk.case_id, desk.clock.now())
    assert [(one.amount, one.plan) for one in card.promises] == [(Money(21_000), False)]
    assert [str(one.terms) for one in card.offers] == ["30 per cent off in 1 instalments until 2026-12-05"]
    # what this very call had offered before doesn't bind the correction
    lower = {"discount_percent": 5, "until": "2026-12-05", "answer": "refused"}
    await desk.say("refuses", offers=[lower])
    card = await sql.book.card(desk.case_id, desk.clock.now())
    assert (card.promises, [one.terms.discount_percent for one in card.offers]) == ((), [5.0])
    desk.end(attempt)
    case = await desk.row(schema.cases, id=desk.case_id)
    assert case.why.startswith("after refuses")


async def test_a_correction_opens_again_what_the_earlier_word_closed(sql):
    desk = Desk(sql)
    await desk.case()
    desk.end(await desk.talk())
    await desk.say("cannot_pay")
    await desk.say("lawyer", evidence="avv. Rossi")
    assert (await desk.row(schema.cases, id=desk.case_id)).state == "escalated"
    await desk.say("refuses")
    case = await desk.row(schema.cases, id=desk.case_id)
    assert (case.state, case.why.split(":")[0]) == ("open", "after refuses")


@pytest.mark.parametrize("state", [CaseState.CLOSED, CaseState.LETTER, CaseState.ESCALATED])
async def test_a_correction_opens_nothing_that_others_closed_since(sql, state):
    desk = Desk(sql)
    await desk.case()
    desk.end(await desk.talk())
    await desk.say("cannot_pay")
    sql.book.schedule(desk.case_id, None, state, "it came to that meanwhile")
    await desk.say("refuses")
    case = await desk.row(schema.cases, id=desk.case_id)
    assert (case.state, case.why) == (state.value, "it came to that meanwhile")


@pytest.mark.parametrize("over", [False, True], ids=["under way", "over"])
async def test_a_correction_leaves_what_comes_next_to_a_newer_call_and_says_so(sql, over):
    desk = Desk(sql)
    await desk.case()
    first = await desk.talk()
    desk.end(first)
    await desk.say("wrong_number")
    desk.clock.time = max(desk.clock.time, (await desk.row(schema.cases, id=desk.case_id)).due_at)
    second = await desk.talk(HOME, agent="carla")
    if over:
        desk.end(second)
        await desk.say("cannot_pay", agent="carla")
    before = await desk.row(schema.cases, id=desk.case_id)
    desk.session.attempt = first.id
    await desk.say("refuses")
    assert await desk.row(schema.cases, id=desk.case_id) == before
    said = await desk.row(schema.outcomes, attempt_id=first.id)
    assert said.code == "refuses"
    assert said.next_why.endswith("; not planned, as the case was called again since")
    (moment,) = [
        moment
        for moment in (await sql.dossiers.look(desk.case_id, "anna", "test", desk.clock.now())).timeline
        if moment.details.get("attempt") == first.id and moment.kind is MomentKind.ATTEMPT
    ]
    assert moment.details["next"] == said.next_why


CALL_BACK = {"call_back_at": "2026-11-24T17:30"}
AT_1730 = datetime(2026, 11, 24, 16, 30, tzinfo=UTC)


@pytest.mark.parametrize("in_the_call", [False, True], ids=["after", "during"])
async def test_a_call_back_that_is_corrected_is_agreed_no_more(sql, in_the_call):
    desk = Desk(sql)
    await desk.case()
    attempt = await desk.talk()
    if not in_the_call:
        desk.end(attempt)
    await desk.say("call_back", **CALL_BACK)
    if in_the_call:
        desk.end(attempt)
    assert (await desk.verdicts(AT_1730))[MOBILE].allowed
    await desk.say("refuses")
    assert not (await desk.verdicts(AT_1730))[MOBILE].allowed
    assert not [line for line in (await sql.lines()).values() if isinstance(line, Agreement)], (
        "also when it is read anew"
    )


async def test_a_call_back_that_is_agreed_for_another_hour_is_for_that_one_alone(sql):
    desk = Desk(sql)
    await desk.case()
    desk.end(await desk.talk())
    await desk.say("call_back", **CALL_BACK)
    await desk.say("call_back", call_back_at="2026-11-24T15:00")
    (agreed,) = [line for line in (await sql.lines()).values() if isinstance(line, Agreement)]
    assert agreed.start == datetime(2026, 11, 24, 14, tzinfo=UTC)
    assert not (await desk.verdicts(AT_1730))[MOBILE].allowed


@pytest.mark.parametrize(
    ("first", "second", "stands"),
    [(None, 30, None), (90, 30, 90), (30, 90, 90), (30, None, None)],
    ids=["for good", "longer", "shorter", "then for good"],
)
async def test_an_outcome_makes_no_flag_shorter_that_stands_already(sql, first, second, stands):
    words = ("moratorium", "taken_back")
    flags = {days: Flagging(name="moratorium", on="debtor", days=days) for days in (first, second)}
    own = {
        code: replace(shipped()["taken_back"], code=code, flag=flags[days], needs=())
        for code, days in zip(words, (first, second), strict=True)
    }
    desk = Desk(sql, rules=Rules(outcomes=own))
    await desk.case()
    desk.end(await desk.talk())
    for code in words:
        await desk.say(code)
    (flag,) = (await sql.book.card(desk.case_id, desk.clock.now())).flags
    days = None if flag.until is None else round((flag.until - desk.clock.now()) / timedelta(days=1))
    assert (flag.name, days) == ("moratorium", stands)


@pytest.mark.parametrize("ends_on", [date(2026, 11, 26), date(2026, 11, 27)], ids=["over by then", "its last day"])
async def test_a_call_that_would_come_after_the_mandates_end_is_foreseen_as_refused(sql, ends_on):
    await SqlMandates(sql.engine).put(Mandate("Luce", "M1", "TULPS 115", date(2026, 1, 1), ends_on, (), 365))
    desk = Desk(sql)
    await desk.case(mandate="M1")
    desk.end(await desk.talk())
    await desk.say("call_back", call_back_at="2026-11-27T10:00")
    case = await desk.row(schema.cases, id=desk.case_id)
    refused = ends_on < date(2026, 11, 27)
    assert case.why.endswith("refused for now: mandate") == refused
    verdict = (await desk.verdicts(case.due_at))[MOBILE]
    assert (verdict.reasons, verdict.not_before) == ((("mandate",) if refused else ()), None)


async def test_the_next_agent_sees_the_offer_and_cannot_undercut_it_alone(sql):
    desk = Desk(sql)
    await desk.case()
    attempt = await desk.talk()
    better = {"discount_percent": 10, "instalments": 6, "until": "2026-12-10", "answer": "open"}
    await desk.say("thinks_it_over", offers=[better])
    said_at = desk.clock.now()
    desk.end(attempt)
    case = await desk.row(schema.cases, id=desk.case_id)
    desk.clock.time = case.due_at
    await desk.talk(agent="carla")
    (seen,) = (await sql.book.card(desk.case_id, desk.clock.now())).offers
    assert (seen.agent, seen.answer, seen.made_at) == ("anna", Answer.OPEN, said_at)
    worse = {**better, "instalments": 3, "answer": "refused"}
    with pytest.raises(InputError, match="worse than what was offered before"):
        await desk.say("refuses", agent="carla", offers=[worse])
    with pytest.raises(InputError, match="'anna' is no supervisor"):
        await desk.say("refuses", agent="carla", offers=[{**worse, "approved_by": "anna"}])
    await desk.say("refuses", agent="carla", offers=[{**worse, "approved_by": "bruno"}])
    last = (await sql.book.card(desk.case_id, desk.clock.now())).offers[-1]
    assert (last.agent, last.approved_by, last.terms.instalments) == ("carla", "bruno", 3)


# -- whether it was kept --------------------------------------------------------------------------------------


async def promised(sql, *, plan=False, payments=()):
    """A promise of 90.00 by 4 December, with three days of grace, and what was paid."""
    desk = Desk(sql)
    await desk.case()
    desk.end(await desk.talk())
    more = {"instalments": 3} if plan else {}
    await desk.say("plan_agreed" if plan else "promise_to_pay", amount="90,00", pay_by="2026-12-04", **more)
    await sql.attempts.flush()
    for n, (day, cents) in enumerate(payments):
        payment = Payment(f"bank {n}", "F1", Money(cents), date(2026, 12, day))
        await SqlPayments(sql.engine).add("Luce", [payment], "bank", desk.clock.now())
    return desk, Keeping(SqlPromises(sql.engine, sql.writer), desk.clock)


def rome(day, hour=0, minute=0):
    return datetime(2026, 12, day, hour, minute, tzinfo=ZoneInfo("Europe/Rome")).astimezone(UTC)


@pytest.mark.parametrize(
    ("payments", "kept", "why"),
    [
        ([], "broken", "broken promise: 90.00 EUR are missing of what was due by 2026-12-04, nothing came in time"),
        (
            [(7, 4_000)],
            "partial",
            "broken promise: 50.00 EUR are missing of what was due by 2026-12-04, only a part came in time",
        ),
        ([(7, 9_000)], "kept", "the promise was kept: called about what is left"),
    ],
)
async def test_a_promise_is_judged_on_the_first_day_on_which_it_may_be_broken(sql, payments, kept, why):
    desk, keeping = await promised(sql, payments=payments)
    before = await desk.row(schema.cases, id=desk.case_id)
    assert before.why.startswith("after promise_to_pay: 90.00 EUR by 2026-12-04 unless it is paid")
    assert before.due_at == rome(9, 8, 30)  # 8 December is a holiday
    if not payments:  # a payment has it judged at once
        desk.clock.time = rome(8) - timedelta(seconds=1)
        assert await keeping.look() == 0
        assert (await desk.row(schema.cases, id=desk.case_id)).why == before.why
    desk.clock.time = rome(8)
    assert await keeping.look() == 1
    case, promise = await desk.row(schema.cases, id=desk.case_id), await desk.row(schema.promises)
    assert (case.why, promise.kept, promise.check_on, case.due_at) == (why, kept, None, before.due_at)
    assert (case.wanted_by == rome(8)) == (kept != "kept")
    assert await keeping.look() == 0


async def test_a_payment_that_is_told_late_has_the_promise_judged_again(sql):
    desk, keeping = await promised(sql)
    desk.clock.time = rome(8)
    await keeping.look()
    told = SqlPayments(sql.engine)
    desk.clock.time = rome(14)
    await told.add("Luce", [Payment("in time", "F1", Money(9_000), date(2026, 12, 4))], "bank", desk.clock.now())
    assert await keeping.look() == 1
    assert (await desk.row(schema.promises)).kept == "kept"
    case = await desk.row(schema.cases, id=desk.case_id)
    assert (case.why, case.wanted_by) == ("the promise was kept: called about what is left", None)
    desk.clock.time = rome(21)
    await told.add("Luce", [Payment("bounced", "F1", Money(-9_000), date(2026, 12, 20))], "bank", desk.clock.now())
    assert await keeping.look() == 1
    assert (await desk.row(schema.promises)).kept == "broken"
    assert (await desk.row(schema.cases, id=desk.case_id)).why.startswith("broken promise")


async def test_a_longer_flag_that_is_still_being_written_is_not_cut_short_by_an_outcome(sql, monkeypatch):
    desk = Desk(sql)
    await desk.case()
    attempt = await desk.talk()
    await sql.writer.flush()
    write = sql.writer._write

    async def slow(jobs):
        await asyncio.sleep(0.2)
        await write(jobs)

    monkeypatch.setattr(sql.writer, "_write", slow)
    known = shipped()["disputes"]
    flagging = replace(known.flag, days=3)
    desk.rules = replace(desk.rules, outcomes={**desk.rules.outcomes, "disputes": replace(known, flag=flagging)})
    debtor = attempt.intent.debtor_id
    for_ever = flag_for(attempt, known, None, desk.clock.now())
    sql.attempts.keep(replace(for_ever, until=None), by="carla")
    await desk.say("disputes")
    (flag,) = [line for line in (await sql.lines()).values() if isinstance(line, Flag) and line.debtor_id == debtor]
    assert flag.until is None


@pytest.mark.parametrize("in_the_call", [False, True], ids=["after", "during"])
async def test_a_broken_promise_is_urgent_until_the_debtor_was_spoken_to(sql, in_the_call):
    desk, keeping = await promised(sql)
    desk.gate.wanted_by = lambda *_: None  # as where no pack has a least cadence
    desk.clock.time = rome(9, 9)
    await keeping.look()
    assert (await desk.row(schema.cases, id=desk.case_id)).wanted_by == rome(9, 9)
    attempt = await desk.talk()
    if not in_the_call:
        desk.end(attempt)
    await desk.say("refuses")
    if in_the_call:
        desk.end(attempt)
    assert (await desk.row(schema.cases, id=desk.case_id)).wanted_by is None


async def test_of_a_promise_whose_day_has_not_begun_nothing_is_read(sql, monkeypatch):
    desk, keeping = await promised(sql)
    read, to_judge = [], SqlPromises.to_judge

    async def told(record, case_id):
        read.append(case_id)
        return await to_judge(record, case_id)

    monkeypatch.setattr(SqlPromises, "to_judge", told)
    desk.clock.time = rome(8) - timedelta(seconds=1)
    await keeping.look()
    assert read == []
    desk.clock.time = rome(8)
    await keeping.look()
    assert read == [desk.case_id]


async def test_a_payment_that_changes_nothing_of_the_promise_moves_no_plan(sql):
    desk, keeping = await promised(sql)
    desk.clock.time = rome(8)
    await keeping.look()
    sql.book.schedule(desk.case_id, rome(20), CaseState.OPEN, "after cannot_pay_now")
    await sql.attempts.flush()
    desk.clock.time = rome(14)
    late = Payment("late", "F1", Money(100), date(2026, 12, 14))
    await SqlPayments(sql.engine).add("Luce", [late], "bank", desk.clock.now())
    assert await keeping.look() == 1
    case = await desk.row(schema.cases, id=desk.case_id)
    assert (case.why, case.due_at) == ("after cannot_pay_now", rome(20))


async def test_a_promise_that_was_paid_late_says_so(sql):
    desk, keeping = await promised(sql)
    desk.clock.time = rome(8)
    await keeping.look()
    desk.clock.time = rome(14)
    late = Payment("late", "F1", Money(9_000), date(2026, 12, 14))
    await SqlPayments(sql.engine).add("Luce", [late], "bank", desk.clock.now())
    await keeping.look()
    promise = await desk.row(schema.promises)
    assert (promise.kept, promise.paid_late_on) == ("broken", date(2026, 12, 14))
    found = await sql.dossiers.look(desk.case_id, "anna", "test", desk.clock.now())
    (moment,) = [moment for moment in found.timeline if moment.kind is MomentKind.PROMISE]
    assert moment.what == "90.00 EUR promised by 2026-12-04: broken, paid late on 2026-12-14"


async def settled(sql):
    """210.00 of 300.00 promised under an accepted offer of 30 per cent off, and paid."""
    desk = Desk(sql)
    await desk.case()
    desk.end(await desk.talk())
    offer = {"discount_percent": 30, "until": "2026-12-05", "answer": "accepted"}
    await desk.say("promise_to_pay", amount="210,00", pay_by="2026-12-04", offers=[offer])
    await sql.attempts.flush()
    paid = [
        Payment("bank 1", "F1", Money(20_000), date(2026, 12, 2)),
        Payment("bank 2", "G1", Money(1_000), date(2026, 12, 3)),
    ]
    await SqlPayments(sql.engine).add("Luce", paid, "bank", desk.clock.now())
    desk.clock.time = rome(8)
    keeping = Keeping(SqlPromises(sql.engine, sql.writer), desk.clock)
    await keeping.look()
    return desk, keeping


async def test_who_paid_what_the_accepted_offer_left_owes_nothing_and_is_called_no_more(sql):
    desk, _ = await settled(sql)
    case = await desk.row(schema.cases, id=desk.case_id)
    assert (case.state, case.due_at, case.why) == ("closed", None, PAID)
    assert (await sql.book.card(desk.case_id, desk.clock.now())).left == (Money(0),)
    assert await sql.book.due("k", rome(31), 10, ()) == []


async def test_a_settlement_that_is_taken_back_is_none(sql):
    desk, _ = await settled(sql)
    bounced = Payment("bank 3", "F1", Money(-20_000), date(2026, 12, 8))
    added = await SqlPayments(sql.engine).add("Luce", [bounced], "bank", desk.clock.now())
    assert added.reopened == (desk.case_id,)


async def test_a_broken_promise_comes_before_what_is_longer_due(sql):
    desk, keeping = await promised(sql)
    other = NewCase("Luce", "D2", "Nicolò 2", (Debt("F2", Money(1)),), ("+393470000002",), "Europe/Rome", "it")
    await sql.book.add("k", [other], TUESDAY)
    desk.clock.time = rome(8)
    await keeping.look()
    assert (await sql.book.due("k", rome(9, 9), 10, ()))[0].id == desk.case_id


async def test_a_plan_is_judged_at_each_instalment(sql):
    desk, keeping = await promised(sql, plan=True, payments=[(4, 3_000)])
    desk.clock.time = rome(8)
    assert await keeping.look() == 1
    case, promise = await desk.row(schema.cases, id=desk.case_id), await desk.row(schema.promises)
    assert (promise.kept, promise.check_on) == ("open", date(2027, 1, 8))
    assert case.why == "the plan is kept so far: called on 2027-01-08 unless the next is paid"
    assert case.due_at == datetime(2027, 1, 8, 8, tzinfo=UTC)
    desk.clock.time = datetime(2027, 1, 8, tzinfo=UTC)
    assert await keeping.look() == 1
    case, promise = await desk.row(schema.cases, id=desk.case_id), await desk.row(schema.promises)
    assert (promise.kept, promise.check_on) == ("broken", date(2027, 2, 8))
    assert case.why.startswith("broken promise: 30.00 EUR are missing of what was due by 2027-01-04")


@pytest.mark.parametrize(
    ("state", "due", "why"),
    [
        (CaseState.LETTER, True, "a letter"),
        (CaseState.OPEN, False, "being called"),
        (CaseState.OPEN, True, f"{AGREED} for tomorrow"),
    ],
)
async def test_what_came_since_the_promise_stays(sql, state, due, why):
    desk, keeping = await promised(sql)
    sql.book.schedule(desk.case_id, rome(20) if due else None, state, why)
    await sql.attempts.flush()
    desk.clock.time = rome(8)
    assert await keeping.look() == 1
    case = await desk.row(schema.cases, id=desk.case_id)
    assert (case.why, CaseState(case.state), case.due_at) == (why, state, rome(20) if due else None)
    assert (await desk.row(schema.promises)).kept == "broken"


# -- what doesn't fit -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "fields", "message"),
    [
        ("sings", {}, "code: no outcome is 'sings'"),
        ("promise_to_pay", {}, "amount: promise_to_pay needs it"),
        ("promise_to_pay", {"amount": "1,00"}, "pay_by: promise_to_pay needs it"),
        ("refuses", {"amount": "1,00"}, "amount: refuses doesn't take it"),
        ("refuses", {"evidence": "4111 1111 1111 1111"}, "evidence: holds what looks like a card's number"),
        ("refuses", {"debt": "F4111111111111111"}, "debt: holds what looks like a card's number"),
        ("promise_to_pay", {"amount": "ten", "pay_by": "2026-12-01"}, "amount: 'ten' is not an amount"),
        ("promise_to_pay", {"amount": "0,00", "pay_by": "2026-12-01"}, "amount: 0.00 EUR is nothing"),
        ("promise_to_pay", {"amount": "300,01", "pay_by": "2026-12-01"}, "more than what is owed (300.00 EUR)"),
        ("promise_to_pay", {"amount": "1,00", "pay_by": "2026-11-23"}, "pay_by: 2026-11-23 is over"),
        ("promise_to_pay", {"amount": "1,00", "pay_by": "2028-11-23"}, "days ahead"),
        ("plan_agreed", {"amount": "9,00", "pay_by": "2026-12-01", "instalments": 1}, "instalments: one is no plan"),
        ("plan_agreed", {"amount": "9,00", "pay_by": "2026-12-01", "instalments": 7}, "7 are above the mandate's limit"),
        ("plan_agreed", {"amount": "0,02", "pay_by": "2026-12-01", "instalments": 3}, "less than a cent each"),
        ("call_back", {"call_back_at": "2026-11-24T10:59"}, "is over"),  # 09:59 UTC
        ("call_back", {"call_back_at": "2027-11-24T10:00"}, "days ahead"),
        ("disputes", {"debt": "F9"}, "debt: 'F9' isn't one of the case's"),
        ("paid_already", {"paid_on": "2026-11-25"}, "paid_on: 2026-11-25 hasn't come yet"),
        ("paid_already", {"payment_reference": "4111 1111 1111 1111"}, "card's number"),
        (
            "promise_to_pay",
            {"amount": "200,00", "pay_by": "2026-12-01",
             "offers": [{"discount_percent": 30, "until": "2026-12-05", "answer": "accepted"}]},
            "amount: 200.00 EUR is less than what the accepted offer leaves (210.00 EUR)",
        ),
        (
            "promise_to_pay",
            {"amount": "210,00", "pay_by": "2026-12-06",
             "offers": [{"discount_percent": 30, "until": "2026-12-05", "answer": "accepted"}]},
            "pay_by: the offer holds until 2026-12-05",
        ),
        (
            "refuses",
            {"offers": [{"discount_percent": 40, "until": "2026-12-05", "answer": "refused"}]},
            "40 per cent off in 1 instalments until 2026-12-05 is above the mandate's limit",
        ),
    ],
)  # fmt: skip
async def test_a_form_that_does_not_fit_is_told_why_and_changes_nothing(sqlite, code, fields, message):
    desk = Desk(sqlite)
    await desk.case()
    await desk.talk()
    with pytest.raises(InputError) as caught:
        await desk.say(code, **fields)
    assert message in str(caught.value)
    assert caught.value.remedy
    for table in (schema.outcomes, schema.promises, schema.offers):
        assert await desk.row(table) == []


async def test_without_a_mandate_nothing_but_one_payment_can_be_agreed(sqlite):
    desk = Desk(sqlite, rules=Rules())
    await desk.case()
    await desk.talk()
    with pytest.raises(InputError, match="above the mandate's limit"):
        await desk.say("plan_agreed", amount="9,00", pay_by="2026-12-01", instalments=2)
    await desk.say("promise_to_pay", amount="9,00", pay_by="2026-12-01")


async def test_a_card_number_never_gets_into_a_note(sqlite):
    desk = Desk(sqlite)
    await desk.case()
    await desk.talk()
    body = OutcomeBody.model_validate({"code": "refuses"})
    with pytest.raises(InputError, match="card's number"):
        await desk.closing.write_up("anna", "refuses", "carta 4111-1111-1111-1111", body.fields)


async def test_one_word_at_a_time_about_a_call(sqlite):
    desk = Desk(sqlite)
    await desk.case()
    await desk.talk()
    book, said = sqlite.book.case, []

    async def meanwhile(case_id):
        if not said:
            said.append(True)
            with pytest.raises(AgentError, match="is being written"):
                await desk.say("machine")
        return await book(case_id)

    sqlite.book.case = meanwhile
    await desk.say("refuses")
    assert said

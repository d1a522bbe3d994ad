"""The reports of a small record, each figure reckoned by hand, on both databases.

Campaign k, in November 2026 by Rome's clock; today is the 24th. Luce assigned A (100.00 due 31 January, 20.00 of it
costs, and 50.00 due 10 November), B (200.00 due 30 October) and D (40.00 in francs, no number); Gas assigned C (30.00).

  call  case  when (UTC)      what came of it
  8     A     31 Oct 23:30    busy: in Rome it is November
  1     A      3 Nov 09:00    anna, 60 s and 20 s of wrap-up: promises 60.00 by the 6th, three days of grace
  3     B      3 Nov 10:00    answered after 4 s, abandoned
  4     B     10 Nov 10:00    anna, 120 s, written up 700 s later: a plan of 100.00 by 13 November and 13 December
  2     A     12 Nov 09:00    bruno, 30 s and 10 s of wrap-up: a third party
  5     B     20 Nov 09:00    rang, no answer
  6     C     20 Nov 09:30    never left our side
  7     C     20 Nov 15:00    anna, 30 s, never written up

  a letter to A left on 17 November
  paid: A 60.00 on the 5th (kept), B 40.00 on the 14th (in part), C 30.00 on the 2nd, of which 5.00 bounced on the 21st
"""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, insert, select

from dialer import reporting
from dialer.adapters.store import schema
from dialer.adapters.store.audit import SqlAuditRecord
from dialer.adapters.store.mandates import SqlMandates
from dialer.adapters.store.portfolio import SqlPortfolio
from dialer.adapters.store.reports import SqlReports
from dialer.agents.session import Work
from dialer.agents.working_time import Worked
from dialer.audit.abandonment import caps
from dialer.audit.instants import micros
from dialer.audit.law import Library
from dialer.calls.attempt import Attempt, Signal
from dialer.calls.results import Result
from dialer.campaigns.asking import intent_for
from dialer.cases.debt import Debt, Item, ItemKind
from dialer.cases.mandate import Mandate
from dialer.cases.model import NewCase
from dialer.cases.payment import Payment
from dialer.cases.promises import Instalment, Promise
from dialer.compliance.clearance import Reservation
from dialer.compliance.verdict import Intent
from dialer.kernel.errors import UnknownNameError
from dialer.kernel.money import Money
from dialer.outcomes.catalogue import shipped
from dialer.outcomes.record import RecordedOutcome
from dialer.reports.abandonment import AbandonmentLine
from dialer.reports.report import Asked
from dialer.settings import CampaignSettings, Settings
from tests.store.test_accounts import CAMPAIGNS as ACCOUNTED
from tests.store.test_accounts import Year
from tests.store.test_outcomes import MOBILE, Desk

ROME = ZoneInfo("Europe/Rome")
NOW = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
NOVEMBER = Asked(NOW, ROME, since=datetime(2026, 10, 31, 23, tzinfo=UTC), until=datetime(2026, 11, 30, 23, tzinfo=UTC))
MOBILES = {"A": "+393471234561", "B": "+393471234562", "C": "+393471234563", "D": "+393471234564"}
ITEMS = (Item(ItemKind.PRINCIPAL, Money(8_000)), Item(ItemKind.COSTS, Money(2_000)))
DEBTS = {
    "A": (Debt("F1", Money(10_000), date(2026, 1, 31), ITEMS), Debt("F2", Money(5_000), date(2026, 11, 10))),
    "B": (Debt("F3", Money(20_000), date(2026, 10, 30)),),
    "C": (Debt("G1", Money(3_000)),),
    "D": (Debt("F4", Money(4_000, "CHF")),),
}
SHOWN = "+390612345678"


def eur(cents):
    return Money(cents)


class November:
    """The record."""

    def __init__(self, store):
        self.store = store

    async def make(self):
        for name, debts in DEBTS.items():
            numbers = (MOBILES[name], "+390212345678") if name == "A" else (MOBILES[name],)
            creditor, mandate = ("Gas", "") if name == "C" else ("Luce", "M1" if name in "AB" else "")
            new = NewCase(creditor, name, f"Name {name}", debts, numbers, "Europe/Rome", "it", mandate=mandate)
            await self.store.book.add("k", [new], NOW - timedelta(days=30))
        await SqlMandates(self.store.engine).put(Mandate("Luce", "M1", "12/2025", date(2026, 1, 1), None, (), 3650))
        await SqlMandates(self.store.engine).put(Mandate("Luce", "M2", "12/2025", date(2026, 6, 1), None, (), 3650))
        async with self.store.engine.begin() as connection:
            await connection.execute(delete(schema.numbers).where(schema.numbers.c.number == MOBILES["D"]))
            rows = await connection.execute(select(schema.cases.c.id, schema.debtors).join(schema.debtors))
            self.cases = {row.reference: SimpleNamespace(id=row[0], debtor=row[1]) for row in rows}
        await self.call(8, "A", (10, 31, 23, 30), ("rang", "busy"))
        first = await self.call(1, "A", (11, 3, 9), ("anna", 60))
        await self.says(first, "promise_to_pay", 20, ((date(2026, 11, 6), 6_000),))
        await self.call(3, "B", (11, 3, 10), ("abandoned",))
        plan = await self.call(4, "B", (11, 10, 10), ("anna", 120))
        await self.says(plan, "plan_agreed", 700, ((date(2026, 11, 13), 10_000), (date(2026, 12, 13), 10_000)))
        second = await self.call(2, "A", (11, 12, 9), ("bruno", 30))
        await self.says(second, "third_party", 10)
        await self.call(5, "B", (11, 20, 9), ("rang", "no_answer"))
        await self.call(6, "C", (11, 20, 9, 30), ("trunk_failure",))
        await self.call(7, "C", (11, 20, 15), ("anna", 30))
        for creditor, debt, cents, day in (
            ("Luce", "F1", 6_000, 5), ("Luce", "F3", 4_000, 14), ("Gas", "G1", 3_000, 2), ("Gas", "G1", -500, 21),
        ):  # fmt: skip
            paid = Payment(f"{debt} {cents}", debt, Money(cents), date(2026, 11, day))
            assert (await self.store.payments.add(creditor, [paid], "bank", NOW)).new == 1
        await self.store.writer.flush()
        await self.letters()
        return self

    async def letters(self):
        """Of A: one that left on the 17th, one of October, one that was cancelled, one that waits for the post."""
        same = {
            "case_id": self.cases["A"].id, "kind": "reminder", "template": "t", "version": "v", "batch": "b",
            "written_at": NOW, "written_on": NOW.date(), "written_by": "anna", "debts": "", "total_cents": 0,
            "currency": "EUR", "wait_days": 10, "next": "call", "content": "{}",
        }  # fmt: skip
        days = (
            (date(2026, 11, 17), None),
            (date(2026, 10, 30), None),
            (date(2026, 11, 5), date(2026, 11, 6)),
            (None, None),
        )
        rows = [same | {"number": n, "sent_on": sent, "cancelled_on": gone} for n, (sent, gone) in enumerate(days)]
        async with self.store.engine.begin() as connection:
            await connection.execute(insert(schema.letters), rows)

    async def call(self, n, name, when, what):
        """Cleared; dialled a second later, ringing after 3 s, answered after 4 s, an agent 0.2 s later."""
        at, case = datetime(2026, *when, tzinfo=UTC), self.cases[name]
        intent = Intent(
            "k",
            case.id,
            case.debtor,
            MOBILES[name],
            ("Europe/Rome",),
            ("it-unirec",),
            0.0,
            caller_id=SHOWN,
            trunk="west" if n == 7 else "east",
        )
        held = Reservation(f"dla-{n:026d}", intent, at)
        await self.store.open(held)
        attempt = Attempt(held.attempt, intent, at)
        attempt.apply(Signal.SENT, at + timedelta(seconds=1))
        if what[0] == "trunk_failure":
            steps = [(Signal.HUNG_UP, 2.0)]
        elif what[0] == "rang":
            steps = [(Signal.RANG, 4.0), (Signal.HUNG_UP, 30.0)]
        elif what[0] == "abandoned":
            steps = [
                (Signal.RANG, 4.0),
                (Signal.UP, 8.0),
                (Signal.WAITS, 8.0),
                (Signal.ABANDONED, 11.0),
                (Signal.HUNG_UP, 11.0),
            ]
        else:
            attempt.agent = what[0]
            steps = [(Signal.RANG, 4.0), (Signal.UP, 8.0), (Signal.WAITS, 8.0), (Signal.CLAIMED, 8.0)]
            steps += [(Signal.BRIDGED, 8.2), (Signal.HUNG_UP, 8.2 + what[1])]
        for signal, seconds in steps:
            assert attempt.apply(signal, at + timedelta(seconds=seconds)) is not None, signal
        attempt.result = Result.CONNECTED if attempt.agent else Result(what[-1])
        self.store.attempts.save(attempt)
        return attempt

    async def says(self, attempt, code, wrap_seconds, instalments=()):
        outcome, at = shipped()[code], attempt.ended_at + timedelta(seconds=wrap_seconds)
        promise = None
        if instalments:
            parts = tuple(Instalment(day, Money(cents)) for day, cents in instalments)
            promise = Promise(
                attempt.id, attempt.intent.case_id, attempt.agent, at, at.astimezone(ROME).date(), parts, 3
            )
        said = RecordedOutcome(attempt.id, attempt.agent, code, "=SUM(1)", at, counts_as=outcome.counts_as)
        await self.store.attempts.add_outcome(replace(said, right_party=outcome.right_party, promise=promise))


@pytest.fixture
async def november(sql):
    return await November(sql).make()


async def told(november, name, asked=NOVEMBER, by="", *, numbers=False, **settings):
    """The report, all pages in one: its lines and its totals."""
    settings = Settings(campaigns={"k": CampaignSettings(caller_id="+390612345678", **settings)})
    sources = reporting.Sources(november.store.engine, settings, asked, by, numbers)
    found = [page async for page in reporting.pages(name, sources)]
    return [line for page in found for line in page.lines], found[-1].totals


def values(line, *names):
    return tuple(getattr(line, name) for name in names)


async def test_the_funnel(november):
    (gas, luce), (total,) = await told(november, "funnel")
    steps = ("cases", "worked", "attempts", "answered", "contacts", "right_party", "promises", "due", "kept")
    assert values(luce, *steps) == (3, 2, 6, 4, 3, 2, 2, 2, 1)
    assert values(gas, *steps) == (1, 1, 1, 1, 0, 0, 0, 0, 0)
    assert values(total, "campaign", *steps) == ("total", 4, 3, 7, 5, 3, 2, 2, 2, 1)
    assert values(luce, "promised", "cash") == (eur(26_000), eur(10_000))
    assert gas.cash == eur(-500), "what was paid before the first call isn't counted, what bounced after it is"
    assert values(luce, "right_party_per_attempt", "right_party_per_contact") == (
        pytest.approx(2 / 6),
        pytest.approx(2 / 3),
    )
    assert values(luce, "right_party_per_case", "kept_rate", "promise_rate") == (1.0, 0.5, 1.0)
    assert values(gas, "right_party_per_contact", "kept_rate") == (None, None)
    assert total.answer_rate == pytest.approx(5 / 7), "of the sums, not a mean of ratios"


async def test_promises_are_judged_as_of_today(november):
    (line,), (total,) = await told(november, "promises")
    assert values(line, "creditor", "agent", "made", "open", "replaced", "due", "kept", "partial", "broken") == (
        "Luce", "anna", 2, 0, 0, 2, 1, 1, 0,
    )  # fmt: skip
    amounts = values(line, "amount_made", "amount_due", "amount_kept", "paid", "late_to_30", "late_to_60")
    assert amounts == (eur(26_000), eur(26_000), eur(6_000), eur(10_000), eur(6_000), eur(0))
    assert values(total, "kept_rate", "kept_rate_by_amount") == (0.5, pytest.approx(6 / 26))


async def test_a_promise_that_is_paid_before_its_time_is_open_until_then(november):
    on_the_ninth = replace(NOVEMBER, now=datetime(2026, 11, 9, 12, tzinfo=UTC))
    (line,), _ = await told(november, "promises", on_the_ninth)
    assert values(line, "made", "open", "due", "kept", "paid") == (2, 2, 0, 0, eur(6_000))
    assert line.kept_rate is None


async def test_recovery_by_the_age_of_the_oldest_debt(november):
    (gas, young, old), (total,) = await told(november, "recovery")
    assert values(gas, "creditor", "bucket", "cases", "assigned", "cash") == (
        "Gas", "6: not known", 1, eur(3_000), eur(2_500),
    )  # fmt: skip
    assert values(young, "bucket", "assigned", "cash", "attempts", "right_party") == (
        "1: up to 30 days", eur(20_000), eur(4_000), 3, 1,
    )  # fmt: skip
    assert values(old, "bucket", "assigned", "cash", "attempts", "right_party") == (
        "4: 181 to 365 days", eur(15_000), eur(6_000), 3, 1,
    )  # fmt: skip
    assert old.agent_hours == pytest.approx((60 + 20 + 30 + 10) / 3600)
    assert values(old, "recovery_rate", "cash_per_attempt", "cash_per_agent_hour") == (
        0.4, eur(2_000), eur(180_000),
    )  # fmt: skip
    assert values(total, "cases", "assigned", "cash") == (3, eur(38_000), eur(12_500)), "the francs are left out"
    (francs,), _ = await told(november, "recovery", replace(NOVEMBER, currency="CHF"))
    assert values(francs, "cases", "assigned", "cash") == (1, Money(4_000, "CHF"), Money(0, "CHF"))


async def test_agents_by_name(november):
    (anna, bruno), (total,) = await told(november, "agents")
    assert values(anna, "agent", "calls", "wrapped", "contacts", "right_party", "promises", "due", "kept") == (
        "anna", 3, 1, 2, 2, 2, 2, 1,
    )  # fmt: skip
    assert values(anna, "mean_talk_seconds", "mean_wrap_seconds") == (pytest.approx(70), pytest.approx(20))
    assert values(anna, "promised", "cash", "cash_per_hour") == (
        eur(26_000),
        eur(10_000),
        eur(round(10_000 / (230 / 3600))),
    )
    assert values(bruno, "agent", "calls", "contacts", "right_party", "cash") == ("bruno", 1, 1, 0, eur(0))
    assert values(total, "calls", "contacts", "promises") == (4, 3, 2)
    assert values(anna, "logged_in_hours", "occupancy") == (None, None), "nothing is on record of her hours"


async def test_agents_hours_and_occupancy_of_all_campaigns_together(november):
    began_at = datetime(2026, 11, 3, 9, tzinfo=UTC)
    for agent, quarter, work, minutes in (
        ("anna", 0, Work.READY, 4), ("anna", 0, Work.RESERVED, 1), ("anna", 0, Work.TALKING, 8),
        ("anna", 0, Work.WRAPPING, 2), ("anna", 1, Work.PAUSED, 15), ("carla", 1, Work.READY, 6),
        ("anna", -96 * 4, Work.READY, 15),
    ):  # fmt: skip
        at = began_at + quarter * timedelta(minutes=15)
        november.store.floor.save_worked(Worked(agent, at, work, timedelta(minutes=minutes)))
    await november.store.writer.flush()
    (anna, bruno, carla), (total,) = await told(november, "agents")
    hours = ("logged_in_hours", "break_hours", "idle_hours", "occupancy")
    assert values(anna, *hours) == (0.5, 0.25, pytest.approx(5 / 60), pytest.approx(10 / 15))
    assert values(bruno, *hours) == (None,) * 4
    assert values(carla, "calls", *hours) == (0, 0.1, 0.0, 0.1, 0.0)
    assert values(total, "logged_in_hours", "occupancy") == (0.6, pytest.approx(10 / 21))
    (anna, _), _ = await told(november, "agents", replace(NOVEMBER, campaign="k"))
    assert (anna.calls, anna.logged_in_hours) == (3, None)


async def test_trunks_by_what_the_network_said(november):
    (east, west), (total,) = await told(november, "trunks")
    assert values(east, "trunk", "caller_id", "campaign") == ("east", SHOWN, "k")
    assert values(east, "attempts", "rang", "answered", "busy", "no_answer", "trunk_failure") == (7, 6, 4, 1, 1, 1)
    assert values(west, "trunk", "attempts", "answered", "asr") == ("west", 1, 1, 1.0)
    assert east.asr == pytest.approx(4 / 6)
    assert east.acd_seconds == pytest.approx((60.2 + 3 + 120.2 + 30.2) / 4)
    assert values(total, "campaign", "attempts", "asr") == ("total", 8, pytest.approx(5 / 7))
    assert values(total, "mean_ring_delay_seconds", "slowest_ring_seconds") == (3.0, 3.0)


async def test_list_quality(november):
    (gas, luce), _ = await told(november, "list-quality")
    names = (
        "cases",
        "without_number",
        "exhausted",
        "numbers",
        "tried",
        "answered",
        "not_in_service",
        "wrong",
        "silent",
    )
    assert values(luce, *names) == (3, 1, 0, 3, 2, 2, 0, 0, 0)
    assert values(gas, *names) == (1, 0, 0, 1, 1, 1, 0, 0, 0)
    assert luce.best_hour == "", "no hour has thirty calls"


async def test_a_creditors_statement_by_mandate(november):
    asked = replace(NOVEMBER, creditor="Luce")
    (none, first, second), (total,) = await told(november, "statement", asked)
    assert values(none, "mandate", "cases", "debts", "assigned") == ("", 1, 0, eur(0)), "a debt in francs"
    names = ("cases", "debts", "worked", "attempts", "contacts", "right_party", "promises", "due", "kept", "returned")
    assert values(first, "mandate", "starts_on", *names) == ("M1", date(2026, 1, 1), 2, 3, 2, 6, 3, 2, 2, 2, 1, 0)
    assert first.letters == 1
    assert values(first, "assigned", "costs", "paid", "taken_back", "left", "paid_so_far") == (
        eur(35_000), eur(2_000), eur(10_000), eur(0), eur(25_000), eur(10_000),
    )  # fmt: skip
    assert values(second, "mandate", "cases", "assigned") == ("M2", 0, eur(0))
    assert values(total, "mandate", "cases", "collected") == ("total", 3, eur(10_000))
    (line,), _ = await told(november, "statement", replace(NOVEMBER, creditor="Gas"))
    assert values(line, "paid", "taken_back", "collected", "left") == (eur(3_000), eur(-500), eur(2_500), eur(500))


async def test_what_lies_outside_the_period_is_left_out(november):
    october = replace(NOVEMBER, since=None, until=NOVEMBER.since)
    lines, _ = await told(november, "funnel", october)
    assert [values(line, "cases", "attempts", "cash") for line in lines] == [(1, 0, eur(0)), (3, 0, eur(0))]
    (line,), _ = await told(
        november, "funnel", replace(NOVEMBER, creditor="Gas", since=datetime(2026, 11, 20, tzinfo=UTC))
    )
    assert values(line, "creditor", "attempts") == ("Gas", 1)


async def test_attempts_come_page_by_page_and_masked(november, monkeypatch):
    monkeypatch.setattr("dialer.adapters.store.reports.PAGE", 3)
    lines, (totals,) = await told(november, "attempts")
    assert [line.attempt[-1] for line in lines] == ["8", "1", "3", "4", "2", "5", "6", "7"]
    assert {line.number for line in lines} == {"…61", "…62", "…63"}
    assert {line.note for line in lines} == {None}
    assert values(totals, "attempts", "dialled", "answered", "bridged", "abandoned", "hung_up") == (8, 8, 5, 4, 1, 0)
    assert values(totals, "waited_seconds", "slowest_seconds", "talk_seconds") == tuple(
        map(pytest.approx, (0.8, 0.2, 240))
    )
    assert values(lines[1], "ring_seconds", "answer_to_agent_seconds", "talk_seconds", "wrap_seconds") == (
        4.0,
        0.2,
        60.0,
        20.0,
    )
    assert lines[3].wrap_seconds is None, "after 700 s it was no wrap-up"
    assert await november.store.dossiers.views(november.cases["A"].id) == []


async def test_who_sees_whole_numbers_is_on_record_for_each_case(november):
    lines, _ = await told(november, "attempts", replace(NOVEMBER, creditor="Luce"), "anna", numbers=True)
    assert {line.number for line in lines} == {MOBILES["A"], MOBILES["B"]}
    assert lines[1].note == "=SUM(1)"
    for name, seen in (("A", ["anna"]), ("B", ["anna"]), ("C", [])):
        assert [view.by for view in await november.store.dossiers.views(november.cases[name].id)] == seen


async def test_a_history_tells_all_in_order_and_who_asked_is_on_record(november):
    asked = replace(NOVEMBER, since=None, until=None, case=november.cases["B"].id)
    lines, totals = await told(november, "history", asked, "bruno")
    assert [line.kind for line in lines] == ["attempt", "attempt", "promise", "attempt", "payment"]
    assert lines[1].note == "=SUM(1)"
    assert lines[1].reference.endswith("4")
    assert totals == ()
    (view,) = await november.store.dossiers.views(november.cases["B"].id)
    assert (view.by, view.how) == ("bruno", "report history")
    with pytest.raises(UnknownNameError):
        await told(november, "history", replace(asked, case=999), "bruno")


async def test_a_name_that_no_case_has_is_refused(november):
    for wrong in ({"campaign": "kk"}, {"creditor": "Lux"}):
        with pytest.raises(UnknownNameError, match="on record"):
            await told(november, "funnel", replace(NOVEMBER, **wrong))


async def test_cases_and_promises_come_in_pages(november, monkeypatch):
    monkeypatch.setattr("dialer.adapters.store.portfolio.PAGE", 1)
    portfolio = SqlPortfolio(november.store.engine)
    assert [case.id async for case in portfolio.cases(NOVEMBER)] == sorted(case.id for case in november.cases.values())
    assert len([one async for one in portfolio.promises(NOVEMBER)]) == 2


async def test_an_empty_record_has_empty_reports(sql):
    empty = SimpleNamespace(store=sql)
    for name, (about, _) in reporting.REPORTS.items():
        if about.needs or name == "compliance":
            continue
        lines, _ = await told(empty, name)
        assert lines == [], name
    assert (await SqlReports(sql.engine).attempt_totals(NOVEMBER)).answer_rate is None


async def test_abandoned_calls_by_the_day_and_the_whole_campaign(november):
    lines, totals = await told(november, "abandonment")
    whole, *days = lines
    assert values(whole, "window", "first_day", "last_day", "answered", "live", "connected", "silent", "unknown") == (
        "campaign", date(2026, 11, 1), None, 5, 4, 4, 1, 0,
    )  # fmt: skip
    assert values(whole, "abandoned", "of", "cap", "abandoned_share", "kept", "calls_left") == (
        1,
        4,
        0.03,
        0.25,
        False,
        0,
    )
    assert [line.first_day.day for line in days] == [1, 3, 10, 12, 20]
    assert values(days[1], "window", "abandoned", "of", "kept", "slowest_seconds") == ("local_day", 1, 1, False, 0.2)
    assert totals == ()
    later, _ = await told(november, "abandonment", replace(NOVEMBER, since=datetime(2026, 11, 12, tzinfo=UTC)))
    assert [(line.window, line.first_day.day) for line in later] == [
        ("campaign", 1),
        ("local_day", 12),
        ("local_day", 20),
    ]
    strict, _ = await told(november, "abandonment", abandonment_cap=0.01)
    assert {line.cap for line in strict} == {0.01}, "the house's own"


def line_of(abandoned, of, cap, *, below):
    counts = dict.fromkeys(("answered", "live", "connected", "silent", "unknown"), 0)
    return AbandonmentLine(
        campaign="k", pack="p", rule="r", window="campaign", first_day=date(2026, 11, 1), last_day=None, divided_by="",
        slowest_seconds=None, abandoned=abandoned, of=of, cap=cap, below=below, **counts,
    )  # fmt: skip


def test_a_cap_is_kept_to_the_whole_call():
    """Three of a hundred are three per cent, not a hair more."""
    assert values(line_of(3, 100, 0.03, below=False), "kept", "calls_left") == (True, 0)
    assert values(line_of(3, 100, 0.03, below=True), "kept", "calls_left") == (False, 0)
    assert values(line_of(2, 100, 0.03, below=True), "kept", "calls_left") == (True, 0)
    assert values(line_of(2, 100, 0.03, below=False), "kept", "calls_left") == (True, 1)
    assert values(line_of(0, 0, 0.03, below=True), "kept", "calls_left", "abandoned_share") == (True, 0, None)


@pytest.mark.parametrize("seed", [1, 2])
async def test_abandonment_is_told_as_the_daemon_obeys_it_and_as_the_auditor_recounts_it(sql, seed):
    year = Year(sql, seed)
    await year.begin()
    await year.past(120)
    await sql.writer.flush()
    await year.accounts.read()
    await year.today(30)
    await sql.writer.flush()
    asked = Asked(year.clock.now(), ROME)
    lines, _ = await told(SimpleNamespace(store=sql), "abandonment", asked)
    today = year.clock.now().date()
    running = {
        (line.campaign, f"{line.pack} {line.rule} {line.window}"): line
        for line in lines
        if line.first_day <= today and (line.last_day is None or line.last_day >= today)
    }
    compared = 0
    for name, campaign in ACCOUNTED.items():
        for account in year.accounts.of(campaign):
            line = running.get((name, account.name))
            if line is None:
                assert (account.abandoned, account.answered) == (0, 0)
                continue
            compared += 1
            assert (account.abandoned, account.answered) == (line.abandoned, line.of)
            assert (account.cap, account.below) == (line.cap, line.below)
    assert compared >= 6
    tallies = await SqlAuditRecord(sql.engine).tallies(None, micros(asked.now), whole=True)
    audited = list(caps(tallies, Library.read(), None, micros(asked.now)))
    recounted = Counter((one.campaign, one.pack, one.rule, one.abandoned + one.unknown, one.cap) for one in audited)
    assert recounted == Counter(values(line, "campaign", "pack", "rule", "abandoned", "cap") for line in lines)


async def test_compliance_tells_what_the_auditor_found(november):
    """Call 8 came at half past midnight on All Saints', call 4 after an abandoned one without an agent held for it."""
    lines, (totals,) = await told(november, "compliance")
    broken = {line.rule: line.broken for line in lines if line.broken}
    given = {
        "licence": 8,
        "caller-id": 8,
        "trunk-origin": 8,
    }  # the record was made without a gate, and without its facts
    assert broken == {"hours": 1, "holiday": 1, "reserved-agent-required": 1, "abandon-cap": 2, **given}
    assert {line.rule: line.applied for line in lines}["attempts-per-week"] == 8
    assert values(totals, "allowed", "blocked", "attempts", "broken") == (8, 0, 8, 29)


async def test_compliance_tells_what_the_gate_refused_and_how_full_the_cap_was(sql):
    desk = Desk(sql)
    await desk.case()
    desk.end(await desk.talk())
    await desk.say("refuses")
    case = await sql.book.case(desk.case_id)
    for _ in range(2):  # at once, and once more
        verdict = await desk.gate.clear(intent_for(desk.campaign, case, MOBILE, desk.gate.law.packs))
    await sql.writer.flush()
    expected = {str(refusal.reason): refusal for refusal in verdict.refusals}
    assert "conversations-per-day" in expected
    lines, (totals,) = await told(SimpleNamespace(store=sql), "compliance", replace(NOVEMBER, now=desk.clock.time))
    refused = {line.rule: line for line in lines if line.blocked}
    assert set(refused) == set(expected)
    for rule, line in refused.items():
        assert values(line, "pack", "blocked", "withheld", "cases") == ("it-unirec", 2, 0, 1)
        assert line.used == expected[rule].count
        assert line.versions
    assert values(refused["conversations-per-day"], "used", "limit") == (1, "1")
    assert values(totals, "allowed", "blocked", "broken") == (1, 2, 0)

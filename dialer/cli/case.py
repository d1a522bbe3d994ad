"""`dialer case`: one case whole, and what people put on record in it."""

import json
import os
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialer.cases.history import HistoryEntry, HistoryKind
from dialer.cases.limitation import WARNED_AHEAD_DAYS, Alarm, WrittenFact, WrittenFactKind, warning_for
from dialer.cases.payment import Payment, PaymentMethod, refuse_card_numbers
from dialer.cases.waiting import Course, Decided
from dialer.cli.input import day_of, instant_of, viewer
from dialer.cli.intake import open_private
from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json, print_table
from dialer.cli.record import with_record
from dialer.kernel import money
from dialer.kernel.errors import EXIT_NO, InputError, UnknownNameError
from dialer.kernel.plain import plain

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from dialer.cases.access import Kept
    from dialer.cases.dossier import Dossier, Statement

app = typer.Typer(help="One case: its dossier, its flags, its payments.", no_args_is_help=True)
Case = Annotated[int, typer.Argument(help="the case's id, as the reports have it", min=1, max=2**31 - 1)]
By = Annotated[str, typer.Option("--by", help="who you are; your login if empty")]
Debt = Annotated[str | None, typer.Option("--debt", help="the debt's reference; may be left out where there is one")]
SHOWN_MOMENTS = 40
MOST_WARNED = 10_000


@app.command("show")
def show(case: Case, config: Config = DEFAULT_CONFIG, *, by: By = "", as_json: AsJson = False) -> None:
    """The dossier with its timeline. Who looked is on record: see `dialer case views`."""

    async def read(engine: "AsyncEngine", now: datetime) -> Any:
        return await _look(engine, case, by, now), now.date()

    dossier, today = with_record(config, read)
    if as_json:
        print_json(plain(dossier))
    else:
        _print(dossier, today)


@app.command("views")
def views(case: Case, config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """Who looked at the case, the last first."""

    async def read(engine: "AsyncEngine", _: datetime) -> Any:
        from dialer.adapters.store.dossiers import SqlDossiers

        return await SqlDossiers(engine).views(case)

    found = with_record(config, read)
    if as_json:
        print_json({"views": [plain(view) for view in found]})
    else:
        print_table(f"Case {case}", ("when (UTC)", "who", "how"), ((_when(v.at), v.by, v.how) for v in found))


@app.command("limitations")
def limitations(
    config: Config = DEFAULT_CONFIG,
    *,
    ahead_days: Annotated[int, typer.Option("--ahead-days", help="so far ahead", min=0, max=3_660)] = WARNED_AHEAD_DAYS,
    as_json: AsJson = False,
) -> None:
    """The debts of open cases that soon can't be claimed any more, or can't already; the nearest first."""

    async def read(engine: "AsyncEngine", now: datetime) -> Any:
        from dialer.adapters.store.dossiers import SqlDossiers

        return await SqlDossiers(engine).running_out(now.date() + timedelta(days=ahead_days), MOST_WARNED), now.date()

    found, today = with_record(config, read)
    if as_json:
        print_json({"debts": [plain(one) for one in found]})
        return
    columns = ("case", "creditor", "debt", "left to pay", "last day", "days left")
    rows = (
        (one.case_id, one.creditor, one.debt_reference, one.left, one.limitation.on, (one.limitation.on - today).days)
        for one in found
    )
    print_table("Limitation", columns, rows)


@app.command("flag")
def flag(
    case: Case,
    name: Annotated[str, typer.Argument(help="as dispute, attorney, deceased, moratorium")],
    config: Config = DEFAULT_CONFIG,
    *,
    until: Annotated[str | None, typer.Option(help="when it ends by itself: an instant with offset")] = None,
    lift: Annotated[bool, typer.Option("--lift", help="it holds no more")] = False,
    number: Annotated[str | None, typer.Option(help="only this number of the case (E.164)")] = None,
    debt_id: Annotated[int | None, typer.Option("--debt-id", help="only this debt, by its id in the dossier")] = None,
    evidence: Annotated[str, typer.Option(help="what shows it, as PEC of 3/11/2026")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Stop every call about it, until it is lifted or ends: the running daemon heeds it at once."""
    from dialer.cli.client import ask

    if lift and until is not None:
        raise InputError("--lift and --until together", "lift it now, or set it again with its end")
    body = {
        "kind": "lift" if lift else "flag",
        "case": case,
        "name": name,
        "number": number,
        "debts": [] if debt_id is None else [debt_id],
        "until": None if (end := instant_of("--until", until)) is None else end.isoformat(),
        "by": viewer(by),
        "evidence": evidence,
    }
    answer = ask(config, "POST", "/api/v1/ledger", {key: value for key, value in body.items() if value is not None})
    if as_json:
        print_json(answer)
    else:
        print(f"{name} {'lifted' if lift else 'set'}, on record as {answer['id']}: it counts from now on")


@app.command("payment")
def payment(
    case: Case,
    amount: Annotated[str, typer.Option(help="as 1.234,56; below zero where it was taken back")],
    reference: Annotated[str, typer.Option(help="its key with the creditor or the bank: told again it counts once")],
    config: Config = DEFAULT_CONFIG,
    *,
    on: Annotated[str, typer.Option(help="the day on which it was paid, as 2026-11-24; today if empty")] = "",
    debt: Debt = None,
    method: Annotated[PaymentMethod, typer.Option(help="how it was paid")] = PaymentMethod.UNKNOWN,
    receipt: Annotated[str, typer.Option(help="the terminal's reference; never a card's number")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Put a payment on record. A case of which nothing is left is closed."""
    for option, text in (("--reference", reference), ("--receipt", receipt), ("--by", by)):
        refuse_card_numbers(option, text)

    async def add(engine: "AsyncEngine", now: datetime) -> Any:
        from dialer.adapters.store.payments import SqlPayments

        dossier = await _look(engine, case, by, now)
        owed = _debt_of(dossier, debt)
        try:
            paid = money.parse(amount, owed.debt.amount.currency)
        except money.BadMoneyError as error:
            raise InputError(f"--amount {amount!r}: {error}", "write it as 1.234,56 or 1234.56") from None
        given = Payment(reference, owed.debt.reference, paid, day_of("--on", on) if on else now.date(), method, receipt)
        if given.paid_on > now.date() + timedelta(days=1):
            raise InputError(f"--on {given.paid_on}: hasn't come yet", "a promised payment is no payment")
        added = await SqlPayments(engine).add(dossier.creditor, [given], viewer(by), now)
        return added, await _look(engine, case, by, now)

    added, dossier = with_record(config, add)
    left = [plain(amount) for amount in dossier.left]
    if as_json:
        print_json({**plain(added), "left": left, "state": dossier.state})
    else:
        for refused in added.refused:
            print(f"not on record: {refused.why}: {refused.remedy}")
        told = "on record" if added.new else "known before: nothing changed"
        closed = "; the case is closed" if added.settled else "; the case is open again" if added.reopened else ""
        if not added.refused:
            print(f"{told}; left to pay: {_sums(dossier)}{closed}")
    if added.refused:
        raise typer.Exit(EXIT_NO)


@app.command("note")
def note(
    case: Case,
    text: Annotated[str, typer.Argument(help="what to remember")],
    config: Config = DEFAULT_CONFIG,
    *,
    kind: Annotated[HistoryKind, typer.Option(help="what it is about")] = HistoryKind.NOTE,
    inbound: Annotated[bool, typer.Option("--inbound", help="it came from the debtor")] = False,
    at: Annotated[str | None, typer.Option(help="when it was, with offset; now if empty")] = None,
    reference: Annotated[str, typer.Option(help="your own key of it: the same one again replaces it")] = "",
    by: By = "",
) -> None:
    """Put a note, or a letter, message or visit that counts for no rule, into the case's history."""

    async def write(engine: "AsyncEngine", now: datetime) -> None:
        from dialer.adapters.store.dossiers import SqlDossiers

        key = reference or f"note-{now.isoformat()}"
        entry = HistoryEntry(case, key, instant_of("--at", at) or now, kind, text, inbound, viewer(by))
        try:
            await SqlDossiers(engine).write(entry, now)
        except LookupError:
            raise _no_case(case) from None

    with_record(config, write)
    print("on record")


@app.command("access-export")
def access_export(
    case: Annotated[int | None, typer.Argument(help="one of the person's cases", min=1, max=2**31 - 1)] = None,
    config: Config = DEFAULT_CONFIG,
    *,
    to: Annotated[Path, typer.Option("--to", help="a folder for access.json and access.txt")],
    creditor: Annotated[str, typer.Option("--creditor", help="without a case: whose debtor")] = "",
    debtor: Annotated[str, typer.Option("--debtor", help="without a case: the creditor's key of the debtor")] = "",
    by: By = "",
) -> None:
    """Write out all that is kept of a person (GDPR art. 15), to read and as JSON. Who took it is on record as a look.

    A person whom several creditors entrusted is a debtor of each of them, and has an export for each.
    """
    if (case is None) == (not (creditor and debtor)):
        raise InputError("say who: a case, or --creditor and --debtor", "give one of the two")

    async def read(engine: "AsyncEngine", now: datetime) -> "Kept":
        from dialer.adapters.store.person import SqlPerson

        try:
            if case is not None:
                return await SqlPerson(engine).of_case(case, viewer(by), now)
            return await SqlPerson(engine).of_debtor(creditor, debtor, viewer(by), now)
        except LookupError:
            if case is not None:
                raise _no_case(case) from None
            raise UnknownNameError(
                f"{creditor!r} has no debtor {debtor!r}", "dialer report attempts --csv has the creditors' keys"
            ) from None

    kept = with_record(config, read)
    texts = {
        "access.json": json.dumps(kept.as_json(), default=_instant_or_day, ensure_ascii=False, indent=2) + "\n",
        "access.txt": "\n".join(kept.text()) + "\n",
    }
    try:
        to.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in texts.items():
            with os.fdopen(open_private(to / name), "w", encoding="utf-8") as out:
                out.write(text)
    except OSError as error:
        raise InputError(f"--to {to}: {error.strerror}", "name a folder that can be written") from None
    print(f"{to / 'access.json'} and {to / 'access.txt'}: {sum(map(len, kept.tables.values()))} rows about this person")


@app.command("fact")
def fact(
    case: Case,
    kind: Annotated[WrittenFactKind, typer.Argument(help="what happened in writing")],
    on: Annotated[str, typer.Option(help="the day; of a letter the day on which it was received")],
    evidence: Annotated[str, typer.Option(help="what shows it, as raccomandata 15234567890-1")],
    config: Config = DEFAULT_CONFIG,
    *,
    debt: Debt = None,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Put a written fact on record that moves a debt's limitation date. A call never does."""
    refuse_card_numbers("--evidence", evidence)
    if not evidence.strip():
        raise InputError("--evidence: empty", "name the letter, the receipt or the court's file")

    async def write(engine: "AsyncEngine", now: datetime) -> Any:
        from dialer.adapters.store.dossiers import SqlDossiers

        day = day_of("--on", on)
        if day > now.date() + timedelta(days=1):
            raise InputError(f"--on {day}: hasn't come yet", "record it once it has happened")
        owed = _debt_of(await _look(engine, case, by, now), debt)
        happened = WrittenFact(kind, day, evidence, viewer(by))
        return owed, await SqlDossiers(engine).record_fact(case, owed.debt.reference, happened, now)

    owed, clock = with_record(config, write)
    if as_json:
        print_json({"before": plain(owed.limitation), "after": plain(clock)})
    else:
        print(f"{owed.debt.reference}: {_clock_words(owed.limitation)} before, {_clock_words(clock)} now")


@app.command("decide")
def decide(
    case: Case,
    course: Annotated[Course, typer.Argument(help="open: called again; letter: one is due; close")],
    why: Annotated[str, typer.Option(help="the reason, as it stands in the case from then on")],
    config: Config = DEFAULT_CONFIG,
    *,
    by: By = "",
) -> None:
    """Say what comes next in a case, whatever it waits for: see `dialer cases waiting`."""
    decided = Decided(case, course, why, viewer(by))

    async def write(engine: "AsyncEngine", now: datetime) -> None:
        from dialer.adapters.store.waiting import SqlWaiting

        try:
            await SqlWaiting(engine).decide(decided, now)
        except LookupError:
            raise _no_case(case) from None

    with_record(config, write)
    print(f"case {case}: {course.text}")


async def _look(engine: "AsyncEngine", case: int, by: str, now: datetime) -> "Dossier":
    from dialer.adapters.store.dossiers import SqlDossiers

    try:
        return await SqlDossiers(engine).look(case, viewer(by), "command", now)
    except LookupError:
        raise _no_case(case) from None


def _instant_or_day(value: date) -> str:
    return value.isoformat()


def _debt_of(dossier: "Dossier", reference: str | None) -> "Statement":
    known = [statement for statement in dossier.statements if reference in (None, statement.debt.reference)]
    if len(known) == 1:
        return known[0]
    names = ", ".join(statement.debt.reference for statement in dossier.statements) or "none"
    if reference is None:
        raise InputError(f"--debt: the case has {len(known)} debts", f"name one of {names}")
    raise InputError(f"--debt {reference!r}: no debt of this case", f"name one of {names}")


def _no_case(case: int) -> UnknownNameError:
    return UnknownNameError(f"there is no case {case}", "dialer report attempts has the ids")


def _print(dossier: "Dossier", today: date) -> None:
    debtor = dossier.debtor
    kind = ", ".join(filter(None, (debtor.kind, debtor.tax_code, debtor.pec)))
    print(f"Case {dossier.id}: {debtor.name} ({kind}), {dossier.creditor} {debtor.reference}")
    due = f", due {_when(dossier.due_at)}" if dossier.due_at else ""
    print(f"{dossier.state}{due}: {dossier.why}")
    if dossier.rank:
        print(dossier.rank)
    for standing in dossier.flags:
        end = f" until {_when(standing.until)}" if standing.until else ""
        who = f", says {standing.recorded_by}" if standing.recorded_by else ""
        print(f"! {standing.name} since {_when(standing.since)}{end}{who} {standing.evidence}".rstrip())
    terms = dossier.terms
    if dossier.mandate:
        known = f"{terms.starts_on} to {terms.ends_on or 'open'}, {terms.licence}" if terms else "terms not on record"
        over = "" if terms is None or terms.open_on(today) else ": NOT OPEN"
        print(f"mandate {dossier.mandate}: {known}{over}")
    print(f"left to pay: {_sums(dossier)}")
    print_table(
        "Debts",
        ("id", "reference", "due on", "owed", "paid", "left", "limitation"),
        (
            (s.debt_id, s.debt.reference, s.debt.due_on, s.balance.owed, s.balance.paid, s.balance.left,
             _limitation_words(s, today))
            for s in dossier.statements
        ),
    )  # fmt: skip
    print_table(
        "Numbers",
        ("number", "kind", "from", "verified on", "best hours", "note"),
        (
            (n.number, n.kind, n.provenance, n.verified_on, ", ".join(map(str, n.best_hours)), n.note)
            for n in dossier.numbers
        ),
    )
    for guarantor in dossier.guarantors:
        print(f"guarantor: {guarantor.name} {guarantor.tax_code} {', '.join(guarantor.numbers)}".rstrip())
    shown = dossier.timeline[:SHOWN_MOMENTS]
    rows = ((_when(m.at), m.kind, m.who, m.what) for m in shown)
    print_table("Timeline, the newest first", ("when (UTC)", "what", "who", "in words"), rows)
    if dossier.cut or len(shown) < len(dossier.timeline):
        print("older moments are left out: --json has up to the last 1000")


def _limitation_words(statement: "Statement", today: date) -> str:
    warned = warning_for(statement.limitation, today)
    words = _clock_words(statement.limitation)
    if warned is None or warned.alarm is Alarm.NOT_KNOWN:
        return words
    return f"{words}: OVER" if warned.alarm is Alarm.OVER else f"{words}: {warned.days_left} days left"


def _clock_words(clock: Any) -> str:
    if clock.in_court_since is not None:
        return f"in court since {clock.in_court_since}"
    return "not known" if clock.on is None else str(clock.on)


def _sums(dossier: "Dossier") -> str:
    return ", ".join(map(str, dossier.left)) or "nothing"


def _when(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M}"

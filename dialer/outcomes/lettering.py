"""Letters: when one is due after calls that brought no payment, what stands in it, and what comes after it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import structlog

from dialer.cases.debtor import Address, AddressKind, DebtorKind
from dialer.cases.dossier import Dossier
from dialer.cases.letter import WAIT_DAYS, Due, Letter, LetterContent, LetterKind, Letters, Then, Unpaid, letter_id
from dialer.cases.model import CaseState, NextAction
from dialer.kernel.clock import Clock
from dialer.outcomes.rules import GRACE_DAYS
from dialer.texts import fields
from dialer.texts.fields import Agency
from dialer.texts.letters import DEMAND, REMINDER, Gap, LetterShelf

UNDER_WAY_DAYS = {LetterKind.REMINDER: 5, LetterKind.REGISTERED: 30, LetterKind.PEC: 1}
"""How long after it was sent a letter of which no receipt is told counts as received, for the next call alone: the
post keeps a registered letter for 30 days. No limitation date follows from it."""
CALLED_FROM = time(9)
MOST_AT_ONCE = 500

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LetterStep:
    """One step of the letters of a mandate or campaign.

    after_days: it is due so many days after a conversation with the debtor, or a promise, without a payment; None: only
    where an outcome or a person asks for it. wait_days: within which it asks for payment. after_attempts: it is due after
    so many calls, too, of which none reached the debtor; None: never because of them.
    """

    kind: LetterKind
    after_days: int | None
    wait_days: int
    then: Then
    after_attempts: int | None = None


DEFAULT_LADDER = (LetterStep(LetterKind.REGISTERED, None, WAIT_DAYS, Then.CALL),)
"""Where nothing is configured: a formal demand, where an outcome or a person asks for a letter."""


@dataclass(frozen=True, slots=True)
class LetterRules:
    """What holds for the letters of a campaign's cases of a creditor. ladder: the first letter's step, the second's …;
    the last one's holds for every further letter that is asked for. language: where no template has the debtor's.
    """

    ladder: tuple[LetterStep, ...]
    shelf: LetterShelf
    agency: Agency
    language: str

    def step(self, letters: int) -> LetterStep:
        """Of the next letter, where so many were written."""
        return self.ladder[min(letters, len(self.ladder) - 1)]


LetterRulesOf = Callable[[str, str], LetterRules]
"""The rules of a campaign (its name) for a creditor's cases (the creditor's name)."""


class NotWritten(Exception):  # noqa: N818 -- no error of the program: why a letter isn't written
    """A letter that is due isn't written: the message says why; `remedy`."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(why)
        self.remedy = remedy


class Lettering:
    """Hands cases over to a letter some days after a conversation that brought no payment, or after calls in vain."""

    def __init__(self, record: Letters, rules: LetterRulesOf, campaigns: tuple[str, ...], clock: Clock) -> None:
        self._record = record
        self._rules = rules
        self._campaigns = campaigns
        self._clock = clock

    async def look(self) -> int:
        """Hand over what is due; how many cases those were. Raises AwayError."""
        now = self._clock.now()
        total, after = 0, -1
        before = now - timedelta(days=1)
        while True:
            found, last = await self._record.unpaid(before, self._campaigns, after, MOST_AT_ONCE)
            judged = {case.case_id: due_because(case, self._rules(case.campaign, case.creditor), now) for case in found}
            if due := {case_id: why for case_id, why in judged.items() if why is not None}:
                total += await self._record.hand_over(due, now)
            if last is None:
                break
            after = last
        if total:
            log.info("letters.fallen_due", cases=total)
        return total


def due_because(case: Unpaid, rules: LetterRules, now: datetime) -> str | None:
    """Why a letter is due for the case now; None where it isn't."""
    if case.letters >= len(rules.ladder):
        return None
    step = rules.ladder[case.letters]
    if case.talked_at is None:
        if step.after_attempts is None or case.tries < step.after_attempts:
            return None
        return f"a letter is due: {case.tries} calls didn't reach the debtor, and nothing was paid"
    days = step.after_days
    if days is None:
        return None
    zone = ZoneInfo(case.zone or "UTC")
    talked_on = case.talked_at.astimezone(zone).date()
    # what was promised had its own time, and its call
    since = max(talked_on, case.over_on or talked_on)
    if now.astimezone(zone).date() < since + timedelta(days=days):
        return None
    what = "the conversation" if since == talked_on else "the end of what was promised"
    return f"a letter is due: nothing was paid within {days} days after {what} of {since}"


def compose(
    dossier: Dossier, due: Due, rules: LetterRules, batch: str, by: str, now: datetime, *, flagged: bool
) -> Letter:
    """The letter that is due in a case, whole. Raises NotWritten, InputError where its template fails.

    flagged: somebody wants it although flags stand about the debtor.
    """
    today = now.astimezone(ZoneInfo(due.zone or "UTC")).date()
    step = rules.step(due.letters)
    _may_be_written(dossier, rules.agency, today, flagged=flagged)
    debtor, agency = dossier.debtor, _licensed(rules.agency, dossier)
    address = _address(debtor.addresses, debtor.kind)
    if address is None and step.kind is not LetterKind.PEC:
        raise NotWritten("the debtor has no address with street, postal code and city", "import it with the case")
    if step.kind is LetterKind.PEC and not (debtor.pec or debtor.tax_code):
        raise NotWritten(
            "the debtor has no PEC address, and no tax code by which one is found", "import it with the case"
        )
    template = rules.shelf.pick(DEMAND if step.kind.formal else REMINDER, (debtor.language, rules.language))
    if template is None:
        name = f"{DEMAND if step.kind.formal else REMINDER}.{rules.language}.toml"
        raise NotWritten(f"no template is named {name}", "write it into letter_folder, or correct language")
    debts = fields.debt_fields(dossier.statements, template.language)
    given = fields.common(
        agency, dossier.creditor, debtor.name, debtor.reference, debts, dossier.left, today, template.language
    )
    try:
        rendered = template.render(given, letter_id(due.case_id, due.number), step.wait_days)
    except Gap as gap:
        remedy = "fill [collector] name, contact and licence_number, and how_to_pay of the creditor's [[mandates]]"
        raise NotWritten(f"the letter would lack what it must say: {gap}", remedy) from None
    sender = (agency.name, *agency.address.split("\n"))
    return Letter(
        case_id=due.case_id,
        number=due.number,
        kind=step.kind,
        template=template.name,
        version=template.version,
        batch=batch,
        written_at=now,
        written_on=today,
        written_by=by,
        debts=tuple(one.debt_id for one in dossier.statements if one.balance.left.cents > 0),
        total=dossier.left[0],
        wait_days=step.wait_days,
        then=step.then,
        content=LetterContent(
            debtor.name, address, debtor.tax_code, sender, rendered.subject, rendered.body, debtor.pec
        ),
    )


def what_follows(letter: Letter, zone: str, now: datetime) -> NextAction | None:
    """What comes next in the letter's case by what is known of the letter; None while it waits to be sent."""
    dates = letter.dates
    name = letter_words(letter)
    if dates.cancelled_on is not None:
        return NextAction(CaseState.LETTER, now, f"{name} was cancelled: another one is due")
    if dates.returned_on is not None:
        return NextAction(CaseState.ESCALATED, now, f"{name} came back on {dates.returned_on}: a person decides")
    if dates.received_on is not None:
        since, words = dates.received_on, f"received on {dates.received_on}"
    elif dates.sent_on is not None:
        since, words = dates.sent_on + timedelta(days=UNDER_WAY_DAYS[letter.kind]), f"sent on {dates.sent_on}"
    else:
        return None
    on = since + timedelta(days=letter.wait_days + GRACE_DAYS + 1)
    state, what = {
        Then.CALL: (CaseState.OPEN, "called again"),
        Then.ESCALATE: (CaseState.ESCALATED, "a person decides"),
    }[letter.then]
    due_at = datetime.combine(on, CALLED_FROM, ZoneInfo(zone or "UTC"))
    return NextAction(state, due_at, f"{name} {words}: {what} from {on} unless it is paid")


def letter_words(letter: Letter) -> str:
    """How the case's reason begins as long as it is about this letter: whatever comes after it, begins otherwise."""
    return f"letter {letter.id} ({letter.kind})"


def _may_be_written(dossier: Dossier, agency: Agency, today: date, *, flagged: bool) -> None:
    terms = dossier.terms
    if terms is not None and not terms.open_on(today):
        raise NotWritten("the mandate isn't open", "dialer mandate set corrects its days; or close the case")
    if agency.licence_valid_until is not None and agency.licence_valid_until < today:
        raise NotWritten("the licence is over", "renew it, and correct [collector] licence_valid_until")
    if dossier.facts.get("assigned_npl") and not dossier.facts.get("assignment_notice_sent"):
        raise NotWritten("the debtor wasn't told of the assignment (TUB art. 114.10)", "send that notice first")
    standing = sorted({flag.name for flag in dossier.flags if flag.number is None})
    if standing and not flagged:
        remedy = "decide about the case; or name it with --case and --flagged"
        raise NotWritten(f"flags stand about the debtor: {', '.join(standing)}", remedy)
    owed = [left for left in dossier.left if left.cents > 0]
    if not owed:
        raise NotWritten("nothing is left to pay", "close the case")
    if len(dossier.left) > 1:
        raise NotWritten("its debts are in several currencies, and a letter demands one sum", "write it by hand")


def _licensed(agency: Agency, dossier: Dossier) -> Agency:
    """The mandate's own licence, where it names one."""
    if dossier.terms is None or not dossier.terms.licence:
        return agency
    return Agency(
        agency.name,
        agency.address,
        agency.contact,
        dossier.terms.licence,
        agency.licence_valid_until,
        agency.how_to_pay,
    )


def _address(addresses: tuple[Address, ...], kind: DebtorKind) -> Address | None:
    """Where the debtor's letters go: never to work."""
    wanted = [AddressKind.HOME, AddressKind.REGISTERED, AddressKind.OTHER]
    if kind is DebtorKind.COMPANY:
        wanted = [AddressKind.REGISTERED, AddressKind.HOME, AddressKind.OTHER]
    whole = [one for one in addresses if one.street and one.postal_code and one.city and one.kind in wanted]
    return min(whole, key=lambda one: wanted.index(one.kind), default=None)

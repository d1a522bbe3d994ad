"""From what the agent says of a call to what is kept of it: checked, with the promise, the offers and what comes next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dialer.calls.attempt import Attempt
from dialer.calls.results import Result
from dialer.campaigns.asking import intent_for
from dialer.campaigns.campaign import Campaign
from dialer.campaigns.selection import numbers_to_try
from dialer.campaigns.timing import Choice, zone_of
from dialer.cases.book import CaseBook
from dialer.cases.model import CaseCard, Contact, DueCase, NextAction
from dialer.cases.offers import Offer
from dialer.cases.promises import Promise
from dialer.compliance.entry import Agreement, Entry, Flag, Line
from dialer.compliance.gate import Gate
from dialer.compliance.ledger import LedgerAwayError
from dialer.compliance.verdict import CallMode
from dialer.kernel.errors import InputError
from dialer.outcomes import form as forms
from dialer.outcomes import next_action
from dialer.outcomes.catalogue import Do, Outcome
from dialer.outcomes.counting import entry_for, flag_for, revision_at
from dialer.outcomes.form import Form, Written
from dialer.outcomes.next_action import Slot, Wish
from dialer.outcomes.planning import Planning
from dialer.outcomes.rules import RulesOf

AGREED_FOR = timedelta(hours=1)
"""How long after the agreed instant a call-back is still the agreed one."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What is kept of an outcome. case: as it was before. before: what was said of the same call earlier. said: what stands from now on, beside the call's own line.
    form: with what of the script wasn't confirmed. script: the version of what the agent was to say.
    """

    case: DueCase
    outcome: Outcome
    before: Outcome | None
    said: tuple[Line, ...]
    promise: Promise | None
    offers: tuple[Offer, ...]
    action: NextAction
    form: Form
    script: str


class Filling:
    """Reads the case, checks the form against it and the mandate, and asks the gate when the next call would be legal."""

    def __init__(
        self, book: CaseBook, gate: Gate, campaigns: Mapping[str, Campaign], rules: RulesOf, planning: Planning
    ) -> None:
        self._book = book
        self._planning = planning
        self._gate = gate
        self._campaigns = campaigns
        self._rules = rules

    async def fill(
        self, attempt: Attempt, agent: str, code: str, form: Form, now: datetime, *, overtaken: bool
    ) -> Filled:
        """overtaken: the case was called again since. Raises InputError with the field, its value and the remedy;
        AwayError where the case can't be read.
        """
        case = await self._book.case(attempt.intent.case_id)
        card = await self._book.card(case.id, now)
        rules = self._rules(attempt.campaign, card.creditor)
        outcome = rules.outcomes.get(code)
        if outcome is None:
            raise InputError(f"code: no outcome is {code[:60]!r}", f"say one of {', '.join(rules.outcomes)}")
        zone = zone_of(case)
        # of this very call another outcome may have been said before
        card = replace(
            card,
            offers=tuple(offer for offer in card.offers if offer.id != attempt.id),
            history=tuple(contact for contact in card.history if contact.at != attempt.cleared_at),
        )
        script = rules.scripts.pick(card.language)
        form = forms.confirmed(form, script, outcome)
        written = forms.check(outcome, form, card, rules, agent=agent, now=now, zone=zone)
        promise = None
        if written.instalments and outcome.next.do is Do.PROMISE:
            today = now.astimezone(zone).date()
            promise = Promise(
                attempt.id, case.id, agent, now, today, written.instalments, rules.grace_days, written.remission_cents
            )
        debt_id = next((one.debt_id for one in card.statements if one.debt.reference == written.debt), None)
        said: list[Line] = []
        flag = flag_for(attempt, outcome, debt_id, now)
        if flag is not None and not _stands_longer(flag, card):
            said.append(flag)
        before = rules.outcomes.get(attempt.outcome or "")
        if not overtaken:  # else the newer call may have been the agreed one
            said += _agreed(attempt, before, outcome, written, now)
        action = await self._next(attempt, outcome, case, card.history, written, promise, said, now, zone)
        offers = tuple(
            Offer(attempt.id, index, case.id, agent, now, offered.terms, offered.answer, offered.approved_by)
            for index, offered in enumerate(written.offers)
        )
        return Filled(case, outcome, before, tuple(said), promise, offers, action, form, script.version)

    async def _next(
        self,
        attempt: Attempt,
        outcome: Outcome,
        case: DueCase,
        history: Sequence[Contact],
        written: Written,
        promise: Promise | None,
        said: Sequence[Line],
        now: datetime,
        zone: ZoneInfo,
    ) -> NextAction:
        wish = next_action.wish_for(
            outcome,
            attempt.intent.number,
            [line.number for line in numbers_to_try(replace(case, first_number=None))],
            history,
            now,
            agreed=written.call_back_at,
            promise=promise,
            zone=zone,
        )
        entry = entry_for(_ended(attempt, outcome, now), now)
        lines = (entry, *said)
        if wish is not None and outcome.next.do is Do.RETRY:
            best = await self._best(attempt, outcome, case, wish, entry, lines)
            if best is not None and best.waits:
                return next_action.at_best_hour(outcome, wish, best, zone)
        slots = await self._slots(attempt, case, wish, lines) if wish else None
        return next_action.after_outcome(outcome, wish, slots, now, zone, promise)

    async def _best(
        self,
        attempt: Attempt,
        outcome: Outcome,
        case: DueCase,
        wish: Wish,
        entry: Entry,
        lines: Sequence[Line],
    ) -> Choice | None:
        """The hour that pays, on a number that the outcome lets be called."""
        campaign = self._campaigns.get(attempt.campaign)
        if campaign is None:
            return None
        called = attempt.intent.number
        others = tuple(number for number in wish.numbers if number != called)
        numbers = {"same": (called,), "any": wish.numbers, "another": others or wish.numbers}[outcome.next.number]
        until = self._gate.wanted_by(attempt.intent.packs, entry) or case.wanted_by
        return await self._planning.best(campaign, case, wish.at, *lines, numbers=numbers, until=until)

    async def _slots(self, attempt: Attempt, case: DueCase, wish: Wish, lines: Sequence[Line]) -> list[Slot] | None:
        """When the gate would let each number be called; None: it can't be asked. lines: this call as it will count."""
        campaign = self._campaigns.get(attempt.campaign)
        if campaign is None:  # a call may outlive its campaign's configuration
            return None
        slots = []
        for number in wish.numbers:
            # an agent can always be held for it: what is asked is when
            intent = replace(intent_for(campaign, case, number, self._gate.law.packs), mode=CallMode.RESERVED)
            try:
                verdict = await self._gate.foresee(intent, wish.at, *lines)
            except LedgerAwayError:
                return None
            slots.append(Slot.of(number, wish.at, verdict))
        return slots


def _ended(attempt: Attempt, outcome: Outcome, now: datetime) -> Attempt:
    return replace(
        attempt,
        result=attempt.result or Result.CONNECTED,
        ended_at=attempt.ended_at or now,
        counts_as=outcome.counts_as,
    )


def _stands_longer(flag: Flag, card: CaseCard) -> bool:
    """Whether the flag, about the same, stands for at least as long already: the new line would end it sooner."""
    return any(
        (known.name, known.number, known.debt_id) == (flag.name, flag.number, flag.debt_id)
        and (known.until is None or (flag.until is not None and known.until >= flag.until))
        for known in card.flags
    )


def _agreed(
    attempt: Attempt, before: Outcome | None, outcome: Outcome, written: Written, now: datetime
) -> list[Agreement]:
    """The hour that was agreed in this call: a later word about it moves the one that stands, or ends it."""
    id_, debtor = f"agr-{attempt.id}", attempt.intent.debtor_id
    if written.call_back_at is not None and outcome.next.do is Do.CALL_BACK:
        start = written.call_back_at
        return [Agreement(id_, revision_at(now), debtor, start=start, until=start + AGREED_FOR)]
    if before is not None and before.next.do is Do.CALL_BACK:
        return [Agreement(id_, revision_at(now), debtor, start=now, until=now)]
    return []

"""The agent's form: what an outcome needs beside its code, checked at the border."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import Field, TypeAdapter

from dialer.cases import offers, promises
from dialer.cases.model import CaseCard
from dialer.cases.offers import Answer, Terms
from dialer.cases.payment import refuse_card_numbers
from dialer.cases.promises import Instalment
from dialer.compliance.entry import EntryResult
from dialer.compliance.strict import STRICT
from dialer.kernel import money
from dialer.kernel.errors import InputError
from dialer.kernel.money import Money
from dialer.outcomes.catalogue import Blank, Outcome
from dialer.outcomes.rules import Rules
from dialer.texts.scripts import Script

MOST_PROMISE_DAYS = 366
"""How far ahead a payment, or a plan's first one, can be promised."""
MOST_CALL_BACK_DAYS = 92
MOST_OFFERS = 10
MOST_TEXT_CHARACTERS = 200
MOST_PARTS = 100


Text = Annotated[str, Field(min_length=1, max_length=MOST_TEXT_CHARACTERS, pattern=r"^[^\x00-\x1f]+$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """One offer as the form has it. until: the last day on which it holds. approved_by: a supervisor, where needed."""

    __pydantic_config__ = STRICT
    until: date
    answer: Answer
    discount_percent: Annotated[float, Field(ge=0, le=100)] = 0.0
    instalments: Annotated[int, Field(ge=1, le=promises.MOST_INSTALMENTS)] = 1
    approved_by: str | None = None

    @property
    def terms(self) -> Terms:
        return Terms(self.discount_percent, self.instalments, self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What the agent filled in; what each field means stands in `dialer.outcomes.catalogue.Blank`."""

    __pydantic_config__ = STRICT
    amount: Annotated[str, Field(max_length=20)] | None = None
    pay_by: date | None = None
    instalments: Annotated[int, Field(ge=1, le=promises.MOST_INSTALMENTS)] | None = None
    call_back_at: datetime | None = None
    debt: Text | None = None
    paid_on: date | None = None
    payment_reference: Text | None = None
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] | None = None
    evidence: Text | None = None
    offers: Annotated[tuple[Offered, ...], Field(max_length=MOST_OFFERS)] = ()
    said: Annotated[tuple[Text, ...], Field(max_length=MOST_PARTS)] = ()
    """Titles of compulsory parts of the script that the agent confirms as said."""
    unsaid: tuple[Text, ...] = ()
    """Those that should have been said and weren't confirmed: nobody fills that in, `confirmed` does."""

    @property
    def filled(self) -> dict[Blank, Any]:
        """The fields that were filled in."""
        values = {blank: getattr(self, blank.value) for blank in Blank}
        return {blank: value for blank, value in values.items() if value not in (None, ())}


EMPTY = Form()
"""Nothing was filled in."""
_ADAPTER = TypeAdapter(Form)


def encode(form: Form) -> str:
    """What was filled in, as JSON."""
    return _ADAPTER.dump_json(form, exclude_defaults=True).decode()


@dataclass(frozen=True, slots=True)
class Written:
    """A form that fits its outcome, the case and the mandate. call_back_at: aware, in UTC. remission_cents: what an
    accepted offer leaves out of what is owed, if the instalments are paid.
    """

    instalments: tuple[Instalment, ...] = ()
    call_back_at: datetime | None = None
    offers: tuple[Offered, ...] = ()
    debt: str | None = None
    remission_cents: int = 0


def check(
    outcome: Outcome, form: Form, card: CaseCard, rules: Rules, *, agent: str, now: datetime, zone: ZoneInfo
) -> Written:
    """The form as it is kept. zone: the debtor's. Raises InputError, with the field, its value and the remedy."""
    filled = form.filled
    for name, value in filled.items():
        if isinstance(value, str):
            refuse_card_numbers(name, value)
    for blank in outcome.needs:
        if blank not in filled:
            raise InputError(f"{blank}: {outcome.code} needs it", f"fill in {blank.text}")
    for blank in filled:
        if blank not in outcome.blanks:
            known = ", ".join(outcome.blanks) or "no field"
            raise InputError(f"{blank}: {outcome.code} doesn't take it", f"it takes {known}")
    today = now.astimezone(zone).date()
    if form.debt is not None and form.debt not in [debt.reference for debt in card.debts]:
        raise InputError(f"debt: {_short(form.debt)} isn't one of the case's", "name one of its debts by its reference")
    if form.paid_on is not None and form.paid_on > today:
        raise InputError(f"paid_on: {form.paid_on} hasn't come yet", "say when it was paid; what will be is a promise")
    amount = _amount(form, card)
    _check_offers(form.offers, card, rules, agent, today)
    instalments = _instalments(form, amount, card, rules, today)
    settles = instalments and _accepted(form) is not None
    remission_cents = owed_of(card).cents - sum(part.amount.cents for part in instalments) if settles else 0
    return Written(instalments, _call_back(form, now, zone), form.offers, form.debt, remission_cents)


def confirmed(form: Form, script: Script, outcome: Outcome) -> Form:
    """The form with what of the script should have been said to who was spoken to, and wasn't confirmed. Raises InputError
    for a part that isn't there, and where the script wants every one confirmed.
    """
    known = script.compulsory(to_debtor=True)
    strange = [title for title in form.said if title not in known]
    if strange or form.unsaid:
        what = (
            f"said: {_short(strange[0])} is no compulsory part of the script" if strange else "unsaid: not the agent's"
        )
        raise InputError(what, f"confirm what was said of: {', '.join(known)}")
    spoken_to = outcome.right_party or outcome.counts_as is EntryResult.THIRD_PARTY
    wanted = script.compulsory(to_debtor=outcome.right_party) if spoken_to else ()
    unsaid = tuple(title for title in wanted if title not in form.said)
    if unsaid and outcome.right_party and script.refuses_unconfirmed:
        raise InputError(f"said: {', '.join(unsaid)}: not confirmed", "say it, and confirm it among `said`")
    return replace(form, unsaid=unsaid)


def _accepted(form: Form) -> Offered | None:
    return next((offer for offer in form.offers if offer.answer is Answer.ACCEPTED), None)


def _amount(form: Form, card: CaseCard) -> Money | None:
    if form.amount is None:
        return None
    currency = card.debts[0].amount.currency if card.debts else "EUR"
    try:
        amount = money.parse(form.amount, currency)
    except money.BadMoneyError as error:
        raise InputError(f"amount: {_short(form.amount)} is {error}", "write it as 150,00") from None
    if amount.cents <= 0:
        raise InputError(f"amount: {amount} is nothing", "write what is promised, or was paid")
    owed = owed_of(card)
    if form.pay_by is not None and amount > owed:
        raise InputError(f"amount: {amount} is more than what is owed ({owed})", "promise at most what is owed")
    return amount


def owed_of(card: CaseCard) -> Money:
    """What is left to pay in the case, in the currency of its first debt."""
    currency = card.debts[0].amount.currency if card.debts else "EUR"
    return next((left for left in card.left if left.currency == currency), Money(0, currency))


def _check_offers(offered: Sequence[Offered], card: CaseCard, rules: Rules, agent: str, today: date) -> None:
    earlier = [offer.terms for offer in card.offers]
    for offer in offered:
        if offer.approved_by is not None and offer.approved_by not in rules.supervisors:
            raise InputError(
                f"offers: {_short(offer.approved_by)} is no supervisor", "name an agent with supervisor = true"
            )
        supervised = offer.approved_by is not None or agent in rules.supervisors
        offers.check(rules.ladder, offer.terms, earlier, today, supervised=supervised)
        earlier.append(offer.terms)
    if sum(offer.answer is Answer.ACCEPTED for offer in offered) > 1:
        raise InputError("offers: several are accepted", "one was; the others were refused, or are open")


def _instalments(
    form: Form, amount: Money | None, card: CaseCard, rules: Rules, today: date
) -> tuple[Instalment, ...]:  # fmt: skip
    if form.pay_by is None or amount is None:
        return ()
    if form.pay_by < today:
        raise InputError(f"pay_by: {form.pay_by} is over", "write a day from today on")
    if form.pay_by > today + timedelta(days=MOST_PROMISE_DAYS):
        raise InputError(
            f"pay_by: {form.pay_by} is more than {MOST_PROMISE_DAYS} days ahead", "agree on an earlier day"
        )
    count = form.instalments or 1
    if form.instalments == 1:
        raise InputError("instalments: one is no plan", "record promise_to_pay")
    accepted = _accepted(form)
    if accepted is None:
        most = max((step.most_instalments for step in rules.ladder), default=1)
        if count > most:
            raise InputError(
                f"instalments: {count} are above the mandate's limit", f"agree on at most {most}, or on one payment"
            )
    else:
        owed = owed_of(card)
        left = Money(round(owed.cents * (100 - accepted.discount_percent) / 100), owed.currency)
        if count > accepted.instalments:
            raise InputError(
                f"instalments: {count}, but {accepted.instalments} were offered", "write what was accepted"
            )
        if amount < left:
            raise InputError(f"amount: {amount} is less than what the accepted offer leaves ({left})", f"write {left}")
        if form.pay_by > accepted.until:
            raise InputError(f"pay_by: the offer holds until {accepted.until}", "write a day until then")
    if amount.cents < count:
        raise InputError(f"instalments: {count} of {amount} are less than a cent each", "agree on fewer")
    return promises.monthly(amount, form.pay_by, count)


def _call_back(form: Form, now: datetime, zone: ZoneInfo) -> datetime | None:
    at = form.call_back_at
    if at is None:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=zone)
    if at <= now:
        raise InputError(f"call_back_at: {at.isoformat()} is over", "write an instant that is to come")
    if at > now + timedelta(days=MOST_CALL_BACK_DAYS):
        raise InputError(
            f"call_back_at: {at.isoformat()} is more than {MOST_CALL_BACK_DAYS} days ahead", "agree on an earlier time"
        )
    return at.astimezone(now.tzinfo)


def _short(value: Any) -> str:
    return repr(str(value)[:60])

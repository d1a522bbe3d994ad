"""One attempt as the rules look at it: what had happened by then, what was under way, what had been said."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from dialer.audit.happened import Agreement, Blackout, Consent, Contact, Flag, Line, is_event
from dialer.audit.instants import NEVER, day
from dialer.audit.law import Law, Rule
from dialer.audit.record import Page, Placed

Said = Flag | Agreement | Consent | Blackout
_L = TypeVar("_L")
# the flags that the shipped outcomes set; a dispute may be about one debt alone, which only its own line says
_OF_THE_NUMBER = {"wrong_number": "wrong_number", "workplace_forbidden": "workplace"}
_OF_THE_DEBTOR = {
    "lawyer": "attorney",
    "insolvency": "bankruptcy",
    "moratorium": "moratorium",
    "vulnerable": "vulnerable",
    "minor": "minor",
    "deceased": "deceased",
    "no_telephone": "opt_out",
    "cease": "cease",
    "taken_back": "mandate_closed",
}


@dataclass(slots=True)
class Call:
    """The attempt at the instant at which it was cleared.

    zones: where the debtor may have been. ring_until: when its ringing was to be over. workplace: None = not known.
    given: the facts that the gate was given, as its decision says; None = not on record.
    past: what had ended by then, the oldest first. under_way: what had begun and not ended. blind: bridged while the
    ledger's feed was away. of_case: attempts of the same case before it.
    """

    placed: Placed
    at: int
    zones: tuple[str, ...]
    ring_until: int
    debts: tuple[int, ...]
    household: str
    collector: str
    workplace: bool | None
    past: list[Contact]
    under_way: list[Contact]
    flags: list[Flag]
    agreements: list[Agreement]
    consents: list[Consent]
    blackouts: list[Blackout]
    given: Mapping[str, Any] | None = None
    blind: bool = False
    of_case: int = 0
    laws: tuple[Law, ...] = ()

    @property
    def debtor(self) -> int:
        return self.placed.debtor

    @property
    def number(self) -> str:
        return self.placed.number


@dataclass(slots=True)
class History:
    """All contacts and lines of a page, found by debtor, number and household."""

    contacts: dict[str, list[Contact]] = field(default_factory=lambda: defaultdict(list))
    said: dict[str, list[Said]] = field(default_factory=lambda: defaultdict(list))
    cases: dict[int, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, page: Page) -> "History":
        """An attempt counts as the record has it; of its own line in the ledger only what the record lacks is taken."""
        history = cls()
        flags: dict[tuple[str, int | None, str | None], list[Flag]] = defaultdict(list)
        for id_, line in page.lines.items():
            if isinstance(line, Flag) and line.debt is None and not line.household:
                flags[line.name, line.debtor, line.number].append(line)
            elif id_ not in page.attempts:
                history.add(line)
        for placed in page.attempts.values():
            history.add(contact_of(placed, page.line_of(placed.id)))
            if placed.result != "trunk_failure":
                history.cases[placed.case].append((placed.cleared_at, placed.id))
            if flag := _flag_said(placed):
                whom = (flag.name, flag.debtor, flag.number)
                flags[whom] = _with_outcome(flag, flags[whom])
        for flag in (flag for same in flags.values() for flag in same):
            history.add(flag)
        for contacts in history.contacts.values():
            contacts.sort(key=lambda contact: (contact.at if contact.at is not None else NEVER, contact.id))
        return history

    def add(self, line: Line) -> None:
        for key in _keys(line.debtor, line.number, line.household):
            if isinstance(line, Contact):
                self.contacts[key].append(line)
            else:
                self.said[key].append(line)

    def contacts_of(self, debtor: int, number: str, household: str) -> Iterator[Contact]:
        """Each contact that shares debtor, number or household, once."""
        yield from _once(self.contacts.get(key, ()) for key in _keys(debtor, number, household))

    def said_of(self, debtor: int, number: str, household: str) -> list[Said]:
        """What was said about this debtor on this number: of another debtor, or about another number, is none."""
        found = _once(self.said.get(key, ()) for key in _keys(debtor, number, household))
        return [line for line in found if line.debtor in (None, debtor) and line.number in (None, number)]


def contact_of(placed: Placed, line: Contact | None) -> Contact:
    """What an attempt counts as."""
    return Contact(
        placed.id,
        placed.cleared_at,
        placed.ended_at,
        placed.ended_as,
        placed.debtor,
        placed.number,
        (line.household if line else "") or placed.household,
        frozenset(placed.debts),
        placed.campaign,
        line.collector if line else "",
        workplace=line.workplace if line else False,
        recorded_at=placed.cleared_at,
        ours=True,
    )


def _flag_said(placed: Placed) -> Flag | None:
    """What the agent's outcome says of the number, whether anybody put a flag or not."""
    if placed.outcome_at is None:
        return None
    if placed.outcome == "do_not_call":
        return Flag("do-not-call", None, placed.number, "", placed.outcome_at)
    if placed.outcome in _OF_THE_NUMBER:
        return Flag(_OF_THE_NUMBER[placed.outcome], placed.debtor, placed.number, "", placed.outcome_at)
    if placed.outcome in _OF_THE_DEBTOR:
        return Flag(_OF_THE_DEBTOR[placed.outcome], placed.debtor, None, "", placed.outcome_at)
    return None


def _with_outcome(said: Flag, known: list[Flag]) -> list[Flag]:
    """The flags with what an outcome says: one that stood then, or was recorded next, stood from the outcome on."""
    later = [flag for flag in known if flag.until is None or flag.until > said.recorded_at]
    if not later:
        return [*known, said]
    first = min(later, key=lambda flag: flag.recorded_at)
    rest = [flag for flag in known if flag is not first]
    return [*rest, replace(first, recorded_at=min(said.recorded_at, first.recorded_at))]


def call_of(
    placed: Placed, page: Page, history: History, zones: tuple[str, ...], ring_us: int, laws: Iterable[Law]
) -> Call:
    """The attempt with everything that stood when it was cleared."""
    line = page.line_of(placed.id)
    household = (line.household if line else "") or placed.household
    moment = (placed.cleared_at, placed.id)
    past: list[Contact] = []
    under_way: list[Contact] = []
    for contact in history.contacts_of(placed.debtor, placed.number, household):
        if contact.id == placed.id or (contact.begun, contact.id if contact.ours else "") > moment:
            continue
        (past if contact.at is not None and contact.at <= placed.cleared_at else under_way).append(contact)
    past.sort(key=lambda contact: (contact.at, contact.id))
    said = history.said_of(placed.debtor, placed.number, household)
    return Call(
        placed,
        placed.cleared_at,
        zones,
        placed.cleared_at + ring_us,
        placed.debts,
        household,
        line.collector if line else "",
        line.workplace if line else None,
        past,
        under_way,
        [item for item in said if isinstance(item, Flag)],
        [item for item in said if isinstance(item, Agreement)],
        [item for item in said if isinstance(item, Consent)],
        [item for item in said if isinstance(item, Blackout)],
        of_case=page.before.get(placed.case, 0) + sum(one < moment for one in history.cases[placed.case]),
        laws=tuple(laws),
    )


# -- which contacts a rule counts ----------------------------------------------------------------------


def chosen(rule: Rule, call: Call) -> Iterator[tuple[int | None, list[Contact]]]:
    """The past contacts that a rule counts, oldest first; where it counts for each debt, once for each."""
    found = [
        contact
        for contact in call.past
        if contact.result in rule.ends
        and (rule.inbound is None or contact.inbound is rule.inbound)
        and contact.channel in rule.channels
        and (contact.workplace or not rule.at_work)
        and _concerns(contact, call, rule.keys)
    ]
    if "debt" not in rule.keys or not call.debts:
        yield None, found
        return
    for debt in call.debts:
        yield debt, [contact for contact in found if not contact.debts or debt in contact.debts]


def _concerns(contact: Contact, call: Call, keys: frozenset[str]) -> bool:
    same_debtor = contact.debtor is None or contact.debtor == call.debtor
    if "household" in keys:
        # a debt is then the household's: whoever of them was called about it
        same_household = bool(contact.household) and contact.household == call.household
        if not (same_debtor or same_household) or ("debtor" in keys and not same_debtor):
            return False
    elif not same_debtor and ("debtor" in keys or "debt" in keys):
        return False
    if "number" in keys and contact.number != call.number and contact.number is not None:
        return False
    if "campaign" in keys and contact.campaign not in ("", call.placed.campaign):
        return False
    return not ("collector" in keys and call.collector and contact.collector not in ("", call.collector))


# -- what the debtor allowed -----------------------------------------------------------------------------

ALLOWED, LATE, REVISED, NO = "allowed", "late", "revised", "no"
"""A waiver that stood; one that came on record only after the call; one whose line was changed since; none."""


def waiver(rule: Rule, call: Call, debt: int | None) -> str:
    """Whether what the debtor agreed or consented to exempts this call from a rule of the same pack."""
    answers = {NO}
    law = next(law for law in call.laws if law.name == rule.pack)
    if any(rule.id in waiving.values["exempts"] for waiving in law.of_kind("agreement")):
        answers |= {
            ALLOWED if agreement.recorded_at <= call.at else LATE
            for agreement in call.agreements
            if agreement.start <= call.at < agreement.until and not _used_up(agreement, call)
        }
    for waiving in law.of_kind("consent"):
        if rule.id in waiving.values["exempts"]:
            answers |= {
                _standing(consent, call)
                for consent in call.consents
                if _consented(consent, call, waiving.values["local_days"], debt, call.at)
            }
    return next(answer for answer in (ALLOWED, REVISED, LATE, NO) if answer in answers)


def exempted(rule: Rule, call: Call, contact: Contact) -> bool:
    """Whether a past contact was itself placed with consent, so that it doesn't count."""
    law = next(law for law in call.laws if law.name == rule.pack)
    days = [item.values["local_days"] for item in law.of_kind("consent") if rule.id in item.values["exempts"]]
    ended = contact.begun if contact.at is None else contact.at
    return any(
        all(
            any(
                consent.recorded_at <= call.at and _consented(consent, call, most, debt, at)
                for consent in call.consents
            )
            # consent must stand when the call is placed; that it stands at its end too is the stricter reading
            for at in {contact.begun, ended}
            for debt in contact.debts or (None,)
        )
        for most in days
    )


def _used_up(agreement: Agreement, call: Call) -> bool:
    """By a call that reached the network, or by a talk that the debtor began."""
    return any(
        contact.channel == "call"
        and is_event(contact.result, "conversation" if contact.inbound else "reached")
        and (contact.at or 0) >= agreement.start
        and contact.debtor in (None, call.debtor)
        for contact in call.past
    )


def _standing(consent: Consent, call: Call) -> str:
    if consent.recorded_at <= call.at:
        return ALLOWED
    return REVISED if consent.until is not None and consent.until <= consent.recorded_at else LATE


def _consented(consent: Consent, call: Call, most_days: int, debt: int | None, at: int) -> bool:
    if consent.debts is not None and debt not in consent.debts:
        return False
    if not call.zones or not consent.at <= at < (NEVER if consent.until is None else consent.until):
        return False
    if any(day(at, zone) - day(consent.at, zone) >= most_days for zone in call.zones):
        return False
    return not any(
        is_event(contact.result, "conversation")
        and consent.at < (contact.at or 0) < at
        and contact.debtor in (None, call.debtor)
        and (debt is None or not contact.debts or debt in contact.debts)
        for contact in call.past
    )


def _keys(debtor: int | None, number: str | None, household: str) -> list[str]:
    named = (("d", debtor), ("n", number), ("h", household or None))
    return [f"{letter}{value}" for letter, value in named if value is not None]


def _once(groups: Iterable[Iterable[_L]]) -> list[_L]:
    return list({id(line): line for group in groups for line in group}.values())

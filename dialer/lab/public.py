"""The simulated debtors: when they pick up, who speaks, what they say, and whether they pay.

None of it is visible to whoever chooses the calls: an order gets what a creditor's file tells, and what calls brought.
All that happens is drawn from the seed, the debtor, and the instant or the occasion, so that two orders that call the
same debtor in the same hour meet the same. Where the figures come from stands in docs/explanation/simulated-year.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from math import exp, log
from random import Random
from typing import TypeVar
from zoneinfo import ZoneInfo

from dialer.cases.debt import Debt
from dialer.cases.debtor import DebtorKind, NumberDetails, NumberKind, Provenance
from dialer.cases.model import NewCase
from dialer.cases.portfolio import MEDIAN_LOG_EUROS, SPREAD_LOG_EUROS
from dialer.kernel.money import Money
from dialer.kernel.phone import PhoneNumber
from dialer.outcomes.form import Form

ROME = ZoneInfo("Europe/Rome")
CREDITOR = "Luce"
FIRST_HOUR = 8
"""Of the rows below: what they say of the hours from 8 to 20."""
SATURDAY = 0.85
"""How a Saturday's chance of an answer compares with that of the same hour on a free weekday."""


class Habits(StrEnum):
    """Which public is simulated."""

    USUAL = "usual"
    """People and numbers differ, and each way of life has its hours."""
    HOURLESS = "hourless"
    """People and numbers differ as usual, but everybody answers alike at all hours."""
    ALIKE = "alike"
    """People, their phones and the hours differ half as much as usual."""
    NONE = "none"
    """Every number is a debtor's own mobile, and everybody answers alike at all hours."""


class Way(StrEnum):
    """How a debtor's day goes."""

    OFFICE = "office"
    SHIFTS = "shifts"
    HOME = "home"
    RETIRED = "retired"
    BUSINESS = "business"


class Attitude(StrEnum):
    """Whether a debtor would pay."""

    WILLING = "willing"
    STRAPPED = "strapped"
    DODGING = "dodging"
    DISPUTING = "disputing"


class Owner(StrEnum):
    """Whose a number really is."""

    DEBTOR = "debtor"
    RELATIVE = "relative"
    STRANGER = "stranger"
    NOBODY = "nobody"
    """It isn't in service."""


class Speaker(StrEnum):
    """Who, or what, took the call."""

    DEBTOR = "debtor"
    RELATIVE = "relative"
    STRANGER = "stranger"
    MACHINE = "machine"


Row = tuple[float, ...]
_T = TypeVar("_T")
# the chance that a call at this hour is picked up by somebody of this way of life who is neither eager nor shy
_MOBILE: dict[Way, Row] = {
    #              8    9    10   11   12   13   14   15   16   17   18   19   20
    Way.OFFICE:   (.18, .14, .13, .14, .25, .28, .17, .13, .14, .21, .30, .32, .28),
    Way.HOME:     (.18, .26, .28, .28, .24, .20, .22, .25, .26, .25, .25, .24, .20),
    Way.RETIRED:  (.20, .29, .30, .28, .22, .14, .12, .16, .21, .22, .22, .20, .14),
    Way.BUSINESS: (.20, .28, .30, .30, .26, .16, .20, .27, .28, .28, .26, .20, .12),
}  # fmt: skip
_LANDLINE: dict[Way, Row] = {
    Way.OFFICE:   (.06, .03, .03, .03, .05, .07, .04, .03, .04, .08, .18, .26, .25),
    Way.SHIFTS:   (.06, .07, .08, .08, .09, .09, .08, .08, .08, .09, .11, .13, .13),
    Way.HOME:     (.12, .22, .25, .25, .22, .18, .16, .20, .22, .22, .22, .22, .20),
    Way.RETIRED:  (.24, .34, .36, .34, .27, .18, .13, .18, .26, .28, .29, .27, .20),
    Way.BUSINESS: (.10, .33, .36, .34, .24, .08, .15, .32, .33, .29, .20, .07, .03),
}  # fmt: skip
_EARLY: Row = (.06, .06, .06, .07, .08, .12, .24, .28, .28, .27, .26, .25, .20)  # fmt: skip
_LATE: Row = (.10, .20, .26, .28, .24, .12, .07, .06, .06, .07, .08, .08, .07)  # fmt: skip
_WAYS = {Way.OFFICE: 0.45, Way.SHIFTS: 0.12, Way.HOME: 0.16, Way.RETIRED: 0.15, Way.BUSINESS: 0.12}
_ATTITUDES = {
    Attitude.WILLING: 0.35,
    Attitude.STRAPPED: 0.30,
    Attitude.DODGING: 0.25,
    Attitude.DISPUTING: 0.10,
}
_OWNERS = {Owner.DEBTOR: 0.74, Owner.RELATIVE: 0.07, Owner.STRANGER: 0.11, Owner.NOBODY: 0.08}
_HAS_LANDLINE = {Way.OFFICE: 0.25, Way.SHIFTS: 0.20, Way.HOME: 0.40, Way.RETIRED: 0.65, Way.BUSINESS: 0.45}
_HAS_MOBILE = {Way.RETIRED: 0.80}
SECOND_MOBILE_SHARE = 0.25
KIND_TOLD_SHARE = 0.6
"""How often the creditor's file says what kind of line a number is."""
EAGERNESS, EAGERNESS_SPREAD, LINE_SPREAD = -0.35, 0.9, 0.4
"""How much sooner or later than their like people pick up (logit), and each of their phones."""
SHY_SHARE, SHYNESS = 0.12, -2.0
"""Who hardly ever takes a call from a number that they don't know."""
MOST_SHIFTED_HOURS = 1
"""By how much a person's day is earlier or later than that of others."""
AT_HOME_TOO_SHARE = 0.5
"""Of the landlines on which, where the debtor doesn't take the call, somebody else may."""
ANSWERED_BY_RELATIVE = 0.06
"""Of the debtor's own mobile's answered calls."""
MACHINE_SHARE = 0.25
"""Of mobiles, those with an answering machine that takes what isn't answered."""
OFF_SHARE, BUSY_SHARE, REJECTED_SHARE = 0.10, 0.04, 0.06
"""Of a mobile's unanswered calls: off or out of coverage, busy, rejected."""
KEEPS_AGREED_CALL = 0.75
AGREED_FOR = timedelta(minutes=30)
RISK_WORDS = "ABCD"
_RISK = {
    Attitude.WILLING: (0.40, 0.30, 0.20, 0.10),
    Attitude.STRAPPED: (0.20, 0.30, 0.30, 0.20),
    Attitude.DODGING: (0.10, 0.20, 0.35, 0.35),
    Attitude.DISPUTING: (0.25, 0.25, 0.25, 0.25),
}
# what the debtor says, each time that somebody asks
_SAYS: dict[Attitude, dict[str, float]] = {
    Attitude.WILLING: {
        "promise_to_pay": 0.58, "plan_agreed": 0.12, "call_back": 0.10, "paid_already": 0.05, "cannot_pay": 0.10,
        "refuses": 0.03, "wants_letter": 0.02,
    },
    Attitude.STRAPPED: {
        "cannot_pay": 0.39, "promise_to_pay": 0.25, "plan_agreed": 0.15, "call_back": 0.12, "refuses": 0.06,
        "wants_letter": 0.02, "vulnerable": 0.01,
    },
    Attitude.DODGING: {
        "refuses": 0.38, "promise_to_pay": 0.24, "call_back": 0.18, "hung_up": 0.14, "wants_letter": 0.05,
        "do_not_call": 0.01,
    },
    Attitude.DISPUTING: {
        "disputes": 0.42, "refuses": 0.28, "promise_to_pay": 0.16, "wants_letter": 0.11, "lawyer": 0.03,
    },
}  # fmt: skip
_KEEPS = {Attitude.WILLING: 0.78, Attitude.STRAPPED: 0.40, Attitude.DODGING: 0.18, Attitude.DISPUTING: 0.45}
LARGE_DEBTS_WEIGH = 0.3
"""By how much (logit) a promise is kept less often where the debt is larger, for each e-fold."""
OLD_DEBTS_WEIGH = 0.002
"""And for each day that it was overdue when it was handed over."""
YOUNGEST_DAYS, OLDEST_DAYS = 30, 400
PAYS_IN_PART = 0.15
"""Of the promises that aren't kept."""
PAYS_UNASKED = 0.06
MOST_INSTALMENTS = 4


@dataclass(frozen=True, slots=True)
class Phone:
    """One number as it really is."""

    number: PhoneNumber
    landline: bool
    owner: Owner
    pull: float
    machine: bool
    others_at_home: bool


@dataclass(frozen=True, slots=True)
class Person:
    """One debtor's hidden traits. shifted_hours: how much later the day begins than that of others."""

    way: Way
    attitude: Attitude
    eagerness: float
    shifted_hours: int
    phones: tuple[Phone, ...]
    owed_cents: int
    overdue_days: int
    unasked_day: int | None


@dataclass(frozen=True, slots=True)
class Ring:
    """What becomes of one call. cause, sip: the network's word where nobody took it; None: it rang out."""

    ring_seconds: float
    speaker: Speaker | None = None
    cause: int | None = None
    sip: int | None = None
    rang: bool = True
    talk_seconds: float = 0.0
    wrap_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Said:
    """What was said in a talk, and what will be paid because of it: on which days how many cents."""

    code: str
    form: Form = field(default_factory=Form)
    pays: tuple[tuple[date, int], ...] = ()


@dataclass(slots=True)
class _Memory:
    """What a debtor remembers: how often somebody asked, and the call that was agreed."""

    asked: int = 0
    agreed: datetime | None = None


class Public:
    """All debtors. They are named by the number of their case, from 1 on, in the order of `files`."""

    def __init__(self, debtors: int, seed: int, habits: Habits = Habits.USUAL) -> None:
        self._seed = seed
        self._habits = habits
        self._people: list[Person] = []
        self._known: dict[tuple[int, PhoneNumber, int, bool, int], float] = {}
        self._memories = [_Memory() for _ in range(debtors)]
        self.files: list[NewCase] = []
        """What the creditor tells of each, but for the day on which it was due."""
        for index in range(debtors):
            chance = Random(f"{seed}/person/{index}")
            person = self._born(chance, index)
            self._people.append(person)
            self.files.append(_file(chance, index, person))

    def handed_over(self, first: int, end: int, on: date) -> list[NewCase]:
        """The files of these debtors (places from 0, the end excluded) as the creditor sends them on that day."""
        sent = []
        for person, file in zip(self._people[first:end], self.files[first:end], strict=True):
            debts = tuple(replace(debt, due_on=on - timedelta(days=person.overdue_days)) for debt in file.debts)
            sent.append(replace(file, debts=debts))
        return sent

    def ring(self, debtor: int, number: PhoneNumber, at: datetime, timeout_seconds: float) -> Ring:
        """What happens when this number is called now."""
        person = self._people[debtor - 1]
        place, phone = next((n, one) for n, one in enumerate(person.phones) if one.number == number)
        local = at.astimezone(ROME)
        chance = Random(f"{self._seed}/ring/{debtor}/{place}/{local:%Y-%m-%d %H}")
        speaker = self._speaker(debtor, person, phone, local, chance)
        if speaker is None:
            return _unanswered(phone, chance, timeout_seconds)
        if speaker is Speaker.MACHINE:
            return Ring(18.0, speaker, talk_seconds=6.0, wrap_seconds=3.0)
        mean = {Speaker.DEBTOR: 240.0, Speaker.RELATIVE: 40.0, Speaker.STRANGER: 20.0}[speaker]
        return Ring(
            min(2.0 + _lognormal(chance, 7.5, 0.55), timeout_seconds - 1.0),
            speaker,
            talk_seconds=_lognormal(chance, mean, 0.6),
            wrap_seconds=_lognormal(chance, 30.0, 0.5),
        )

    def right_party(self, debtor: int, number: PhoneNumber, at: datetime) -> float:
        """How likely a call to this number at that hour reaches the debtor, where no call was agreed: what nobody knows."""
        local = at.astimezone(ROME)
        key = debtor, number, local.hour, local.weekday() == 5, local.isocalendar().week % 2
        if key not in self._known:
            person = self._people[debtor - 1]
            phone = next(one for one in person.phones if one.number == number)
            others = 0.0 if phone.landline or self._habits is Habits.NONE else ANSWERED_BY_RELATIVE
            own = phone.owner is Owner.DEBTOR
            self._known[key] = self._answers(person, phone, local) * (1.0 - others) if own else 0.0
        return self._known[key]

    def talk(self, debtor: int, speaker: Speaker, left_cents: int, now: datetime) -> Said:
        """What the agent writes up of a talk; left_cents: what is still owed."""
        if speaker is not Speaker.DEBTOR:
            return Said({"relative": "third_party", "stranger": "wrong_number", "machine": "machine"}[speaker.value])
        person, memory = self._people[debtor - 1], self._memories[debtor - 1]
        chance = Random(f"{self._seed}/talk/{debtor}/{memory.asked}")
        memory.asked += 1
        memory.agreed = None
        says = _SAYS[person.attitude]
        (code,) = chance.choices(list(says), list(says.values()))
        today = now.astimezone(ROME).date()
        match code:
            case "promise_to_pay":
                due = today + timedelta(days=chance.randint(2, 21))
                form = Form(amount=_euros(left_cents), pay_by=due)
                return Said(code, form, self._pays(person, chance, [(due, left_cents)]))
            case "plan_agreed" if left_cents >= 100 * MOST_INSTALMENTS:
                count = chance.randint(2, MOST_INSTALMENTS)
                due = today + timedelta(days=chance.randint(5, 30))
                parts = [(due + timedelta(days=30 * n), left_cents // count + 1) for n in range(count)]
                form = Form(amount=_euros(left_cents), pay_by=due, instalments=count)
                return Said(code, form, self._pays(person, chance, parts))
            case "plan_agreed":
                return Said("cannot_pay")
            case "call_back":
                memory.agreed = self._wished_call(person, now, chance)
                return Said(code, Form(call_back_at=memory.agreed))
            case "paid_already":
                pays = ((today + timedelta(days=3), left_cents),) if chance.random() < 0.8 else ()
                return Said(code, pays=pays)
            case "lawyer":
                return Said(code, Form(evidence="avv. Rossi"))
            case _:
                return Said(code)

    def unasked_day(self, debtor: int) -> int | None:
        """The day of the mandate on which the debtor would pay all of it without being asked; None: never."""
        return self._people[debtor - 1].unasked_day

    # -- how people are -------------------------------------------------------------------------------

    def _born(self, chance: Random, index: int) -> Person:
        plain = self._habits is Habits.NONE
        spread = 0.5 if self._habits is Habits.ALIKE else 1.0
        way = _one(chance, _WAYS)
        attitude = _one(chance, _ATTITUDES)
        landlines = [False] * (chance.random() < _HAS_MOBILE.get(way, 0.95))
        landlines += [False] * (chance.random() < SECOND_MOBILE_SHARE)
        landlines += [True] * (chance.random() < _HAS_LANDLINE[way])
        phones = [
            Phone(
                _number(index, place, landline and not plain),
                landline and not plain,
                Owner.DEBTOR if plain else _one(chance, _OWNERS),
                0.0 if plain else chance.gauss(0.0, spread * LINE_SPREAD),
                not plain and not landline and chance.random() < MACHINE_SHARE,
                chance.random() < AT_HOME_TOO_SHARE,
            )
            for place, landline in enumerate(landlines or [False])
        ]
        eagerness = chance.gauss(EAGERNESS, spread * EAGERNESS_SPREAD)
        if chance.random() < SHY_SHARE:
            eagerness += spread * SHYNESS
        cents = int(chance.lognormvariate(MEDIAN_LOG_EUROS, SPREAD_LOG_EUROS) * 100) + 1_500
        unasked = chance.randrange(120) if chance.random() < PAYS_UNASKED else None
        shifted = chance.randint(-MOST_SHIFTED_HOURS, MOST_SHIFTED_HOURS)
        overdue = chance.randint(YOUNGEST_DAYS, OLDEST_DAYS)
        eagerness = EAGERNESS if plain else eagerness
        return Person(way, attitude, eagerness, shifted, tuple(phones), cents, overdue, unasked)

    def _speaker(
        self, debtor: int, person: Person, phone: Phone, local: datetime, chance: Random
    ) -> Speaker | None:  # fmt: skip
        first, second = chance.random(), chance.random()
        if phone.owner is Owner.NOBODY:
            return None
        agreed = self._memories[debtor - 1].agreed
        if agreed is not None and phone.owner is Owner.DEBTOR and agreed <= local <= agreed + AGREED_FOR:
            return Speaker.DEBTOR if first < KEEPS_AGREED_CALL else None
        answered = first < self._answers(person, phone, local)
        match phone.owner:
            case Owner.DEBTOR if answered:
                by_relative = not phone.landline and second < ANSWERED_BY_RELATIVE
                return Speaker.RELATIVE if by_relative and self._habits is not Habits.NONE else Speaker.DEBTOR
            case Owner.DEBTOR if phone.landline and phone.others_at_home:
                if second < _at(self._rows(Way.HOME, phone, local), local, 0):
                    return Speaker.RELATIVE
            case Owner.RELATIVE if answered:
                return Speaker.RELATIVE
            case Owner.STRANGER if answered:
                return Speaker.STRANGER
            case _:
                pass
        return Speaker.MACHINE if phone.machine and second > 0.5 else None

    def _answers(self, person: Person, phone: Phone, local: datetime) -> float:
        if self._habits is Habits.NONE:
            return 0.18
        way = person.way if phone.owner is Owner.DEBTOR else Way.HOME
        usual = _at(self._rows(way, phone, local), local, person.shifted_hours)
        if local.weekday() == 5:
            usual = SATURDAY * (usual if way is not Way.OFFICE else _at(self._rows(Way.HOME, phone, local), local, 0))
        return 1.0 / (1.0 + exp(-(log(usual / (1.0 - usual)) + person.eagerness + phone.pull)))

    def _rows(self, way: Way, phone: Phone, local: datetime) -> Row:
        if phone.landline:
            row = _LANDLINE[way]
        elif way is Way.SHIFTS:
            row = _EARLY if local.isocalendar().week % 2 else _LATE
        else:
            row = _MOBILE[way]
        differ = {Habits.HOURLESS: 0.0, Habits.ALIKE: 0.5}.get(self._habits)
        if differ is None:
            return row
        mean = sum(row) / len(row)
        return tuple(mean + differ * (chance - mean) for chance in row)

    def _wished_call(self, person: Person, now: datetime, chance: Random) -> datetime:
        """On one of the next days, at an hour at which the debtor is likely there."""
        local = now.astimezone(ROME)
        day = local.date() + timedelta(days=chance.randint(1, 3))
        if day.weekday() == 6:
            day += timedelta(days=1)
        last = 13 if day.weekday() == 5 else 19
        phone = Phone(PhoneNumber(""), False, Owner.DEBTOR, 0.0, False, False)
        hours = range(9, last + 1)
        weights = [self._rows(person.way, phone, local)[hour - FIRST_HOUR] for hour in hours]
        (hour,) = chance.choices(hours, weights)
        return datetime(day.year, day.month, day.day, hour, 30 * chance.randint(0, 1), tzinfo=ROME)

    def _pays(
        self, person: Person, chance: Random, parts: Sequence[tuple[date, int]]
    ) -> tuple[tuple[date, int], ...]:  # fmt: skip
        keeps = _KEEPS[person.attitude]
        heavier = LARGE_DEBTS_WEIGH * (log(person.owed_cents / 100) - MEDIAN_LOG_EUROS)
        older = OLD_DEBTS_WEIGH * (person.overdue_days - YOUNGEST_DAYS)
        keeps = 1.0 / (1.0 + exp(-(log(keeps / (1.0 - keeps)) - heavier - older)))
        paid = []
        for due, cents in parts:
            if chance.random() >= keeps ** (1.0 / len(parts)):
                if chance.random() < PAYS_IN_PART:
                    paid.append((due, cents * 3 // 10))
                break
            paid.append((due + timedelta(days=chance.randint(-1, 2)), cents))
        return tuple(paid)


def _file(chance: Random, index: int, person: Person) -> NewCase:
    details = tuple(
        NumberDetails(
            phone.number,
            (NumberKind.LANDLINE if phone.landline else NumberKind.MOBILE)
            if chance.random() < KIND_TOLD_SHARE
            else NumberKind.UNKNOWN,
            Provenance.CREDITOR,
        )
        for phone in person.phones
    )
    (risk,) = chance.choices(RISK_WORDS, _RISK[person.attitude])
    company = person.way is Way.BUSINESS and chance.random() < 0.5
    return NewCase(
        CREDITOR,
        f"D{index:06d}",
        f"Debtor {index}",
        (Debt(f"F{index:06d}", Money(person.owed_cents)),),
        tuple(phone.number for phone in person.phones),
        "Europe/Rome",
        "it",
        place="IT",
        kind=DebtorKind.COMPANY if company else DebtorKind.PERSON,
        number_details=details,
        risk_class=risk,
    )


def _number(index: int, place: int, landline: bool) -> PhoneNumber:
    """A number that is never called: nothing here leaves the process."""
    return PhoneNumber(f"+3906{5_000_000 + index:08d}" if landline else f"+3931{place}{index:07d}")


def _unanswered(phone: Phone, chance: Random, timeout_seconds: float) -> Ring:
    if phone.owner is Owner.NOBODY:
        return Ring(2.0, cause=1, sip=404, rang=False)
    which = chance.random()
    if which < BUSY_SHARE:
        return Ring(1.5, cause=17, sip=486, rang=False)
    if not phone.landline and which < BUSY_SHARE + OFF_SHARE:
        return Ring(3.0, cause=20, sip=480, rang=False)
    if not phone.landline and which < BUSY_SHARE + OFF_SHARE + REJECTED_SHARE:
        return Ring(chance.uniform(3.0, 12.0), cause=21, sip=603)
    return Ring(timeout_seconds)


def _at(row: Row, local: datetime, shifted_hours: int) -> float:
    return row[min(max(local.hour - shifted_hours - FIRST_HOUR, 0), len(row) - 1)]


def _one(chance: Random, shares: dict[_T, float]) -> _T:
    (found,) = chance.choices(list(shares), list(shares.values()))
    return found


def _lognormal(chance: Random, mean: float, variation: float) -> float:
    variance = log(1.0 + variation**2)
    return chance.lognormvariate(log(mean) - variance / 2.0, variance**0.5)


def _euros(cents: int) -> str:
    return f"{cents // 100},{cents % 100:02d}"

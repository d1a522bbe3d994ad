"""What the interface takes for the ledger: contacts outside our calls, flags, agreements, consents, blackouts."""

from collections.abc import Awaitable, Callable
from datetime import time
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from dialer.cases.payment import refuse_card_numbers
from dialer.compliance.entry import Channel, Direction, EntryResult
from dialer.kernel import phone
from dialer.kernel.errors import InputError
from dialer.kernel.phone import PhoneNumber
from dialer.outcomes.said import About, Said, is_nobodys

Reference = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9._:-]+$")]
FlagName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,40}$")]


class _Body(BaseModel):
    """`case` is the case's id; `number` (E.164) and `debts` (ids) narrow it down."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    case: int
    number: str | None = None
    debts: tuple[int, ...] = ()


class ContactBody(_Body):
    """`reference` is the sender's own key: the same one again replaces the contact. `at` is its end."""

    kind: Literal["contact"]
    reference: Reference
    at: AwareDatetime | None = None
    direction: Direction
    channel: Channel = Channel.CALL
    result: EntryResult
    workplace: bool = False


Words = Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]


class FlagBody(_Body):
    """Stands until it is lifted, or until `until`. `by` says so, and `evidence` shows it."""

    kind: Literal["flag"]
    name: FlagName
    until: AwareDatetime | None = None
    by: Words = ""
    evidence: Words = ""


class LiftBody(_Body):
    """The flag of this name, about the same, holds no more."""

    kind: Literal["lift"]
    name: FlagName
    by: Words = ""
    evidence: Words = ""


class AgreementBody(_Body):
    """The debtor agreed to be called between the two."""

    kind: Literal["agreement"]
    start: AwareDatetime
    until: AwareDatetime


class ConsentBody(_Body):
    """Given directly by the debtor; `until` where it was revoked."""

    kind: Literal["consent"]
    at: AwareDatetime | None = None
    until: AwareDatetime | None = None


class BlackoutBody(_Body):
    """No calls from `start` to `end` local time on these weekdays (0 is Monday)."""

    kind: Literal["blackout"]
    weekdays: Annotated[tuple[Annotated[int, Field(ge=0, le=6)], ...], Field(min_length=1)]
    start: time
    end: time
    until: AwareDatetime | None = None


LedgerBody = Annotated[
    ContactBody | FlagBody | LiftBody | AgreementBody | ConsentBody | BlackoutBody, Field(discriminator="kind")
]
BODY: TypeAdapter[Any] = TypeAdapter(LedgerBody)


async def take(
    said: Said, body: Any, admit: Callable[[int], Awaitable[None]], admit_for_all: Callable[[], None]
) -> str:
    """Put what was said into the ledger; its id. Raises ValidationError, DialerError.

    admit: raises where nothing may be said of the case. admit_for_all: raises where an opt-out that may be another
    creditor's, too, must not be ended.
    """
    known = BODY.validate_python(body)
    await admit(known.case)
    ends = isinstance(known, LiftBody) or (isinstance(known, FlagBody) and known.until is not None)
    if ends and is_nobodys(known.name, known.number):  # the last word holds: an end takes the place of "for ever"
        admit_for_all()
    about = About(known.case, _number(known.number), known.debts)
    if isinstance(known, FlagBody | LiftBody):
        refuse_card_numbers("evidence", known.evidence)
    match known:
        case ContactBody():
            return await said.contact(
                about,
                reference=known.reference,
                at=known.at,
                direction=known.direction,
                channel=known.channel,
                result=known.result,
                workplace=known.workplace,
            )
        case FlagBody():
            return await said.flag(about, known.name, known.until, known.by, known.evidence)
        case LiftBody():
            return await said.lift(about, known.name, known.by, known.evidence)
        case AgreementBody():
            return await said.agreement(about, known.start, known.until)
        case ConsentBody():
            return await said.consent(about, known.at, known.until)
        case _:
            return await said.blackout(about, known.weekdays, known.start, known.end, known.until)


def _number(text: str | None) -> PhoneNumber | None:
    if text is not None and not phone.is_dialable(text):
        raise InputError("number: not in E.164", "write it as +390612345678")
    return PhoneNumber(text) if text else None

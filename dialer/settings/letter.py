"""The letters of a case, as a mandate or a campaign wants them."""

from pydantic import Field

from dialer.cases.letter import LEAST_WAIT_DAYS, WAIT_DAYS, LetterKind, Then
from dialer.settings.section import Section


class LetterSettings(Section):
    """One letter of a case: what it is, when it is due, what comes after it."""

    kind: LetterKind = Field(
        LetterKind.REGISTERED, description="`reminder` by ordinary mail; `registered` or `pec` with a formal demand"
    )
    after_days: int | None = Field(
        None,
        ge=1,
        le=366,
        description="due so many days after a conversation with the debtor, or a promise, without a payment; unset: only "
        "where an outcome or a person asks for it",
    )
    after_attempts: int | None = Field(
        None,
        ge=1,
        le=1_000,
        description="due after so many calls, too, that didn't reach the debtor, counted since the last letter; unset: "
        "never because of them",
    )
    wait_days: int = Field(
        WAIT_DAYS, ge=LEAST_WAIT_DAYS, le=366, description="within which it asks for payment; no call meanwhile"
    )
    then: Then = Field(Then.CALL, description="what comes after them: `call` again, or `escalate` to a person")

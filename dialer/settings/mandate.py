"""What a creditor's mandate says."""

from pathlib import Path

from pydantic import Field, model_validator

from dialer.cases.promises import MOST_INSTALMENTS
from dialer.settings.caller_id import CallerIdSettings, check_caller_ids
from dialer.settings.letter import LetterSettings
from dialer.settings.section import Section


class OfferSettings(Section):
    """One step of what a mandate lets agents offer: all of it together at most."""

    discount_percent: float = Field(0.0, ge=0, le=100, description="of what is owed")
    most_instalments: int = Field(1, ge=1, le=MOST_INSTALMENTS, description="one a month")
    deadline_days: int = Field(
        ge=1, le=366, description="the debtor accepts, and pays or begins to, within so many days"
    )


class MandateSettings(Section):
    """What a creditor's mandate says of outcomes, promises and offers; each creditor stands once."""

    creditor: str = Field(min_length=1, max_length=200, description="as the cases name it")
    outcomes_file: Path | None = Field(None, description="outcomes that are added, or worded anew, for its cases")
    promise_grace_days: int | None = Field(
        None, ge=0, le=60, description="a payment keeps a promise that comes so many days late; unset: 3"
    )
    letters: tuple[LetterSettings, ...] = Field(
        (),
        description="the first letter of a case, the second …, `[[mandates.letters]]`; none: a registered one where it "
        "is asked for",
    )
    letter_folder: Path | None = Field(
        None, description="the creditor's own templates, each reminder.LANGUAGE.toml or demand.LANGUAGE.toml"
    )
    how_to_pay: str = Field("", max_length=1_000, description="as letters say it: the IBAN, whose it is, what to write")
    caller_ids: tuple[CallerIdSettings, ...] = Field(
        (), description="what its debtors see, `[[mandates.caller_ids]]`; none: the campaign's"
    )
    record: bool | None = Field(
        None, description="whether conversations about its debts are recorded; unset: as the campaign says"
    )
    stereo: bool | None = Field(None, description="whether those recordings are in stereo; unset: as the campaign says")
    recordings_kept_days: int | None = Field(
        None,
        ge=0,
        le=7_305,
        description="how long after the call; never shorter or longer than the call's packs allow; unset: as they say",
    )
    offers: tuple[OfferSettings, ...] = Field(
        (), description="the ladder, `[[mandates.offers]]`; none: nothing is offered"
    )

    @model_validator(mode="after")
    def _consistent(self) -> "MandateSettings":
        check_caller_ids(self.caller_ids)
        return self

"""One campaign: its law, its caller ids, its pace."""

from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from dialer.settings.caller_id import CallerIdSettings, check_caller_ids, ordinary_number
from dialer.settings.destination import DestinationSettings, check_destinations
from dialer.settings.letter import LetterSettings
from dialer.settings.section import NAME, Section
from pacing import Mode

_LANGUAGE = r"^[a-z]{2}$"


class CampaignSettings(Section):
    """One campaign: its law, its caller ids, its pace."""

    packs: tuple[str, ...] = Field(("it-unirec",), min_length=1, description="every one of them must allow each call")
    mode: Mode = Mode.PROGRESSIVE
    share: float = Field(
        1.0, gt=0, le=1_000, description="of the time of agents whom several campaigns share, in proportion to theirs"
    )
    priority: int = Field(
        0, ge=-100, le=100, description="the higher one has the shared agents first, whatever the shares"
    )
    preview_seconds: float | None = Field(
        None,
        ge=5,
        le=3_600,
        description="in preview mode: who hasn't decided on an offered case after this is paused; unset: no limit",
    )
    value: float = Field(0.0, ge=0, description="of a call: decides between equals, as 12.5")
    abandonment_target: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="share of abandoned calls at which predictive pacing aims, as 0.02; unset: the lowest that a pack "
        "advises, else the strictest cap of a pack",
    )
    abandonment_cap: float | None = Field(
        None, gt=0, lt=1, description="a cap of the house on the same share, stricter than every pack's"
    )
    patience_seconds: float | None = Field(
        None,
        gt=0,
        le=10,
        description="after the answer, what pacing takes for lost; unset: as soon as the packs count it so, and never later",
    )
    record: bool = Field(
        False,
        description="conversations are recorded, once the debtor was told or consented as the packs need it; a mandate may "
        "say otherwise for its cases",
    )
    stereo: bool = Field(
        False,
        description="recordings have the debtor on the left and our side on the right, and take twice the room; a mandate may "
        "say otherwise for its cases",
    )
    caller_id: Annotated[str, AfterValidator(ordinary_number)] | None = Field(
        None, description="where there is one, E.164; it, or `[[campaigns.NAME.caller_ids]]`, is required"
    )
    caller_id_registered: bool = Field(
        False, description="it is registered for these calls and can be called back (Italy: the ROC)"
    )
    caller_ids: tuple[CallerIdSettings, ...] = Field(
        (), description="several, `[[campaigns.NAME.caller_ids]]`; a mandate's own take their place for its cases"
    )
    trunks: tuple[Annotated[str, Field(pattern=NAME)], ...] = Field(
        (), description="which `[trunks.NAME]` its calls take; unset: all of them"
    )
    packs_follow_debtor: bool = Field(
        False, description="packs that apply where the number or the address is are added to `packs`"
    )
    facts: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")], bool | int | date | str] = Field(
        default_factory=dict,
        description="what packs require of every call of the campaign, beyond the case's own facts",
    )
    outcomes_file: Path | None = Field(
        None,
        description="outcomes that are added, or worded anew, for its calls; it has the last word over the mandate's",
    )
    promise_grace_days: int | None = Field(
        None,
        ge=0,
        le=60,
        description="a payment keeps a promise that comes so many days late; unset: as the mandate says",
    )
    language: str = Field(
        "it",
        pattern=_LANGUAGE,
        description="of letters and scripts where there is none in the debtor's own (ISO 639-1)",
    )
    letters: tuple[LetterSettings, ...] = Field(
        (), description="`[[campaigns.NAME.letters]]`; they have the last word over the mandate's"
    )
    script_folder: Path | None = Field(
        None, description="an agency's own scripts for it, each LANGUAGE.toml, before the shipped ones"
    )
    ring_timeout_seconds: float = Field(25.0, ge=15, le=60, description="how long a phone may ring")
    post_dial_delay_seconds: float = Field(5.0, ge=0, le=15, description="allowance before it rings")
    auto_ready_after_seconds: float | None = Field(
        None, ge=0, le=3600, description="ends the wrap-up by itself; unset: only the agent ends it"
    )

    inbound_wait_seconds: float = Field(
        60.0,
        ge=0,
        le=600,
        description="how long who rings one of its caller ids waits for an agent; then a call back is offered",
    )

    destinations: tuple[DestinationSettings, ...] = Field(
        (), description="`[[campaigns.NAME.destinations]]`: whom outside its agents may call into a call"
    )

    @model_validator(mode="after")
    def _shows_a_number(self) -> "CampaignSettings":
        if self.caller_id is None and not self.caller_ids:
            raise ValueError("caller_id: missing: name the number that debtors see")
        if self.caller_ids and (self.caller_id is not None or self.caller_id_registered):
            raise ValueError("caller_id and caller_ids: put all of them into [[campaigns.NAME.caller_ids]]")
        check_caller_ids(self.caller_ids)
        check_destinations(self.destinations)
        return self

    @property
    def all_caller_ids(self) -> tuple[CallerIdSettings, ...]:
        """Every one of its own."""
        if self.caller_id is None:
            return self.caller_ids
        return (CallerIdSettings(number=self.caller_id, registered=self.caller_id_registered),)

"""The agency itself, the law beyond the campaigns' packs, and what is kept of conversations."""

from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from dialer.settings.section import Section, zone_name


class CollectorSettings(Section):
    """The agency: the legal entity that collects, in whose name contacts are counted."""

    name: str = Field("", max_length=100, description="as the licence has it")
    licence_number: str = Field("", max_length=100, description="of the collection licence (Italy: TULPS art. 115)")
    address: str = Field("", max_length=500, description="the sender's lines on letters, below the name")
    contact: str = Field(
        "", max_length=500, description="where debtors ask, as letters and scripts say it: telephone, e-mail, hours"
    )
    licence_valid_until: date | None = Field(None, description="the last day on which it holds; packs may require it")
    zone: Annotated[str, AfterValidator(zone_name)] = Field(
        "Europe/Rome", description="the house's own: whose days a report's days are, and whose clock it shows"
    )
    working_times_days: int = Field(
        180,
        ge=1,
        le=3_660,
        description="how long agents' working times (logged in, free, on a break) are kept for the report; then deleted",
    )


class ComplianceSettings(Section):
    """The law that applies, beyond the packs that each campaign names."""

    pack_folder: Path | None = Field(None, description="an agency's own packs, each NAME.toml")
    holidays_file: Path | None = Field(None, description="corrections of the calendars of public holidays")
    audit_seconds: float = Field(3_600.0, ge=10, le=86_400, description="between two recounts by the auditor")


class RecordingsSettings(Section):
    """Where recordings are. The daemon's user needs to read and delete what Asterisk's user writes there."""

    folder: Path = Field(
        Path("/var/spool/asterisk/monitor/dialer"),
        description="`monitor/dialer` in Asterisk's astspooldir: the dialplan writes there",
    )
    key: SecretStr | None = Field(None, description="better in key_file or in the variable DIALER_RECORDINGS__KEY")
    key_file: Path | None = Field(
        None,
        description="a file with 32 bytes in base64 on each line: recordings are encrypted with the first, and read with "
        "any; neither it nor `key`: not encrypted",
    )
    least_free_mb: int = Field(
        2_000,
        ge=0,
        description="with less room on that disk, campaigns that record don't dial; an hour of talk is 58 MB, in stereo 115",
    )
    hold_flags: tuple[str, ...] = Field(
        ("dispute", "attorney"),
        description="while one of these flags stands about a debtor, or about the number called, no recording is deleted",
    )


class SupervisionSettings(Section):
    """Listening to agents: whispering and barging too. Nobody may before `basis` says why it is lawful."""

    basis: str | None = Field(
        None,
        min_length=10,
        max_length=300,
        description="the union agreement or the labour inspectorate's authorisation (Italy: art. 4 of law 300/1970), "
        "as `RSU agreement of 12.3.2026`; it stands with every listening; unset: nobody may listen",
    )
    tell_agents: bool = Field(
        True, description="whether agents see in their line who listens, and how; false only where `basis` covers it"
    )

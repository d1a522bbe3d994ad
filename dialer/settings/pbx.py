"""The Asterisk beside the daemon, its trunks, and its agents' phones."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from dialer.agents import phones
from dialer.settings.section import NAME, Section


class PbxSettings(Section):
    """The manager interface of the Asterisk beside the daemon."""

    host: str = Field("127.0.0.1", description="where manager.conf binds; keep it on loopback or a private network")
    port: int = Field(5038, ge=1, le=65535)
    username: str = Field("dialer", description="the user of manager_dialer.conf")
    secret: SecretStr | None = Field(None, description="better in secret_file or in the variable DIALER_PBX__SECRET")
    secret_file: Path | None = Field(None, description="a file that holds the secret of that user")
    tls: bool = Field(False, description="speak TLS; `port` is that of tlsbindaddr in manager.conf, as 5039")
    ca_file: Path | None = Field(
        None,
        description="with `tls`: the authority that certified the PBX for `host`; unset: those that the system trusts",
    )
    request_seconds: float = Field(5.0, gt=0, le=60, description="an action without an answer is given up after this")
    ping_seconds: float = Field(2.0, gt=0, le=60, description="a silent PBX is noticed after this and request_seconds")
    phones_folder: Path = Field(
        Path("/etc/asterisk/pjsip_phones.d"), description="where `dialer agents phone` writes the phones, one file each"
    )
    first_connect_seconds: float = Field(
        30.0, gt=0, le=600, description="a start waits so long for the PBX, then ends with the exit code 3"
    )


class TrunkSettings(Section):
    """A way to the public network, and what it can carry: `[trunk]` where there is one, else each `[trunks.NAME]`."""

    endpoint: str | None = Field(
        None, pattern=NAME, description="PJSIP endpoint in pjsip_trunk.conf; unset: the section's own name"
    )
    number_format: Literal["e164", "digits"] = Field("e164", description="with or without the leading +")
    country: str | None = Field(
        None, pattern=r"^[A-Z]{2}$", description="where its calls enter the public network (ISO 3166, as IT)"
    )
    channels: int = Field(30, ge=1, le=10_000, description="calls at once, all campaigns together")
    calls_per_second: float = Field(5.0, gt=0, le=1_000, description="new calls, all campaigns together")
    weight: float = Field(
        1.0,
        ge=0,
        le=1_000,
        description="share of the calls, in proportion to the other trunks'; 0: only where no other takes one",
    )
    ramp_seconds: float = Field(
        0.0,
        ge=0,
        le=3_600,
        description="after a start or a reconnect the rate grows to its height in this time; of several the longest holds",
    )


class AgentSettings(Section):
    """One agent and the phone of the seat."""

    name: str = Field(pattern=NAME, description="as the commands and the interface know the agent")
    seat: int = Field(ge=10, le=999_999, description="the seat's number in the dialplan")
    phone: str = Field(pattern=phones.ADDRESS, description="as PJSIP/agent01, or PJSIP/1001@branch: on another PBX")
    campaigns: tuple[str, ...] = Field(min_length=1, description="which campaigns' calls the agent takes")
    class_: str | None = Field(
        None,
        alias="class",
        pattern=NAME,
        description="agents of one class talk and write up alike, as `senior`: pacing learns it for each",
    )
    supervisor: bool = Field(
        False, description="may approve an offer that is worse than an earlier one, and listen to agents"
    )

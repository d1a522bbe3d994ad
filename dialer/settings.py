"""`dialer.toml`: read as a whole, refused as a whole, each error with its line and remedy."""

import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs, quote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from phonenumbers import PhoneNumberType
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from dialer.adapters.store.place import Place
from dialer.agents import phones
from dialer.cases.letter import LEAST_WAIT_DAYS, WAIT_DAYS, LetterKind, Then
from dialer.cases.promises import MOST_INSTALMENTS
from dialer.kernel import phone, toml
from dialer.kernel.errors import InputError
from dialer.web.access import Scope, refuse_limited_seat
from pacing import Mode

_SECRET = re.compile(r"secret|token|password|url|^key")
_URL_OPTIONS = frozenset({"host", "ssl"})
_NOT_FOR_COLLECTION = ("+390843", "+390844")
"""Delibera AGCOM 156/18/CIR."""
_NAME = r"^[a-z0-9][a-z0-9_-]{0,31}$"
_LANGUAGE = r"^[a-z]{2}$"


def _e164(text: str) -> str:
    if not phone.is_dialable(text):
        msg = "not in E.164: write it as +390612345678"
        raise ValueError(msg)
    return text


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        msg = "no time zone has this name: write it as Europe/Rome"
        raise ValueError(msg) from None
    return text


def _postgresql(text: str) -> str:
    try:
        url = urlsplit(text)
        options, port = parse_qs(url.query), url.port
    except ValueError:
        url, options, port = urlsplit(""), {}, None
    if url.scheme != "postgresql" or not url.path.strip("/") or not (url.hostname or "host" in options) or port == 0:
        raise ValueError("not the URL of a database: write it as postgresql://user@host:5432/database")
    if url.password is not None:
        raise ValueError("holds a password: move it to password_file, or to the variable DIALER_STORE__PASSWORD")
    if url.fragment or not options.keys() <= _URL_OPTIONS:
        raise ValueError(f"has an option that isn't known; known are {', '.join(sorted(_URL_OPTIONS))}")
    return text


def _caller_id(text: str) -> str:
    number = phonenumbers.parse(_e164(text))
    if text.startswith(_NOT_FOR_COLLECTION):
        raise ValueError("0843 is for statistics and 0844 for selling: debts are collected from an ordinary number")
    if phonenumbers.number_type(number) in (PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST):
        raise ValueError("whoever calls it back pays for it: use an ordinary number")
    return text


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class PbxSettings(_Section):
    """The manager interface of the Asterisk beside the daemon."""

    host: str = Field("127.0.0.1", description="where manager.conf binds; keep it on loopback or a private network")
    port: int = Field(5038, ge=1, le=65535)
    username: str = Field("dialer", description="the user of manager_dialer.conf")
    secret: SecretStr | None = Field(None, description="better in secret_file or in the variable DIALER_PBX__SECRET")
    secret_file: Path | None = Field(None, description="a file that holds the secret of that user")
    request_seconds: float = Field(5.0, gt=0, le=60, description="an action without an answer is given up after this")
    ping_seconds: float = Field(2.0, gt=0, le=60, description="a silent PBX is noticed after this and request_seconds")
    phones_folder: Path = Field(
        Path("/etc/asterisk/pjsip_phones.d"), description="where `dialer agents phone` writes the phones, one file each"
    )
    first_connect_seconds: float = Field(
        30.0, gt=0, le=600, description="a start waits so long for the PBX, then ends with the exit code 3"
    )


class TrunkSettings(_Section):
    """A way to the public network, and what it can carry: `[trunk]` where there is one, else each `[trunks.NAME]`."""

    endpoint: str | None = Field(
        None, pattern=_NAME, description="PJSIP endpoint in pjsip_trunk.conf; unset: the section's own name"
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


class CollectorSettings(_Section):
    """The agency: the legal entity that collects, in whose name contacts are counted."""

    name: str = Field("", max_length=100, description="as the licence has it")
    licence_number: str = Field("", max_length=100, description="of the collection licence (Italy: TULPS art. 115)")
    address: str = Field("", max_length=500, description="the sender's lines on letters, below the name")
    contact: str = Field(
        "", max_length=500, description="where debtors ask, as letters and scripts say it: telephone, e-mail, hours"
    )
    licence_valid_until: date | None = Field(None, description="the last day on which it holds; packs may require it")
    zone: Annotated[str, AfterValidator(_zone)] = Field(
        "Europe/Rome", description="the house's own: whose days a report's days are, and whose clock it shows"
    )
    working_times_days: int = Field(
        180,
        ge=1,
        le=3_660,
        description="how long agents' working times (logged in, free, on a break) are kept for the report; then deleted",
    )


class ComplianceSettings(_Section):
    """The law that applies, beyond the packs that each campaign names."""

    pack_folder: Path | None = Field(None, description="an agency's own packs, each NAME.toml")
    holidays_file: Path | None = Field(None, description="corrections of the calendars of public holidays")
    audit_seconds: float = Field(3_600.0, ge=10, le=86_400, description="between two recounts by the auditor")


class LedgerSettings(_Section):
    """Where reservations and past contacts are compared."""

    kind: Literal["process", "sql", "redis"] = Field(
        "process",
        description="`process`: one daemon alone; `sql`: cells on one PostgreSQL; `redis`: cells on one Redis",
    )
    url: str = Field("redis://127.0.0.1:6379/0", description="the Redis server, where kind is `redis`")
    prefix: str = Field(
        "ledger", pattern=_NAME, description="of its keys: agencies that share a Redis each have their own"
    )
    password: SecretStr | None = Field(
        None, description="better in password_file or in the variable DIALER_LEDGER__PASSWORD"
    )
    password_file: Path | None = Field(None, description="a file that holds the password of the Redis server")


class StoreSettings(_Section):
    """The record: a SQLite file, or a PostgreSQL database where `url` is set."""

    path: Path = Field(Path("dialer.db"), description="the SQLite file; its folder must exist")
    url: Annotated[str, AfterValidator(_postgresql)] | None = Field(
        None,
        description="a PostgreSQL database, as postgresql://user@host:5432/database, which is used instead of `path`; "
        "`?ssl=verify-full` demands TLS, `?host=/run/postgresql` names the folder of a socket",
    )
    password: SecretStr | None = Field(
        None, description="better in password_file or in the variable DIALER_STORE__PASSWORD"
    )
    password_file: Path | None = Field(None, description="a file that holds the password of the user in `url`")
    cell: str = Field("cell1", pattern=_NAME, description="the daemon's own name among those on one PostgreSQL")


class TokenSettings(_Section):
    """A named token of the interface: `dialer token new` makes one, with these lines."""

    name: str = Field(pattern=_NAME, description="who holds it, as the looks at cases name it")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="the digest of the token, which stands nowhere")
    scopes: tuple[Scope, ...] = Field(
        min_length=1, description="`read`, `work` as an agent, `tell` what happened elsewhere, `supervise`"
    )
    creditors: tuple[str, ...] | None = Field(
        None, min_length=1, description="whose cases alone it may see and touch, as the cases name them; unset: all"
    )

    @model_validator(mode="after")
    def _works_for_all(self) -> "TokenSettings":
        refuse_limited_seat(self.scopes, self.creditors)
        return self


class ApiSettings(_Section):
    """The JSON interface for agents' programs, the command line and Prometheus."""

    host: str = Field("127.0.0.1", description="where to listen; behind a proxy with TLS elsewhere")
    port: int = Field(8088, ge=1, le=65535)
    token: SecretStr | None = Field(None, description="better in token_file or in the variable DIALER_API__TOKEN")
    token_file: Path | None = Field(None, description="a file that holds the bearer token of the interface")
    tokens: tuple[TokenSettings, ...] = Field((), description="`[[api.tokens]]`: who else may ask, and what")


class RecordingsSettings(_Section):
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
        description="with less room on that disk, campaigns that record don't dial; an hour of talk is 58 MB",
    )
    hold_flags: tuple[str, ...] = Field(
        ("dispute", "attorney"),
        description="while one of these flags stands about a debtor, or about the number called, no recording is deleted",
    )


class LogSettings(_Section):
    """The daemon's own words, on standard error."""

    format: Literal["json", "console"] = "json"
    level: Literal["debug", "info", "warning", "error"] = "info"


class EngineSettings(_Section):
    """The engine's own pace."""

    tick_seconds: float = Field(0.25, ge=0.02, le=5, description="between two decisions to dial")


class DemoSettings(_Section):
    """For demonstrations, tests and benchmarks alone."""

    clock_offset_seconds: float = Field(
        0.0, description="shifts the engine's clock, so that it dials at any hour; never where real people are called"
    )
    most_calls: int | None = Field(None, ge=1, description="nothing more is dialled after so many calls of a start")


class AgentSettings(_Section):
    """One agent and the phone of the seat."""

    name: str = Field(pattern=_NAME, description="as the commands and the interface know the agent")
    seat: int = Field(ge=10, le=999_999, description="the seat's number in the dialplan")
    phone: str = Field(pattern=phones.ADDRESS, description="as PJSIP/agent01")
    campaigns: tuple[str, ...] = Field(min_length=1, description="which campaigns' calls the agent takes")
    class_: str | None = Field(
        None,
        alias="class",
        pattern=_NAME,
        description="agents of one class talk and write up alike, as `senior`: pacing learns it for each",
    )
    supervisor: bool = Field(
        False, description="may approve an offer that is worse than an earlier one, and listen to agents"
    )


class SupervisionSettings(_Section):
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


class CallerIdSettings(_Section):
    """One number that debtors see. Each debtor always sees the same one of those in use."""

    number: Annotated[str, AfterValidator(_caller_id)] = Field(description="E.164, and it can be called back")
    registered: bool = Field(False, description="for these calls (Italy: the ROC)")
    rested: bool = Field(False, description="nobody is shown it, and its debtors see another one until it is back")


class LetterSettings(_Section):
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


class CampaignSettings(_Section):
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
    record: bool = Field(
        False,
        description="conversations are recorded, once the debtor was told or consented as the packs need it; a mandate may "
        "say otherwise for its cases",
    )
    caller_id: Annotated[str, AfterValidator(_caller_id)] | None = Field(
        None, description="where there is one, E.164; it, or `[[campaigns.NAME.caller_ids]]`, is required"
    )
    caller_id_registered: bool = Field(
        False, description="it is registered for these calls and can be called back (Italy: the ROC)"
    )
    caller_ids: tuple[CallerIdSettings, ...] = Field(
        (), description="several, `[[campaigns.NAME.caller_ids]]`; a mandate's own take their place for its cases"
    )
    trunks: tuple[Annotated[str, Field(pattern=_NAME)], ...] = Field(
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

    @model_validator(mode="after")
    def _shows_a_number(self) -> "CampaignSettings":
        if self.caller_id is None and not self.caller_ids:
            raise ValueError("caller_id: missing: name the number that debtors see")
        if self.caller_ids and (self.caller_id is not None or self.caller_id_registered):
            raise ValueError("caller_id and caller_ids: put all of them into [[campaigns.NAME.caller_ids]]")
        _check_caller_ids(self.caller_ids)
        return self

    @property
    def all_caller_ids(self) -> tuple[CallerIdSettings, ...]:
        """Every one of its own."""
        if self.caller_id is None:
            return self.caller_ids
        return (CallerIdSettings(number=self.caller_id, registered=self.caller_id_registered),)


def _check_caller_ids(caller_ids: tuple[CallerIdSettings, ...]) -> None:
    numbers = [one.number for one in caller_ids]
    twice = next((number for number in numbers if numbers.count(number) > 1), None)
    if twice is not None:
        msg = f"caller_ids: {twice} stands twice"
        raise ValueError(msg)
    if caller_ids and all(one.rested for one in caller_ids):
        raise ValueError("caller_ids: every one is rested, so nobody could be called: keep one in use")


class OfferSettings(_Section):
    """One step of what a mandate lets agents offer: all of it together at most."""

    discount_percent: float = Field(0.0, ge=0, le=100, description="of what is owed")
    most_instalments: int = Field(1, ge=1, le=MOST_INSTALMENTS, description="one a month")
    deadline_days: int = Field(
        ge=1, le=366, description="the debtor accepts, and pays or begins to, within so many days"
    )


class MandateSettings(_Section):
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
        _check_caller_ids(self.caller_ids)
        return self


class Settings(BaseSettings):
    """The whole configuration."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix="DIALER_", env_nested_delimiter="__", validate_default=True
    )

    pbx: PbxSettings = PbxSettings()
    trunk: TrunkSettings = TrunkSettings()
    trunks: dict[Annotated[str, Field(pattern=_NAME)], TrunkSettings] = Field(default_factory=dict)
    store: StoreSettings = StoreSettings()
    ledger: LedgerSettings = LedgerSettings()
    collector: CollectorSettings = CollectorSettings()
    compliance: ComplianceSettings = ComplianceSettings()
    api: ApiSettings = ApiSettings()
    recordings: RecordingsSettings = RecordingsSettings()
    log: LogSettings = LogSettings()
    engine: EngineSettings = EngineSettings()
    demo: DemoSettings = DemoSettings()
    supervision: SupervisionSettings = SupervisionSettings()
    agents: tuple[AgentSettings, ...] = ()
    campaigns: dict[Annotated[str, Field(pattern=_NAME)], CampaignSettings] = Field(default_factory=dict)
    mandates: tuple[MandateSettings, ...] = ()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file; nothing else is read."""
        return env_settings, init_settings

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        for what in ("name", "seat", "phone"):
            values = [getattr(agent, what) for agent in self.agents]
            doubled = next((value for value in values if values.count(value) > 1), None)
            if doubled is not None:
                msg = f"agents: {what} {doubled!r} stands twice; each agent needs its own"
                raise ValueError(msg)
        held = [token.name for token in self.api.tokens]
        if len(set(held)) < len(held):
            msg = "api.tokens: a name stands twice; each token needs its own"
            raise ValueError(msg)
        creditors = [mandate.creditor for mandate in self.mandates]
        twice = next((name for name in creditors if creditors.count(name) > 1), None)
        if twice is not None:
            msg = f"mandates: creditor {twice!r} stands twice; put all of it in one [[mandates]]"
            raise ValueError(msg)
        if self.trunks and "trunk" in self.model_fields_set:
            msg = "trunk and trunks: [trunk] is for one alone; name it too, as [trunks.NAME]"
            raise ValueError(msg)
        for name, wish in self.campaigns.items():
            for trunk in wish.trunks:
                if trunk not in self.all_trunks:
                    msg = f"campaigns: {name} takes the trunk {trunk!r}, which isn't configured"
                    raise ValueError(msg)
        for agent in self.agents:
            if phones.endpoint_of(agent.phone) in self.trunk_endpoints:
                msg = f"agents: {agent.name} has the phone {agent.phone!r}, which is a trunk: a seat is never called over one"
                raise ValueError(msg)
            for campaign in agent.campaigns:
                if campaign not in self.campaigns:
                    msg = f"agents: {agent.name} serves the campaign {campaign!r}, which isn't configured"
                    raise ValueError(msg)
        return self

    @property
    def all_trunks(self) -> dict[str, TrunkSettings]:
        """Every trunk by its name; the one of `[trunk]` is named so."""
        return self.trunks or {"trunk": self.trunk}

    @property
    def trunk_endpoints(self) -> tuple[str, ...]:
        """The PBX's own name for each trunk."""
        return tuple(trunk.endpoint or name for name, trunk in self.all_trunks.items())


def load(path: Path) -> Settings:
    """Read the file. Raises InputError with every error, each as `file:line: key: what`."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file", "name the configuration with -c FILE") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: can't be read: {error}", "check the file's rights and its encoding (UTF-8)"
        ) from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}:{toml.line_of_syntax(error)}: not TOML: {error}", "correct this line") from None
    try:
        settings = Settings(**values)
    except ValidationError as error:
        lines = [
            toml.explain(str(path), text, dict(item), _suggestion, secret=_is_secret(item["loc"]))
            for item in error.errors(include_url=False)
        ]
        raise InputError("\n".join(lines), "correct these lines; dialer check tells whether all is well") from None
    return _resolve(settings, path.parent)


def secret(value: SecretStr | None, file: Path | None, what: str, variable: str) -> str:
    """A secret from the configuration, a file or the environment. Raises InputError where there is none."""
    remedy = f"set {what}_file, or the variable {variable}"
    if value is not None:
        if not value.get_secret_value().strip():
            raise InputError(f"{what} is empty", remedy)
        return value.get_secret_value()
    if file is None:
        raise InputError(f"{what} is not set", remedy)
    try:
        text = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise InputError(f"{what}_file {file}: {error.strerror}", remedy) from None
    except UnicodeDecodeError:
        raise InputError(f"{what}_file {file} isn't text in UTF-8", remedy) from None
    if not text:
        raise InputError(f"{what}_file {file} is empty", remedy)
    return text


def place(store: StoreSettings) -> Place:
    """Where the record is. Raises InputError where the file of the password can't be read."""
    if store.url is None:
        return Place(store.path)
    password = ""
    if store.password is not None or store.password_file is not None:
        password = secret(store.password, store.password_file, "store.password", "DIALER_STORE__PASSWORD")
    return Place(store.path, store.url, password, store.cell)


def redis_url(ledger: LedgerSettings) -> str:
    """Where the shared ledger is, with its password. Raises InputError where the password's file can't be read."""
    if ledger.password is None and ledger.password_file is None:
        return ledger.url
    password = secret(ledger.password, ledger.password_file, "ledger.password", "DIALER_LEDGER__PASSWORD")
    scheme, _, rest = ledger.url.partition("://")
    user, at, host = rest.rpartition("@")
    return f"{scheme}://{user if at else ''}:{quote(password, safe='')}@{host}"


def _resolve(settings: Settings, folder: Path) -> Settings:
    """Relative paths are relative to the configuration's own folder."""

    def at(path: Path | None) -> Path | None:
        return None if path is None else folder / path

    return settings.model_copy(
        update={
            "store": settings.store.model_copy(
                update={"path": at(settings.store.path), "password_file": at(settings.store.password_file)}
            ),
            "pbx": settings.pbx.model_copy(
                update={
                    "secret_file": at(settings.pbx.secret_file),
                    "phones_folder": at(settings.pbx.phones_folder),
                }
            ),
            "api": settings.api.model_copy(update={"token_file": at(settings.api.token_file)}),
            "campaigns": {
                name: campaign.model_copy(
                    update={
                        "outcomes_file": at(campaign.outcomes_file),
                        "script_folder": at(campaign.script_folder),
                    }
                )
                for name, campaign in settings.campaigns.items()
            },
            "mandates": tuple(
                mandate.model_copy(
                    update={
                        "outcomes_file": at(mandate.outcomes_file),
                        "letter_folder": at(mandate.letter_folder),
                    }
                )
                for mandate in settings.mandates
            ),
            "recordings": settings.recordings.model_copy(
                update={"folder": at(settings.recordings.folder), "key_file": at(settings.recordings.key_file)}
            ),
            "ledger": settings.ledger.model_copy(update={"password_file": at(settings.ledger.password_file)}),
            "compliance": settings.compliance.model_copy(
                update={
                    "pack_folder": at(settings.compliance.pack_folder),
                    "holidays_file": at(settings.compliance.holidays_file),
                }
            ),
        }
    )


def _is_secret(where: toml.Where) -> bool:
    return any(_SECRET.search(str(part)) for part in where)


def _suggestion(where: toml.Where) -> str:
    """The known keys of the section in which an unknown one stands."""
    model: Any = Settings
    for part in where[:-1]:
        if isinstance(part, int) or model is None:
            continue
        nested = {
            "agents": AgentSettings,
            "campaigns": CampaignSettings,
            "mandates": MandateSettings,
            "trunks": TrunkSettings,
        }
        inner: dict[str | int, type[_Section]] = {
            "caller_ids": CallerIdSettings,
            "letters": LetterSettings,
            "offers": OfferSettings,
        }
        if model in (CampaignSettings, MandateSettings) and part in inner:
            model = inner[part]
        else:
            model = nested.get(part) or (model if model in nested.values() else _section(part))
    known = (field.alias or name for name, field in model.model_fields.items()) if model else ()
    return f"; known here: {', '.join(known)}" if model else ""


def _section(name: str) -> type[BaseModel] | None:
    field = Settings.model_fields.get(name)
    return field.annotation if field and isinstance(field.annotation, type) else None

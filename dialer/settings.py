"""`dialer.toml`: read as a whole, refused as a whole, each error with its line and remedy."""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from dialer.kernel import phone
from dialer.kernel.errors import InputError
from pacing import Mode

_SECRET = re.compile(r"secret|token")
_NAME = r"^[a-z0-9][a-z0-9_-]{0,31}$"


def _e164(text: str) -> str:
    if not phone.is_dialable(text):
        msg = "not in E.164: write it as +390612345678"
        raise ValueError(msg)
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
    first_connect_seconds: float = Field(
        30.0, gt=0, le=600, description="a start waits so long for the PBX, then ends with the exit code 3"
    )


class TrunkSettings(_Section):
    """The way to the public network, and what it can carry."""

    endpoint: str = Field("trunk", pattern=_NAME, description="PJSIP endpoint in pjsip_trunk.conf")
    number_format: Literal["e164", "digits"] = Field("e164", description="with or without the leading +")
    channels: int = Field(30, ge=1, le=10_000, description="calls at once, all campaigns together")
    calls_per_second: float = Field(5.0, gt=0, le=1_000, description="new calls, all campaigns together")


class StoreSettings(_Section):
    """The record."""

    path: Path = Field(Path("dialer.db"), description="the SQLite file; its folder must exist")


class ApiSettings(_Section):
    """The JSON interface for agents' programs, the command line and Prometheus."""

    host: str = Field("127.0.0.1", description="where to listen; behind a proxy with TLS elsewhere")
    port: int = Field(8088, ge=1, le=65535)
    token: SecretStr | None = Field(None, description="better in token_file or in the variable DIALER_API__TOKEN")
    token_file: Path | None = Field(None, description="a file that holds the bearer token of the interface")


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
    phone: str = Field(pattern=r"^PJSIP/[A-Za-z0-9][A-Za-z0-9_-]{0,63}$", description="as PJSIP/agent01")
    campaigns: tuple[str, ...] = Field(min_length=1, description="which campaigns' calls the agent takes")


class CampaignSettings(_Section):
    """One campaign: its law, its caller id, its pace."""

    packs: tuple[str, ...] = Field(("it-unirec",), min_length=1, description="every one of them must allow each call")
    mode: Mode = Mode.PROGRESSIVE
    caller_id: Annotated[str, AfterValidator(_e164)] = Field(description="E.164, registered and callable")
    ring_timeout_seconds: float = Field(25.0, ge=15, le=60, description="how long a phone may ring")
    post_dial_delay_seconds: float = Field(5.0, ge=0, le=15, description="allowance before it rings")
    auto_ready_after_seconds: float | None = Field(
        None, ge=0, le=3600, description="ends the wrap-up by itself; unset: only the agent ends it"
    )


class Settings(BaseSettings):
    """The whole configuration."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix="DIALER_", env_nested_delimiter="__", validate_default=True
    )

    pbx: PbxSettings = PbxSettings()
    trunk: TrunkSettings = TrunkSettings()
    store: StoreSettings = StoreSettings()
    api: ApiSettings = ApiSettings()
    log: LogSettings = LogSettings()
    engine: EngineSettings = EngineSettings()
    demo: DemoSettings = DemoSettings()
    agents: tuple[AgentSettings, ...] = ()
    campaigns: dict[Annotated[str, Field(pattern=_NAME)], CampaignSettings] = Field(default_factory=dict)

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
        for agent in self.agents:
            for campaign in agent.campaigns:
                if campaign not in self.campaigns:
                    msg = f"agents: {agent.name} serves the campaign {campaign!r}, which isn't configured"
                    raise ValueError(msg)
        return self


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
        line = re.search(r"at line (\d+)", str(error))
        raise InputError(f"{path}:{line[1] if line else 1}: not TOML: {error}", "correct this line") from None
    try:
        settings = Settings(**values)
    except ValidationError as error:
        lines = [_explain(path, text, dict(item)) for item in error.errors(include_url=False)]
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


def _resolve(settings: Settings, folder: Path) -> Settings:
    """Relative paths are relative to the configuration's own folder."""

    def at(path: Path | None) -> Path | None:
        return None if path is None else folder / path

    return settings.model_copy(
        update={
            "store": settings.store.model_copy(update={"path": folder / settings.store.path}),
            "pbx": settings.pbx.model_copy(update={"secret_file": at(settings.pbx.secret_file)}),
            "api": settings.api.model_copy(update={"token_file": at(settings.api.token_file)}),
        }
    )


def _explain(path: Path, text: str, error: dict[str, Any]) -> str:
    where = [part for part in error["loc"] if part != "[key]"]
    key = ".".join(str(part) for part in where)
    line = _line_of(text, where)
    what = {
        "extra_forbidden": "unknown key" + _suggestion(where),
        "missing": "missing",
    }.get(error["type"], error["msg"].removeprefix("Value error, "))
    hidden = error["type"] in ("missing", "extra_forbidden") or not where or _SECRET.search(key)
    value = "" if hidden else f" (is {str(error['input'])[:60]!r})"
    return f"{path}:{line}: {key + ': ' if key else ''}{what}{value}"


def _suggestion(where: list[Any]) -> str:
    """The known keys of the section in which an unknown one stands."""
    model: Any = Settings
    for part in where[:-1]:
        if isinstance(part, int) or model is None:
            continue
        model = {"agents": AgentSettings, "campaigns": CampaignSettings}.get(part) or (
            model if model in (AgentSettings, CampaignSettings) else _section(part)
        )
    return f"; known here: {', '.join(model.model_fields)}" if model else ""


def _section(name: str) -> type[BaseModel] | None:
    field = Settings.model_fields.get(name)
    return field.annotation if field and isinstance(field.annotation, type) else None


def _line_of(text: str, where: list[Any]) -> int:
    """The line on which a key stands, or the nearest above it that does: TOML keeps no positions."""
    for depth in range(len(where), 0, -1):
        table: tuple[Any, ...] = ()
        counts: dict[tuple[Any, ...], int] = {}
        for number, line in enumerate(text.splitlines(), start=1):
            if array := re.match(r"\s*\[\[\s*(.+?)\s*\]\]", line):
                name = _path(array[1])
                counts[name] = counts.get(name, -1) + 1
                table = (*name, counts[name])
            elif header := re.match(r"\s*\[\s*(.+?)\s*\]", line):
                table = _path(header[1])
            elif key := re.match(r"\s*([A-Za-z0-9_.\"'-]+)\s*=", line):
                if (*table, *_path(key[1])) == tuple(where[:depth]):
                    return number
                continue
            else:
                continue
            if table == tuple(where[:depth]):
                return number
    return 1


def _path(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))

"""The daemon's own manners: its interface, its words, its pace."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, model_validator

from dialer.settings.section import NAME, Section
from dialer.web.access import Scope, refuse_limited_seat


class TokenSettings(Section):
    """A named token of the interface: `dialer token new` makes one, with these lines."""

    name: str = Field(pattern=NAME, description="who holds it, as the looks at cases name it")
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


class ApiSettings(Section):
    """The JSON interface for agents' programs, the command line and Prometheus."""

    host: str = Field("127.0.0.1", description="where to listen; behind a proxy with TLS elsewhere")
    port: int = Field(8088, ge=1, le=65535)
    token: SecretStr | None = Field(None, description="better in token_file or in the variable DIALER_API__TOKEN")
    token_file: Path | None = Field(None, description="a file that holds the bearer token of the interface")
    tokens: tuple[TokenSettings, ...] = Field((), description="`[[api.tokens]]`: who else may ask, and what")


class LogSettings(Section):
    """The daemon's own words, on standard error."""

    format: Literal["json", "console"] = "json"
    level: Literal["debug", "info", "warning", "error"] = "info"


class EngineSettings(Section):
    """The engine's own pace."""

    tick_seconds: float = Field(0.25, ge=0.02, le=5, description="between two decisions to dial")


class DemoSettings(Section):
    """For demonstrations, tests and benchmarks alone."""

    clock_offset_seconds: float = Field(
        0.0, description="shifts the engine's clock, so that it dials at any hour; never where real people are called"
    )
    most_calls: int | None = Field(None, ge=1, description="nothing more is dialled after so many calls of a start")

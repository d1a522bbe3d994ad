"""The whole of `dialer.toml`, and what must be consistent across its sections."""

from typing import Annotated

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from dialer.agents import phones
from dialer.settings.campaign import CampaignSettings
from dialer.settings.daemon import ApiSettings, DemoSettings, EngineSettings, LogSettings
from dialer.settings.house import CollectorSettings, ComplianceSettings, RecordingsSettings, SupervisionSettings
from dialer.settings.mandate import MandateSettings
from dialer.settings.pbx import AgentSettings, PbxSettings, TrunkSettings
from dialer.settings.section import NAME
from dialer.settings.store import LedgerSettings, StoreSettings


class Settings(BaseSettings):
    """The whole configuration."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix="DIALER_", env_nested_delimiter="__", validate_default=True
    )

    pbx: PbxSettings = PbxSettings()
    trunk: TrunkSettings = TrunkSettings()
    trunks: dict[Annotated[str, Field(pattern=NAME)], TrunkSettings] = Field(default_factory=dict)
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
    campaigns: dict[Annotated[str, Field(pattern=NAME)], CampaignSettings] = Field(default_factory=dict)
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
        if self.trunks and "trunk" in self.model_fields_set:
            msg = "trunk and trunks: [trunk] is for one alone; name it too, as [trunks.NAME]"
            raise ValueError(msg)
        check_consistent(self)
        return self

    @property
    def all_trunks(self) -> dict[str, TrunkSettings]:
        """Every trunk by its name; the one of `[trunk]` is named so."""
        return self.trunks or {"trunk": self.trunk}

    @property
    def trunk_endpoints(self) -> tuple[str, ...]:
        """The PBX's own name for each trunk."""
        return tuple(trunk.endpoint or name for name, trunk in self.all_trunks.items())


def check_consistent(settings: Settings) -> None:
    """What must hold across its sections. Raises ValueError."""
    for what in ("name", "seat", "phone"):
        values = [getattr(agent, what) for agent in settings.agents]
        doubled = next((value for value in values if values.count(value) > 1), None)
        if doubled is not None:
            msg = f"agents: {what} {doubled!r} stands twice; each agent needs its own"
            raise ValueError(msg)
    held = [token.name for token in settings.api.tokens]
    if len(set(held)) < len(held):
        msg = "api.tokens: a name stands twice; each token needs its own"
        raise ValueError(msg)
    creditors = [mandate.creditor for mandate in settings.mandates]
    twice = next((name for name in creditors if creditors.count(name) > 1), None)
    if twice is not None:
        msg = f"mandates: creditor {twice!r} stands twice; put all of it in one [[mandates]]"
        raise ValueError(msg)
    for name, wish in settings.campaigns.items():
        for trunk in wish.trunks:
            if trunk not in settings.all_trunks:
                msg = f"campaigns: {name} takes the trunk {trunk!r}, which isn't configured"
                raise ValueError(msg)
        agents = {agent.name for agent in settings.agents}
        if both := next((one.name for one in wish.destinations if one.name in agents), None):
            msg = f"campaigns: {name} has the destination {both!r}, and so is an agent named; name one of them anew"
            raise ValueError(msg)
    for agent in settings.agents:
        if phones.endpoint_of(agent.phone) in settings.trunk_endpoints:
            msg = (
                f"agents: {agent.name} has the phone {agent.phone!r}, which is a trunk: a seat is never called over one"
            )
            raise ValueError(msg)
        for campaign in agent.campaigns:
            if campaign not in settings.campaigns:
                msg = f"agents: {agent.name} serves the campaign {campaign!r}, which isn't configured"
                raise ValueError(msg)

"""`dialer.toml`: read as a whole, refused as a whole, each error with its line and remedy."""

from dialer.settings.caller_id import CallerIdSettings
from dialer.settings.campaign import CampaignSettings
from dialer.settings.daemon import ApiSettings, DemoSettings, EngineSettings, LogSettings, TokenSettings
from dialer.settings.destination import DestinationSettings
from dialer.settings.house import CollectorSettings, ComplianceSettings, RecordingsSettings, SupervisionSettings
from dialer.settings.letter import LetterSettings
from dialer.settings.loading import load
from dialer.settings.mandate import MandateSettings, OfferSettings
from dialer.settings.pbx import AgentSettings, PbxSettings, TrunkSettings
from dialer.settings.secrets import secret
from dialer.settings.store import LedgerSettings, StoreSettings, place, redis_url
from dialer.settings.whole import Settings

__all__ = [
    "AgentSettings",
    "ApiSettings",
    "CallerIdSettings",
    "CampaignSettings",
    "CollectorSettings",
    "ComplianceSettings",
    "DemoSettings",
    "DestinationSettings",
    "EngineSettings",
    "LedgerSettings",
    "LetterSettings",
    "LogSettings",
    "MandateSettings",
    "OfferSettings",
    "PbxSettings",
    "RecordingsSettings",
    "Settings",
    "StoreSettings",
    "SupervisionSettings",
    "TokenSettings",
    "TrunkSettings",
    "load",
    "place",
    "redis_url",
    "secret",
]

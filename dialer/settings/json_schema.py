"""The JSON Schema of `dialer.toml`, by which an editor completes and checks it."""

from typing import Any

from dialer.settings.live import LIVE
from dialer.settings.whole import Settings

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_RESTART = "waits for a restart"
_SECTIONS = {
    "AgentSettings": "agents.*",
    "CampaignSettings": "campaigns.*",
    "MandateSettings": "mandates",
    "CallerIdSettings": "mandates",
    "LetterSettings": "mandates",
    "OfferSettings": "mandates",
    "TokenSettings": "api.tokens",
    "TrunkSettings": "trunk",
}
"""Where those stand that aren't named after their section."""


def json_schema() -> dict[str, Any]:
    """Every key with its meaning, bounds and default, and whether it waits for a restart."""
    schema = Settings.model_json_schema(by_alias=True)
    for name, section in schema["$defs"].items():
        where = _SECTIONS.get(name, name.removesuffix("Settings").lower())
        for key, one in section.get("properties", {}).items():
            if not LIVE & {where, f"{where}.{key}"}:
                one["description"] = "; ".join(filter(None, (one.get("description"), _RESTART)))
    return {"$schema": DIALECT, **schema, "title": "dialer.toml"}

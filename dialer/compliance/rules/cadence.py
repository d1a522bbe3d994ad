"""How often a debtor is called at least."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field

from dialer.compliance.rules.base import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class MinCadence(Rule):
    """At least one `event` each `days` days: it never blocks, it makes a case urgent and is told as an alert."""

    kind: Literal["min_cadence"]
    event: Literal["reached", "rang", "contact"] = "rang"
    days: Annotated[int, Field(ge=1, le=365)]

    def wanted_by(self, last: datetime) -> datetime:
        """Until when the next one is wanted."""
        return last + timedelta(days=self.days)

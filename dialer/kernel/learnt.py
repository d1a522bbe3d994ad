"""What was learnt, as it is kept over restarts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Learnt:
    """What was learnt of one campaign, as JSON, and when it was saved."""

    saved_at: datetime
    text: str


class LearntRecord(Protocol):
    """Where it is kept."""

    def save_learnt(self, campaign: str, text: str, at: datetime) -> None:
        """Write it soon, in place of what was kept."""

    async def learnt(self) -> dict[str, Learnt]:
        """Of each campaign. Raises AwayError."""

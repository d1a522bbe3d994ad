"""A reload of the configuration: who asked, what changed, what waits for a restart."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class ReloadResult(StrEnum):
    """What became of a reload."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    """The file says what holds already, or what waits for a restart already."""
    REFUSED = "refused"
    """The file is wrong: what was in force stays in force."""


@dataclass(frozen=True, slots=True)
class Change:
    """One key, as the file has it: `campaigns.luce.mode`. Secrets are never shown."""

    key: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.key}: {self.before} → {self.after}"


@dataclass(frozen=True, slots=True)
class Reload:
    """One reload. by: who asked, or `signal`, or `file`: it was seen to change.

    changed: what holds from now on. waiting: what the file says and only a restart brings. why, remedy: of a refusal.
    """

    at: datetime
    by: str
    result: ReloadResult
    changed: tuple[Change, ...] = ()
    waiting: tuple[Change, ...] = ()
    why: str = ""
    remedy: str = ""


class ReloadRecord(Protocol):
    """Reloads on record."""

    def save_reload(self, reload: Reload) -> None:
        """Write it soon."""

    async def reloads(self, most: int) -> list[Reload]:
        """The last first. Raises AwayError."""

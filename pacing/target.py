"""What the supervisor wants, and what the trunk can carry."""

from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """How calls are placed."""

    PROGRESSIVE = "progressive"
    """One call for each agent who is free."""


@dataclass(frozen=True, slots=True)
class Target:
    """Settings of one campaign as its pacer sees them.

    channels: trunk channels that all campaigns together may take.
    calls_per_second: the rate that the trunk accepts, for all campaigns together.
    """

    mode: Mode = Mode.PROGRESSIVE
    channels: int = 30
    calls_per_second: float = 5.0

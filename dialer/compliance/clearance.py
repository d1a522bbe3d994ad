"""The permission for one attempt: made by the gate alone, used once, soon stale."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from dialer.compliance.verdict import Intent
from dialer.kernel.errors import DialerError
from dialer.kernel.ids import AttemptId

LIFETIME = timedelta(seconds=5)
"""A decision older than this is made anew (facts may have changed)."""
SEAL = object()
"""Known to the gate, which alone makes clearances; a test watches who imports it."""


class ClearanceError(DialerError):
    """This clearance can't be used (again): a bug in the engine, never an input's fault."""


@dataclass(frozen=True, slots=True)
class Treatment:
    """What the packs demand of the call once it is answered; it travels to the dialplan with the originate.

    claim_seconds: how long after the answer an agent may still be bridged.
    message: play the recorded message to a call that nobody claims; otherwise the leg is dropped.
    recording: what recording it needs: `nothing`, `notice` or `consent`.
    """

    claim_seconds: float
    comfort_noise: bool
    message: bool
    language: str
    recording: str = "notice"


@dataclass(frozen=True, slots=True)
class Reservation:
    """One attempt that the gate let through: recorded durably before the clearance exists."""

    attempt: AttemptId
    intent: Intent
    cleared_at: datetime


class Clearance:
    """Single use: whoever originates calls `use()` first."""

    __slots__ = ("_used", "reservation", "treatment")

    def __init__(self, seal: object, reservation: Reservation, treatment: Treatment) -> None:
        if seal is not SEAL:
            raise ClearanceError("only the gate makes clearances")
        self.reservation = reservation
        self._used = False
        self.treatment = treatment

    def use(self, now: datetime) -> Reservation:
        """The reservation, once. Raises ClearanceError when used before or expired at `now`."""
        attempt = self.reservation.attempt
        if self._used:
            raise ClearanceError(f"{attempt}: the clearance was used already")
        if not timedelta() <= now - self.reservation.cleared_at <= LIFETIME:
            raise ClearanceError(f"{attempt}: the clearance has expired")
        self._used = True
        return self.reservation

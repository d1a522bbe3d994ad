"""The permission for one attempt: made by the gate alone, used once, soon stale."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from dialer.compliance.outside import OutsideCall
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


class _Once:
    """A permission from the gate alone, used once, soon after it was given."""

    __slots__ = ("_given_at", "_used", "_whose")

    def __init__(self, seal: object, whose: str, given_at: datetime) -> None:
        if seal is not SEAL:
            raise ClearanceError("only the gate makes clearances")
        self._whose, self._given_at, self._used = whose, given_at, False

    def _take(self, now: datetime) -> None:
        if self._used:
            raise ClearanceError(f"{self._whose}: the clearance was used already")
        if not timedelta() <= now - self._given_at <= LIFETIME:
            raise ClearanceError(f"{self._whose}: the clearance has expired")
        self._used = True


class Clearance(_Once):
    """Single use: whoever originates calls `use()` first."""

    __slots__ = ("reservation", "treatment")

    def __init__(self, seal: object, reservation: Reservation, treatment: Treatment) -> None:
        super().__init__(seal, reservation.attempt, reservation.cleared_at)
        self.reservation = reservation
        self.treatment = treatment

    def use(self, now: datetime) -> Reservation:
        """The reservation, once. Raises ClearanceError when used before or expired at `now`."""
        self._take(now)
        return self.reservation


class OutsideClearance(_Once):
    """The permission to call somebody who is no debtor into a call; as a Clearance it is used once."""

    __slots__ = ("call",)

    def __init__(self, seal: object, call: OutsideCall) -> None:
        super().__init__(seal, call.leg, call.asked_at)
        self.call = call

    def use(self, now: datetime) -> OutsideCall:
        """The call, once. Raises ClearanceError when used before or expired at `now`."""
        self._take(now)
        return self.call

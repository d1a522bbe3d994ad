"""An agent's session: two tables, one for the seat (the leg of the agent's phone), one for the work."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dialer.kernel.ids import AttemptId, SeatLegId


class Seat(StrEnum):
    """The agent's leg."""

    DOWN = "down"
    CALLING = "calling"
    IDLE = "idle"
    """It waits in its room."""
    BUSY = "busy"
    """It is bridged with a debtor, or on its way back from one."""


class SeatSignal(StrEnum):
    """What can happen to a seat."""

    CALL = "call"
    """We call the phone."""
    IDLE = "idle"
    """The leg entered its room."""
    BRIDGED = "bridged"
    ENDED = "ended"
    """The leg is gone, or never came."""


SEAT_TABLE: dict[tuple[Seat, SeatSignal], Seat] = {
    (Seat.DOWN, SeatSignal.CALL): Seat.CALLING,
    (Seat.CALLING, SeatSignal.IDLE): Seat.IDLE,
    (Seat.CALLING, SeatSignal.ENDED): Seat.DOWN,
    (Seat.IDLE, SeatSignal.IDLE): Seat.IDLE,
    (Seat.IDLE, SeatSignal.BRIDGED): Seat.BUSY,
    (Seat.IDLE, SeatSignal.ENDED): Seat.DOWN,
    (Seat.BUSY, SeatSignal.IDLE): Seat.IDLE,
    (Seat.BUSY, SeatSignal.ENDED): Seat.DOWN,
}


class Work(StrEnum):
    """What the agent is doing."""

    OFFLINE = "offline"
    PAUSED = "paused"
    READY = "ready"
    RESERVED = "reserved"
    """Promised to an answered debtor who isn't bridged yet, or held for a call from before its dial."""
    TALKING = "talking"
    WRAPPING = "wrapping"


class WorkSignal(StrEnum):
    """What can happen to an agent."""

    LOG_IN = "log_in"
    READY = "ready"
    PAUSE = "pause"
    RESERVE = "reserve"
    RELEASE = "release"
    CONNECT = "connect"
    PART = "part"
    WRAPPED = "wrapped"
    LOG_OUT = "log_out"


_W, _G = Work, WorkSignal
# RESTING stands for "paused if a reason is set, else ready": what a pause or a log-out asked for during a call.
RESTING = None
WORK_TABLE: dict[tuple[Work, WorkSignal], Work | None] = {
    (_W.OFFLINE, _G.LOG_IN): RESTING,
    (_W.PAUSED, _G.READY): _W.READY,
    (_W.READY, _G.READY): _W.READY,
    (_W.READY, _G.PAUSE): _W.PAUSED,
    (_W.PAUSED, _G.PAUSE): _W.PAUSED,
    (_W.RESERVED, _G.PAUSE): _W.RESERVED,
    (_W.TALKING, _G.PAUSE): _W.TALKING,
    (_W.WRAPPING, _G.PAUSE): _W.WRAPPING,
    (_W.RESERVED, _G.READY): _W.RESERVED,
    (_W.TALKING, _G.READY): _W.TALKING,
    (_W.WRAPPING, _G.READY): _W.WRAPPING,
    (_W.READY, _G.RESERVE): _W.RESERVED,
    (_W.RESERVED, _G.RELEASE): RESTING,
    (_W.RESERVED, _G.CONNECT): _W.TALKING,
    (_W.READY, _G.CONNECT): _W.TALKING,
    (_W.PAUSED, _G.CONNECT): _W.TALKING,
    (_W.TALKING, _G.PART): _W.WRAPPING,
    (_W.WRAPPING, _G.WRAPPED): RESTING,
    (_W.PAUSED, _G.LOG_OUT): _W.OFFLINE,
    (_W.READY, _G.LOG_OUT): _W.OFFLINE,
    (_W.WRAPPING, _G.LOG_OUT): _W.OFFLINE,
    (_W.RESERVED, _G.LOG_OUT): _W.RESERVED,
    (_W.TALKING, _G.LOG_OUT): _W.TALKING,
}

_RESTS = frozenset({_W.READY, _W.PAUSED, _W.OFFLINE})


class Plan(StrEnum):
    """What an agent announces."""

    BREAK = "break"
    END = "end"
    """Of the shift: a log-out."""
    BACK = "back"
    """From a break, or at work: ready for calls then."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What an agent means to do.

    at: when; None: after the call under way, or the next one. reason: of the break.
    """

    plan: Plan
    at: datetime | None
    reason: str = ""

    @property
    def goes(self) -> bool:
        return self.plan is not Plan.BACK


@dataclass(frozen=True, slots=True)
class SavedSession:
    """What of a session survives a restart. `leg` None: logged out. `wrapping`: the attempt being written up."""

    agent: str
    leg: SeatLegId | None
    pause_reason: str | None
    wrapping: AttemptId | None
    since: datetime


@dataclass(slots=True)
class Session:
    """One agent, logged in or not.

    since: when `work` began. ready_at: since when the agent waited for the call under way, or for the next one.
    attempt: the call promised, spoken or being written up.
    pause_reason: why the agent rests, or will after this call. leaving: logs out after this call.
    announced: what the agent means to do later.
    recalls: times in a row that the seat failed or was lost soon after it came up.
    seat_changes: how many signals moved the seat: tells whether something happened since one looked.
    kind: class of agent, whose talks and wrap-ups pacing learns together.
    heard_by: who listens, and how, as far as the agent is told.
    """

    agent: str
    seat_number: int
    phone: str
    campaigns: frozenset[str]
    since: datetime
    work: Work = Work.OFFLINE
    seat: Seat = Seat.DOWN
    leg: SeatLegId | None = None
    attempt: AttemptId | None = None
    pause_reason: str | None = None
    leaving: bool = False
    announced: Announcement | None = None
    recalls: int = 0
    seat_up_at: datetime | None = None
    call_seat_at: datetime | None = None
    """When the phone is due to be called (again)."""
    seat_called_at: datetime | None = None
    seat_changes: int = 0
    kind: str = ""
    heard_by: tuple[str, ...] = ()
    ready_at: datetime | None = None

    def apply(self, signal: WorkSignal, at: datetime) -> bool:
        """Move the work on; False where the table doesn't know this signal in this state."""
        if (self.work, signal) not in WORK_TABLE:
            return False
        target = WORK_TABLE[self.work, signal]
        if target is RESTING:
            target = Work.PAUSED if self.pause_reason else Work.READY
        if target is not self.work:
            if target in _RESTS and signal is not WorkSignal.RELEASE:
                self.ready_at = at if target is Work.READY else None
            self.work, self.since = target, at
        return True

    def apply_seat(self, signal: SeatSignal) -> bool:
        """Move the seat on; False where the table doesn't know this signal in this state."""
        target = SEAT_TABLE.get((self.seat, signal))
        if target is None:
            return False
        self.seat = target
        self.seat_changes += 1
        return True

    @property
    def free(self) -> bool:
        """May take a debtor now."""
        return self.work is Work.READY and self.seat is Seat.IDLE

    @property
    def holds(self) -> bool:
        """Held for a call, and still there for it."""
        return self.work is Work.RESERVED and self.seat is Seat.IDLE and self.pause_reason is None

    @property
    def visible_state(self) -> str:
        """The work, or `calling` while an agent who rests waits for the seat."""
        resting = self.work in (Work.READY, Work.PAUSED)
        return "calling" if resting and self.seat in (Seat.DOWN, Seat.CALLING) else self.work.value

    def saved(self) -> SavedSession:
        wrapping = self.attempt if self.work is Work.WRAPPING else None
        return SavedSession(self.agent, self.leg, self.pause_reason, wrapping, self.since)

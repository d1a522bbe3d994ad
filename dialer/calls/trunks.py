"""Which trunk takes the next call: by weight, within what each can carry, and around those that fail."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import structlog

from dialer.calls.attempt import BEFORE_ANSWER, Attempt
from dialer.calls.live import LiveAttempts
from dialer.calls.results import NEVER_LEFT, Result
from dialer.campaigns.trunk import Trunk, ways
from dialer.kernel.clock import Clock
from dialer.kernel.phone import PhoneNumber
from pacing.governor import BURST_SECONDS, PROBE_SECONDS, SICK_AFTER_FAILURES

FROM_THE_NETWORK = frozenset(
    {Result.BUSY, Result.REJECTED, Result.UNREACHABLE, Result.NOT_IN_SERVICE, Result.CONGESTION}
)
"""Results that somebody beyond the trunk must have told."""

CONGESTED_SECONDS = 5.0
"""A trunk that had no way just now is full: for so long it stands back while another one can take the call."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Capacity:
    """What some trunks offer together now.

    names: those that are well; where none is, all of them. failures: of the trunk that fails least, in a row.
    """

    names: tuple[str, ...]
    channels: int
    calls_per_second: float
    failures: int


@dataclass(slots=True)
class TrunkState:
    """One trunk, and how it does.

    tokens: calls that its rate allows now, as of `filled_at`. credit: what its weight entitles it to. held: calls that
    chose it and aren't placed yet. outside: calls to no debtor, which have a channel until their end. failures: calls in
    a row that never left. probed_at: when a call was last spent on finding out whether it is well again. full_until: till
    then it stands back, as it had no way. reached: whether its carrier answers the PBX's own question (OPTIONS), as far as
    anybody asks.
    """

    trunk: Trunk
    filled_at: float
    tokens: float = 1.0
    credit: float = 0.0
    held: int = 0
    outside: int = 0
    failures: int = 0
    probed_at: float = -math.inf
    full_until: float = -math.inf
    reached: bool = True

    @property
    def name(self) -> str:
        return self.trunk.name

    @property
    def sick(self) -> bool:
        """It gets no calls but for a probe now and then."""
        return not self.reached or self.failures >= SICK_AFTER_FAILURES

    def fill(self, now: float) -> None:
        """The token bucket of the governor, for this trunk alone: its carrier sees no second above its rate."""
        rate = self.trunk.calls_per_second
        self.tokens = min(rate * BURST_SECONDS + 1.0, self.tokens + rate * (now - self.filled_at))
        self.filled_at = now


class Trunks:
    """All trunks of this daemon. ramp_seconds: after a start or a reconnect their rate grows within this time."""

    def __init__(self, trunks: Iterable[Trunk], live: LiveAttempts, clock: Clock, *, ramp_seconds: float = 0.0) -> None:
        now = clock.monotonic()
        self._states = {trunk.name: TrunkState(trunk, now) for trunk in trunks}
        self._live = live
        self._clock = clock
        self.ramp_seconds = ramp_seconds

    def take_up(self, trunks: Iterable[Trunk], *, ramp_seconds: float) -> None:
        """Hold what is configured anew of those that are there; how each does goes on."""
        for trunk in trunks:
            self._states[trunk.name].trunk = trunk
        self.ramp_seconds = ramp_seconds

    def __iter__(self) -> Iterator[TrunkState]:
        return iter(self._states.values())

    def get(self, name: str) -> Trunk | None:
        """The trunk of this name, if it is still configured."""
        state = self._states.get(name)
        return state.trunk if state else None

    def calls(self, *, ringing: bool = False) -> Counter[str]:
        """Calls under way by trunk, those that chose one just now among them; `ringing`: debtors' who haven't answered yet."""
        counts = Counter({state.name: state.held + (0 if ringing else state.outside) for state in self})
        counts.update(attempt.intent.trunk for attempt in self._live if not ringing or attempt.state in BEFORE_ANSWER)
        return counts

    def capacity(self, trunks: Sequence[Trunk]) -> Capacity:
        """What these trunks offer together; none named: every trunk."""
        some = self._some(trunks)
        able = [state for state in some if not state.sick] or some
        return Capacity(
            tuple(state.name for state in able),
            sum(state.trunk.channels for state in able),
            sum(state.trunk.calls_per_second for state in able),
            min(state.failures if state.reached else max(state.failures, SICK_AFTER_FAILURES) for state in some),
        )

    def take(
        self,
        trunks: Sequence[Trunk],
        caller_id: PhoneNumber,
        *,
        decided: bool = False,
        avoid: frozenset[str] = frozenset(),
    ) -> Trunk | None:
        """The one of these trunks for the next call; None where none can take one now. `let_go` follows once it is placed, or isn't.

        decided: somebody decided on this call a while ago and its turn was counted then: only a free channel is needed.
        avoid: names of those that had no way for the same case just now.
        """
        now = self._clock.monotonic()
        calls = self.calls()
        may = [state for state in self._may(trunks, caller_id) if state.name not in avoid]
        free = [state for state in may if calls[state.name] < state.trunk.channels]
        for state in free:
            state.fill(now)
        well = [state for state in free if not state.sick]
        ready = [state for state in well if decided or state.tokens >= 1.0]
        chosen = self._to_probe(free, now) if len(free) > len(well) else None
        if chosen is None and ready:
            chosen = _by_weight([state for state in ready if state.full_until <= now] or ready)
        if chosen is None and all(state.sick for state in may):  # the governor lets a call through now and then
            chosen = min(free, key=lambda state: state.probed_at, default=None)
        if chosen is None:
            return None
        if chosen.sick:
            chosen.probed_at = now
        chosen.tokens -= 1.0
        chosen.held += 1
        return chosen.trunk

    def let_go(self, trunk: Trunk, *, placed: bool) -> None:
        """The call that took it is among the live ones; or it isn't placed, and took nothing of the rate."""
        state = self._states[trunk.name]
        state.held -= 1
        if not placed:
            state.tokens += 1.0
            if state.sick:
                state.probed_at = -math.inf  # nothing was asked of it

    def carry(self, name: str) -> None:
        """A call to no debtor is on this trunk, if it is still configured: it has a channel until `drop`."""
        if state := self._states.get(name):
            state.outside += 1

    def drop(self, name: str) -> None:
        """Such a call is over."""
        if state := self._states.get(name):
            state.outside -= 1

    def another(self, attempt: Attempt, trunks: Sequence[Trunk]) -> frozenset[str] | None:
        """The names of the trunks that had no way for this case, where another one is well; else None."""
        if attempt.intent.caller_id is None:
            return None
        failed = attempt.failed_trunks | {attempt.intent.trunk}
        well = any(not state.sick and state.name not in failed for state in self._may(trunks, attempt.intent.caller_id))
        return failed if well else None

    def heard(self, attempt: Attempt) -> None:
        """The far end gave a sign of life."""
        if state := self._states.get(attempt.intent.trunk):
            self._change(state, failures=0)

    def settled(self, attempt: Attempt, result: Result) -> None:
        """A call that was sent is over. One that rang out says nothing: nobody needs a trunk for our own time-out.

        result: what became of it on this trunk, whether or not another one is tried. Congestion is no failure: somebody
        beyond the trunk said that there is no room.
        """
        state = self._states.get(attempt.intent.trunk)
        if state is None:
            return
        if result in NEVER_LEFT:
            self._change(state, failures=state.failures + 1)
        elif result in FROM_THE_NETWORK:
            self._change(state, failures=0)
        if result is Result.CONGESTION:
            state.full_until = self._clock.monotonic() + CONGESTED_SECONDS

    def reached(self, endpoint: str, *, reached: bool) -> None:
        """The PBX's own question to the carrier got an answer, or no more. A phone's endpoint is no trunk."""
        for state in self:
            if state.trunk.endpoint != endpoint:
                continue
            self._change(state, failures=0 if reached else state.failures, reached=reached)
            for attempt in self._live:
                if not reached and attempt.intent.trunk == state.name and attempt.state in BEFORE_ANSWER:
                    attempt.trunk_lost = True

    def forget_reached(self) -> None:
        """The PBX wasn't heard for a while: calls, and what it says from now on, tell how each trunk does."""
        for state in self:
            state.reached = True

    def _change(self, state: TrunkState, *, failures: int, reached: bool | None = None) -> None:
        was = state.sick
        state.failures = failures
        state.reached = state.reached if reached is None else reached
        if state.sick != was:
            log.warning(
                "trunk.quarantined" if state.sick else "trunk.recovered",
                trunk=state.name,
                failures=failures,
                reached=state.reached,
            )

    def _to_probe(self, states: Iterable[TrunkState], now: float) -> TrunkState | None:
        """A sick trunk whose turn it is: one call at a time, so that it is found well again without burning cases."""
        ringing = self.calls(ringing=True)
        due = (
            state
            for state in states
            if state.sick and state.reached and now - state.probed_at >= PROBE_SECONDS and not ringing[state.name]
        )
        return min(due, key=lambda state: state.probed_at, default=None)

    def _may(self, trunks: Sequence[Trunk], caller_id: PhoneNumber) -> list[TrunkState]:
        return [self._states[trunk.name] for trunk in ways(caller_id, [state.trunk for state in self._some(trunks)])]

    def _some(self, trunks: Sequence[Trunk]) -> list[TrunkState]:
        return [self._states[trunk.name] for trunk in trunks] or list(self)


def _by_weight(states: list[TrunkState]) -> TrunkState:
    """Smooth weighted turns: each call adds every trunk's weight to its credit, and whose credit is highest pays for all.

    A trunk of weight 0 stands back while another can take the call.
    """
    weighted = [state for state in states if state.trunk.weight > 0]
    if not weighted:
        return states[0]
    for state in weighted:
        state.credit += state.trunk.weight
    chosen = max(weighted, key=lambda state: state.credit)
    chosen.credit -= sum(state.trunk.weight for state in weighted)
    return chosen

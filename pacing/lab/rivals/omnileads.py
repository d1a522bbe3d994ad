"""OMniLeads' own dialer, as of mid 2026.

Source: `workers/handle-campaign/src/handler/predictive_pacer.py` and `docs/dialer_modes.md` of OmniDialer, with the
machine detection off.
"""

from math import exp
from math import floor as whole

from pacing.floor import Floor, What
from pacing.target import Target

FORGET = 0.1
WARM_UP_CALLS = 50
USUAL_RING_SECONDS = 15.0
LEAST_HIT = 0.05
HELD = 0.2
KILL_TICKS = 5
RELEASE = 0.8


class OmniLeads:
    """Free agents and those expected free within a ring time, less the ringing that will be answered, over the hit rate.

    Hit rate and drop rate are moving averages that forget a tenth with each call. The drop rate throttles from half the
    cap on; five ticks above it latch the pacer into progressive until it falls below 0.8 of the cap.
    """

    def __init__(self, boost: float = 1.0) -> None:
        """boost: aggressiveness, and lines for a free agent while progressive."""
        self._boost = boost
        self._hit: float | None = None
        self._drop = 0.0
        self._connected = 0
        self._streak = 0
        self._latched = False
        self._sums = {What.ANSWERED: [0, 0.0], What.TALK_ENDED: [0, 0.0], What.WRAP_ENDED: [0, 0.0]}

    def decide(self, floor: Floor, target: Target) -> int:
        """How many calls to place now."""
        self._learn(floor)
        progressive = max(0, whole(self._boost * len(floor.idle) + 0.999999) - len(floor.dialling) - len(floor.waiting))
        if self._connected < WARM_UP_CALLS or self._hit is None:
            return progressive
        governor = self._governor(target.max_abandonment)
        if self._latched:
            return progressive
        hit = max(LEAST_HIT, self._hit)
        ready = len(floor.idle) + self._expected(floor)
        return max(0, whole((ready - len(floor.dialling) * hit) / hit * governor))

    def _learn(self, floor: Floor) -> None:
        for happening in sorted(floor.happened, key=lambda one: -one.ago_seconds):
            if happening.what in self._sums:
                total = self._sums[happening.what]
                total[0] += 1
                total[1] += happening.seconds
            if happening.what is What.ABANDONED:
                self._drop += FORGET * (1 - self._drop)
            elif happening.what not in (What.TALK_ENDED, What.WRAP_ENDED):
                answered = happening.what is What.ANSWERED
                self._hit = float(answered) if self._hit is None else self._hit + FORGET * (answered - self._hit)
        # who was answered and is neither waiting nor lost is with an agent
        account = floor.accounts[0]
        connected = account.answered - account.abandoned - len(floor.waiting)
        for _ in range(connected - self._connected):
            self._drop -= FORGET * self._drop
        self._connected = connected

    def _governor(self, cap: float) -> float:
        if self._drop >= cap:
            self._streak += 1
            self._latched = self._latched or self._streak >= KILL_TICKS
            return HELD
        self._streak = 0
        if self._drop < RELEASE * cap:
            self._latched = False
        over = (self._drop - cap / 2) / (cap / 2)
        return self._boost if over <= 0 else self._boost + over * (HELD - self._boost)

    def _expected(self, floor: Floor) -> float:
        ring_seconds = self._mean(What.ANSWERED, USUAL_RING_SECONDS)
        talk_seconds = self._mean(What.TALK_ENDED, 0.0)
        wrap_seconds = self._mean(What.WRAP_ENDED, 0.0)
        return sum(
            1 - exp(-ring_seconds / max(1.0, mean - elapsed))
            for ages, mean in ((floor.talking, talk_seconds), (floor.wrapping, wrap_seconds))
            for elapsed in ages
        )

    def _mean(self, what: What, unknown: float) -> float:
        count, seconds = self._sums[what]
        return seconds / count if count else unknown

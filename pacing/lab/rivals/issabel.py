"""Issabel's (Elastix') call centre dialer, with and without over-commit.

Source: `setup/dialer_process/dialer/{CampaignProcess,Predictor,Campania}.class.php` of 2023, with its defaults.
"""

from collections import deque
from math import exp
from statistics import mean

from pacing.floor import Floor, What
from pacing.target import Target

LOOK_SECONDS = 5.0
SERVICE_LEVEL = 0.97
SHORT_CALL_SECONDS = 10.0
USUAL_RING_SECONDS = 8.0
SAMPLES = 20
LEAST_SAMPLES = 10
RATE_WINDOW_SECONDS = 1800.0
LEAST_RATE = 0.20


class Issabel:
    """Every 5 s: free agents and those about to be free, less who waits and who rings.

    About to be free is who has talked so long that 1 - exp(-(ring + talked) ÷ mean talk) reaches 0.97; with one
    exponential for a talk hardly anybody ever does. With over-commit what is left is divided by the share of answered
    calls of the last half hour, at least 0.20.
    """

    def __init__(self, *, over_commit: bool) -> None:
        """over_commit: divide by the answer rate."""
        self._over_commit = over_commit
        self._clock = 0.0
        self._since_look = LOOK_SECONDS
        self._rings = deque([USUAL_RING_SECONDS] * SAMPLES, maxlen=SAMPLES)
        self._talks = 0
        self._talk_seconds = 0.0
        self._ended: deque[tuple[float, bool]] = deque()

    def decide(self, floor: Floor, target: Target) -> int:  # noqa: ARG002 it looks at no cap
        """How many calls to place now."""
        self._clock += floor.elapsed_seconds
        self._since_look += floor.elapsed_seconds
        self._learn(floor)
        if self._since_look < LOOK_SECONDS:
            return 0
        self._since_look = 0.0
        count = max(0, len(floor.idle) + self._soon_free(floor) - len(floor.waiting))
        count = max(0, count - len(floor.dialling))
        if self._over_commit and count:
            answered = sum(answer for _, answer in self._ended)
            if len(self._ended) >= LEAST_SAMPLES and answered:
                count = round(count / max(answered / len(self._ended), LEAST_RATE))
        return count

    def _learn(self, floor: Floor) -> None:
        for happening in floor.happened:
            if happening.what is What.TALK_ENDED:
                if happening.seconds >= SHORT_CALL_SECONDS:
                    self._talks += 1
                    self._talk_seconds += happening.seconds
            elif happening.what not in (What.WRAP_ENDED, What.ABANDONED):
                answered = happening.what is What.ANSWERED
                self._ended.append((self._clock, answered))
                if answered:
                    self._rings.append(happening.seconds)
        while self._ended and self._ended[0][0] < self._clock - RATE_WINDOW_SECONDS:
            self._ended.popleft()

    def _soon_free(self, floor: Floor) -> int:
        if self._talks < LEAST_SAMPLES:
            return 0
        ring_seconds = mean(self._rings)
        mean_seconds = self._talk_seconds / self._talks
        return sum(1 - exp(-(ring_seconds + talked) / mean_seconds) >= SERVICE_LEVEL for talked in floor.talking)

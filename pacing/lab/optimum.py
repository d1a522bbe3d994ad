"""The bound: the same marginal risk, weighed with the scenario's true laws, at the threshold that just meets the cap.

No pacer that must learn can pass it by more than noise. It is an index policy, not the last optimum, and its threshold is
tuned afterwards on the very days it is judged by, so that it need not end each day under the cap.
"""

from collections.abc import Callable, Sequence
from functools import cache
from math import erf, exp, log, sqrt
from statistics import mean

import numpy as np
from numpy.typing import NDArray

from pacing import handling, laws, predictive, progressive
from pacing.answering import BIN_SECONDS
from pacing.floor import Floor
from pacing.handling import Residual
from pacing.lab.public import LogNormal, Public
from pacing.lab.result import Result
from pacing.lab.scenario import Pace, Scenario
from pacing.laws import Horizon
from pacing.target import Target

Array = NDArray[np.float64]

MOST_CALLS_A_TICK = 1_000
FIRST_THRESHOLDS = (0.02, 0.06)
LEAST_THRESHOLD, MOST_THRESHOLD = 0.001, 0.6
CLOSE = 0.0002
"""The cap is met when the mean ratio is so near."""
NARROW = 0.03
"""Or the threshold is known to such a share: a day's calls are counted in wholes."""
TRIES = 9


class KnownLaws:
    """Paces by marginal risk with the true laws, each call's answer rate included, and a fixed threshold."""

    def __init__(self, scenario: Scenario, threshold: float) -> None:
        """threshold: largest risk of a call, from 0 to 1."""
        if not isinstance(scenario.public, Public):
            msg = f"{scenario.name}: the laws of a public on record aren't known"
            raise TypeError(msg)
        self._public = scenario.public
        self._scenario = scenario
        self._threshold = threshold
        self._clock = 0.0

    def decide(self, floor: Floor, target: Target) -> int:
        """How many calls to place now."""
        self._clock += floor.elapsed_seconds
        least = progressive.wish(floor).calls
        rate = self._rate(self._clock)
        if rate <= 0.0 or not (floor.idle or floor.talking or floor.wrapping or floor.joining):
            return least
        times = laws.horizon(target.ring_timeout_seconds, target.patience_seconds)
        ringing = _Ringing.of(self._public, times)
        balance = predictive.Balance(
            weights=ringing.weights,
            free=_free(floor, times),
            agents=self._agents(floor, times),
            calls=self._calls(floor, ringing),
            new=rate * ringing.new,
            doubt=0.0,
        )
        exact = len(balance.agents) <= predictive.EXACT_BUSY
        outlook = Spectrum(balance) if exact else predictive.Normal(balance)
        calls = 0
        while calls < MOST_CALLS_A_TICK and outlook.risk(calls) <= self._threshold:
            calls += 1
        return max(least, calls)

    def _rate(self, at_seconds: float) -> float:
        if self._scenario.outage(at_seconds):
            return 0.0
        return self._scenario.answer_rate(at_seconds)

    def _calls(self, floor: Floor, ringing: "_Ringing") -> Array:
        if len(self._scenario.rates) == 1 and not self._scenario.outages:
            return ringing.table(self._scenario.rates[0][1])[ringing.rows(floor.dialling)]
        rates = np.array([self._rate(self._clock - age) for age in floor.dialling])
        return ringing.chances(ringing.rows(floor.dialling), rates)

    def _agents(self, floor: Floor, times: Horizon) -> Array:
        public, paces = self._public, self._scenario.paces
        if not floor.talking_kinds and not floor.wrapping_kinds:
            known = true_residual(public, paces, times)
            return np.concatenate(
                (known.after_talk[handling.rows(floor.talking)], known.after_wrap[handling.rows(floor.wrapping)])
            )
        by_kind = {pace.kind: true_residual(public, (pace,), times) for pace in paces}
        talking = zip(floor.talking_kinds, handling.rows(floor.talking), strict=True)
        wrapping = zip(floor.wrapping_kinds, handling.rows(floor.wrapping), strict=True)
        chances = [by_kind[kind].after_talk[row] for kind, row in talking]
        chances += [by_kind[kind].after_wrap[row] for kind, row in wrapping]
        return np.array(chances).reshape(len(chances), -1)


def _free(floor: Floor, times: Horizon) -> Array:
    free = np.full(len(times.due), float(len(floor.idle) - len(floor.waiting)))
    for at in floor.joining:
        free += at <= times.lags
    for at in floor.leaving + floor.claims:
        free -= at <= times.due
    return free - floor.inbound_per_second * times.due


class Spectrum:
    """The exact balance by its characteristic function, without a loop over agents and calls.

    A success is an agent who comes or a call that isn't answered. With n independent chances p, the sum of successes has
    the characteristic function prod(1 + p (z - 1)) at the roots of unity z, and a discrete Fourier transform gives the
    chance of at most k successes (Fernandez and Williams 2010). It agrees with the pacer's own convolution.
    """

    def __init__(self, balance: predictive.Balance) -> None:
        """Lay out the balance; doubt isn't read."""
        self._weights = balance.weights
        self._worst = len(balance.calls) - np.floor(balance.free).astype(int)
        self._unanswered = 1.0 - balance.new
        self._chances = np.concatenate((balance.agents, 1.0 - balance.calls))
        self._added = 0
        self._size = 0

    def risk(self, added: int) -> float:
        """Of one call more, after `added` others; ask in order."""
        worst = self._worst + added
        if worst.max() < 0:
            return 0.0
        size = (len(self._chances) + added) // 8 * 8 + 8
        if size != self._size:
            self._size = size
            self._turn, self._sums = _spectrum(size)
            terms = 1.0 + self._chances[:, :, None] * self._turn
            self._step = 1.0 + self._unanswered[:, None] * self._turn
            self._function = terms.prod(axis=0) * self._step**added
            self._added = added
        elif added > self._added:
            self._function = self._function * self._step ** (added - self._added)
            self._added = added
        most = len(self._chances) + added
        below = (self._function * self._sums[np.minimum(np.maximum(worst, -1), most)]).real.sum(axis=1)
        return float(self._weights @ below)


@cache
def _spectrum(size: int) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Roots of unity less one (half of them: the other half is conjugate), and the weights of "at most k"; row -1: 0."""
    half = np.arange(size // 2 + 1)
    each = np.where((half == 0) | (half == size // 2), 1.0, 2.0) / size
    turns = np.exp(-2j * np.pi * np.outer(np.arange(size), half) / size)
    sums = np.concatenate((turns.cumsum(axis=0) * each, np.zeros((1, len(half)))))
    return np.exp(2j * np.pi * half / size) - 1.0, sums


class _Ringing:
    """The law of a ringing call on the grid: with answer rate p and share q that fails at once, and F and G their
    ringing times, a call that has rung for a is answered within s with p (F(a+s) - F(a)) / (1 - p F(a) - q G(a)).
    """

    def __init__(self, public: Public, times: Horizon) -> None:
        grid = np.arange(int(times.ends[-1]) + 1)
        seconds = grid * BIN_SECONDS
        whole = _below(public.ring, public.ring_timeout_seconds - public.ring_floor_seconds)
        self._answered = np.minimum(
            1.0, np.array([_below(public.ring, at - public.ring_floor_seconds) for at in seconds]) / whole
        )
        low, high = public.failed_seconds
        self._failed = np.clip((seconds - low) / (high - low), 0.0, 1.0)
        self._failed_share = public.failed_share
        self._within = np.interp(grid[:, None] + times.middles, grid, self._answered) - self._answered[:, None]
        self._tables: dict[float, Array] = {}
        spread = np.diff(self._answered[times.ends], prepend=0.0)
        self.weights = spread / spread.sum()
        self.new = self._within[0]

    @staticmethod
    @cache
    def of(public: Public, times: Horizon) -> "_Ringing":
        return _Ringing(public, times)

    def rows(self, ages: tuple[float, ...]) -> NDArray[np.intp]:
        last = len(self._answered) - 1
        return np.array([min(int(age / BIN_SECONDS), last) for age in ages], dtype=np.intp)

    def table(self, rate: float) -> Array:
        if rate not in self._tables:
            every = np.arange(len(self._answered))
            self._tables[rate] = self.chances(every, np.full(len(every), rate))
        return self._tables[rate]

    def chances(self, rows: NDArray[np.intp], rates: Array) -> Array:
        failed = np.minimum(self._failed_share, 1 - rates) * self._failed[rows]
        ringing = np.maximum(1e-9, 1 - rates * self._answered[rows] - failed)
        return np.asarray(np.minimum(1.0, (rates / ringing)[:, None] * self._within[rows]))


@cache
def true_residual(public: Public, paces: tuple[Pace, ...], times: Horizon) -> Residual:
    """The true chances to be free, of agents of whom it isn't known which pace is theirs.

    A slow talker's calls are fewer and longer: what is met at an age is each pace's survival at equal numbers of calls
    a busy second, so the survivals are mixed by 1 ÷ mean handling time.
    """
    ages = np.arange(handling.LONGEST + 121, dtype=float)
    shares, talks, wraps = [], [], []
    for pace in paces:
        talks.append([_talks_on(public, at / pace.talk) for at in ages])
        wraps.append([_wraps_on(public, at / pace.wrap) for at in ages])
        shares.append(1 / (pace.talk * public.talk_seconds + pace.wrap * public.wrap_seconds))
    weights = np.array(shares) / sum(shares)
    return handling.residual(_hazard(weights @ np.array(talks)), _hazard(weights @ np.array(wraps)), times.lags)


def tuned(
    days: Callable[[float], list[Result]], cap: float, thresholds: Sequence[float] = FIRST_THRESHOLDS
) -> list[Result]:
    """The days of the threshold at which their mean ratio meets the cap, by false position (Illinois) on its logarithm.

    days: simulates the same days at a threshold.
    """
    low, high = log(thresholds[0]), log(thresholds[1])
    at_low, at_high = days(thresholds[0]), days(thresholds[1])
    off_low, off_high = _ratio(at_low) - cap, _ratio(at_high) - cap
    while off_low > 0 and low > log(LEAST_THRESHOLD):
        high, at_high, off_high = low, at_low, off_low
        low -= log(4)
        at_low = days(exp(low))
        off_low = _ratio(at_low) - cap
    while off_high < 0 and high < log(MOST_THRESHOLD):
        low, at_low, off_low = high, at_high, off_high
        high = min(high + log(3), log(MOST_THRESHOLD))
        at_high = days(exp(high))
        off_high = _ratio(at_high) - cap
    best, off_best = min(((at_low, off_low), (at_high, off_high)), key=lambda one: abs(one[1]))
    if off_low > 0 or off_high < 0:
        return best
    for _ in range(TRIES):
        if abs(off_best) <= CLOSE or high - low < NARROW:
            break
        middle = (low * off_high - high * off_low) / (off_high - off_low)
        at_middle = days(exp(middle))
        off = _ratio(at_middle) - cap
        if abs(off) < abs(off_best):
            best, off_best = at_middle, off
        if off < 0:
            low, off_low, off_high = middle, off, off_high / 2
        else:
            high, off_high, off_low = middle, off, off_low / 2
    return best


def _ratio(days: list[Result]) -> float:
    return mean(day.ratio for day in days)


def _below(law: LogNormal, seconds: float) -> float:
    if seconds <= 0:
        return 0.0
    variance = log(1 + law.variation**2)
    return 0.5 * (1 + erf((log(seconds / law.mean_seconds) + variance / 2) / sqrt(2 * variance)))


def _talks_on(public: Public, seconds: float) -> float:
    short = public.short_share
    return 1 - short * _below(public.short, seconds) - (1 - short) * _below(public.long, seconds)


def _wraps_on(public: Public, seconds: float) -> float:
    """Gamma of a whole shape: 1 - F is the chance of fewer than so many Poisson events."""
    load = seconds * public.wrap_shape / public.wrap_seconds
    term = total = np.exp(-load)
    for count in range(1, public.wrap_shape):
        term *= load / count
        total += term
    return float(total)


def _hazard(alive: Array) -> Array:
    logs = np.log(np.maximum(alive, 1e-12))
    return np.asarray(np.maximum(0.0, logs[:-1] - logs[1:]))

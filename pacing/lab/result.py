"""What a simulated day came to."""

from dataclasses import dataclass

WINDOW_MINUTES = 60
HOUR_ANSWERS = 10
"""Fewer live answers than these in an hour are no ratio."""
AFTER_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Result:
    """One day of one pacer on one floor.

    talk_seconds, wrap_seconds, idle_seconds: of all agents while logged in and not on a break, within the day.
    launches: calls placed. answered: live answers; connected: of them, to an agent; abandoned: the others.
    vanished: of the abandoned, those whom an agent would have taken who vanished without a word after the call was
        placed.
    minutes: for each minute of the day, live answers and of them abandoned, by the minute of the answer.
    jumps: live answers and of them abandoned in the ten minutes after each jump.
    """

    scenario: str
    pacer: str
    agents: int
    seed: int
    talk_seconds: float
    wrap_seconds: float
    idle_seconds: float
    launches: int
    answered: int
    connected: int
    abandoned: int
    vanished: int
    minutes: tuple[tuple[int, int], ...]
    jumps: tuple[tuple[int, int], ...]

    @property
    def occupancy(self) -> float:
        """Share of the agents' ready time in talk and wrap-up."""
        busy = self.talk_seconds + self.wrap_seconds
        return busy / (busy + self.idle_seconds) if busy else 0.0

    @property
    def ratio(self) -> float:
        """Abandoned among the live answers."""
        return _ratio(self.abandoned, self.answered)

    @property
    def own_ratio(self) -> float:
        """The same without those that a vanished agent would have taken: what a pacer answers for."""
        return _ratio(self.abandoned - self.vanished, self.answered)

    @property
    def idle_seconds_per_call(self) -> float:
        """Mean wait of an agent for a call."""
        return self.idle_seconds / self.connected if self.connected else self.idle_seconds

    @property
    def first_ten_minutes(self) -> float:
        """The ratio of the first ten minutes."""
        first = self.minutes[: int(AFTER_SECONDS / 60)]
        return _ratio(sum(lost for _, lost in first), sum(answers for answers, _ in first))

    @property
    def worst_hour(self) -> float:
        """The highest ratio of any hour that has answers enough, by the minute; of the day if it is shorter."""
        answers = lost = 0
        worst = 0.0
        for index, (more_answers, more_lost) in enumerate(self.minutes):
            answers += more_answers
            lost += more_lost
            if index >= WINDOW_MINUTES:
                old_answers, old_lost = self.minutes[index - WINDOW_MINUTES]
                answers -= old_answers
                lost -= old_lost
            if index >= WINDOW_MINUTES - 1 and answers >= HOUR_ANSWERS:
                worst = max(worst, _ratio(lost, answers))
        return worst if len(self.minutes) >= WINDOW_MINUTES else self.ratio

    @property
    def after_jumps(self) -> float:
        """The ratio of the ten minutes after all jumps together."""
        return _ratio(sum(lost for _, lost in self.jumps), sum(answers for answers, _ in self.jumps))


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0

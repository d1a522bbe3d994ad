"""The habits of each campaign, kept over restarts."""

import json

import structlog

from dialer.campaigns.habits import Habits
from dialer.kernel.clock import Clock
from dialer.kernel.learnt import LearntRecord

log = structlog.get_logger(__name__)


class Learning:
    """One `Habits` a campaign."""

    def __init__(self, record: LearntRecord, clock: Clock) -> None:
        self._record = record
        self._clock = clock
        self._habits: dict[str, Habits] = {}

    def of(self, campaign: str) -> Habits:
        """What was learnt of it up to now."""
        habits = self._habits.setdefault(campaign, Habits())
        habits.age(self._clock.now().date())
        return habits

    async def load(self) -> None:
        """Take up what an earlier run learnt; what can't be read is forgotten. Raises AwayError."""
        for campaign, learnt in (await self._record.learnt()).items():
            try:
                self._habits[campaign] = Habits.load(json.loads(learnt.text))
            except ValueError as error:
                log.warning("habits.dropped", campaign=campaign, error=str(error))

    def save(self) -> None:
        """Put what was learnt on record, soon."""
        now = self._clock.now()
        for campaign, habits in self._habits.items():
            self._record.save_learnt(campaign, json.dumps(habits.dump()), now)

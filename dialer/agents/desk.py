"""What an agent asks for: log in, ready, pause, log out."""

from collections.abc import Callable

from dialer.agents.roster import Roster
from dialer.agents.seating import Seating


class Desk:
    """The agent's side of the floor. Raises AgentError for what isn't possible now."""

    def __init__(
        self, roster: Roster, seating: Seating, became_free: Callable[[], None], left: Callable[[], None]
    ) -> None:
        self._roster = roster
        self._seating = seating
        self._became_free = became_free
        self._left = left

    def log_in(self, agent: str, *, pause_reason: str | None) -> None:
        """Seat the agent: the phone is called, and its leg stays."""
        self._roster.log_in(agent, pause_reason=pause_reason)

    def ready(self, agent: str) -> None:
        """Take calls (again), at once or after the call under way."""
        self._roster.ready(agent)
        self._became_free()

    def pause(self, agent: str, reason: str) -> None:
        """Take no more calls, at once or after the call under way; one that still rings is another's."""
        self._roster.pause(agent, reason)
        self._left()

    def log_out(self, agent: str) -> None:
        """Leave, at once or after the call under way; one that still rings is another's."""
        self._seating.hang_up(self._roster.log_out(agent))
        self._left()

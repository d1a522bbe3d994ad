"""How quick the PBX is, as an average that forgets: pacing holds back where it isn't."""

WEIGHT = 0.1
"""Of the newest value: after twenty of them the old state is forgotten to a tenth."""


class Smoothed:
    """An exponentially weighted average, in seconds."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        self.seconds += WEIGHT * (max(0.0, seconds) - self.seconds)

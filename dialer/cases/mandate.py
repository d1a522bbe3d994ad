"""Who hands debts over for collection, and under what terms."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Mandate:
    """What a creditor entrusted: `reference` is unique with the creditor.

    licence: under which permission it is worked (Italy: TULPS art. 115). ends_on: the last day; None = open. packs:
    which law applies beside what each debtor's place asks for. retention_days: how long after its end personal data is
    kept, where the packs don't want it longer.
    """

    creditor: str
    reference: str
    licence: str
    starts_on: date
    ends_on: date | None
    packs: tuple[str, ...]
    retention_days: int
    currency: str = "EUR"

    def open_on(self, day: date) -> bool:
        """Whether it is worked on that day."""
        return self.starts_on <= day and (self.ends_on is None or day <= self.ends_on)

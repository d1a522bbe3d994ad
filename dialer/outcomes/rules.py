"""What holds when an agent writes up a call: by campaign and by the creditor's mandate."""

from collections.abc import Callable
from dataclasses import dataclass, field

from dialer.cases.offers import Ladder
from dialer.outcomes.catalogue import Catalogue, shipped
from dialer.texts.fields import Agency
from dialer.texts.scripts import Scripts, shipped_scripts

GRACE_DAYS = 3
"""How long after its day a payment keeps a promise, where neither campaign nor mandate says: a transfer's way."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The outcomes that may be said; the days of grace of a promise; what may be offered; who may approve a worse offer;
    what the agent says, and who collects.
    """

    outcomes: Catalogue = field(default_factory=shipped)
    grace_days: int = GRACE_DAYS
    ladder: Ladder = ()
    supervisors: frozenset[str] = frozenset()
    scripts: Scripts = field(default_factory=shipped_scripts)
    agency: Agency = field(default_factory=Agency)


RulesOf = Callable[[str, str], Rules]
"""The rules of a campaign (its name) for a creditor's cases (the creditor's name)."""


def shipped_rules(campaign: str, creditor: str) -> Rules:  # noqa: ARG001
    """What holds where nothing is configured."""
    return Rules()

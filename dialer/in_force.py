"""What the running daemon takes from its configuration: a start and every reload go through here."""

from collections.abc import Mapping
from dataclasses import dataclass

from dialer import configured
from dialer.agents.listening import Supervising
from dialer.calls.retention import Retention
from dialer.campaigns.campaign import Campaign
from dialer.campaigns.trunk import Trunk
from dialer.compliance.gate import Law
from dialer.live.targets import Wish
from dialer.outcomes.lettering import LetterRules, LetterRulesOf
from dialer.outcomes.rules import Rules, RulesOf
from dialer.settings import Settings
from dialer.web.access import Holder


@dataclass(frozen=True, slots=True)
class Taken:
    """All that is made of one configuration, before any of it holds."""

    settings: Settings
    rules: RulesOf
    letters: LetterRulesOf
    retention: Retention
    supervising: Supervising
    campaigns: Mapping[str, Campaign]
    wishes: Mapping[str, Wish]
    trunks: tuple[Trunk, ...]
    ramp_seconds: float
    holders: tuple[Holder, ...]

    @classmethod
    def of(cls, settings: Settings, law: Law) -> "Taken":
        """Raises InputError for what is wrong in it, or in a file that it names."""
        configured.check_within(settings, law.packs)
        return cls(
            settings,
            configured.rules(settings, law),
            configured.letters(settings),
            configured.retention(settings, law),
            configured.supervising(settings),
            {name: configured.campaign(settings, name) for name in settings.campaigns},
            {name: configured.wish(wish) for name, wish in settings.campaigns.items()},
            tuple(configured.trunks(settings)),
            max(trunk.ramp_seconds for trunk in settings.all_trunks.values()),
            configured.holders(settings),
        )


class InForce:
    """What holds now. law: as it was when the daemon began. Raises InputError."""

    def __init__(self, settings: Settings) -> None:
        self.law = configured.law(settings)
        self.taken = Taken.of(settings, self.law)

    @property
    def settings(self) -> Settings:
        return self.taken.settings

    def rules(self, campaign: str, creditor: str) -> Rules:
        """What holds when a call is written up."""
        return self.taken.rules(campaign, creditor)

    def letters(self, campaign: str, creditor: str) -> LetterRules:
        """What holds for letters."""
        return self.taken.letters(campaign, creditor)

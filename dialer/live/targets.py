"""What each campaign's pacer is to reach: as the law, the configuration and the supervisor have it together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dialer.calls.trunks import Trunks
from dialer.campaigns.campaign import Campaign
from dialer.compliance.gate import treatment_of
from dialer.compliance.pack import Pack
from dialer.compliance.rules import AbandonCap
from dialer.kernel.errors import InputError
from pacing import Mode, Target

USUAL_CAP = 0.03
"""Where no pack has a cap: what most laws that name one have."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the house wants of one campaign, None where the law decides.

    abandonment_target: share of abandoned calls that pacing aims at. abandonment_cap: stricter than every pack's.
    patience_seconds: after the answer, what pacing counts as lost; shorter than the packs have it.
    """

    abandonment_target: float | None = None
    abandonment_cap: float | None = None
    patience_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the packs of a campaign together allow and advise.

    cap: the strictest share of abandoned calls. advised: the lowest one that a pack aims at, else the cap.
    claim_seconds: how long after the answer an agent may still be bridged.
    """

    cap: float
    advised: float
    claim_seconds: float

    @classmethod
    def of(cls, packs: Sequence[Pack]) -> "Bounds":
        caps = [rule for pack in packs for rule in pack.of_kind(AbandonCap)]
        cap = min((rule.cap for rule in caps), default=USUAL_CAP)
        advised = min((rule.target for rule in caps if rule.target is not None), default=cap)
        return cls(cap, advised, treatment_of(packs).claim_seconds)


class Targets:
    """Every campaign's target."""

    def __init__(self, packs: Mapping[str, Pack], trunks: Trunks, wishes: Mapping[str, Wish]) -> None:
        self._packs = packs
        self._bounds: dict[tuple[str, ...], Bounds] = {}
        self._trunks = trunks
        self._wishes = wishes

    def take_up(self, wishes: Mapping[str, Wish]) -> None:
        """Hold what is configured anew."""
        self._wishes = wishes

    def of(self, campaign: Campaign) -> Target:
        """The target of this campaign now."""
        wish, bounds = self._wish(campaign), self._bounds_of(campaign)
        cap = min(bounds.cap, wish.abandonment_cap or bounds.cap)
        offered = self._trunks.capacity(campaign.trunks)
        return Target(
            mode=Mode(campaign.mode.value),
            channels=offered.channels,
            calls_per_second=offered.calls_per_second,
            ramp_seconds=self._trunks.ramp_seconds,
            max_abandonment=min(cap, wish.abandonment_target or bounds.advised),
            patience_seconds=min(bounds.claim_seconds, wish.patience_seconds or bounds.claim_seconds),
            ring_timeout_seconds=campaign.originate_timeout_seconds,
        )

    def cap_of(self, campaign: Campaign) -> float | None:
        """The house's own cap."""
        return self._wish(campaign).abandonment_cap

    def tuned(self, campaign: Campaign) -> dict[str, Any]:
        """What pacing is to reach, as it holds now."""
        target = self.of(campaign)
        return {
            "mode": campaign.mode.value,
            "abandonment_target": target.max_abandonment,
            "abandonment_cap": self.cap_of(campaign) or self._bounds_of(campaign).cap,
            "patience_seconds": target.patience_seconds,
            "channels": target.channels,
            "calls_per_second": target.calls_per_second,
        }

    def _wish(self, campaign: Campaign) -> Wish:
        return self._wishes.get(campaign.name, Wish())

    def _bounds_of(self, campaign: Campaign) -> Bounds:
        if campaign.packs not in self._bounds:
            self._bounds[campaign.packs] = Bounds.of([self._packs[name] for name in campaign.packs])
        return self._bounds[campaign.packs]


def check(campaign: str, bounds: Bounds, wish: Wish) -> None:
    """What the house wants must lie within the law. Raises InputError."""
    for name, value, most in (
        ("abandonment_cap", wish.abandonment_cap, bounds.cap),
        ("abandonment_target", wish.abandonment_target, min(bounds.cap, wish.abandonment_cap or bounds.cap)),
        ("patience_seconds", wish.patience_seconds, bounds.claim_seconds),
    ):
        if value is not None and value > most:
            raise InputError(
                f"campaigns.{campaign}.{name} is {value:g}: its packs and its own cap allow at most {most:g}",
                "set a lower value, or leave it out",
            )

"""What each campaign's pacer is to reach: as the law, the configuration and the supervisor have it together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import structlog

from dialer.calls.trunks import Trunks
from dialer.campaigns.campaign import Campaign
from dialer.compliance.gate import treatment_of
from dialer.compliance.pack import Pack
from dialer.compliance.rules import AbandonCap
from dialer.compliance.verdict import CallMode
from dialer.kernel.errors import InputError
from pacing import Mode, Target

USUAL_CAP = 0.03
"""Where no pack has a cap: what most laws that name one have."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Bound:
    """What the supervisor lets all trunks together carry at most; None: what they can."""

    channels: int | None = None
    calls_per_second: float | None = None


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
    """Every campaign's target. What is tuned holds until the daemon starts again."""

    def __init__(self, packs: Mapping[str, Pack], trunks: Trunks, wishes: Mapping[str, Wish]) -> None:
        self._packs = packs
        self._bounds: dict[tuple[str, ...], Bounds] = {}
        self._trunks, self._bound = trunks, Bound()
        self._wishes, self._configured = dict(wishes), wishes
        self._modes: dict[str, CallMode] = {}

    def take_up(self, wishes: Mapping[str, Wish]) -> None:
        """Hold what is configured anew; what was tuned is over."""
        self._wishes, self._configured = dict(wishes), wishes
        self._bound, self._modes = Bound(), {}

    def of(self, campaign: Campaign) -> Target:
        """The target of this campaign now."""
        wish, bounds = self._wish(campaign), self._bounds_of(campaign)
        cap = min(bounds.cap, wish.abandonment_cap or bounds.cap)
        offered = self._trunks.capacity(campaign.trunks)
        return Target(
            mode=Mode(campaign.mode.value),
            channels=min(offered.channels, self._bound.channels or offered.channels),
            calls_per_second=min(offered.calls_per_second, self._bound.calls_per_second or offered.calls_per_second),
            ramp_seconds=self._trunks.ramp_seconds,
            max_abandonment=min(cap, wish.abandonment_target or bounds.advised),
            patience_seconds=min(bounds.claim_seconds, wish.patience_seconds or bounds.claim_seconds),
            ring_timeout_seconds=campaign.originate_timeout_seconds,
        )

    def cap_of(self, campaign: Campaign) -> float | None:
        """The house's own cap."""
        return self._wish(campaign).abandonment_cap

    def tune(self, campaign: Campaign, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Change what is named, None for as configured; what holds now. Raises InputError: then nothing changed.

        Channels and calls per second bound what all trunks together carry, for all campaigns; what a trunk is
        configured for it never exceeds.
        """
        before = self.tuned(campaign)
        wish, configured = self._wish(campaign), self._configured.get(campaign.name, Wish())
        mine = {name: changes[name] for name in _WISHES & changes.keys()}
        wish = replace(
            wish, **{name: getattr(configured, name) if value is None else value for name, value in mine.items()}
        )
        bound = replace(self._bound, **{name: changes[name] for name in _BOUNDS & changes.keys()})
        check(campaign.name, self._bounds_of(campaign), wish)
        self._wishes[campaign.name], self._bound = wish, bound
        if "mode" in changes:
            was = self._modes.setdefault(campaign.name, campaign.mode)
            campaign.mode = was if changes["mode"] is None else CallMode(changes["mode"])
        after = self.tuned(campaign)
        changed = {name: value for name, value in after.items() if value != before[name]}
        log.info(
            "campaign.tuned", campaign=campaign.name, before={name: before[name] for name in changed}, after=changed
        )
        return after

    def tuned(self, campaign: Campaign) -> dict[str, Any]:
        """What can be tuned, as it holds now."""
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


_WISHES = {field.name for field in fields(Wish)}
_BOUNDS = {field.name for field in fields(Bound)}


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

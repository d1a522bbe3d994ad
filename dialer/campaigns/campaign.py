"""A campaign, and whether it dials."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from dialer.campaigns.caller_id import CallerId, sticky
from dialer.campaigns.trunk import Trunk
from dialer.compliance.verdict import CallMode
from dialer.kernel.errors import DialerError
from dialer.kernel.phone import PhoneNumber


class CampaignState(StrEnum):
    """Whether a campaign dials."""

    STOPPED = "stopped"
    RUNNING = "running"
    PAUSED = "paused"
    """No new calls; those under way go on."""
    DRAINING = "draining"
    """No new calls; stops once the last one is over."""
    HALTED = "halted"
    """No new calls, and what was ringing has been hung up; only `start` ends it."""


class CampaignSignal(StrEnum):
    """What can happen to it."""

    START = "start"
    PAUSE = "pause"
    DRAIN = "drain"
    HALT = "halt"
    DRAINED = "drained"


_S, _G = CampaignState, CampaignSignal
CAMPAIGN_TABLE: dict[tuple[CampaignState, CampaignSignal], CampaignState] = {
    **{(state, _G.START): _S.RUNNING for state in _S},
    (_S.RUNNING, _G.PAUSE): _S.PAUSED,
    (_S.PAUSED, _G.PAUSE): _S.PAUSED,
    (_S.RUNNING, _G.DRAIN): _S.DRAINING,
    (_S.PAUSED, _G.DRAIN): _S.DRAINING,
    (_S.DRAINING, _G.DRAIN): _S.DRAINING,
    (_S.DRAINING, _G.DRAINED): _S.STOPPED,
    **{(state, _G.HALT): _S.HALTED for state in _S},
}


class CampaignRecord(Protocol):
    """Where the state of a campaign is kept: a halt survives any crash."""

    async def save_campaign_state(self, campaign: str, state: CampaignState, since: datetime) -> None: ...


class CampaignError(DialerError):
    """What was asked of the campaign isn't possible now."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Somebody who is no debtor, as the creditor's office. label: as agents read it."""

    number: PhoneNumber
    label: str


@dataclass(slots=True)
class Campaign:
    """One campaign's settings, and its state.

    packs: the law that applies; all of them must allow each call.
    caller_id: presented to the debtor; of several the first, which says where the campaign is at home.
    caller_ids: where there are several; none: the one. mandate_caller_ids: those that take their place, by creditor.
    ring_timeout_seconds: how long a phone may ring before we give up.
    post_dial_delay_seconds: allowance for the network before it rings.
    trunks: those that its calls may take; empty: all of them.
    mode: how its calls are placed.
    collector: the legal entity that collects: contacts are counted for each.
    facts: what packs may require of every call of the campaign, as `licence_valid_until`.
    packs_follow_debtor: packs that apply where the number or the address is are added to `packs`.
    share, priority, value: who gets the next of the agents shared with other campaigns (pacing.sharing).
    records: its conversations are recorded, once what the packs need for it is given. mandate_records: whether those about
    a creditor's debts are, where its mandate says so. stereo, mandate_stereo: so, too, with one side on each track.
    preview_seconds: how long an agent may look at an offered case; None: no limit.
    destinations: whom outside its agents may call into a call, by name.
    inbound_wait_seconds: how long who rings us waits for an agent before a call back is offered.
    auto_ready_after_seconds: the wrap-up ends by itself after this time; None: only the agent ends it.
    """

    name: str
    packs: tuple[str, ...]
    caller_id: PhoneNumber
    ring_timeout_seconds: float
    post_dial_delay_seconds: float
    auto_ready_after_seconds: float | None
    caller_ids: tuple[CallerId, ...] = ()
    mandate_caller_ids: Mapping[str, tuple[CallerId, ...]] = field(default_factory=dict)
    trunks: tuple[Trunk, ...] = ()
    mode: CallMode = CallMode.PROGRESSIVE
    collector: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    packs_follow_debtor: bool = False
    share: float = 1.0
    priority: int = 0
    value: float = 0.0
    preview_seconds: float | None = None
    inbound_wait_seconds: float = 60.0
    destinations: Mapping[str, Destination] = field(default_factory=dict)
    records: bool = False
    mandate_records: Mapping[str, bool] = field(default_factory=dict)
    stereo: bool = False
    mandate_stereo: Mapping[str, bool] = field(default_factory=dict)
    state: CampaignState = CampaignState.STOPPED
    commands: int = 0
    """How many came in: tells whether one was overtaken by another."""

    def take_up(self, configured: "Campaign") -> None:
        """Hold what is configured anew; calls under way go on as they began."""
        for one in fields(self):
            if one.name not in ("state", "commands"):
                setattr(self, one.name, getattr(configured, one.name))

    @property
    def dials(self) -> bool:
        return self.state is CampaignState.RUNNING

    @property
    def originate_timeout_seconds(self) -> float:
        """From the originate to our giving up: the network's delay and the ringing."""
        return self.ring_timeout_seconds + self.post_dial_delay_seconds

    @property
    def shown_numbers(self) -> tuple[PhoneNumber, ...]:
        """Every number that its debtors see, and may ring."""
        all_ids = (*self.caller_ids, *(one for ids in self.mandate_caller_ids.values() for one in ids))
        return tuple(dict.fromkeys((self.caller_id, *(one.number for one in all_ids))))

    def caller_id_of(self, debtor_id: int, creditor: str) -> CallerId:
        """The one that this debtor sees in calls for this creditor."""
        own = self.mandate_caller_ids.get(creditor) or self.caller_ids or (CallerId(self.caller_id),)
        return sticky(debtor_id, own)

    @property
    def may_record(self) -> bool:
        """Whether some of its conversations are recorded."""
        return self.records or any(self.mandate_records.values())

    def records_for(self, creditor: str) -> bool:
        """Whether conversations about this creditor's debts are recorded."""
        return self.mandate_records.get(creditor, self.records)

    def stereo_for(self, creditor: str) -> bool:
        """Whether recordings of those are in stereo."""
        return self.mandate_stereo.get(creditor, self.stereo)

    def after(self, signal: CampaignSignal) -> CampaignState:
        """The state that follows. Raises CampaignError where the table doesn't know this signal in this state."""
        if (self.state, signal) not in CAMPAIGN_TABLE:
            raise CampaignError(f"campaign {self.name} is {self.state.value}: {signal.value} isn't possible now")
        return CAMPAIGN_TABLE[self.state, signal]

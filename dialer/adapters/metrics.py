"""The tally as Prometheus reads it: made at each scrape, every label set present from the start."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from dialer.agents.session import Work
from dialer.calls.attempt import IN_FLIGHT, TABLE, Signal
from dialer.calls.inbound import InboundResult
from dialer.calls.results import Result
from dialer.calls.transfer import TransferKind, TransferResult
from dialer.campaigns.campaign import CampaignState
from dialer.cases.promises import Kept
from dialer.compliance.reasons import FAIL_CLOSED, Reason
from dialer.kernel.histogram import Histogram
from dialer.kernel.reloads import ReloadResult
from dialer.live.snapshot import AccountLine, Snapshot
from dialer.live.tally import Tally
from dialer.outcomes.catalogue import shipped
from pacing import Limit

HEALTH = {
    "dialer_ready": "1 while nothing keeps the daemon from dialling, whatever the campaigns say",
    "dialer_ami_up": "1 while the manager interface is connected",
    "dialer_ami_reconnects": "connections made after the first",
    "dialer_ami_malformed": "manager messages that could not be read",
    "dialer_ami_acknowledgement_seconds": "from the request to place a call to Asterisk's answer, smoothed",
    "dialer_ami_event_lag_seconds": "from an event at Asterisk to its coming here, smoothed",
    "dialer_ledger_backlog_events": "writes that wait for the disk",
    "dialer_event_loop_lag_seconds": "how late the last tick began",
    "dialer_audit_violations": "rules that the last recount found broken; above 0 somebody must look",
    "dialer_audit_attempts": "attempts that the last recount judged",
    "dialer_audit_finished_timestamp_seconds": "when the last recount finished, by the engine's clock; 0 before the first",
    "dialer_audit_failures": "recounts that couldn't be made",
    "dialer_pbx_clock_skew_seconds": "how far the PBX's clock is ahead of ours; above 2 nobody is called",
    "dialer_clock_offset_seconds": "how far the engine's clock is shifted (demo, tests); 0 where people are called",
    "dialer_recordings_free_bytes": "room on the disk of the recordings; 0 where it can't be told",
    "dialer_recordings_least_free_bytes": "with less room, what is recorded isn't dialled",
}
_COUNTERS = ("dialer_ami_reconnects", "dialer_ami_malformed", "dialer_audit_failures")


@dataclass(frozen=True, slots=True)
class Inside:
    """What the daemon's parts know of themselves, read at each scrape.

    health: a value for each name of HEALTH. shut_by: what every call needs and is missing. gate_decisions, commits,
    requests (by action): how long they took. promises: what they were found to be. discrepancies: between the PBX and
    the record, by kind. reasons: of the packs that are loaded, besides those that ship.
    """

    health: Callable[[], Mapping[str, float]]
    shut_by: Callable[[], Collection[Reason]]
    gate_decisions: Histogram
    commits: Histogram
    requests: Mapping[str, Histogram]
    promises: Mapping[Kept, int]
    discrepancies: Mapping[str, int]
    reasons: Collection[str] = ()


class DialerCollector(Collector):
    """Every metric of the daemon."""

    def __init__(self, tally: Tally, snapshot: Callable[[], Snapshot], inside: Inside) -> None:
        self._tally = tally
        self._snapshot = snapshot
        self._inside = inside
        self._reasons = {*map(str, Reason), *inside.reasons}

    def collect(self) -> Iterator[Metric]:
        yield from self._counts()
        yield from self._inbound()
        yield self._transfers()
        yield from self._outcomes()
        yield from self._floor()
        yield from self._gate()
        yield from self._service()
        yield from self._configuration()

    def _counts(self) -> Iterator[Metric]:
        attempts = CounterMetricFamily("dialer_attempts", "calls that ended, by result", labels=["campaign", "result"])
        blocked = CounterMetricFamily(
            "dialer_attempts_blocked", "calls that the gate refused, by reason", labels=["campaign", "reason"]
        )
        wanted = GaugeMetricFamily(
            "dialer_cases_wanted", "open cases called less often than the packs want", labels=["campaign"]
        )
        call_backs = GaugeMetricFamily(
            "dialer_callbacks_due", "agreed call-backs whose time has come, 200 at most", labels=["campaign"]
        )
        placed = CounterMetricFamily("dialer_attempts_placed", "calls handed to the PBX", labels=["campaign"])
        answered = CounterMetricFamily("dialer_calls_answered", "calls that were answered", labels=["campaign"])
        bridged = CounterMetricFamily("dialer_calls_bridged", "calls put through to an agent", labels=["campaign"])
        abandoned = CounterMetricFamily(
            "dialer_calls_abandoned", "calls answered with no agent in time", labels=["campaign"]
        )
        waits = HistogramMetricFamily(
            "dialer_answer_to_agent_seconds", "from the answer to the bridge, by the PBX's clock", labels=["campaign"]
        )
        ring = HistogramMetricFamily("dialer_ring_seconds", "from the first ring to its end", labels=["campaign"])
        idle = HistogramMetricFamily(
            "dialer_agent_wait_seconds", "of agents who were ready, until they talked", labels=["campaign"]
        )
        for name, tally in self._tally.campaigns.items():
            for result in Result:
                attempts.add_metric([name, result.value], tally.results[result.value])
            for reason in sorted(self._reasons.union(tally.blocked)):
                blocked.add_metric([name, reason], tally.blocked[reason])
            wanted.add_metric([name], tally.wanted)
            call_backs.add_metric([name], tally.call_backs_due)
            placed.add_metric([name], tally.placed)
            answered.add_metric([name], tally.answered)
            bridged.add_metric([name], tally.bridged)
            abandoned.add_metric([name], tally.abandoned)
            _add_histogram(waits, [name], tally.answer_to_agent)
            _add_histogram(ring, [name], tally.ring)
            _add_histogram(idle, [name], tally.agent_wait)
        yield from (attempts, blocked, wanted, call_backs, placed, answered, bridged, abandoned, waits, ring, idle)

    def _configuration(self) -> Iterator[Metric]:
        reloads = CounterMetricFamily(
            "dialer_config_reloads", "times that the configuration was to be taken up anew", labels=["result"]
        )
        for result in ReloadResult:
            reloads.add_metric([result.value], self._tally.reloads[result])
        yield reloads
        yield GaugeMetricFamily(
            "dialer_config_last_reload_successful",
            "0 while the configuration's file is wrong, and an older one is in force",
            value=float(self._tally.last_reload_successful),
        )
        at = self._tally.configured_at
        yield GaugeMetricFamily(
            "dialer_config_last_reload_success_timestamp_seconds",
            "when the configuration was last taken up, by the engine's clock",
            value=at.timestamp() if at else 0.0,
        )

    def _inbound(self) -> Iterator[Metric]:
        calls = CounterMetricFamily(
            "dialer_inbound_calls",
            "calls that came in and ended, by result; no campaign: a number that is none's",
            labels=["campaign", "result"],
        )
        waits = HistogramMetricFamily(
            "dialer_inbound_wait_seconds", "until an agent came, or the caller was let go or left", labels=["campaign"]
        )
        for name, tally in self._tally.campaigns.items():
            for result in InboundResult:
                calls.add_metric([name, result.value], self._tally.inbound[name, result.value])
            _add_histogram(waits, [name], tally.inbound_wait)
        calls.add_metric(["", InboundResult.NOT_OURS.value], self._tally.inbound["", InboundResult.NOT_OURS.value])
        yield from (calls, waits)

    def _outcomes(self) -> Iterator[Metric]:
        said = CounterMetricFamily(
            "dialer_outcomes", "what agents said that their calls were", labels=["campaign", "outcome"]
        )
        for name, tally in self._tally.campaigns.items():
            for code in sorted({*shipped(), *tally.outcomes}):
                said.add_metric([name, code], tally.outcomes[code])
        promises = CounterMetricFamily(
            "dialer_promises", "promises judged, by what they were found to be", labels=["result"]
        )
        for kept in Kept:
            promises.add_metric([kept.value], self._inside.promises.get(kept, 0))
        yield from (said, promises)

    def _transfers(self) -> Metric:
        ended = CounterMetricFamily(
            "dialer_transfers", "transfers that ended, by kind and result", labels=["campaign", "kind", "result"]
        )
        for name in self._tally.campaigns:
            for kind in TransferKind:
                for result in TransferResult:
                    ended.add_metric([name, kind.value, result.value], self._tally.transfers[name, kind, result])
        return ended

    def _floor(self) -> Iterator[Metric]:
        snapshot = self._snapshot()
        calls = GaugeMetricFamily("dialer_calls_in_flight", "calls under way, by state", labels=["campaign", "state"])
        states = GaugeMetricFamily("dialer_campaign_state", "1 for the state it is in", labels=["campaign", "state"])
        planned = GaugeMetricFamily("dialer_pacing_planned_calls", "calls of the last decision", labels=["campaign"])
        wanted = GaugeMetricFamily(
            "dialer_pacing_wanted_calls",
            "what its mode would have placed without the trunk's bounds",
            labels=["campaign"],
        )
        risk = GaugeMetricFamily(
            "dialer_pacing_abandon_probability",
            "chance that the last call placed, once answered, finds no agent",
            labels=["campaign"],
        )
        risk_limit = GaugeMetricFamily(
            "dialer_pacing_abandon_probability_limit", "the largest such chance that is accepted", labels=["campaign"]
        )
        chance = GaugeMetricFamily(
            "dialer_pacing_answer_probability", "chance that a call dialled now is answered", labels=["campaign"]
        )
        budget = GaugeMetricFamily(
            "dialer_abandon_budget_remaining_calls", "calls that may still be abandoned", labels=["campaign"]
        )
        ratios = GaugeMetricFamily(
            "dialer_abandon_ratio",
            "abandoned calls in the window that runs, as a pack counts them; 0 before the first answer",
            labels=["campaign", "definition"],
        )
        caps = GaugeMetricFamily(
            "dialer_abandon_cap_ratio", "the largest ratio that it allows", labels=["campaign", "definition"]
        )
        limits = GaugeMetricFamily(
            "dialer_pacing_limit_info", "1 for what limits dialling now", labels=["campaign", "limit"]
        )
        dialable = GaugeMetricFamily(
            "dialer_dialable_cases",
            "cases read ahead that may be dialled next, some hundreds at most",
            labels=["campaign"],
        )
        free = GaugeMetricFamily(
            "dialer_pacing_idle_agents",
            "agents free for its calls; who serves several campaigns counts in each",
            labels=["campaign"],
        )
        agents = GaugeMetricFamily("dialer_agents", "agents by state", labels=["state"])
        for line in snapshot.campaigns:
            for state in sorted(IN_FLIGHT):
                calls.add_metric([line.campaign, state.value], line.calls.get(state.value, 0))
            for campaign_state in CampaignState:
                states.add_metric([line.campaign, campaign_state.value], float(line.state == campaign_state))
            for family, value in (
                (planned, line.planned),
                (wanted, line.wanted),
                (risk, line.risk),
                (risk_limit, line.risk_limit),
                (chance, line.answer_chance),
                (budget, line.budget_calls),
            ):
                family.add_metric([line.campaign], value)
            # where a campaign's debtors are on two days at once there are two windows: the worse one is told
            for account in {account.name: account for account in sorted(line.accounts, key=_ratio)}.values():
                ratios.add_metric([line.campaign, account.name], _ratio(account))
                caps.add_metric([line.campaign, account.name], account.cap)
            floor = self._tally.campaigns[line.campaign].floor
            dialable.add_metric([line.campaign], (floor and floor.cases) or 0)
            free.add_metric([line.campaign], len(floor.idle) if floor else 0)
            for limit in Limit:
                limits.add_metric([line.campaign, limit.value], float(line.limit == limit))
        yield from self._trunks(snapshot)
        yield from _caller_ids(snapshot)
        for work in ("calling", *Work):
            agents.add_metric([str(work)], sum(agent.state == work for agent in snapshot.agents))
        yield from (calls, states, planned, wanted, limits, risk, risk_limit, chance, budget, ratios, caps)
        yield from (dialable, free, agents)

    def _trunks(self, snapshot: Snapshot) -> Iterator[Metric]:
        up = GaugeMetricFamily("dialer_trunk_up", "1 while it is well, 0 while it gets no calls", labels=["trunk"])
        calls = GaugeMetricFamily("dialer_trunk_calls_in_flight", "calls under way over it", labels=["trunk"])
        channels = GaugeMetricFamily("dialer_trunk_channels", "calls at once that it may carry", labels=["trunk"])
        ended = CounterMetricFamily(
            "dialer_trunk_attempts", "calls over it that ended, by result", labels=["trunk", "result"]
        )
        for line in snapshot.trunks:
            for family, value in ((up, float(line.well)), (calls, line.calls), (channels, line.channels)):
                family.add_metric([line.trunk], value)
            for result in Result:
                ended.add_metric([line.trunk, result.value], self._tally.trunks[line.trunk, result.value])
        yield from (up, calls, channels, ended)

    def _gate(self) -> Iterator[Metric]:
        shut_by = self._inside.shut_by()
        shut = GaugeMetricFamily(
            "dialer_gate_shut", "1 for what every call needs and is missing now: nothing is dialled", labels=["reason"]
        )
        closed = CounterMetricFamily(
            "dialer_gate_fail_closed", "calls refused because it was missing, in all campaigns", labels=["reason"]
        )
        for reason in sorted(FAIL_CLOSED):
            shut.add_metric([reason.value], float(reason in shut_by))
            closed.add_metric(
                [reason.value], sum(tally.blocked[reason.value] for tally in self._tally.campaigns.values())
            )
        seconds = HistogramMetricFamily("dialer_gate_decision_seconds", "from the question to the gate's answer")
        _add_histogram(seconds, [], self._inside.gate_decisions)
        yield from (shut, closed, seconds)

    def _service(self) -> Iterator[Metric]:
        commits = HistogramMetricFamily("dialer_ledger_commit_seconds", "a commit of the record")
        _add_histogram(commits, [], self._inside.commits)
        requests = HistogramMetricFamily(
            "dialer_ami_request_seconds",
            "from a request to Asterisk's answer, or to its being given up",
            labels=["action"],
        )
        for action, histogram in sorted(self._inside.requests.items()):
            _add_histogram(requests, [action], histogram)
        mended = CounterMetricFamily(
            "dialer_reconcile_discrepancies",
            "where the PBX and the record disagreed, and it was mended",
            labels=["kind"],
        )
        for kind, count in sorted(self._inside.discrepancies.items()):
            mended.add_metric([kind], count)
        ignored = CounterMetricFamily(
            "dialer_signals_ignored", "events that the attempt's table doesn't know", labels=["state", "signal"]
        )
        for state in sorted(IN_FLIGHT):
            for signal in Signal:
                if (state, signal) not in TABLE:
                    count = self._tally.signals_ignored[state.value, signal.value]
                    ignored.add_metric([state.value, signal.value], count)
        yield from (commits, requests, mended, ignored)
        values = self._inside.health()
        for name, text in HEALTH.items():
            family = CounterMetricFamily if name in _COUNTERS else GaugeMetricFamily
            yield family(name, text, value=values[name])
        yield InfoMetricFamily("dialer_build", "the running version", value={"version": version("cadenza")})


def _caller_ids(snapshot: Snapshot) -> Iterator[Metric]:
    labels = ["campaign", "caller_id"]
    rate = GaugeMetricFamily("dialer_caller_id_answer_ratio", "answered calls of about the last 500", labels=labels)
    calls = GaugeMetricFamily("dialer_caller_id_answer_ratio_calls", "on how many calls that rests", labels=labels)
    collapsed = GaugeMetricFamily(
        "dialer_caller_id_collapsed",
        "1 where it is answered less than half as often as its siblings, and no chance explains it",
        labels=labels,
    )
    for line in snapshot.caller_ids:
        own = [line.campaign, line.caller_id.removeprefix("+")]
        for family, value in ((rate, line.rate), (calls, line.calls), (collapsed, float(line.collapsed))):
            family.add_metric(own, value)
    yield from (rate, calls, collapsed)


class _Taken(Collector):
    """What was collected at one instant."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = tuple(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


async def exposition(collector: Collector) -> bytes:
    """The text that Prometheus scrapes. Its figures are of one instant; to write them down takes twice as long as to take
    them, and no call waits for that.
    """
    registry = CollectorRegistry()
    registry.register(_Taken(collector.collect()))
    return await asyncio.to_thread(generate_latest, registry)


def _ratio(account: AccountLine) -> float:
    return account.ratio or 0.0


def _add_histogram(family: HistogramMetricFamily, labels: list[str], histogram: Histogram) -> None:
    buckets = [(str(bound), float(count)) for bound, count in zip(histogram.bounds, histogram.counts, strict=True)]
    family.add_metric(labels, [*buckets, ("+Inf", float(histogram.count))], histogram.total)

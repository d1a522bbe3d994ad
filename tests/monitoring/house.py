"""A daemon's metrics without a daemon: every family, with every label that it can have."""

from dialer.adapters import metrics
from dialer.adapters.metrics import DialerCollector, Inside
from dialer.kernel.histogram import Histogram
from dialer.live.answer_rates import CallerIdLine
from dialer.live.snapshot import AccountLine, CampaignLine, Snapshot, TrunkLine
from dialer.live.tally import Tally
from dialer.testing.virtual_time import START

CAMPAIGN = CampaignLine(
    campaign="k", state="running", mode="predictive", limit="agents", sentence="", planned=0, wanted=0, risk=0.0,
    risk_limit=0.0, budget_calls=0.0, answer_chance=0.0,
    accounts=(AccountLine("it-unirec abandon-cap campaign", 0, 0, None, 0.03, (0.0, 1.0)),),
    calls={}, placed=0, answered=0, bridged=0, abandoned=0, results={}, blocked={}, outcomes={},
    answer_to_agent_seconds={},
)  # fmt: skip
SNAPSHOT = Snapshot(
    START, True, 0.0, (CAMPAIGN,), (),
    trunks=(TrunkLine("trunk", True, "", 0, 30, 0),),
    caller_ids=(CallerIdLine("k", "+390694801234", 0.0, 0.0, (0.0, 1.0), None, False, ""),),
)  # fmt: skip


def collector():
    inside = Inside(
        lambda: dict.fromkeys(metrics.HEALTH, 0.0),
        frozenset,
        Histogram((0.1, 1.0)),
        Histogram((0.1, 1.0)),
        {"Ping": Histogram((0.1, 1.0))},
        {},
        {"attempt": 0},
    )
    return DialerCollector(Tally(["k"]), lambda: SNAPSHOT, inside)


async def exposition():
    return await metrics.exposition(collector())

"""What the pacer of one campaign sees of agents and calls that several campaigns share."""

from datetime import UTC, datetime, timedelta

import pytest

from dialer.agents.session import Seat, Session, Work
from dialer.calls.attempt import Attempt, State
from dialer.campaigns.campaign import Campaign, CampaignState
from dialer.compliance.verdict import Intent
from dialer.live.floor import floor_of

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def agent(n, *campaigns, work=Work.READY):
    return Session(f"agent{n}", n, f"PJSIP/agent{n}", frozenset(campaigns), NOW, work=work, seat=Seat.IDLE)


def call(campaign, state=State.RINGING):
    intent = Intent(campaign, 1, 1, "+393471234567", ("Europe/Rome",), ("it-unirec",), 30.0)
    return Attempt("dla-" + "0" * 26, intent, NOW - timedelta(seconds=3), state, answered_at=NOW)


def seen_by(name, agents, calls):
    campaign = Campaign(name, ("it-unirec",), "+390612345678", 20.0, 2.0, None, CampaignState.RUNNING)
    return floor_of(campaign, agents, calls, NOW, elapsed_seconds=0.25, cases=9, trunk_failures=0, may_dial=True)


CALLS = [call("a"), call("a"), call("b"), call("b", State.WAITING), call("c")]


@pytest.mark.parametrize(
    ("agents", "dialling", "waiting"),
    [
        ([agent(1, "a"), agent(2, "b"), agent(3, "c")], 2, 0),
        ([agent(1, "a", "b"), agent(3, "c")], 3, 1),
        ([agent(1, "a"), agent(2, "a", "b", work=Work.PAUSED), agent(3, "c")], 3, 1),
        ([agent(1, "a", "b"), agent(2, "b", "c")], 4, 1),  # a's agent may go to b, and then b wants c's
        ([agent(1, "a"), agent(2, "a", "b", work=Work.OFFLINE)], 2, 0),
    ],
)
def test_lines_are_counted_against_the_agents_who_could_take_them(agents, dialling, waiting):
    floor = seen_by("a", agents, CALLS)
    assert (len(floor.dialling), len(floor.waiting)) == (dialling, waiting)
    assert floor.channels_in_use == 5  # the trunk is everybody's


def test_only_those_who_are_free_and_serve_it_are_idle():
    assert len(seen_by("a", [agent(1, "a"), agent(2, "b"), agent(3, "a", work=Work.PAUSED)], []).idle) == 1

"""What the pacer of one campaign sees of agents and calls that several campaigns share."""

from datetime import UTC, datetime, timedelta

import pytest

from dialer.agents.roster import Roster
from dialer.agents.session import Seat, Session, Work
from dialer.calls.attempt import Attempt, State
from dialer.calls.live import LiveAttempts
from dialer.calls.trunks import Capacity
from dialer.campaigns.campaign import Campaign, CampaignState
from dialer.compliance.verdict import Intent
from dialer.live.floor import floor_of
from dialer.live.shares import Shares
from dialer.live.tally import Tally
from pacing import Burst, Limit

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
TRUNKS = Capacity(("trunk",), 30, 5.0, failures=0)


def agent(n, *campaigns, work=Work.READY):
    return Session(f"agent{n}", n, f"PJSIP/agent{n}", frozenset(campaigns), NOW, work=work, seat=Seat.IDLE)


def call(campaign, state=State.RINGING):
    intent = Intent(campaign, 1, 1, "+393471234567", ("Europe/Rome",), ("it-unirec",), 30.0, trunk="trunk")
    return Attempt("dla-" + "0" * 26, intent, NOW - timedelta(seconds=3), state, answered_at=NOW)


def floor(name, agents, calls, trunks=TRUNKS, **more):
    campaign = Campaign(name, ("it-unirec",), "+390612345678", 20.0, 2.0, None, CampaignState.RUNNING)
    return floor_of(campaign, agents, calls, NOW, elapsed_seconds=0.25, cases=9, trunks=trunks, may_dial=True, **more)


class Clock:
    def now(self):
        return NOW

    def monotonic(self):
        return 0.0


class House:
    """Agents and calls of the campaigns a, b and c, all of which dial."""

    def __init__(self, agents, calls=(), **settings):
        self.campaigns = {
            name: Campaign(name, ("it-unirec",), "+390612345678", 20.0, 2.0, None, **settings.get(name, {}))
            for name in "abc"
        }
        for campaign in self.campaigns.values():
            campaign.state = CampaignState.RUNNING
        self.roster, self.live, self.tally = Roster(agents, None, Clock(), None), LiveAttempts(), Tally(self.campaigns)
        for n, attempt in enumerate(calls):
            attempt.id = f"dla-{n}"
            self.live.add(attempt)
        self.shares = Shares(self.campaigns, self.roster, self.live, self.tally, Clock())

    def claims(self, **cases):
        """What each campaign sees claimed in its turn, in the order of the turns."""
        cases = {"a": 0, "b": 0, "c": 0} | cases
        return {campaign.name: self.shares.claims_on(campaign.name) for campaign in self.shares.turns(cases)}


def calls():
    return [call("a"), call("a"), call("b"), call("b", State.WAITING), call("c")]


@pytest.mark.parametrize(
    ("agents", "claimed"),
    [
        ([agent(1, "a"), agent(2, "b"), agent(3, "c")], 0),
        ([agent(1, "a", "b"), agent(3, "c")], 2),
        ([agent(1, "a"), agent(2, "a", "b", work=Work.PAUSED), agent(3, "c")], 2),
        ([agent(1, "a", "b"), agent(2, "b", "c")], 3),  # a's agent may go to b, and then b wants c's
        ([agent(1, "a"), agent(2, "a", "b", work=Work.OFFLINE)], 0),
    ],
)
def test_lines_are_counted_against_the_agents_who_could_take_them(agents, claimed):
    house = House(agents, calls())
    assert house.claims()["a"] == claimed
    seen = floor("a", house.roster, house.live, needed_by_others=claimed)
    assert (len(seen.dialling), len(seen.waiting), seen.claims) == (2, 0, (0.0,) * claimed)
    assert seen.channels_in_use == 5  # the trunk is everybody's
    elsewhere = floor("a", house.roster, house.live, Capacity(("other",), 30, 5.0, failures=0))
    assert elsewhere.channels_in_use == 0


def test_lines_of_a_predictive_campaign_claim_as_many_agents_as_will_be_needed():
    house = House([agent(1, "a", "b")], [call("b") for _ in range(10)])
    burst = Burst(0, 0, 0.0, 0.0, Limit.AGENTS, "", answer_chance=0.25)
    house.tally.paced("b", burst, floor("b", [], []))
    assert house.claims()["a"] == 3


def test_free_agents_are_kept_for_those_whose_turn_comes():
    house = House([agent(n, "a", "b") for n in range(6)], a={"share": 2.0}, b={"share": 1.0})
    assert house.claims(a=9, b=9) == {"a": 2, "b": 0, "c": 0}  # b's turn comes later; a's lines will count then


def test_who_is_behind_has_its_turn_first():
    agents = [agent(n, "a", "b") for n in range(4)]
    house = House(agents, [call("a"), call("a")])
    assert list(house.claims(a=9, b=9)) == ["b", "a", "c"]


def test_a_held_agent_is_nobody_elses_claim():
    house = House([agent(1, "a", "b"), agent(2, "a", "b")], [call("b")])
    house.roster.take("b", "dla-0")
    assert house.claims()["a"] == 0
    seen = floor("b", house.roster, house.live)
    assert (seen.dialling, seen.reserved, len(seen.idle)) == ((), 1, 1)


def test_agents_dealt_to_one_whom_the_gate_refuses_everything_go_to_the_others_soon():
    house = House([agent(n, "a", "b") for n in range(2)])
    first = house.claims(a=9, b=9)
    assert sorted(first.values()) == [0, 0, 1]
    assert house.claims(a=9, b=9)["a"] == 0  # neither placed a call: nothing is kept for either


def test_cases_that_wait_for_an_agent_claim_the_next_ones_who_are_free():
    busy = [agent(1, "a", work=Work.TALKING), agent(2, "a", work=Work.TALKING)]
    assert floor("a", busy, [], for_agents=5, call_backs=(12.0,)).claims == (0.0, 0.0, 12.0)
    assert floor("a", [*busy, agent(3, "a")], [], for_agents=5).claims == ()


def test_only_those_who_are_free_and_serve_it_are_idle():
    assert len(floor("a", [agent(1, "a"), agent(2, "b"), agent(3, "a", work=Work.PAUSED)], []).idle) == 1

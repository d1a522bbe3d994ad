"""A call goes on with another agent, under virtual time: who has it, who is free, what the record says."""

import asyncio
from contextlib import nullcontext

import pytest

from dialer.agents.roster import AgentError
from dialer.agents.session import Seat, Work
from dialer.calls.attempt import State
from dialer.kernel.errors import PbxAwayError, PbxUnsureError
from dialer.kernel.events import SpyMode
from dialer.testing.public import Behaviour
from tests.sim.house import House

pytestmark = pytest.mark.virtual_time
HOLD_SECONDS = 45.0
OURS = "+390612345678"


async def talking(house, *, came_in=False):
    """One of the agents talks, another is ready: the two, and the call."""
    if came_in:
        await house.cases(Behaviour.PERSON)
        await house.staff()
        house.pbx.call_in(house.ids.inbound(house.clock.now()), OURS, house.record.cases[1].new.numbers[0])
    else:
        await house.begin(Behaviour.PERSON)
    async with asyncio.timeout(60):
        while not (first := next((one for one in house.roster if one.work is Work.TALKING), None)):
            await house.run(0.25, act=False)
    second = next(one for one in house.roster if one is not first and one.work is Work.READY)
    return first, second, house.live.get(first.attempt)


def has(session, attempt):
    return (session.work, session.seat, session.attempt) == (Work.TALKING, Seat.BUSY, attempt.id)


def agent_on_record(house, attempt):
    kept = house.record.inbound if attempt.id in house.record.inbound else house.record.attempts
    return kept[attempt.id].agent


@pytest.mark.parametrize("came_in", [False, True], ids=["ours", "came in"])
@pytest.mark.parametrize("warm", [False, True], ids=["blind", "warm"])
async def test_the_call_and_its_outcome_are_the_second_agents_and_the_first_wraps_up(warm, came_in):
    async with House(agents=2) as house:
        first, second, attempt = await talking(house, came_in=came_in)
        await house.flow.transferring.start(first.agent, second.agent, warm=warm)
        assert second.work is Work.RESERVED
        if warm:
            await house.run(5.0, act=False)
            assert has(first, attempt)
            await house.flow.transferring.hand_over(first.agent)
        await house.run(1.0, act=False)
        assert has(second, attempt)
        assert (first.work, first.seat, first.attempt) == (Work.WRAPPING, Seat.IDLE, None)
        assert agent_on_record(house, attempt) == second.agent
        assert house.tally.transfers == {("k", "warm" if warm else "blind", "handed_over"): 1}
        (entry,) = house.record.history
        assert first.agent in entry.text
        assert second.agent in entry.text
        house.flow.wrap_up.finish(first.agent)  # nothing to say: the call is the other's
        assert first.work is Work.READY
        await house.run(60.0)
        assert house.record.outcomes[attempt.id].agent == second.agent
        assert (first.work, second.work) == (Work.READY, Work.READY)


async def test_taken_back_the_call_is_the_first_agents_and_the_second_is_free():
    async with House(agents=2) as house:
        first, second, attempt = await talking(house)
        await house.flow.transferring.start(first.agent, second.agent, warm=True)
        await house.run(5.0, act=False)
        await house.flow.transferring.take_back(first.agent)
        await house.run(1.0, act=False)
        assert has(first, attempt)
        assert second.free
        assert house.record.history == []
        assert house.tally.transfers == {("k", "warm", "taken_back"): 1}


async def test_a_debtor_on_hold_comes_back_when_the_time_is_over():
    async with House(agents=2) as house:
        first, second, attempt = await talking(house)
        await house.flow.transferring.start(first.agent, second.agent, warm=True)
        await house.run(HOLD_SECONDS - 1, act=False)
        assert not second.free
        await house.run(2.0, act=False)
        assert has(first, attempt)
        assert second.free


async def test_the_second_phone_that_dies_sends_the_debtor_back_and_the_first_that_dies_on():
    async with House(agents=2) as house:
        first, second, attempt = await talking(house)
        await house.flow.transferring.start(first.agent, second.agent, warm=True)
        await house.run(1.0, act=False)
        house.pbx.lose_seat(second.leg)
        await house.run(1.0, act=False)
        assert has(first, attempt)
        await house.run(5.0, act=False)
        assert second.free
        await house.flow.transferring.start(first.agent, second.agent, warm=True)
        await house.run(1.0, act=False)
        house.pbx.lose_seat(first.leg)
        await house.run(1.0, act=False)
        assert has(second, attempt)


async def test_a_seat_that_cannot_be_had_leaves_the_call_where_it_was():
    async with House(agents=2) as house:
        first, second, attempt = await talking(house)
        house.pbx.listening = False
        house.pbx.lose_seat(second.leg)  # and the engine hasn't heard of it
        house.pbx.listening = True
        await house.flow.transferring.start(first.agent, second.agent, warm=False)
        await house.run(1.0, act=False)
        assert has(first, attempt)
        assert second.work is Work.READY
        assert attempt.state is State.TALKING
        assert house.tally.transfers == {("k", "blind", "failed"): 1}


async def test_a_debtor_who_hangs_up_on_hold_leaves_both_agents_free():
    async with House(agents=2) as house:
        first, second, attempt = await talking(house)
        await house.flow.transferring.start(first.agent, second.agent, warm=True)
        await house.run(1.0, act=False)
        house.flow.end_call(first.agent)
        await house.run(1.0, act=False)
        assert (first.work, first.seat, first.attempt) == (Work.WRAPPING, Seat.IDLE, attempt.id)
        assert second.free
        assert house.tally.transfers == {("k", "warm", "hung_up"): 1}


@pytest.mark.parametrize("came_in", [False, True], ids=["ours", "came in"])
@pytest.mark.parametrize("when", ["on hold", "handed over"])
async def test_a_restart_finds_the_call_with_whom_it_is(when, came_in):
    async with House(agents=2) as house:
        first, second, attempt = await talking(house, came_in=came_in)
        await house.flow.transferring.start(first.agent, second.agent, warm=True)
        await house.run(1.0, act=False)
        if when == "handed over":
            house.pbx.listening = False
            await house.flow.transferring.hand_over(first.agent)
            await asyncio.sleep(1.0)
        await house.die()
        async with House(agents=2, record=house.record, pbx=house.pbx) as again:
            await again.run(1.0, act=False)
            mine, other = (again.roster.session(one.agent) for one in (first, second))
            talks, rests = (other, mine) if when == "handed over" else (mine, other)
            assert (talks.work, talks.attempt) == (Work.TALKING, attempt.id)
            assert rests.attempt is None
            await again.run(60.0)
            assert [one.work for one in again.roster if one.work is not Work.READY] in ([], [Work.WRAPPING])
            assert again.record.outcomes[attempt.id].agent == talks.agent


async def lost(*_):
    raise PbxUnsureError("the connection was lost before the PBX answered")


async def test_after_a_hand_over_that_never_reached_the_pbx_the_call_is_the_first_agents():
    async with House(agents=2) as house:
        first, second, attempt = await talking(house)
        await house.flow.transferring.start(first.agent, second.agent, warm=True)
        house.pbx.transfer, transfer = lost, house.pbx.transfer
        with pytest.raises(PbxUnsureError):
            await house.flow.transferring.hand_over(first.agent)
        house.pbx.transfer = transfer
        await house.run(HOLD_SECONDS + 1, act=False)
        assert has(first, attempt)
        assert second.free
        assert house.record.history == []


@pytest.mark.parametrize("warm", [False, True], ids=["blind", "warm"])
async def test_after_a_start_that_never_reached_the_pbx_the_second_agent_is_free(warm):
    async with House(agents=2) as house:
        first, second, attempt = await talking(house)
        house.pbx.transfer = house.pbx.consult = lost
        with pytest.raises(PbxUnsureError):
            await house.flow.transferring.start(first.agent, second.agent, warm=warm)
        assert not second.free
        await house.recovery.reconcile()
        assert second.free
        assert has(first, attempt)


@pytest.mark.parametrize("sure", [True, False], ids=["acknowledged", "unsure"])
async def test_what_came_of_a_transfer_while_the_link_was_away_is_found(sure):
    async with House(agents=2) as house:
        first, second, attempt = await talking(house)
        await house.flow.transferring.start(first.agent, second.agent, warm=True)
        house.pbx.listening, house.pbx.lose_replies = False, not sure
        if sure:
            await asyncio.sleep(HOLD_SECONDS + 1)
        else:
            with pytest.raises(PbxUnsureError):
                await house.flow.transferring.hand_over(first.agent)
            await asyncio.sleep(1.0)
        house.pbx.listening, house.pbx.lose_replies = True, False
        await house.recovery.reconcile()
        talks, rests = (first, second) if sure else (second, first)
        assert has(talks, attempt)
        assert rests.attempt is None
        assert rests.free is sure
        with pytest.raises(AgentError, match="can't take"):  # not: is being transferred already
            await house.flow.transferring.start(talks.agent, talks.agent, warm=False)


async def test_a_transfer_just_asked_for_is_left_to_the_pbx(monkeypatch):
    async with House(agents=2) as house:
        first, second, attempt = await talking(house)
        monkeypatch.setattr("dialer.testing.fake_pbx.BRIDGE_SECONDS", 0.5)
        asked = asyncio.create_task(house.recovery.reconcile())
        await asyncio.sleep(0)
        await house.flow.transferring.start(first.agent, second.agent, warm=False)
        await asked
        await house.run(1.0, act=False)
        assert has(second, attempt)


@pytest.mark.parametrize("came_in", [False, True], ids=["ours", "came in"])
@pytest.mark.parametrize("sure", [True, False], ids=["acknowledged", "unsure"])
async def test_a_debtor_found_on_the_way_to_the_second_agent_arrives(sure, came_in, monkeypatch):
    async with House(agents=2) as house:
        first, second, attempt = await talking(house, came_in=came_in)
        monkeypatch.setattr("dialer.testing.fake_pbx.BRIDGE_SECONDS", 0.5)
        house.pbx.lose_replies = not sure
        with nullcontext() if sure else pytest.raises(PbxUnsureError):
            await house.flow.transferring.start(first.agent, second.agent, warm=False)
        house.pbx.lose_replies = False
        await asyncio.sleep(0.1)
        await house.recovery.reconcile()
        await house.run(5.0, act=False)
        assert has(second, attempt)
        assert attempt.state is State.TALKING


@pytest.mark.parametrize("heard_of", [True, False], ids=["told", "found after a reconnect"])
async def test_who_listens_to_the_second_agent_is_on_record_as_having_heard_the_debtor(heard_of):
    async with House(agents=2, boss=True) as house:
        first, second, attempt = await talking(house)
        await house.listenings.start("boss", second.agent, SpyMode.LISTEN, "boss")
        await house.run(1.0, act=False)
        assert house.record.views == []
        house.pbx.listening = heard_of
        await house.flow.transferring.start(first.agent, second.agent, warm=False)
        await asyncio.sleep(1.0)
        house.pbx.listening = True
        await house.recovery.reconcile()
        await house.recovery.reconcile()
        assert has(second, attempt)
        assert house.record.views == [(attempt.intent.case_id, "boss", "listening")]


@pytest.mark.parametrize("when", ["joined", "found after a reconnect", "found after a restart", "listens later"])
async def test_who_listens_to_the_third_is_on_record_as_having_heard_the_debtor(when):
    async with House(agents=2, boss=True) as house:
        first, second, attempt = await talking(house)
        if when != "listens later":
            await house.listenings.start("boss", second.agent, SpyMode.LISTEN, "boss")
            await house.run(1.0, act=False)
        await house.flow.transferring.start(first.agent, second.agent, warm=True)
        await house.run(1.0, act=False)
        assert house.record.views == []
        house.pbx.listening = "found" not in when
        await house.flow.transferring.join(first.agent)
        await asyncio.sleep(6.0)
        if when == "listens later":
            await house.listenings.start("boss", second.agent, SpyMode.LISTEN, "boss")
            await house.run(1.0, act=False)
        heard = (attempt.intent.case_id, "boss", "listening")
        if "restart" in when:
            await house.die()
            async with House(agents=2, boss=True, record=house.record, pbx=house.pbx) as again:
                await again.run(1.0, act=False)
                assert again.record.views == [heard]
            return
        house.pbx.listening = True
        await house.recovery.reconcile()
        await house.recovery.reconcile()
        assert house.record.views == [heard]


async def test_what_cannot_be_is_refused_in_words():
    async with House(agents=3) as house:
        first, second, _ = await talking(house)
        start = house.flow.transferring.start
        with pytest.raises(AgentError, match="on no call"):
            await start(second.agent, first.agent, warm=True)
        with pytest.raises(AgentError, match="talking"):
            await start(first.agent, first.agent, warm=True)
        with pytest.raises(AgentError, match="no other agent"):
            await house.flow.transferring.hand_over(first.agent)
        second.campaigns = frozenset({"other"})
        with pytest.raises(AgentError, match="not of k"):
            await start(first.agent, second.agent, warm=True)
        second.campaigns = frozenset({"k"})
        house.pbx.up = False
        with pytest.raises(PbxAwayError):
            await start(first.agent, second.agent, warm=True)
        assert second.free
        house.pbx.up = True
        await start(first.agent, second.agent, warm=True)
        third = next(one for one in house.roster if one.free)
        with pytest.raises(AgentError, match="already"):
            await start(first.agent, third.agent, warm=True)


async def test_a_caller_is_transferred_once_it_is_said_whose_call_it_is():
    async with House(agents=2) as house:
        await house.cases(Behaviour.PERSON)
        await house.staff()
        id_ = house.ids.inbound(house.clock.now())
        house.pbx.call_in(id_, OURS)
        await house.run(1.0, act=False)
        first = house.roster.of_attempt(id_)
        second = next(one for one in house.roster if one is not first)
        with pytest.raises(AgentError, match="nobody has said whose"):
            await house.flow.transferring.start(first.agent, second.agent, warm=True)
        assert second.free
        await house.flow.receiving.identify(first.agent, 1)
        await house.flow.transferring.start(first.agent, second.agent, warm=False)
        await house.run(1.0, act=False)
        assert has(second, house.live.get(id_))


async def three(house, *, came_in=False):
    """The two agents and the debtor speak."""
    first, second, attempt = await talking(house, came_in=came_in)
    await house.flow.transferring.start(first.agent, second.agent, warm=True)
    await house.run(1.0, act=False)
    await house.flow.transferring.join(first.agent)
    await house.run(60.0, act=False)  # no hold runs
    assert has(first, attempt)
    assert second.work is Work.RESERVED
    return first, second, attempt


@pytest.mark.parametrize("who", ["taken back", "second phone dies", "first phone dies", "debtor"])
@pytest.mark.parametrize("came_in", [False, True], ids=["ours", "came in"])
async def test_three_speak_until_one_of_them_leaves(who, came_in):
    async with House(agents=2) as house:
        first, second, attempt = await three(house, came_in=came_in)
        with pytest.raises(AgentError, match="on hold"):
            await house.flow.transferring.hand_over(first.agent)
        match who:
            case "taken back":
                await house.flow.transferring.take_back(first.agent)
            case "second phone dies":
                house.pbx.lose_seat(second.leg)
            case "first phone dies":
                house.pbx.lose_seat(first.leg)
            case "debtor":
                house.flow.end_call(first.agent)
        await house.run(5.0, act=False)
        if who == "debtor":
            assert (first.work, first.seat) == (Work.WRAPPING, Seat.IDLE)
            assert attempt.state is State.ENDED
        elif who == "first phone dies":
            assert has(second, attempt)
            assert agent_on_record(house, attempt) == second.agent
        else:
            assert has(first, attempt)
        assert second.free is (who != "first phone dies")
        results = {"debtor": "hung_up", "first phone dies": "handed_over"}
        assert house.tally.transfers == {("k", "warm", results.get(who, "joined")): 1}


@pytest.mark.parametrize("again", [False, True], ids=["reconnect", "restart"])
async def test_three_are_found_as_three(again):
    async with House(agents=2) as house:
        first, second, attempt = await three(house)
        if not again:
            await house.recovery.reconcile()
            assert has(first, attempt)
            assert second.work is Work.RESERVED
            await house.flow.transferring.take_back(first.agent)
            await house.run(5.0, act=False)
            assert has(first, attempt)
            assert second.free
            return
        await house.die()
        async with House(agents=2, record=house.record, pbx=house.pbx) as other:
            await other.run(1.0, act=False)
            mine, theirs = (other.roster.session(one.agent) for one in (first, second))
            assert (mine.work, mine.attempt) == (Work.TALKING, attempt.id)
            assert theirs.attempt is None
            assert not theirs.free
            other.flow.end_call(mine.agent)
            await other.run(2.0, act=False)
            assert mine.work is Work.WRAPPING
            assert theirs.free


async def test_a_second_agent_who_is_gone_at_the_joining_leaves_the_debtor_with_the_first():
    async with House(agents=2) as house:
        first, second, attempt = await talking(house)
        await house.flow.transferring.start(first.agent, second.agent, warm=True)
        await house.run(1.0, act=False)
        house.pbx.listening = False
        house.pbx.lose_seat(second.leg)  # and the engine hasn't heard of it
        house.pbx.listening = True
        await house.flow.transferring.join(first.agent)
        await house.run(1.0, act=False)
        await house.recovery.reconcile()
        await house.run(5.0, act=False)
        assert has(first, attempt)
        assert second.attempt is None

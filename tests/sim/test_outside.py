"""Somebody outside is called into a debtor's call, under virtual time: who has the call, what is on record, what may be rung."""

import asyncio
from contextlib import nullcontext
from dataclasses import replace

import pytest

from dialer.agents.roster import AgentError
from dialer.agents.session import Seat, Work
from dialer.calls.attempt import State
from dialer.calls.recording import What
from dialer.campaigns.campaign import CampaignSignal, Destination
from dialer.kernel.errors import PbxAwayError, PbxUnsureError
from dialer.testing.public import Behaviour
from tests.sim.house import TRUNK, House
from tests.sim.test_transferring import agent_on_record, has, talking

pytestmark = pytest.mark.virtual_time
HOLD_SECONDS = 120.0
OFFICE, BUSY, SILENT = "+390612340010", "+390612340012", "+390612340014"
DEBTORS = "+393477777710"
DESTINATIONS = {
    "office": Destination(OFFICE, "the creditor's office"),
    "busy": Destination(BUSY, "busy"),
    "silent": Destination(SILENT, "never answers"),
    "debtor": Destination(DEBTORS, "a debtor's number, by mistake"),
}


def house(**how):
    return House(**{"agents": 2, "boss": True, "destinations": DESTINATIONS} | how)


async def speaking(it, to="office", *, came_in=False):
    """An agent speaks with somebody outside, the debtor on hold: the agent, and the debtor's call."""
    first, _, attempt = await talking(it, came_in=came_in)
    if came_in:
        await it.start()
    await it.flow.transferring.start(first.agent, to, warm=True)
    await it.run(1.0, act=False)
    return first, attempt


def counted(it):
    return {(kind, result): count for (_, kind, result), count in it.tally.transfers.items()}


def held_channels(it):
    return sum(state.held + state.outside for state in it.trunks)


@pytest.mark.parametrize("came_in", [False, True], ids=["ours", "came in"])
@pytest.mark.parametrize("to", ["office", "boss"])
async def test_left_to_a_party_the_call_goes_on_without_its_agent_who_writes_it_up(to, came_in):
    async with house() as it:
        first, attempt = await speaking(it, to, came_in=came_in)
        (call,) = it.record.outside.kept.values()
        assert (call.intent.attempt, call.intent.agent, call.intent.to) == (attempt.id, first.agent, to)
        assert call.bridged_at is not None
        assert it.pbx.outside_calls == [(call.leg, OFFICE if to == "office" else None, call.intent.trunk)]
        assert held_channels(it) == (to == "office")
        assert first.work is Work.TALKING
        await it.flow.transferring.hand_over(first.agent)
        await it.run(1.0, act=False)
        assert (first.work, first.seat, first.attempt) == (Work.WRAPPING, Seat.IDLE, attempt.id)
        assert attempt.state is State.TALKING
        assert call.handed_over_at is not None
        (entry,) = it.record.history
        assert first.agent in entry.text
        assert counted(it) == {("outside", "handed_over"): 1}
        with pytest.raises(AgentError, match="left to"):
            it.flow.end_call(first.agent)
        await it.flow.write_up(first.agent, "refuses", "")
        it.flow.wrap_up.finish(first.agent)
        await it.run(30.0, act=False)
        assert attempt.state is State.TALKING
        (it.pbx.caller_hangs_up if came_in else it.pbx.lose_outside)(attempt.id if came_in else call.leg)
        await it.run(1.0, act=False)
        assert attempt.state is State.ENDED
        assert call.ended_at is not None
        assert held_channels(it) == 0
        assert it.pbx.outside == {}
        assert agent_on_record(it, attempt) == first.agent
        assert it.record.outcomes[attempt.id].code == "refuses"
        assert counted(it) == {("outside", "handed_over"): 1}


async def recorded(it, attempt):
    """Whether the recording hears, and what is on record of it: who did what."""
    told = [(moment.what.value, moment.by) for moment in await it.recordings.moments(attempt.id)]
    return not it.pbx._trunks[attempt.id].muted, told


@pytest.mark.parametrize("came_in", [False, True], ids=["ours", "came in"])
async def test_left_to_a_party_nothing_is_recorded_and_the_agent_who_left_cant_let_it_begin(came_in):
    async with house(records=True) as it:
        first, attempt = await speaking(it, came_in=came_in)
        await it.flow.transferring.take_back(first.agent)
        await it.run(1.0, act=False)
        agent = first.agent
        await it.flow.recordings.begin(agent, What.CONSENTED)
        heard, told = await recorded(it, attempt)
        assert heard
        await it.flow.transferring.start(agent, "office", warm=True)
        await it.run(1.0, act=False)
        await it.flow.transferring.hand_over(agent)
        await it.run(1.0, act=False)
        assert it.flow.outside.whose(attempt.id) == "office"
        assert await recorded(it, attempt) == (False, [*told, ("paused", "engine")])
        for word in (
            it.flow.recordings.resume(agent),
            it.flow.recordings.pause(agent),
            it.flow.recordings.begin(agent, What.CONSENTED),
        ):
            with pytest.raises(AgentError, match="talks to nobody"):
                await word
        assert await recorded(it, attempt) == (False, [*told, ("paused", "engine")])


async def test_a_recording_that_was_never_begun_stays_held_with_the_party():
    async with house(records=True) as it:
        first, attempt = await speaking(it)
        await it.flow.transferring.hand_over(first.agent)
        await it.run(1.0, act=False)
        with pytest.raises(AgentError, match="talks to nobody"):
            await it.flow.recordings.begin(first.agent, What.CONSENTED)
        assert await recorded(it, attempt) == (False, [("held", "engine")])


@pytest.mark.parametrize("paused", [False, True])
async def test_a_debtor_who_comes_back_is_heard_again_unless_the_agent_had_paused(paused):
    async with house(records=True) as it:
        first, attempt = await speaking(it)
        await it.flow.recordings.begin(first.agent, What.CONSENTED)
        if paused:
            await it.flow.recordings.pause(first.agent)
        it.pbx.listening = False
        it.pbx.lose_outside(next(iter(it.pbx.outside)))  # and the engine hasn't heard of it
        it.pbx.listening = True
        await it.flow.transferring.hand_over(first.agent)
        await it.run(1.0, act=False)
        assert has(first, attempt)
        heard, told = await recorded(it, attempt)
        assert heard is not paused
        assert told[3:] == ([("paused", first.agent)] if paused else [("paused", "engine"), ("resumed", "engine")])


async def test_where_the_pause_cant_be_put_on_record_the_debtor_stays_on_hold():
    async with house(records=True) as it:
        first, attempt = await speaking(it)
        await it.flow.recordings.begin(first.agent, What.CONSENTED)
        add, it.recordings.add = it.recordings.add, away
        with pytest.raises(PbxAwayError):
            await it.flow.transferring.hand_over(first.agent)
        it.recordings.add = add
        await it.run(HOLD_SECONDS, act=False)
        assert has(first, attempt)
        heard, told = await recorded(it, attempt)
        assert heard
        assert told[3:] == []


@pytest.mark.parametrize("why", ["taken back", "time over", "party hangs up", "busy", "no answer"])
async def test_the_debtor_comes_back_to_the_agent_and_the_party_is_let_go(why):
    async with house() as it:
        to = {"busy": "busy", "no answer": "silent"}.get(why, "office")
        first, attempt = await speaking(it, to)
        if why == "taken back":
            await it.flow.transferring.take_back(first.agent)
        elif why == "party hangs up":
            it.pbx.lose_outside(next(iter(it.pbx.outside)))
        elif why in ("time over", "no answer"):
            with pytest.raises(AgentError):
                await it.flow.transferring.start(first.agent, "office", warm=True)
            await it.run(HOLD_SECONDS, act=False)
        await it.run(1.0, act=False)
        assert has(first, attempt)
        assert it.pbx.outside == {}
        assert held_channels(it) == 0
        (call,) = it.record.outside.kept.values()
        assert call.ended_at is not None
        assert call.handed_over_at is None
        failed = why in ("busy", "no answer")
        assert counted(it) == {("outside", "failed" if failed else "taken_back"): 1}
        assert it.record.history == []


async def test_a_debtor_who_hangs_up_on_hold_leaves_the_agent_free_to_write_up():
    async with house() as it:
        first, attempt = await speaking(it)
        it.flow.end_call(first.agent)
        await it.run(1.0, act=False)
        assert (first.work, first.seat, first.attempt) == (Work.WRAPPING, Seat.IDLE, attempt.id)
        assert it.pbx.outside == {}
        assert counted(it) == {("outside", "hung_up"): 1}


async def test_a_debtor_waits_for_an_agents_lost_phone():
    async with house() as it:
        first, attempt = await speaking(it)
        it.pbx.lose_seat(first.leg)
        await it.run(6.0, act=False)
        assert has(first, attempt)
        assert it.pbx.outside == {}


async def test_a_party_who_is_gone_at_the_hand_over_leaves_the_call_with_the_agent():
    async with house() as it:
        first, attempt = await speaking(it)
        it.pbx.listening = False
        it.pbx.lose_outside(next(iter(it.pbx.outside)))  # and the engine hasn't heard of it
        it.pbx.listening = True
        await it.flow.transferring.hand_over(first.agent)
        await it.run(1.0, act=False)
        assert has(first, attempt)
        await it.recovery.reconcile()
        assert held_channels(it) == 0


@pytest.mark.parametrize("when", ["ringing", "speaking", "handed over", "handed over unheard"])
async def test_a_restart_finds_the_call_with_whom_it_is(when):
    async with house() as it:
        first, second, attempt = await talking(it)
        await it.flow.transferring.start(first.agent, "silent" if when == "ringing" else "office", warm=True)
        await it.run(1.0, act=False)
        it.pbx.listening = when != "handed over unheard"
        if when.startswith("handed over"):
            await it.flow.transferring.hand_over(first.agent)
            await asyncio.sleep(1.0)
        await it.die()
        async with house(record=it.record, pbx=it.pbx) as again:
            await again.run(1.0, act=False)
            mine = again.roster.session(first.agent)
            talk = again.live.get(attempt.id)
            if when.startswith("handed over"):
                assert (mine.work, mine.attempt) == (Work.WRAPPING, attempt.id)
                assert held_channels(again) == 1
                again.pbx.lose_outside(next(iter(again.pbx.outside)))
                await again.run(1.0, act=False)
                assert talk.state is State.ENDED
            else:
                assert has(mine, talk)
            assert again.pbx.outside == {}
            assert held_channels(again) == 0
            (call,) = again.record.outside.kept.values()
            assert call.ended_at is not None
            assert (call.handed_over_at is not None) is when.startswith("handed over")
            assert again.roster.session(second.agent).free


async def test_after_a_restart_who_left_a_call_is_on_the_next_one_and_writes_that_up():
    async with house(agents=1) as it:
        await it.cases(Behaviour.PERSON, Behaviour.PERSON)
        await it.staff()
        caller = it.ids.inbound(it.clock.now())
        it.pbx.call_in(caller, "+390612345678", it.record.cases[1].new.numbers[0])
        await it.run(1.0, act=False)
        await it.start()
        await it.flow.transferring.start("agent0", "office", warm=True)
        await it.run(1.0, act=False)
        await it.flow.transferring.hand_over("agent0")
        await it.run(1.0, act=False)
        await it.flow.write_up("agent0", "refuses", "")
        it.flow.wrap_up.finish("agent0")
        agent = it.roster.session("agent0")
        async with asyncio.timeout(60):
            while agent.work is not Work.TALKING:
                await it.run(0.25, act=False)
        assert (other := agent.attempt) != caller
        await it.die()
        async with house(agents=1, record=it.record, pbx=it.pbx) as again:
            await again.run(1.0, act=False)
            mine = again.roster.session("agent0")
            assert (mine.work, mine.attempt) == (Work.TALKING, other)
            again.flow.end_call("agent0")
            await again.run(1.0, act=False)
            assert (mine.work, mine.attempt) == (Work.WRAPPING, other)


async def test_a_pick_up_that_nobody_heard_is_found():
    async with house() as it:
        first, _, attempt = await talking(it)
        await it.flow.transferring.start(first.agent, "office", warm=True)
        it.pbx.listening = False
        await asyncio.sleep(1.0)
        it.pbx.listening = True
        await it.recovery.reconcile()
        assert it.flow.outside.awaited() == []
        await it.flow.transferring.hand_over(first.agent)
        await it.run(1.0, act=False)
        assert it.flow.outside.whose(attempt.id) == "office"


async def test_a_party_who_is_gone_is_not_taken_for_one_who_speaks(monkeypatch):
    async with house() as it:
        first, _, attempt = await talking(it)
        await it.flow.transferring.start(first.agent, "silent", warm=True)
        await it.run(38.0, act=False)
        with monkeypatch.context() as without:
            without.setattr(it.pbx, "transfer", lost)
            with pytest.raises(PbxUnsureError):
                await it.flow.transferring.take_back(first.agent)
            await it.run(6.0, act=False)
        assert it.pbx.outside == {}
        await it.recovery.reconcile()
        with pytest.raises(AgentError):
            await it.flow.transferring.hand_over(first.agent)
        await it.run(1.0, act=False)
        assert has(first, attempt)


async def test_whom_the_gate_doesnt_let_through_the_pbx_never_hears_of():
    async with house() as it:
        first, _, attempt = await talking(it)
        await it.cases(Behaviour.PERSON)
        it.record.cases[2].new = replace(it.record.cases[2].new, numbers=(DEBTORS,))
        start = it.flow.transferring.start

        async def refused(to, words):
            with pytest.raises(AgentError, match=words):
                await start(first.agent, to, warm=True)
            assert has(first, attempt)

        await refused("debtor", "a debtor's")
        await it.run(0.1, act=False)
        (entry,) = it.record.history
        assert (entry.case_id, entry.recorded_by) == (attempt.intent.case_id, first.agent)
        assert "debtor may not be called: " in entry.text
        it.forbid(OFFICE)
        await refused("office", "opt|asked not")
        it.record.outside.away = True
        await refused("busy", "record can't be written")
        it.record.outside.away = False
        it.gate.pbx_ready = False
        await refused("boss", "PBX is away")
        it.gate.pbx_ready = True
        await it.flow.command(it.campaign, CampaignSignal.HALT)
        await refused("busy", "halted")
        assert it.pbx.outside_calls == []
        assert it.record.outside.kept == {}
        assert held_channels(it) == 0
        with pytest.raises(AgentError, match="tell them first"):
            await start(first.agent, "boss", warm=False)


@pytest.mark.parametrize("when", ["before it is called", "as it is called", "ringing"])
async def test_a_halt_ends_the_call_to_a_party_who_has_not_answered(when):
    async with house() as it:
        first, _, attempt = await talking(it)
        step = {"before it is called": "hold_for_outside", "as it is called": "call_outside"}.get(when, "")

        async def halted_meanwhile(*about):
            await asked(*about)
            await it.flow.command(it.campaign, CampaignSignal.HALT)

        if step:
            asked = getattr(it.pbx, step)
            setattr(it.pbx, step, halted_meanwhile)
        refused = when == "before it is called"
        with pytest.raises(AgentError, match="halted") if refused else nullcontext():
            await it.flow.transferring.start(first.agent, "silent", warm=True)
        await it.run(1.0, act=False)
        if when == "ringing":
            await it.flow.command(it.campaign, CampaignSignal.HALT)
        await it.run(6.0, act=False)
        assert len(it.pbx.outside_calls) == (not refused)
        assert it.pbx.outside == {}
        assert has(first, attempt)
        assert held_channels(it) == 0
        assert counted(it) == {("outside", "failed"): 1}


async def test_a_halt_leaves_a_party_who_has_answered():
    async with house() as it:
        first, attempt = await speaking(it)
        await it.flow.command(it.campaign, CampaignSignal.HALT)
        await it.run(10.0, act=False)
        await it.flow.transferring.hand_over(first.agent)
        await it.run(1.0, act=False)
        assert it.flow.outside.whose(attempt.id) == "office"


async def test_a_trunk_that_is_full_takes_no_party():
    async with house(trunks=(replace(TRUNK, channels=1),)) as it:
        first, _, attempt = await talking(it)
        with pytest.raises(AgentError, match="full"):
            await it.flow.transferring.start(first.agent, "office", warm=True)
        assert has(first, attempt)


async def lost(*_):
    raise PbxUnsureError("the connection was lost before the PBX answered")


async def away(*_):
    raise PbxAwayError("not connected to the PBX")


@pytest.mark.parametrize("step", ["hold_for_outside", "call_outside"])
@pytest.mark.parametrize("how", [lost, away], ids=["lost", "away"])
async def test_what_never_reached_the_pbx_brings_the_debtor_back(step, how):
    async with house() as it:
        first, _, attempt = await talking(it)
        setattr(it.pbx, step, how)
        with pytest.raises((PbxUnsureError, PbxAwayError)):
            await it.flow.transferring.start(first.agent, "office", warm=True)
        await it.run(HOLD_SECONDS + 31.0, act=False)
        await it.recovery.reconcile()
        assert has(first, attempt)
        assert attempt.id not in it.flow.outside
        assert held_channels(it) == 0


@pytest.mark.parametrize("who", ["taken back", "party", "agent's phone", "debtor"])
async def test_three_speak_until_one_of_them_leaves(who):
    async with house() as it:
        first, attempt = await speaking(it)
        await it.flow.transferring.join(first.agent)
        await it.run(HOLD_SECONDS + 1, act=False)  # no hold runs
        assert has(first, attempt)
        assert len(it.pbx.outside) == 1
        with pytest.raises(AgentError, match="isn't alone"):
            await it.flow.transferring.hand_over(first.agent)
        await it.recovery.reconcile()
        assert has(first, attempt)
        match who:
            case "taken back":
                await it.flow.transferring.take_back(first.agent)
            case "party":
                it.pbx.lose_outside(next(iter(it.pbx.outside)))
            case "agent's phone":
                it.pbx.lose_seat(first.leg)
            case "debtor":
                it.flow.end_call(first.agent)
        await it.run(5.0, act=False)
        if who in ("taken back", "party"):
            assert has(first, attempt)
        else:
            assert attempt.state is State.ENDED
            assert first.work is Work.WRAPPING
        assert it.pbx.outside == {}
        assert held_channels(it) == 0
        gone = who in ("agent's phone", "debtor")
        assert counted(it) in ({("outside", "hung_up" if gone else "joined"): 1}, {("outside", "joined"): 1})


async def test_a_restart_finds_three_as_three():
    async with house() as it:
        first, attempt = await speaking(it)
        await it.flow.transferring.join(first.agent)
        await it.run(1.0, act=False)
        await it.die()
        async with house(record=it.record, pbx=it.pbx) as again:
            await again.run(1.0, act=False)
            mine = again.roster.session(first.agent)
            assert (mine.work, mine.attempt) == (Work.TALKING, attempt.id)
            assert held_channels(again) == 1
            await again.flow.transferring.take_back(mine.agent)
            await again.run(2.0, act=False)
            assert (mine.work, mine.attempt) == (Work.TALKING, attempt.id)
            assert again.live.get(attempt.id).state is State.TALKING
            assert again.pbx.outside == {}
            assert held_channels(again) == 0

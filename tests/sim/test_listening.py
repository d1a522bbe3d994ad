"""A supervisor on an agent's line, under virtual time: what is on record, and that the agent's work isn't touched."""

import asyncio

import pytest

from dialer.agents.listening import ENGINE, Ended, Supervising
from dialer.agents.roster import AgentError
from dialer.agents.session import Work
from dialer.kernel.errors import AwayError, PbxAwayError, UnknownNameError
from dialer.kernel.events import SpyMode
from dialer.testing.public import Behaviour
from tests.sim.house import SUPERVISING, House

pytestmark = pytest.mark.virtual_time
LISTEN, WHISPER, BARGE = SpyMode.LISTEN, SpyMode.WHISPER, SpyMode.BARGE


def kept(house):
    (one,) = house.record.listenings.kept.values()
    return one


def modes(one):
    return [(turn.mode, turn.on_at is not None) for turn in one.turns]


async def talking(house, *behaviours):
    """The one agent talks."""
    await house.begin(*(behaviours or (Behaviour.PERSON,)))
    agent = house.roster.session("agent0")
    async with asyncio.timeout(60):
        while agent.work is not Work.TALKING:
            await house.run(0.25, act=False)
    return agent


async def next_call(house, agent):
    """The call ends, and the agent talks on another."""
    first = agent.attempt
    house.flow.end_call(agent.agent)
    async with asyncio.timeout(120):
        while agent.work is not Work.TALKING or agent.attempt == first:
            await house.run(0.25)


async def test_all_of_it_is_on_record_before_the_phone_rings():
    async with House(agents=1, boss=True) as house:
        await house.staff()
        house.record.listenings.away = True
        with pytest.raises(AwayError):
            await house.listenings.start("boss", "agent0", LISTEN, "boss via desk")
        await house.run(1.0)
        assert house.pbx.spies == {}
        house.record.listenings.away = False
        await house.listenings.start("boss", "agent0", LISTEN, "boss via desk")
        assert house.pbx.spies == {}
        one = kept(house)
        assert (one.supervisor, one.agent, one.basis, one.agent_told) == ("boss", "agent0", SUPERVISING.basis, True)
        assert modes(one) == [(LISTEN, False)]
        await house.run(1.0)
        assert modes(one) == [(LISTEN, True)]
        assert one.last.asked_by == "boss via desk"
        house.record.listenings.away = True
        with pytest.raises(AwayError):
            await house.listenings.switch("boss", WHISPER, "boss")
        await house.run(1.0)
        assert {spy.mode for spy in house.pbx.spies.values()} == {LISTEN}


async def test_it_follows_the_agent_and_a_barge_ends_with_its_call():
    async with House(agents=1, boss=True) as house:
        agent = await talking(house, Behaviour.PERSON, Behaviour.PERSON)
        await house.listenings.start("boss", "agent0", BARGE, "boss")
        await house.run(1.0, act=False)
        assert agent.heard_by == ("boss (barge)",)
        await next_call(house, agent)
        one = kept(house)
        assert modes(one) == [(LISTEN, True), (BARGE, True), (LISTEN, True)]
        assert one.last.asked_by == ENGINE
        assert agent.heard_by == ("boss (listen)",)
        heard = [case for case, by, how in house.record.views if (by, how) == ("boss", "listening")]
        assert len(heard) == len(set(heard)) == 2
        await house.listenings.stop("boss")
        await house.run(1.0, act=False)
        assert (one.ended, agent.heard_by, agent.work) == (Ended.SEEN, (), Work.TALKING)


@pytest.mark.parametrize("now", [Supervising(), Supervising(SUPERVISING.basis)], ids=["no basis", "no supervisor"])
async def test_who_may_listen_no_more_is_hung_up_on_and_changes_nothing_until_then(now):
    async with House(agents=1, boss=True) as house:
        agent = await talking(house)
        await house.listenings.start("boss", "agent0", LISTEN, "boss")
        await house.run(1.0, act=False)
        house.listenings.take_up(now)
        with pytest.raises((AgentError, UnknownNameError)):
            await house.listenings.switch("boss", WHISPER, "boss")
        await house.run(1.0, act=False)
        one = kept(house)
        assert (modes(one), one.ended, agent.work) == ([(LISTEN, True)], Ended.SEEN, Work.TALKING)


async def test_who_may_listen_no_more_is_hung_up_on_however_long_the_pbx_was_away(monkeypatch):
    async with House(agents=1, boss=True) as house:
        await talking(house)
        await house.listenings.start("boss", "agent0", LISTEN, "boss")
        await house.run(1.0, act=False)

        async def away(_):
            raise PbxAwayError("away")

        with monkeypatch.context() as gone:
            gone.setattr(house.pbx, "hang_up", away)
            house.listenings.take_up(Supervising())
            await house.run(1.0, act=False)
        assert kept(house).ended is None
        house.listenings.reconcile({kept(house).leg: True}, house.listenings.legs(), house.clock.now())
        await house.run(1.0, act=False)
        assert kept(house).ended is Ended.SEEN


async def test_a_barge_that_comes_on_after_its_call_is_ended():
    async with House(agents=1, boss=True) as house:
        await talking(house)
        await house.listenings.start("boss", "agent0", LISTEN, "boss")
        await house.run(1.0, act=False)
        asking = asyncio.create_task(house.listenings.switch("boss", BARGE, "boss"))
        house.flow.end_call("agent0")
        await asking
        await house.run(1.0, act=False)
        assert modes(kept(house)) == [(LISTEN, True), (BARGE, True), (LISTEN, True)]


async def test_who_picks_up_in_the_next_call_does_not_barge_into_it(monkeypatch):
    async with House(agents=1, boss=True) as house:
        agent = await talking(house, Behaviour.PERSON, Behaviour.PERSON)
        monkeypatch.setattr("dialer.testing.fake_pbx.PHONE_SECONDS", 15.0)
        await house.listenings.start("boss", "agent0", BARGE, "boss")
        await next_call(house, agent)
        assert modes(kept(house)) == [(LISTEN, False)]
        await house.run(15.0, act=False)
        assert modes(kept(house)) == [(LISTEN, True)]
        assert {spy.mode for spy in house.pbx.spies.values()} == {LISTEN}


async def test_a_barge_whose_call_ends_while_the_record_is_slow_does_not_come_on():
    async with House(agents=1, boss=True) as house:
        agent = await talking(house, Behaviour.PERSON, Behaviour.PERSON)
        await house.listenings.start("boss", "agent0", LISTEN, "boss")
        await house.run(1.0, act=False)
        turn, written = house.record.listenings.turn, asyncio.Event()

        async def slow(*turned):
            await written.wait()
            await turn(*turned)

        house.record.listenings.turn = slow
        asking = asyncio.create_task(house.listenings.switch("boss", BARGE, "boss"))
        await next_call(house, agent)
        written.set()
        with pytest.raises(AgentError, match="just ended"):
            await asking
        await house.run(1.0, act=False)
        assert modes(kept(house)) == [(LISTEN, True), (BARGE, False), (LISTEN, True)]


@pytest.mark.parametrize("same", [True, False], ids=["same call", "another call"])
async def test_a_barge_found_after_a_reconnect_holds_in_its_own_call_alone(same):
    async with House(agents=1, boss=True) as house:
        agent = await talking(house)
        await house.listenings.start("boss", "agent0", BARGE, "boss")
        await house.run(10.0, act=False)
        if not same:
            agent.attempt = "dla-" + "0" * 26
        await house.recovery.reconcile()
        await house.run(0.1, act=False)
        assert kept(house).last.mode is (BARGE if same else LISTEN)


async def test_a_barge_outlives_the_engine_in_its_own_call():
    async with House(agents=1, boss=True) as house:
        await talking(house)
        await house.listenings.start("boss", "agent0", BARGE, "boss")
        await house.run(1.0, act=False)
        await house.die()
        await asyncio.sleep(10.0)
        async with House(agents=1, boss=True, record=house.record, pbx=house.pbx) as again:
            await again.run(1.0, act=False)
            assert kept(again).last.mode is BARGE
            again.flow.end_call("agent0")
            await again.run(1.0, act=False)
            assert modes(kept(again)) == [(LISTEN, True), (BARGE, True), (LISTEN, True)]


async def test_the_agents_work_goes_on_when_the_supervisors_leg_dies():
    async with House(agents=1, boss=True) as house:
        agent = await talking(house)
        listening = await house.listenings.start("boss", "agent0", WHISPER, "boss")
        await house.run(1.0, act=False)
        before = agent.work, agent.seat, agent.attempt, agent.leg
        house.pbx.lose_spy(listening.leg)
        await house.run(1.0, act=False)
        assert (agent.work, agent.seat, agent.attempt, agent.leg) == before
        assert kept(house).ended is Ended.SEEN
        await house.run(60.0)
        assert agent.work is Work.READY


async def test_who_does_not_pick_up_listened_to_nobody():
    async with House(agents=1, boss=True) as house:
        await house.staff()
        house.pbx.phones_answer = False
        await house.listenings.start("boss", "agent0", LISTEN, "boss")
        await house.run(25.0)
        assert modes(kept(house)) == [(LISTEN, False)]
        assert kept(house).ended is Ended.SEEN
        house.pbx.up = False
        with pytest.raises(PbxAwayError):
            await house.listenings.start("boss", "agent0", LISTEN, "boss")
        assert all(one.ended_at for one in house.record.listenings.kept.values())
        house.pbx.up = True


@pytest.mark.parametrize("away_seconds", [1.0, 30.0])
@pytest.mark.parametrize("gone", [True, False], ids=["leg gone", "leg lives"])
async def test_a_listening_outlives_the_engine_or_is_ended_by_the_next_one(gone, away_seconds):
    async with House(agents=1, boss=True) as house:
        await house.staff()
        listening = await house.listenings.start("boss", "agent0", LISTEN, "boss")
        await house.run(1.0)
        await house.die()
        await asyncio.sleep(away_seconds)
        if gone:
            house.pbx.lose_spy(listening.leg)
        async with House(agents=1, boss=True, record=house.record, pbx=house.pbx) as again:
            one = kept(again)
            if gone:
                assert one.ended is Ended.FOUND
                assert one.ended_at > one.last.on_at
                return
            assert one.ended_at is None
            assert again.roster.session("agent0").heard_by == ("boss (listen)",)
            await again.listenings.switch("boss", WHISPER, "boss")
            await again.run(1.0)
            assert modes(one) == [(LISTEN, True), (WHISPER, True)]


async def test_a_change_that_nobody_saw_come_ends_the_listening():
    """Between the disk and the PBX the engine dies: which mode holds isn't known."""
    async with House(agents=1, boss=True) as house:
        await talking(house)
        await house.listenings.start("boss", "agent0", LISTEN, "boss")
        await house.run(1.0, act=False)
        house.pbx.up = False
        with pytest.raises(PbxAwayError):
            await house.listenings.switch("boss", BARGE, "boss")
        await house.die()
        house.pbx.up = True
        await asyncio.sleep(30.0)
        async with House(agents=1, boss=True, record=house.record, pbx=house.pbx) as again:
            await again.run(1.0, act=False)
            assert again.pbx.spies == {}
            assert modes(kept(again)) == [(LISTEN, True), (BARGE, False)]
            assert kept(again).ended_at is not None


async def test_a_leg_that_is_nobodys_is_hung_up():
    async with House(agents=1, boss=True) as house:
        await house.staff()
        seat = house.roster.session("agent0").leg
        await house.pbx.spy("dlp-00000000000000000000000000", "PJSIP/boss", seat, LISTEN)
        await house.run(1.0)
        assert house.pbx.spies == {}


@pytest.mark.parametrize(
    ("supervisor", "agent", "mode", "error", "words"),
    [
        ("agent0", "agent0", LISTEN, UnknownNameError, "no supervisor is named"),
        ("boss", "agent9", LISTEN, UnknownNameError, "no agent is named"),
        ("boss", "boss", LISTEN, AgentError, "phone is the seat's"),
        ("boss", "agent0", BARGE, AgentError, "no call to barge into"),
        ("boss", "agent1", LISTEN, AgentError, "has no seat"),
    ],
)
async def test_what_may_not_be_is_refused_in_words(supervisor, agent, mode, error, words):
    async with House(agents=2, boss=True) as house:
        house.flow.desk.log_in("agent0", pause_reason=None)
        await house.run(1.0)
        with pytest.raises(error, match=words):
            await house.listenings.start(supervisor, agent, mode, "boss")
        assert house.record.listenings.kept == {}


async def test_nobody_is_listened_to_without_a_basis_twice_or_beyond_the_supervisors_campaigns():
    async with House(agents=1, boss=True, supervising=Supervising(None, supervisors=SUPERVISING.supervisors)) as house:
        await house.staff()
        with pytest.raises(AgentError, match="lawful"):
            await house.listenings.start("boss", "agent0", LISTEN, "boss")
    async with House(agents=2, boss=True) as house:
        await house.staff()
        await house.listenings.start("boss", "agent0", LISTEN, "boss")
        with pytest.raises(AgentError, match="listens already"):
            await house.listenings.start("boss", "agent1", LISTEN, "boss")
        with pytest.raises(AgentError, match="yet"):
            await house.listenings.switch("boss", WHISPER, "boss")
    async with House(agents=1, boss=True, also={"other": {}}) as house:
        house.roster.session("boss").campaigns = frozenset({"k"})
        await house.staff()
        with pytest.raises(AgentError, match="also serves other"):
            await house.listenings.start("boss", "agent0", LISTEN, "boss")


async def test_an_agent_isnt_told_where_the_house_doesnt():
    silent = Supervising(SUPERVISING.basis, tell_agents=False, supervisors=SUPERVISING.supervisors)
    async with House(agents=1, boss=True, supervising=silent) as house:
        await house.staff()
        await house.listenings.start("boss", "agent0", LISTEN, "boss")
        await house.run(1.0)
        assert house.roster.session("agent0").heard_by == ()
        assert kept(house).agent_told is False

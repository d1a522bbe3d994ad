"""Why nothing rings, why an agent is idle, why a debtor wasn't called: each cause provoked, and said with its figures."""

from datetime import date, timedelta

import pytest

from dialer.agents.session import Work
from dialer.campaigns.campaign import CampaignSignal
from dialer.campaigns.trunk import Trunk
from dialer.cases.model import CaseState
from dialer.compliance.ledger import LedgerAwayError
from dialer.compliance.verdict import CallMode
from dialer.explaining import Explaining
from dialer.kernel.errors import UnknownNameError
from dialer.outcomes.counting import opt_out
from dialer.testing.law import FACTS
from dialer.testing.public import Behaviour
from tests.sim.house import House

pytestmark = pytest.mark.virtual_time
PERSON, BUSY, SILENCE = Behaviour.PERSON, Behaviour.BUSY, Behaviour.NEVER_ANSWERS


def asking(house, *problems):
    return Explaining(house.flow, house.record, house.record, lambda: list(problems), house.clock)


async def said(house, *problems):
    """The campaign's causes in their order, and its sentence."""
    (campaign,) = (await asking(house, *problems).everything())["campaigns"]
    return [cause["cause"] for cause in campaign["causes"]], campaign["sentence"]


async def test_whatever_keeps_the_whole_daemon_from_dialling_comes_first():
    async with House() as house:
        causes, sentence = await said(house, "the PBX is away", "the record can't be written")
        assert causes[:3] == ["daemon", "daemon", "state"]
        assert sentence.startswith(
            "k (progressive): nothing rings: the PBX is away; also the record can't be written; also stopped: start it"
        )


@pytest.mark.parametrize(
    ("signal", "words"),
    [
        (None, "stopped: start it to dial"),
        (CampaignSignal.PAUSE, "paused: no new calls"),
        (CampaignSignal.DRAIN, "draining: no new calls until the last one"),
        (CampaignSignal.HALT, "halted: what rang was hung up"),
    ],
)
async def test_a_campaign_that_does_not_dial_says_how_it_stands(signal, words):
    async with House(agents=2) as house:
        await house.cases(SILENCE)
        await house.staff()
        if signal is not None:
            await house.start()
            await house.flow.command(house.campaign, signal)
        causes, sentence = await said(house)
        assert causes == ["state"]
        assert f"nothing rings: {words}" in sentence
        assert "2 agents (2 ready)" in sentence


async def test_while_calls_ring_the_pacers_own_sentence_is_told_and_no_cause():
    async with House(agents=2) as house:
        await house.begin(*[SILENCE] * 5)
        await house.run(3)
        causes, sentence = await said(house)
        assert causes == []
        assert "2 calls under way, 2 of them not answered yet" in sentence
        assert "limited by free agents" in sentence


async def test_who_is_missing_among_the_agents_is_told_with_what_they_do():
    async with House(agents=3) as house:
        await house.cases(*[SILENCE] * 3)
        await house.start()
        await house.run(1)
        causes, sentence = await said(house)
        assert causes == ["agents"]
        assert "nothing rings: no agent is logged in (of 3)" in sentence
        await house.staff()
        for n, reason in enumerate(("lunch", "lunch", "coffee")):
            house.flow.desk.pause(f"agent{n}", reason)
        await house.run(25)
        causes, sentence = await said(house)
        assert causes[-1] == "agents"
        assert "none of 3 agents is free (1 paused: coffee, 2 paused: lunch)" in sentence
        house.flow.desk.log_out("agent1")
        house.flow.desk.log_out("agent2")
        house.flow.desk.ready("agent0")
        house.talk_seconds = 900
        await house.cases(PERSON)
        await house.run(20)
        assert "none of 1 agents is free (1 talking)" in (await said(house))[1]


async def test_an_agent_who_is_taken_while_the_record_is_asked_stood_where_the_question_found_them(monkeypatch):
    async with House(agents=1, also={"gas": {}}) as house:
        await house.staff()
        groups = house.record.groups

        async def slowly(*asked):
            house.roster.session("agent0").work = Work.PAUSED
            return await groups(*asked)

        monkeypatch.setattr(house.record, "groups", slowly)
        answer = await asking(house).agent("agent0")
        assert [one["place"] for one in answer["campaigns"]] == [1, 1]


async def test_cases_that_are_not_due_are_told_with_what_they_wait_for():
    async with House(agents=1) as house:
        await house.staff()
        await house.start()
        await house.run(3)
        causes, sentence = await said(house)
        assert causes == ["cases"]
        assert "nothing rings: it has no cases" in sentence
        await house.cases(*[SILENCE] * 6)
        soon = house.clock.now() + timedelta(minutes=30)
        for case_id, at, state, why in (
            (1, soon, CaseState.OPEN, "after busy"),
            (2, soon + timedelta(hours=1), CaseState.OPEN, "not called: gap-debtor,gap-number"),
            (3, soon + timedelta(hours=1), CaseState.OPEN, "not called: dispute"),
            (4, soon, CaseState.LETTER, "a letter is due"),
            (5, None, CaseState.ESCALATED, "disputes"),
            (6, None, CaseState.CLOSED, "paid in full"),
        ):
            house.record.schedule(case_id, at, state, why)
        await house.run(3)
        causes, sentence = await said(house)
        assert causes == ["cases"]
        for words in (
            "none of 6 cases is due before Tue 24 Nov 2026 10:3",
            "(Europe/Rome)",
            "1 wait for their next call",
            "refused by the gate: dispute (1), gap-debtor (1), gap-number (1)",
            "1 wait for a letter",
            "1 wait for a person to decide",
            "1 are closed",
        ):
            assert words in sentence


async def test_outside_the_hours_the_instant_is_named_at_which_they_open():
    async with House(agents=1) as house:
        await house.begin(*[SILENCE] * 5)
        house.clock.jump = timedelta(hours=12)  # 22:00 in Rome
        await house.run(60)
        causes, sentence = await said(house)
        assert causes[0] == "hours"
        assert (
            "outside the hours until Wed 25 Nov 2026 08:30 (Europe/Rome): 5 of 5 cases wait for that alone" in sentence
        )


async def test_a_licence_that_ended_is_named_before_the_cases_that_it_stops():
    facts = FACTS | {"licence_valid_until": date(2026, 11, 1)}
    async with House(agents=1, facts=facts) as house:
        await house.begin(SILENCE, SILENCE)
        await house.run(5)
        causes, sentence = await said(house)
        assert causes == ["law", "cases"]
        assert (
            "nothing rings: the collection licence isn't valid on this day (licence_valid_until is 2026-11-01, it-unirec says licence)"
            in sentence
        )
        assert "refused by the gate: licence (2)" in sentence


async def test_a_disk_that_is_full_stops_a_campaign_that_records():
    async with House(agents=1, records=True) as house:
        house.room = False
        await house.begin(SILENCE)
        await house.run(3)
        causes, sentence = await said(house)
        assert causes == ["disk"]
        assert "the disk has too little room for the recordings" in sentence


async def test_a_trunk_that_is_full_and_one_that_fails():
    async with House(agents=3, trunks=(Trunk("milano", "a", channels=1, calls_per_second=50.0),)) as house:
        house.talk_seconds = 900
        await house.begin(*[PERSON] * 9, pace=1)
        await house.run(30)
        causes, sentence = await said(house)
        assert causes[0] == "trunk"
        assert "nothing rings: trunk milano: well, 1 of 1 channels in use" in sentence
        house.trunks.reached("a", reached=False)
        assert "trunk milano: its carrier answers no OPTIONS: no call until it does" in (await said(house))[1]


async def test_a_gate_that_fails_closed_is_told_with_what_it_said(monkeypatch):
    async with House(agents=1) as house:
        await house.begin(*[SILENCE] * 3)

        async def away(_):
            raise LedgerAwayError("the ledger is away")

        monkeypatch.setattr(house.ledger, "read", away)
        await house.run(2)
        causes, sentence = await said(house)
        assert causes == ["gate"]
        assert "since the last call that was placed the gate refused ledger-away (" in sentence
        monkeypatch.undo()
        await house.run(2)
        assert (await said(house))[0] == []
        assert not house.tally.campaigns["k"].refused_lately


async def test_a_rate_that_is_used_up_is_the_pacers_word():
    async with House(agents=3, trunks=(Trunk("slow", "slow", calls_per_second=0.01),)) as house:
        await house.begin(*[BUSY] * 5)
        await house.run(30)
        causes, sentence = await said(house)
        assert causes == ["pacing"]
        assert "nothing rings: limited by the trunk's 0.01 calls per second" in sentence


async def test_with_the_record_away_the_rest_is_told_all_the_same():
    async with House(agents=1) as house:
        house.record.away = True
        causes, sentence = await said(house)
        assert causes == ["state", "cases", "agents"]
        assert "the record is away: nobody knows which case is due" in sentence


# -- agents ----------------------------------------------------------------------------------------------------


async def of_agent(house, agent="agent0"):
    return await asking(house).agent(agent)


async def test_a_free_agent_is_told_what_rings_for_whom_and_when_the_next_answer_is_expected():
    async with House(agents=12, seed=4) as house:
        await house.begin(*[SILENCE] * 12, *[PERSON, PERSON, PERSON, SILENCE] * 12)
        await house.run(6)
        first = await of_agent(house)
        assert first["sentence"].startswith(
            "agent0 is ready for 7 s; k: 12 calls ring for 12 free agents, of whom this one"
        )
        assert first["sentence"].endswith("too few calls were answered so far to say when the next one is")
        await house.run(150, tick_seconds=0.5)
        await house.cases(*[SILENCE] * 12)
        await house.run(3)
        waits = [await of_agent(house, f"agent{n}") for n in range(12)]
        found = {one["campaigns"][0]["place"]: one for one in waits}
        assert sorted(found) == list(range(1, 13))
        chances = [found[place]["campaigns"][0]["chance"] for place in sorted(found)]
        assert 1 > chances[0] > chances[1] > chances[11] > 0
        soonest = found[1]["campaigns"][0]["expected_seconds"]
        assert 0 < soonest < 20
        assert f"of whom this one is number 1; the next answer is expected in {soonest:.0f} s" in found[1]["sentence"]
        assert f"12 of them is answered with a chance of {chances[11]:.0%}" in found[12]["sentence"]


async def test_every_state_of_an_agent_says_why_no_call_comes():
    async with House(agents=1, auto_ready_after_seconds=60.0) as house:
        await house.cases(PERSON, pace=1)
        assert (await of_agent(house))["sentence"] == "agent0 isn't logged in: dialer agents log-in agent0"
        house.flow.desk.log_in("agent0", pause_reason=None)
        assert "waits for the phone, which is called for 0 s" in (await of_agent(house))["sentence"]
        await house.run(1)
        assert "k: nothing rings: stopped: start it to dial" in (await of_agent(house))["sentence"]
        house.flow.desk.pause("agent0", "lunch")
        await house.run(150)
        assert "is paused for 2 min (lunch): no call comes before" in (await of_agent(house))["sentence"]
        house.flow.desk.ready("agent0")
        await house.start()
        await house.run(10, act=False)
        assert "isn't idle, but talks for" in (await of_agent(house))["sentence"]
        house.flow.end_call("agent0")
        await house.run(20, act=False)
        assert (await of_agent(house))["sentence"] == (
            "agent0 writes up a call for 20 s: it ends when the agent says so, or by itself in 40 s"
        )
        with pytest.raises(UnknownNameError):
            await of_agent(house, "nobody")


# -- cases -----------------------------------------------------------------------------------------------------


async def of_case(house, case_id=1):
    return await asking(house).case(case_id)


async def test_a_due_case_says_its_place_and_what_its_campaign_does():
    async with House(agents=0) as house:
        await house.cases(*[SILENCE] * 4)
        answer = await of_case(house, 3)
        for words in (
            "case 3 of k: it is due since Tue 24 Nov 2026 10:00 (Europe/Rome) (new)",
            "nothing rings in its campaign: stopped: start it to dial; also no agent is logged in (of 0)",
            "2 of the 4 due cases come before it",
            "may be called now",
            "0 calls so far",
        ):
            assert words in answer["sentence"]
        assert answer["place"] == {"before": 2, "longest": 2, "due": 4}
        assert [cause["cause"] for cause in answer["causes"]] == ["state", "agents"]
        assert "Name" not in str(answer)
        assert house.record.cases[3].new.numbers[0] not in str(answer)


async def test_a_case_that_was_called_and_refused_says_both_and_until_when():
    async with House(agents=1) as house:
        await house.begin(BUSY)
        await house.run(10)
        house.record.schedule(1, house.clock.now(), CaseState.OPEN, "after busy")  # too soon for the law
        await house.run(10)
        answer = await of_case(house)
        for words in (
            "case 1 of k: it waits until Tue 24 Nov 2026 12:0",
            "because the gate refused it: this debtor was called too recently; this number was called too recently",
            "not before Tue 24 Nov 2026 12:0",
            "1 calls so far, the last Tue 24 Nov 2026 10:0",
            ": busy",
            "in 30 days the gate refused it 1 times",
            "gap-debtor (1), gap-number (1)",
        ):
            assert words in answer["sentence"]
        assert (answer["calls"], answer["refusals"], answer["place"]) == (1, 1, None)


async def test_a_case_that_rings_is_with_an_agent_or_waits_for_something_else_than_a_call():
    async with House(agents=1) as house:
        await house.begin(SILENCE)
        await house.run(5)
        assert "case 1 of k: it is being called: ringing for" in (await of_case(house))["sentence"]
        await house.run(60)
        for state, words in (
            (CaseState.LETTER, "it waits for a letter and isn't called: because"),
            (CaseState.ESCALATED, "it waits for a person to decide and isn't called: because"),
            (CaseState.CLOSED, "it is closed and isn't called: because"),
        ):
            house.record.cases[1].state = CaseState.OPEN
            house.record.schedule(1, None, state, "because")
            answer = await of_case(house)
            assert (words in answer["sentence"], answer["state"]) == (True, state.value)
        with pytest.raises(UnknownNameError):
            await of_case(house, 99)
    async with House(agents=1, mode=CallMode.PREVIEW) as house:
        await house.begin(PERSON)
        await house.run(2)
        assert "agent0 looks at it, and decides whether it is called" in (await of_case(house))["sentence"]


async def test_a_case_whose_campaign_is_gone_says_so():
    async with House(agents=1) as house:
        await house.cases(SILENCE, campaign="gone")
        assert "its campaign isn't configured any more" in (await of_case(house))["sentence"]


async def test_an_opt_out_stands_until_somebody_changes_it():
    async with House(agents=1) as house:
        await house.begin(SILENCE)
        number = house.record.cases[1].new.numbers[0]
        house.gate.put(opt_out(number, house.clock.now()))
        sentence = (await of_case(house))["sentence"]
        assert "not by itself, because the debtor asked not to be called on this number" in sentence

"""Why a campaign dials at this rate, why nothing rings, why an agent is idle: one answer each in words, with its figures."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dialer.live.causes import Standstill, agent_words, rings
from dialer.live.snapshot import AccountLine, AgentLine, CampaignLine
from pacing import Expected


def explain(line: CampaignLine, agents: Iterable[AgentLine], causes: Sequence[Standstill]) -> str:
    """One campaign, with the agents of the floor. causes: why nothing rings, where nothing does."""
    ringing = rings(line)
    mine = [agent for agent in agents if line.campaign in agent.campaigns and agent.state != "offline"]
    why = line.sentence
    if causes and not ringing:
        why = "nothing rings: " + "; also ".join(cause.words for cause in causes)
    parts = [f"{line.campaign} ({line.mode}): {why}"]
    if mine:
        parts.append(f"{len(mine)} agents ({agent_words(mine)})")
    parts.append(f"{sum(line.calls.values())} calls under way, {ringing} of them not answered yet")
    if line.answer_chance:
        parts.append(f"a call dialled now is answered with a chance of {line.answer_chance:.0%}")
    parts += [_account(account) for account in line.accounts]
    return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class Wait:
    """What a free agent waits for in one campaign.

    ringing: calls that ring and have no agent yet. free, place: how many agents are free for them, and the how-manieth of
    those is this one. expected: when as many of the calls are answered. causes: why nothing rings, where nothing does.
    """

    campaign: str
    ringing: int
    free: int
    place: int
    expected: Expected
    causes: tuple[Standstill, ...]


_BUSY = {
    "offline": "isn't logged in: dialer agents log-in {agent}",
    "calling": "waits for the phone, which is called for {seconds}",
    "paused": "is paused for {seconds} ({reason}): no call comes before the agent is ready again",
    "reserved": "is held for a call for {seconds}: the case is on the screen",
    "talking": "isn't idle, but talks for {seconds}",
    "wrapping": "writes up a call for {seconds}: {wrap_up}",
}


def explain_agent(agent: AgentLine, waits: Sequence[Wait], wrap_up: str) -> str:
    """One agent: what keeps the next call away. waits: for each campaign of a free agent. wrap_up: how it ends."""
    seconds = span_words(agent.seconds)
    if agent.state in _BUSY:
        words = _BUSY[agent.state].format(
            agent=agent.agent, seconds=seconds, reason=agent.pause_reason or "", wrap_up=wrap_up
        )
        return f"{agent.agent} {words}"
    if not agent.campaigns:
        return f"{agent.agent} is ready for {seconds}, and works for no campaign: name some in [[agents]]"
    return "; ".join((f"{agent.agent} is ready for {seconds}", *map(_wait, waits)))


def _wait(wait: Wait) -> str:
    if not wait.ringing:
        why = wait.causes[0].words if wait.causes else "the next call is about to be placed"
        return f"{wait.campaign}: nothing rings: {why}"
    calls = f"{wait.campaign}: {wait.ringing} calls ring for {wait.free} free agents"
    turn = "" if wait.free < 2 else f", of whom this one is number {wait.place}"
    wanted = "one of them" if wait.place < 2 else f"{wait.place} of them"
    if wait.expected.chance is None:
        return f"{calls}{turn}; too few calls were answered so far to say when the next one is"
    if wait.expected.seconds is None:
        return f"{calls}{turn}; {wanted} is answered with a chance of {wait.expected.chance:.0%}"
    return f"{calls}{turn}; the next answer is expected in {wait.expected.seconds:.0f} s"


def span_words(seconds: float) -> str:
    """So long, in the unit that people would use."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"


def _account(account: AccountLine) -> str:
    low, high = account.interval
    ratio = f", {account.ratio:.2%}, by chance {low:.2%} to {high:.2%}" if account.ratio is not None else ""
    return f"{account.abandoned} abandoned of {account.answered}{ratio} ({account.name}: at most {account.cap:.2%})"

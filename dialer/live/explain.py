"""Why a campaign dials at this rate, or why nothing rings: one answer in words, with its figures."""

from collections import Counter
from collections.abc import Iterable, Sequence

from dialer.calls.attempt import BEFORE_ANSWER
from dialer.live.snapshot import AccountLine, AgentLine, CampaignLine


def explain(line: CampaignLine, agents: Iterable[AgentLine], problems: Sequence[str]) -> str:
    """One campaign, with the agents of the floor and what keeps the whole daemon from dialling."""
    states = Counter(agent.state for agent in agents if line.campaign in agent.campaigns and agent.state != "offline")
    parts = [f"{line.campaign} ({line.mode}): {f'nothing is dialled: {problems[0]}' if problems else line.sentence}"]
    if states:
        counts = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        parts.append(f"{states.total()} agents ({counts})")
    else:
        parts.append("no agent is logged in")
    ringing = sum(line.calls.get(state.value, 0) for state in BEFORE_ANSWER)
    parts.append(f"{sum(line.calls.values())} calls under way, {ringing} of them not answered yet")
    if line.answer_chance:
        parts.append(f"a call dialled now is answered with a chance of {line.answer_chance:.0%}")
    parts += [_account(account) for account in line.accounts]
    return "; ".join(parts)


def _account(account: AccountLine) -> str:
    low, high = account.interval
    ratio = f", {account.ratio:.2%}, by chance {low:.2%} to {high:.2%}" if account.ratio is not None else ""
    return f"{account.abandoned} abandoned of {account.answered}{ratio} ({account.name}: at most {account.cap:.2%})"

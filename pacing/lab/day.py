"""One day on the simulated floor, event by event in virtual time.

An answered call takes the agent who has been idle longest, at once; with none idle it waits its turn for the patience
of the law, and is abandoned then. What else claims agents (calls that come in, call-backs) is served first. Every tick
the pacer sees the floor and says how many calls to place; they are placed at that instant. After the day's end nothing
is placed, and the calls in flight run out and count.
"""

import heapq
from collections import deque
from collections.abc import Callable
from typing import Protocol

from pacing.abandonment import Account
from pacing.floor import Floor, Happening, What
from pacing.lab.moves import How, Move, claims, moves
from pacing.lab.public import Fate, Fates
from pacing.lab.result import AFTER_SECONDS, Result
from pacing.lab.scenario import Outage, Pace, Scenario
from pacing.target import Mode, Target

TICK_SECONDS = 1.0
"""Between two decisions, unless told otherwise."""
TRUNK_FAILS_SECONDS = 0.2
HANG_UP_SECONDS = 0.05
"""From the ring time-out until the end of the call is known."""
INBOUND_WINDOW_SECONDS = 300.0
CLAIM_SEED = 0x10000000
"""Added to the seed for the talks of the calls that come in and of the call-backs."""
TARGET = Target(mode=Mode.PREDICTIVE, channels=1_000_000, calls_per_second=1_000_000.0)
"""A trunk without limits: what is measured is the pacer."""


class Pacer(Protocol):
    """Whoever says how many calls to place now; one object paces one day."""

    def decide(self, floor: Floor, target: Target) -> int:
        """How many."""


def run_day(
    scenario: Scenario,
    agents: int,
    seed: int,
    pacer: Pacer,
    *,
    target: Target = TARGET,
    tick_seconds: float = TICK_SECONDS,
    pacer_name: str = "",
) -> Result:
    """Simulate one day. The same arguments give the same day, and the n-th call is the same whoever paces."""
    return _Day(scenario, agents, seed, pacer, target).run(pacer_name or type(pacer).__name__.lower(), tick_seconds)


class _Agent:
    __slots__ = ("busy_until", "counted_until", "leaving", "number", "pace", "since", "state", "wrap_seconds")

    def __init__(self, number: int, pace: Pace) -> None:
        self.number = number
        self.pace = pace
        self.state = "away"
        self.since = 0.0
        self.counted_until = 0.0
        self.wrap_seconds = 0.0
        self.busy_until = 0.0
        self.leaving = False


class _Day:
    def __init__(self, scenario: Scenario, agents: int, seed: int, pacer: Pacer, target: Target) -> None:
        self.scenario = scenario
        self.pacer = pacer
        self.target = target
        self.seed = seed
        self.fates = Fates(scenario.public, seed)
        self.claim_fates = Fates(scenario.public, seed + CLAIM_SEED)
        self.kinds = any(pace.kind for pace in scenario.paces)
        self.end = scenario.seconds
        self.now = 0.0
        self.events: list[tuple[float, int, Callable[..., None], tuple[object, ...]]] = []
        self.order = 0
        self.agents = [_Agent(number, scenario.paces[number % len(scenario.paces)]) for number in range(agents)]
        # each in the order of its beginning: the first is the oldest
        self.idle: dict[_Agent, float] = {}
        self.talking: dict[_Agent, float] = {}
        self.wrapping: dict[_Agent, float] = {}
        self.dialling: dict[int, float] = {}
        self.waiting: dict[int, tuple[float, float, Fate]] = {}  # call: answered at, placed at
        self.claims_waiting = 0
        self.joining: dict[int, float] = {}
        self.leaving: dict[_Agent, float] = {}
        self.callbacks: deque[float] = deque()
        self.came_in: deque[float] = deque()
        self.ghosts: list[tuple[float, float]] = []  # vanished at, would have been free from
        self.trunk_failures = 0
        self.happened: list[tuple[What, float, float, str]] = []
        self.seconds = {"idle": 0.0, "talk": 0.0, "wrap": 0.0, "away": 0.0}
        self.launches = self.connected = self.abandoned = self.vanished = 0
        self.answered_at: list[float] = []
        self.abandoned_at: list[float] = []  # when they were answered
        for move in moves(scenario, agents, seed):
            self._plan(move)
        inbound, callbacks = claims(scenario, agents, seed)
        for at in inbound:
            self._at(at, self._comes_in)
        for at in callbacks:
            self._at(max(0.0, at - scenario.callback_told_seconds), self.callbacks.append, at)
            self._at(at, self._due)

    def run(self, pacer_name: str, tick_seconds: float) -> Result:
        ticks = int(self.end / tick_seconds)
        decide, target = self.pacer.decide, self.target
        for tick in range(ticks):
            at = tick * tick_seconds
            self._until(at)
            count = decide(self._floor(tick_seconds if tick else 0.0), target)
            if count > 0:
                self._launch(count)
        self._until(self.end)
        for agent in self.agents:
            self._account(agent)
        self._until(float("inf"))
        return self._result(pacer_name)

    # --- time

    def _at(self, at: float, do: Callable[..., None], *what: object) -> None:
        self.order += 1
        heapq.heappush(self.events, (at, self.order, do, what))

    def _until(self, until: float) -> None:
        events = self.events
        while events and events[0][0] <= until:
            self.now, _, do, what = heapq.heappop(events)
            do(*what)
        if until < float("inf"):
            self.now = until

    # --- calls

    def _launch(self, count: int) -> None:
        now = self.now
        rate = self.scenario.answer_rate(now)
        outage = self.scenario.outage(now)
        public = self.scenario.public
        for _ in range(count):
            fate = self.fates.next()
            call = self.launches
            self.launches += 1
            self.dialling[call] = now
            if outage is Outage.TRUNK:
                self._at(now + TRUNK_FAILS_SECONDS, self._unanswered, call, What.TRUNK_FAILED)
                continue
            self.trunk_failures = 0
            if outage is None and fate.answer < rate:
                self._at(now + fate.ring_seconds, self._answered, call, fate)
            elif outage is Outage.FAILING or (
                outage is None and fate.fail < min(1.0, public.failed_share / max(1e-9, 1 - rate))
            ):
                self._at(now + fate.failed_seconds, self._unanswered, call, What.FAILED)
            else:
                self._at(now + public.ring_timeout_seconds + HANG_UP_SECONDS, self._unanswered, call, What.RANG_OUT)

    def _unanswered(self, call: int, what: What) -> None:
        placed_at = self.dialling.pop(call)
        if what is What.TRUNK_FAILED:
            self.trunk_failures += 1
        self.happened.append((what, self.now - placed_at, self.now, ""))

    def _answered(self, call: int, fate: Fate) -> None:
        now = self.now
        placed_at = self.dialling.pop(call)
        self.answered_at.append(now)
        self.happened.append((What.ANSWERED, now - placed_at, now, ""))
        if self.idle:
            self._connect(next(iter(self.idle)), fate)
            self.connected += 1
        else:
            self.waiting[call] = (now, placed_at, fate)
            self._at(now + self.target.patience_seconds, self._gives_up, call)

    def _gives_up(self, call: int) -> None:
        if call not in self.waiting:
            return
        answered_at, placed_at, _ = self.waiting.pop(call)
        self.abandoned += 1
        self.abandoned_at.append(answered_at)
        self.happened.append((What.ABANDONED, self.now - answered_at, self.now, ""))
        for ghost in self.ghosts:
            vanished_at, free_from = ghost
            if placed_at < vanished_at and free_from <= self.now:
                self.vanished += 1
                self.ghosts.remove(ghost)
                break

    # --- agents

    def _connect(self, agent: _Agent, fate: Fate) -> None:
        now = self.now
        self._become(agent, "talk")
        self.talking[agent] = now
        talk_seconds = fate.talk_seconds * agent.pace.talk
        agent.wrap_seconds = fate.wrap_seconds * agent.pace.wrap
        agent.busy_until = now + talk_seconds + agent.wrap_seconds
        self._at(now + talk_seconds, self._talk_ends, agent, now)

    def _talk_ends(self, agent: _Agent, since: float) -> None:
        if agent.state != "talk" or agent.since != since:
            return
        now = self.now
        self._become(agent, "wrap")
        if not agent.leaving:
            self.wrapping[agent] = now
        self.happened.append((What.TALK_ENDED, now - since, now, agent.pace.kind))
        self._at(now + agent.wrap_seconds, self._wrap_ends, agent, now)

    def _wrap_ends(self, agent: _Agent, since: float) -> None:
        if agent.state != "wrap" or agent.since != since:
            return
        self.happened.append((What.WRAP_ENDED, self.now - since, self.now, agent.pace.kind))
        if agent.leaving:
            self._become(agent, "away")
        else:
            self._becomes_free(agent)

    def _becomes_free(self, agent: _Agent) -> None:
        self._become(agent, "idle")
        self.idle[agent] = self.now
        if self.claims_waiting:
            self.claims_waiting -= 1
            self._connect(agent, self.claim_fates.next())
        elif self.waiting:
            call = next(iter(self.waiting))
            _, _, fate = self.waiting.pop(call)
            self._connect(agent, fate)
            self.connected += 1

    def _become(self, agent: _Agent, state: str) -> None:
        """Leave the old state and its list; the new state's list is the caller's."""
        self._account(agent)
        for group in (self.idle, self.talking, self.wrapping):
            group.pop(agent, None)
        agent.state = state
        agent.since = self.now
        if state == "away":
            agent.leaving = False
            self.leaving.pop(agent, None)

    def _account(self, agent: _Agent) -> None:
        until = min(self.now, self.end)
        self.seconds[agent.state] += until - agent.counted_until
        agent.counted_until = until

    # --- coming and going

    def _plan(self, move: Move) -> None:
        agent = self.agents[move.agent]
        if move.told_seconds and move.at_seconds:
            told_at = max(0.0, move.at_seconds - move.told_seconds)
            self._at(told_at, self._told, agent, move)
        does = {How.COME: self._comes, How.GO: self._goes, How.VANISH: self._vanishes}[move.how]
        self._at(move.at_seconds, does, agent, move)

    def _told(self, agent: _Agent, move: Move) -> None:
        if move.how is How.COME and agent.state == "away":
            self.joining[agent.number] = move.at_seconds
        elif move.how is How.GO and agent.state != "away":
            self.leaving[agent] = move.at_seconds

    def _comes(self, agent: _Agent, _move: Move) -> None:
        self.joining.pop(agent.number, None)
        if agent.state == "away":
            self._becomes_free(agent)
        elif agent.leaving:
            agent.leaving = False
            {"talk": self.talking, "wrap": self.wrapping}[agent.state][agent] = agent.since

    def _goes(self, agent: _Agent, move: Move) -> None:
        self.leaving.pop(agent, None)
        if agent.state == "idle":
            if not move.told_seconds:
                self._ghost(self.now)
            self._become(agent, "away")
        elif agent.state != "away":
            agent.leaving = True
            self.talking.pop(agent, None)
            self.wrapping.pop(agent, None)

    def _vanishes(self, agent: _Agent, _move: Move) -> None:
        if agent.state == "away":
            return
        if not agent.leaving:
            self._ghost(self.now if agent.state == "idle" else agent.busy_until)
        self._become(agent, "away")

    def _ghost(self, free_from: float) -> None:
        """Note an agent whom the calls placed until now could count on."""
        recent = self.now - self.scenario.public.ring_timeout_seconds - self.target.patience_seconds
        self.ghosts = [ghost for ghost in self.ghosts if ghost[0] >= recent]
        self.ghosts.append((self.now, free_from))

    # --- what else claims agents

    def _comes_in(self) -> None:
        self.came_in.append(self.now)
        self._claim()

    def _due(self) -> None:
        self.callbacks.popleft()
        self._claim()

    def _claim(self) -> None:
        if self.idle:
            self._connect(next(iter(self.idle)), self.claim_fates.next())
        else:
            self.claims_waiting += 1

    # --- what the pacer sees

    def _floor(self, elapsed_seconds: float) -> Floor:
        now = self.now
        happened = self.happened
        if happened:
            self.happened = []
        while self.came_in and self.came_in[0] <= now - INBOUND_WINDOW_SECONDS:
            self.came_in.popleft()
        return Floor(
            elapsed_seconds=elapsed_seconds,
            idle=tuple([now - since for since in self.idle.values()]),
            talking=tuple([now - since for since in self.talking.values()]),
            wrapping=tuple([now - since for since in self.wrapping.values()]),
            talking_kinds=tuple([agent.pace.kind for agent in self.talking]) if self.kinds else (),
            wrapping_kinds=tuple([agent.pace.kind for agent in self.wrapping]) if self.kinds else (),
            dialling=tuple([now - since for since in self.dialling.values()]),
            waiting=tuple([now - since for since, _, _ in self.waiting.values()]),
            joining=tuple([max(0.0, at - now) for at in self.joining.values()]),
            leaving=tuple([max(0.0, at - now) for agent, at in self.leaving.items() if agent.state == "idle"]),
            claims=(0.0,) * self.claims_waiting + tuple([max(0.0, at - now) for at in self.callbacks]),
            inbound_per_second=len(self.came_in) / INBOUND_WINDOW_SECONDS,
            channels_in_use=len(self.dialling) + len(self.waiting) + len(self.talking),
            trunk_failures=self.trunk_failures,
            accounts=(
                Account(
                    "day",
                    self.target.max_abandonment,
                    answered=len(self.answered_at),
                    abandoned=self.abandoned,
                    left_seconds=self.end - now,
                ),
            ),
            happened=tuple([Happening(what, seconds, now - at, kind) for what, seconds, at, kind in happened]),
        )

    def _result(self, pacer_name: str) -> Result:
        minutes = [[0, 0] for _ in range(int(self.end / 60))]
        for column, instants in enumerate((self.answered_at, self.abandoned_at)):
            for at in instants:
                minutes[min(int(at / 60), len(minutes) - 1)][column] += 1

        def after(jump: float, instants: list[float]) -> int:
            return sum(jump <= at < jump + AFTER_SECONDS for at in instants)

        jumps = [jump for jump in self.scenario.jump_instants() if jump < self.end]
        return Result(
            scenario=self.scenario.name,
            pacer=pacer_name,
            agents=len(self.agents),
            seed=self.seed,
            talk_seconds=self.seconds["talk"],
            wrap_seconds=self.seconds["wrap"],
            idle_seconds=self.seconds["idle"],
            launches=self.launches,
            answered=len(self.answered_at),
            connected=self.connected,
            abandoned=self.abandoned,
            vanished=self.vanished,
            minutes=tuple((answers, lost) for answers, lost in minutes),
            jumps=tuple((after(jump, self.answered_at), after(jump, self.abandoned_at)) for jump in jumps),
        )

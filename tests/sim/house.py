"""The real engine on the shipped fakes, under virtual time."""

import asyncio
from collections import Counter
from datetime import timedelta
from random import Random

from dialer.agents.listening import Listenings, Supervising
from dialer.agents.roster import AgentError, Roster
from dialer.agents.session import Session, Work
from dialer.calls.attempt import State
from dialer.calls.live import LiveAttempts
from dialer.calls.trunks import Trunks
from dialer.campaigns.campaign import Campaign, CampaignSignal
from dialer.campaigns.learning import Learning
from dialer.campaigns.selection import Stock
from dialer.campaigns.trunk import Trunk
from dialer.cases.debt import Debt
from dialer.cases.model import NewCase
from dialer.compliance.entry import Flag
from dialer.compliance.gate import Gate
from dialer.compliance.ledger import ProcessLedger, Subject
from dialer.flow import Flow
from dialer.kernel.ids import Ids
from dialer.kernel.money import Money
from dialer.kernel.tasks import Tasks
from dialer.live.accounts import Accounts
from dialer.live.pacer import Pacer
from dialer.live.tally import Tally
from dialer.live.targets import Targets, Wish
from dialer.outcomes.closing import LEARNERS, Closing
from dialer.outcomes.counting import opt_out
from dialer.outcomes.form import Form
from dialer.outcomes.planning import Planning
from dialer.outcomes.rules import Rules
from dialer.recovery import Recovery
from dialer.testing.fake_pbx import FakePbx
from dialer.testing.law import FACTS, law
from dialer.testing.memory_record import MemoryRecord
from dialer.testing.memory_recordings import MemoryRecordings
from dialer.testing.public import Behaviour
from dialer.testing.virtual_time import START, LoopClock

TICK_SECONDS = 0.25
SUPERVISING = Supervising("agreement with the works council", supervisors={"boss": "PJSIP/boss"})
TRUNK = Trunk("trunk", "trunk", channels=100, calls_per_second=50.0)
PROMISE = Form(amount="1,00", pay_by=(START + timedelta(days=4)).date())


class House:
    """Use it as `async with House(...) as house`. A second one over the same record and PBX is a restart."""

    def __init__(
        self,
        *,
        agents=3,
        seed=1,
        record=None,
        pbx=None,
        packs=("it-unirec",),
        name="k",
        wish=None,
        also=(),
        trunks=(TRUNK,),
        its_trunks=(),
        boss=False,
        supervising=SUPERVISING,
        **campaign,
    ):
        self.clock = LoopClock()
        self.record = record or MemoryRecord()
        self.pbx = pbx or FakePbx(self.clock, None)
        self.chance = Random(seed)
        self.agents, self.packs, self.name, self.settings = agents, packs, name, campaign
        self.wish = wish or Wish()
        self.boss, self.supervising = boss, supervising
        self.configured_trunks, self.its_trunks = trunks, its_trunks
        self.also = dict(also)  # further campaigns of the same agents: their settings, by name
        self.talk_seconds = 20.0
        self.rules = Rules()
        self.recordings = MemoryRecordings()
        self.room = True  # on the disk of the recordings

    async def __aenter__(self):
        self.tasks = await Tasks().__aenter__()
        ids = self.ids = Ids(Random(self.chance.random()))
        self.ledger = ProcessLedger()
        self.gate = Gate(law(*self.packs), self.ledger, self.record, self.clock, ids)
        settings = {
            "ring_timeout_seconds": 20.0,
            "post_dial_delay_seconds": 2.0,
            "auto_ready_after_seconds": None,
            "facts": FACTS,
            "trunks": self.its_trunks,
        } | self.settings
        self.campaigns = {
            name: Campaign(name, self.packs, "+390612345678", **(settings | more))
            for name, more in {self.name: {}, **self.also}.items()
        }
        self.campaign = self.campaigns[self.name]
        sessions = [
            Session(f"agent{n}", 1001 + n, f"PJSIP/agent{n}", frozenset(self.campaigns), self.clock.now())
            for n in range(self.agents)
        ]
        if self.boss:
            sessions.append(Session("boss", 900, "PJSIP/boss", frozenset(self.campaigns), self.clock.now()))
        self.roster = Roster(sessions, self.record, self.clock, ids)
        self.live = LiveAttempts()
        self.learning = Learning(self.record.habits, self.clock)
        await self.learning.load()
        planning = Planning(self.record, self.record, self.gate, self.campaigns, self.learning, self.clock)
        self.closing = Closing(
            self.record,
            self.record,
            self.gate,
            self.roster,
            self.live,
            self.clock,
            self.campaigns,
            self.rules_of,
            planning,
        )
        self.tally = Tally(self.campaigns)
        shipped = law(*self.packs)
        self.accounts = Accounts(shipped, self.record, self.live, self.clock)
        self.trunks = Trunks(self.configured_trunks, self.live, self.clock)
        self.targets = Targets(shipped.packs, self.trunks, dict.fromkeys(self.campaigns, self.wish))
        self.pacer = Pacer(self.targets, self.accounts, self.roster, self.record, self.clock)
        self.listenings = Listenings(
            self.supervising,
            self.roster,
            self.pbx,
            self.record.listenings,
            self.live.case_of,
            self.clock,
            ids,
            self.tasks,
        )
        self.flow = Flow(
            campaigns=self.campaigns,
            states=self.record,
            stocks={name: Stock(name, self.record) for name in self.campaigns},
            gate=self.gate,
            pbx=self.pbx,
            roster=self.roster,
            live=self.live,
            trunks=self.trunks,
            closing=self.closing,
            listenings=self.listenings,
            outside=self.record.outside,
            history=self.record,
            learning=self.learning,
            pacer=self.pacer,
            tally=self.tally,
            inbound=self.record,
            book=self.record,
            recordings=self.recordings,
            has_room=lambda: self.room,
            clock=self.clock,
            tasks=self.tasks,
        )
        for _ in range(LEARNERS):
            self.tasks.start("learn", self.closing.learner())
        self.pbx.deliver = self.flow.on_event
        self.pbx.listening = True
        self.recovery = Recovery(
            self.flow, self.pbx, self._load_ledger, self.closing, self.record, self.record, self.record, self.clock
        )
        await self.recovery.load()
        await self.accounts.read()
        await self.pacer.load([self.campaign])
        await self.recovery.reconcile()
        return self

    async def _load_ledger(self):
        async for page in self.record.pages():
            self.ledger.load(page)

    async def __aexit__(self, *exc):
        self.tasks.cancel()
        await self.tasks.__aexit__(*exc)

    async def die(self):
        """kill -9: nobody listens any more, and nothing is written."""
        self.pbx.listening = False
        self.tasks.cancel()

    def rules_of(self, campaign, creditor):
        return self.rules

    async def cases(self, *behaviours, pace=5, campaign=None):
        """One case for each behaviour, or for each tuple of them (several numbers)."""
        start = len(self.record.cases)
        new = []
        for index, behaviour in enumerate(behaviours, start=start):
            kinds = behaviour if isinstance(behaviour, tuple) else (behaviour,)
            lines = tuple(f"+39347{index:03d}{pace + n:02d}{kind.value.code}" for n, kind in enumerate(kinds))
            new.append(
                NewCase(
                    "Luce", f"D{index}", f"Name {index}", (Debt(f"F{index}", Money(100)),), lines, "Europe/Rome", "it"
                )
            )
        await self.record.add(campaign or self.name, new, self.clock.now())

    def forbid(self, number):
        """Somebody asks not to be called on this number."""
        self.gate.put(opt_out(number, self.clock.now()))

    def flags(self, number):
        """What stands against a number in the ledger, and on record."""
        here = [line.name for line in self.ledger.standing(Subject(None, number)).lines if isinstance(line, Flag)]
        kept = [line.name for line in self.record.lines.values() if isinstance(line, Flag) and line.number == number]
        assert here == kept
        return here

    async def staff(self):
        """Everybody logs in, picks up, and is ready."""
        for session in self.roster:
            if session.work is Work.OFFLINE and session.agent != "boss":
                self.flow.desk.log_in(session.agent, pause_reason=None)
        await self.run(1.0)

    async def start(self):
        for campaign in self.campaigns.values():
            await self.flow.command(campaign, CampaignSignal.START)

    async def begin(self, *behaviours, **how):
        """Cases come in, everybody is ready, and the campaigns run."""
        await self.cases(*behaviours, **how)
        await self.staff()
        await self.start()

    async def tick_while_the_record_is_slow(self):
        """The engine's tick, at the instant when an attempt is on disk and the engine hasn't heard of it yet."""
        open_, opening = self.record.open, asyncio.Event()

        async def slow(*opened):
            await open_(*opened)
            opening.set()
            await asyncio.sleep(1)

        self.record.open = slow
        tick = asyncio.create_task(self.flow.tick())
        await opening.wait()
        return tick

    async def run(self, seconds, *, act=True, tick_seconds=TICK_SECONDS):
        """Let time pass: the engine ticks, the agents talk and write up."""
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end - 1e-6:
            await self.flow.tick()
            if self.recovery.overdue and self.pbx.up:
                await self.recovery.reconcile()
            if act:
                await self._act()
            self.check()
            await asyncio.sleep(min(tick_seconds, end - self.clock.monotonic()))

    async def _act(self):
        now = self.clock.now()
        for session in self.roster:
            try:
                age = (now - session.since).total_seconds()
                if session.work is Work.TALKING and age >= self.talk_seconds:
                    self.flow.end_call(session.agent)
                elif session.work is Work.WRAPPING and age >= 2.0:
                    await self.flow.write_up(session.agent, "refuses", "")
                    self.flow.wrap_up.finish(session.agent)
            except AgentError:
                continue

    def check(self):
        """What must hold at every instant."""
        numbers = Counter(attempt.intent.number for attempt in self.live)
        debtors = Counter(attempt.intent.debtor_id for attempt in self.live)
        assert max(numbers.values(), default=0) <= 1, "a number twice in flight"
        assert max(debtors.values(), default=0) <= 1, "a debtor twice in flight"
        for attempt in self.live:
            assert attempt.id in {**self.record.attempts, **self.record.inbound}, "a call that isn't on record"
            assert attempt.state is not State.ENDED
        dialled = [attempt for attempt, _ in self.pbx.originated]
        assert len(dialled) == len(set(dialled)), "a call sent twice"

    def results(self):
        return Counter(attempt.result.value for attempt in self.record.attempts.values() if attempt.result)


ALL = tuple(Behaviour)

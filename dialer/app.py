"""The composition root: it knows everybody."""

import asyncio
import os
import signal
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from random import SystemRandom

import structlog
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from dialer import configured
from dialer.adapters.ami.asterisk import Asterisk
from dialer.adapters.metrics import DialerCollector, Inside, exposition
from dialer.adapters.recordings import Collecting
from dialer.adapters.redis.ledger import RedisLedger
from dialer.adapters.store import schema
from dialer.adapters.store.abandoned import SqlAbandoned
from dialer.adapters.store.attempts import SqlAttempts
from dialer.adapters.store.cases import SqlCaseBook
from dialer.adapters.store.database import open_database
from dialer.adapters.store.dossiers import SqlDossiers
from dialer.adapters.store.floor import SqlFloor
from dialer.adapters.store.hold import only_daemon
from dialer.adapters.store.inbound import SqlInbound
from dialer.adapters.store.learnt import SqlLearnt
from dialer.adapters.store.ledger import SqlLedger, SqlLines
from dialer.adapters.store.letters import SqlLetters
from dialer.adapters.store.listenings import SqlListenings
from dialer.adapters.store.outside import SqlOutside
from dialer.adapters.store.payments import SqlPayments
from dialer.adapters.store.promises import SqlPromises
from dialer.adapters.store.ranking import SqlRanking
from dialer.adapters.store.recordings import SqlRecordings
from dialer.adapters.store.reloads import SqlReloads
from dialer.adapters.store.turns import SqlTurns
from dialer.adapters.store.waiting import SqlWaiting
from dialer.adapters.store.writer import Writer
from dialer.adapters.systemd import ServiceManager
from dialer.agents.listening import Listenings
from dialer.agents.roster import Roster
from dialer.agents.session import Session, Work
from dialer.auditing import Auditing
from dialer.calls.live import LiveAttempts
from dialer.calls.retention import Pruning
from dialer.calls.trunks import Trunks
from dialer.campaigns.learning import Learning
from dialer.campaigns.selection import Stock
from dialer.compliance.gate import CLOCK_TOLERANCE, Gate, Surroundings
from dialer.compliance.ledger import ProcessLedger
from dialer.compliance.reasons import Reason
from dialer.explaining import Explaining
from dialer.flow import Flow
from dialer.in_force import InForce
from dialer.kernel.clock import SystemClock
from dialer.kernel.errors import AwayError, InUseError, PbxRefusedError
from dialer.kernel.ids import Ids
from dialer.kernel.tasks import Tasks
from dialer.live.accounts import ALONE_SECONDS, SHARED_SECONDS, Accounts
from dialer.live.pacer import Latency, Pacer
from dialer.live.snapshot import Snapshot, agent_line, campaign_line, trunk_lines
from dialer.live.tally import Tally
from dialer.live.targets import Targets
from dialer.outcomes.closing import LEARNERS, Closing
from dialer.outcomes.keeping import Keeping
from dialer.outcomes.lettering import Lettering
from dialer.outcomes.planning import Planning
from dialer.outcomes.said import Said
from dialer.recovery import Recovery
from dialer.reload import Reloading
from dialer.settings import LedgerSettings, Settings, place, redis_url, secret
from dialer.web.api import Api
from dialer.web.explaining import ExplainRoutes
from dialer.web.listening import ListeningRoutes
from dialer.web.reloading import ReloadRoutes
from dialer.web.reports import Reports
from dialer.web.tuning import TuningRoutes

FORGET_EVERY_SECONDS = 3_600.0
CADENCE_SECONDS = 60.0
MOST_CALL_BACKS = 200
PROMISES_SECONDS = 300.0
LETTERS_SECONDS = 3_600.0
PRUNE_SECONDS = 86_400.0
LEARNT_SECONDS = 60.0
RANKING_SECONDS = 5.0
RANKED_AT_ONCE = 200
"""So a million cases are gone through in seven hours, beside the calls."""
WORKING_TIME_SECONDS = 10.0
SHUTDOWN_SECONDS = 5.0
DRAIN_WITHOUT_PBX_SECONDS = 60.0
"""Calls whose PBX is away can't be seen to end: a stop waits so long for it. The next start settles them."""

log = structlog.get_logger(__name__)


class Daemon:
    """One cell: one daemon beside one Asterisk."""

    def __init__(self, settings: Settings, config: Path) -> None:
        self._settings, self._config = settings, config
        self._clock = SystemClock(timedelta(seconds=settings.demo.clock_offset_seconds))
        self._link_settings = configured.link(settings)
        self._token = secret(settings.api.token, settings.api.token_file, "api.token", "DIALER_API__TOKEN")
        self._in_force = InForce(settings)
        self._reports = Reports(config)
        self._auditing = Auditing(config, settings.compliance.audit_seconds, self._clock)
        self._manager = ServiceManager(os.environ, os.getpid())
        self._lag_seconds = self._ticked_at = 0.0
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Work until told to stop, then let the calls under way end. Raises DialerError for what a user must read."""
        where = place(self._settings.store)
        async with only_daemon(where, alone=self._settings.ledger.kind == "process") as hold:
            self._hold = hold
            engine = await open_database(where)
            try:
                async with Tasks() as tasks:
                    if hold is not None:
                        tasks.start("hold", hold.keep())
                    self._build(tasks, engine)
                    await self._work(tasks)
                    tasks.cancel()
            except* Exception as group:  # noqa: BLE001 -- whatever ended the daemon is told by the command
                raise _first(group) from None
            finally:
                await engine.dispose()

    def _build(self, tasks: Tasks, engine: AsyncEngine) -> None:
        settings, clock, taken, law = self._settings, self._clock, self._in_force.taken, self._in_force.law
        ids = Ids(SystemRandom())
        self._engine = engine
        self._writer = Writer(engine, settings.store.cell)
        self._book = SqlCaseBook(engine, self._writer)
        self._dossiers = SqlDossiers(engine)
        self._payments = SqlPayments(engine)
        record, floor = SqlAttempts(engine, self._writer, clock), SqlFloor(engine, self._writer)
        self._floor = floor
        self._lines = SqlLines(engine, clock)
        self._ledger = self._ledger_of(settings.ledger, engine)
        gate = Gate(law, self._ledger, record, clock, ids)
        campaigns = taken.campaigns
        sessions = [
            Session(
                agent.name, agent.seat, agent.phone, frozenset(agent.campaigns), clock.now(), kind=agent.class_ or ""
            )
            for agent in settings.agents
        ]
        roster = Roster(sessions, floor, clock, ids)
        live = LiveAttempts()
        learning = Learning(SqlLearnt(engine, self._writer, schema.habits, settings.store.cell), clock)
        self._learning, self._ranking = learning, SqlRanking(engine)
        planning = Planning(self._book, self._ranking, gate, campaigns, learning, clock)
        self._closing = closing = Closing(
            record, self._book, gate, roster, live, clock, campaigns, self._in_force.rules, planning
        )
        self._pbx = Asterisk(
            self._link_settings,
            taken.trunks,
            clock,
            SystemRandom(),
            lambda event: self._flow.on_event(event),  # noqa: PLW0108 -- the flow is built next, with this
        )
        self._past_listenings = SqlListenings(engine, self._writer)
        listenings = Listenings(
            taken.supervising,
            roster,
            self._pbx,
            self._past_listenings,
            live.case_of,
            clock,
            ids,
            tasks,
        )
        accounts = Accounts(law, SqlAbandoned(engine, self._writer), live, clock)
        trunks = Trunks(taken.trunks, live, clock, ramp_seconds=taken.ramp_seconds)
        targets = Targets(law.packs, trunks, taken.wishes)
        paced = SqlLearnt(engine, self._writer, schema.pacing_memory, settings.store.cell)
        pacer = Pacer(targets, accounts, roster, paced, clock, self._latency)
        kept, self._files, cell = SqlRecordings(engine), configured.recording_files(settings), settings.store.cell
        self._flow = Flow(
            campaigns=campaigns,
            states=floor,
            stocks={name: Stock(name, self._book) for name in campaigns},
            gate=gate,
            pbx=self._pbx,
            roster=roster,
            live=live,
            trunks=trunks,
            closing=closing,
            listenings=listenings,
            outside=SqlOutside(engine, self._writer),
            history=self._dossiers,
            learning=learning,
            pacer=pacer,
            tally=Tally(campaigns),
            inbound=SqlInbound(engine, self._writer),
            book=self._book,
            recordings=kept,
            clock=clock,
            tasks=tasks,
            most_calls=settings.demo.most_calls,
            has_room=self._has_room,
        )
        self._collecting = Collecting(self._files, kept, record, lambda: self._flow.under_way, clock, cell)
        self._pruning = Pruning(kept, self._files.delete, cell, taken.retention)
        gate.surroundings = Surroundings(
            self._feed_is_fresh, self._record_is_held, self._ledger_is_whole, lambda: self._pbx.skew
        )
        self._said = Said(gate, self._book, live, record, clock)
        self._keeping = Keeping(SqlPromises(engine, self._writer), clock)
        self._lettering = Lettering(SqlLetters(engine), self._in_force.letters, tuple(campaigns), clock)
        self._recovery = Recovery(self._flow, self._pbx, self._load_ledger, closing, record, self._book, floor, clock)

    def _has_room(self) -> bool:
        return self._files.free_bytes() >= self._in_force.settings.recordings.least_free_mb * 1_000_000

    def _ledger_of(self, wish: LedgerSettings, engine: AsyncEngine) -> ProcessLedger | SqlLedger | RedisLedger:
        match wish.kind:
            case "process":
                return ProcessLedger()
            case "sql":
                return SqlLedger(engine, self._writer, self._clock)
            case "redis":
                collector = self._settings.collector.name
                return RedisLedger(
                    redis_url(wish),
                    self._settings.store.cell,
                    self._lines,
                    self._clock,
                    prefix=wish.prefix,
                    house=collector,
                )

    async def _load_ledger(self) -> None:
        """The ledger in the process knows what the record knows. One that is shared isn't waited for: it becomes whole
        by itself, nothing is cleared before, and calls under way must be looked after at once.
        """
        if isinstance(self._ledger, ProcessLedger):
            async for page in self._lines.pages():
                self._ledger.load(page)

    async def _count_wanted(self) -> None:
        """Who is called too seldom, and whom an agent promised to call by now, once a minute, for the alerts."""
        while True:
            for name in self._flow.campaigns:
                now, tally = self._clock.now(), self._flow.tally.campaigns[name]
                with suppress(AwayError):
                    tally.wanted = await self._book.count_wanted(name, now)
                    tally.call_backs_due = len(await self._book.call_backs(name, now, MOST_CALL_BACKS))
            await asyncio.sleep(CADENCE_SECONDS)

    async def _judge_promises(self) -> None:
        """Whose promise is over, several times an hour: before a case is due because of it."""
        while True:
            with suppress(AwayError):
                await self._keeping.look()
            await asyncio.sleep(PROMISES_SECONDS)

    async def _hand_over_to_letters(self) -> None:
        """For whom a letter is due, once an hour."""
        while True:
            with suppress(AwayError):
                await self._lettering.look()
            await asyncio.sleep(LETTERS_SECONDS)

    async def _prune(self) -> None:
        """Recordings whose time is over, once a day."""
        while True:
            with suppress(AwayError):
                done = await self._pruning.run(self._clock.now())
                counts = {name: len(getattr(done, name)) for name in ("deleted", "held", "unclear", "stuck")}
                log.info("recordings.pruned", kept=done.kept, **counts)
            await asyncio.sleep(PRUNE_SECONDS)

    @property
    def _accounts_seconds(self) -> float:
        """Who shares the record with other cells must look often at what they abandoned."""
        return ALONE_SECONDS if self._settings.ledger.kind == "process" else SHARED_SECONDS

    def _feed_is_fresh(self) -> bool:
        return self._ledger.feed_fresh if isinstance(self._ledger, RedisLedger) else True

    def _ledger_is_whole(self) -> bool:
        return self._ledger.ready if isinstance(self._ledger, RedisLedger) else True

    def _record_is_held(self) -> bool:
        return self._hold is None or self._hold.held

    def _start_ledger(self, tasks: Tasks) -> None:
        if isinstance(self._ledger, RedisLedger):
            gate = self._flow.gate
            tasks.start("ledger", self._ledger.run())
            tasks.start("feed", self._ledger.feed(gate.watch.apply, gate.read_again))

    def _latency(self) -> Latency:
        """A loop that is late delays events, too."""
        lag_seconds = max(self._lag_seconds, self._pbx.event_lag.seconds)
        return Latency(self._pbx.acknowledgement.seconds, lag_seconds)

    async def _remember(self) -> None:
        """Put what was learnt on record, once a minute."""
        while True:
            await asyncio.sleep(LEARNT_SECONDS)
            self._flow.pacer.save()
            self._learning.save()

    async def _count_working_time(self) -> None:
        """A kill -9 loses no more of it than this."""
        while True:
            await asyncio.sleep(WORKING_TIME_SECONDS)
            self._flow.roster.count_working_time()

    async def _rank_again(self) -> None:
        """Go through all open cases, over and over: they grow older, and what was learnt since moves them."""
        after = 0
        while True:
            with suppress(AwayError):
                some = await self._ranking.open_after(after, RANKED_AT_ONCE)
                await self._ranking.rank(some, self._clock.now())
                after = some[-1] if some else 0
            await asyncio.sleep(RANKING_SECONDS)

    async def _work(self, tasks: Tasks) -> None:
        if self._clock.offset:
            log.warning("clock.shifted", seconds=self._clock.offset.total_seconds())
        tasks.start("writer", self._writer.run())
        self._start_ledger(tasks)
        tasks.start("auditing", self._auditing.run())
        tasks.start("cadence", self._count_wanted())
        tasks.start("promises", self._judge_promises())
        tasks.start("ranking", self._rank_again())
        tasks.start("letters", self._hand_over_to_letters())
        tasks.start("working_time", self._count_working_time())
        for _ in range(LEARNERS):
            tasks.start("learn", self._closing.learner())
        await self._learning.load()
        await self._recovery.load()
        tasks.start("recordings", self._collecting.run())
        tasks.start("pruning", self._prune())
        await self._flow.pacer.accounts.read()
        await self._flow.pacer.load(self._flow.campaigns.values())
        tasks.start("accounts", self._flow.pacer.accounts.keep(self._accounts_seconds))
        tasks.start("learning", self._remember())
        runner = await self._serve()
        tasks.start("reloading", self._reloading.watch())
        try:
            connected = asyncio.Event()
            tasks.start("ami", self._pbx.link.run(lambda: self._on_up(connected), self._on_down))
            self._watch_signals()
            await self._first_connect(connected)
            self._ticked_at = asyncio.get_running_loop().time()
            self._manager.ready(self._status())
            tasks.start("service_manager", self._manager.keep(lambda: self._ticked_at, self._status))
            log.info("daemon.started", agents=len(self._settings.agents), campaigns=len(self._settings.campaigns))
            await self._tick_until_stopped()
            self._flow.pacer.save()
            self._learning.save()
            self._flow.roster.count_working_time()
            await self._writer.flush()
            if isinstance(self._ledger, RedisLedger):
                with suppress(AwayError):
                    await self._ledger.flush()
            log.info("daemon.stopped")
        finally:
            await runner.cleanup()

    async def _first_connect(self, connected: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(event.wait()) for event in (connected, self._stop)]
        done, pending = await asyncio.wait(
            waits, timeout=self._settings.pbx.first_connect_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        for wait in pending:
            wait.cancel()
        if not done:
            raise self._pbx.link.absent

    async def _on_up(self, connected: asyncio.Event) -> None:
        self._flow.trunks.forget_reached()
        await self._recovery.reconcile()
        await self._flow.pacer.accounts.read()  # it may have found calls that the PBX abandoned without us
        connected.set()

    def _on_down(self) -> None:
        self._flow.gate.pbx_ready = False

    async def _tick_until_stopped(self) -> None:
        """The engine's pulse. The first stop signal drains, the second ends at once."""
        loop, period = asyncio.get_running_loop(), self._settings.engine.tick_seconds
        due = forget_at = heard_at = loop.time()
        while not (self._flow.stopping and not len(self._flow.live) and not any(self._flow.receiving)):
            self._ticked_at = loop.time()
            self._lag_seconds = max(0.0, self._ticked_at - due)
            if self._pbx.link.up or not self._flow.stopping:
                heard_at = loop.time()
            elif loop.time() - heard_at >= DRAIN_WITHOUT_PBX_SECONDS:
                log.warning("daemon.calls_left_behind", calls=len(self._flow.live))
                return
            await self._flow.tick()
            if self._recovery.overdue and self._pbx.link.up:
                await self._ask_again()
            if loop.time() >= forget_at:
                if isinstance(self._ledger, ProcessLedger):
                    self._ledger.forget_before(self._clock.now())
                kept_days = timedelta(days=self._settings.collector.working_times_days)
                self._floor.forget_worked(self._clock.now() - kept_days)
                forget_at = loop.time() + FORGET_EVERY_SECONDS
            due = max(due + period, loop.time())
            try:
                async with asyncio.timeout(max(0.0, due - loop.time())):
                    await self._stop.wait()
                return
            except TimeoutError:
                continue

    async def _ask_again(self) -> None:
        """Some attempt has missed its end: ask the PBX what there is."""
        log.warning("attempts.end_missed")
        try:
            await self._recovery.reconcile()
        except (AwayError, PbxRefusedError) as error:
            log.warning("reconcile.failed", error=str(error))
        if not self._pbx.link.up:  # lost meanwhile: the next connect reconciles
            self._flow.gate.pbx_ready = False

    def _watch_signals(self) -> None:
        def stop() -> None:
            if self._flow.stopping:
                self._stop.set()
            self._flow.stopping = True
            self._manager.stopping(self._status())
            log.info("daemon.drain_began", calls=len(self._flow.live))

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reloading.ask)

    async def _serve(self) -> web.AppRunner:
        api = self._settings.api
        collector = DialerCollector(self._flow.tally, self.snapshot, self._inside())
        interface = Api(
            self._flow,
            self._book,
            self._dossiers,
            self._payments,
            self._said,
            self.snapshot,
            self._problems,
            lambda: exposition(collector),
            self._token,
            self._clock,
            self._in_force.rules,
            SqlWaiting(self._engine),
            SqlLetters(self._engine),
            self._files,
            self._in_force.taken.holders,
        )
        past = SqlReloads(self._engine, self._writer, self._settings.store.cell)
        self._reloading = Reloading(
            self._config, self._in_force, self._flow, self._pruning, interface.admit, past, self._clock, self._manager
        )
        application = interface.application()
        application.add_routes(ReloadRoutes(self._reloading, past).routes())
        application.add_routes(TuningRoutes(self._flow, self._config).routes())
        application.add_routes(self._reports.routes())
        explaining = Explaining(self._flow, self._book, SqlTurns(self._engine), self._problems, self._clock)
        application.add_routes(ExplainRoutes(explaining, self._dossiers, self._clock).routes())
        application.add_routes(ListeningRoutes(self._flow.listenings, self._past_listenings).routes())
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, api.host, api.port).start()
        except OSError as error:
            await runner.cleanup()
            raise InUseError(
                f"{api.host}:{api.port} can't be listened on: {error.strerror}",
                "end the program that holds the port, or set [api] port",
            ) from None
        return runner

    def snapshot(self) -> Snapshot:
        """The floor right now."""
        now, flow = self._clock.now(), self._flow
        return Snapshot(
            at=now,
            ready=not self._problems(),
            clock_offset_seconds=self._clock.offset.total_seconds(),
            campaigns=tuple(
                campaign_line(
                    campaign, list(flow.live.of_campaign(campaign.name)), flow.tally, flow.pacer.accounts_of(campaign)
                )
                for campaign in flow.campaigns.values()
            ),
            agents=tuple(agent_line(session, now) for session in flow.roster),
            trunks=trunk_lines(flow.trunks),
            caller_ids=flow.answer_rates.lines(),
        )

    def _problems(self) -> list[str]:
        """What keeps the daemon from dialling, whatever the campaigns say."""
        problems = []
        if not self._pbx.link.up:
            problems.append("the PBX is away")
        elif not self._flow.gate.pbx_ready:
            problems.append("the PBX is being reconciled")
        if abs(self._pbx.skew) > CLOCK_TOLERANCE:
            problems.append(f"the PBX's clock is {self._pbx.skew.total_seconds():+.1f} s from ours")
        if not self._writer.healthy:
            problems.append("the record can't be written")
        if not self._ledger_is_whole():
            problems.append("the ledger on Redis is away, or being rebuilt")
        if not self._record_is_held():
            problems.append("another daemon may work in this one's name")
        if self._flow.stopping:
            problems.append("the daemon is stopping")
        return problems

    def _status(self) -> str:
        """One sentence for the service manager."""
        agents = sum(session.work is not Work.OFFLINE for session in self._flow.roster)
        return "; ".join([f"{len(self._flow.live)} calls, {agents} agents", *self._problems()])

    def _inside(self) -> Inside:
        packs = self._in_force.law.packs.values()
        return Inside(
            self._health,
            self._shut_by,
            self._flow.gate.decisions,
            self._writer.commits,
            self._pbx.link.requests,
            self._keeping.found,
            self._recovery.discrepancies,
            reasons=self._in_force.law.flags.union(rule.id for pack in packs for rule in pack.checks),
        )

    def _shut_by(self) -> frozenset[Reason]:
        return self._flow.gate.shut_by if self._writer.healthy else self._flow.gate.shut_by | {Reason.STORE_AWAY}

    def _health(self) -> dict[str, float]:
        link = self._pbx.link
        return {
            "dialer_ready": float(not self._problems()),
            "dialer_ami_up": float(link.up),
            "dialer_ami_reconnects": max(0, link.connects - 1),
            "dialer_ami_malformed": link.malformed,
            "dialer_ami_acknowledgement_seconds": self._pbx.acknowledgement.seconds,
            "dialer_ami_event_lag_seconds": self._pbx.event_lag.seconds,
            "dialer_ledger_backlog_events": self._writer.backlog,
            "dialer_event_loop_lag_seconds": self._lag_seconds,
            **self._auditing.figures,
            "dialer_pbx_clock_skew_seconds": self._pbx.skew.total_seconds(),
            "dialer_clock_offset_seconds": self._clock.offset.total_seconds(),
            "dialer_recordings_free_bytes": self._files.free_bytes(),
            "dialer_recordings_least_free_bytes": self._in_force.settings.recordings.least_free_mb * 1_000_000,
        }


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that brought the daemon down: the first one, out of the groups in which tasks wrap it."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error

"""The configuration taken up anew while calls are up: as a whole or not at all, told and on record."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import structlog

from dialer.adapters import logging
from dialer.adapters.systemd import ServiceManager
from dialer.calls.retention import Pruning
from dialer.flow import Flow
from dialer.in_force import InForce, Taken
from dialer.kernel.clock import Clock
from dialer.kernel.errors import InputError
from dialer.kernel.reloads import Change, Reload, ReloadRecord, ReloadResult
from dialer.settings import Settings
from dialer.settings.live import merge
from dialer.settings.loading import located, parse, read
from dialer.web.access import Holder

LOOK_SECONDS = 1.0
"""Between two looks at the files. What changed is taken up once it stands still from one look to the next: whoever writes
a file may not be done with it."""
BY_FILE, BY_SIGNAL = "file", "signal"

log = structlog.get_logger(__name__)
Seen = Mapping[str, tuple[int, int]]


class Reloading:
    """Takes up the file `config`, on demand or when it, or a file that it names, changes."""

    def __init__(
        self,
        config: Path,
        in_force: InForce,
        flow: Flow,
        pruning: Pruning,
        admit: Callable[[tuple[Holder, ...]], None],
        record: ReloadRecord,
        clock: Clock,
        manager: ServiceManager,
    ) -> None:
        self._config, self._in_force, self._flow = config, in_force, flow
        self._pruning, self._admit, self._record, self._clock = pruning, admit, record, clock
        self._manager = manager
        self._one_at_a_time = asyncio.Lock()
        self._asked = asyncio.Event()
        self._seen: Seen = _look(config, in_force.settings)
        self._waiting: tuple[Change, ...] = ()
        flow.tally.reloaded(ReloadResult.APPLIED, clock.now(), at_start=True)

    def ask(self) -> None:
        """A signal wants it: soon."""
        self._asked.set()

    async def watch(self) -> None:
        """Reload when a signal asks, or when the files changed and stand still."""
        before = self._seen
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._asked.wait()
            except TimeoutError:
                now = await self._look()
                if before == now != self._seen:
                    await self.reload(BY_FILE)
                before = now
            else:
                self._asked.clear()
                await self.reload(BY_SIGNAL)

    async def reload(self, by: str) -> Reload:
        """Take up the file, as far as that goes without a restart; a wrong one changes nothing. Both are on record."""
        async with self._one_at_a_time:
            with self._manager.reloading():
                waiting = self._waiting
                reload = await self._take_up(by)
        self._flow.tally.reloaded(reload.result, reload.at)
        if reload.result is not ReloadResult.UNCHANGED or reload.waiting != waiting:
            self._record.save_reload(reload)
        changed, waits = [one.key for one in reload.changed], [one.key for one in reload.waiting]
        if reload.result is ReloadResult.REFUSED:
            log.error("configuration.refused", by=reload.by, error=reload.why)
        else:
            log.info("configuration.read", by=reload.by, changed=changed, waiting=waits)
        return reload

    async def _take_up(self, by: str) -> Reload:
        old = self._in_force.taken
        try:
            self._seen, taken, changed, waiting = await asyncio.to_thread(self._read, old.settings)
        except (InputError, OSError) as error:
            remedy = error.remedy if isinstance(error, InputError) else "check the files' rights"
            return await self._refused(by, str(error), remedy)
        except Exception as error:  # a file may hold anything, and no call may end for it
            log.exception("configuration.not_read", by=by)
            kind = type(error).__name__
            return await self._refused(by, f"can't be read: {kind}", "the daemon's log tells where; correct the file")
        self._waiting = waiting
        self._apply(taken)
        result = ReloadResult.APPLIED if changed else ReloadResult.UNCHANGED
        return Reload(self._clock.now(), by, result, changed, waiting)

    async def _refused(self, by: str, why: str, remedy: str) -> Reload:
        self._seen = await self._look()
        return Reload(self._clock.now(), by, ReloadResult.REFUSED, why=why, remedy=remedy)

    async def _look(self) -> Seen:
        """The files as they are; where they can't be looked at, as they were last seen."""
        try:
            return await asyncio.to_thread(_look, self._config, self._in_force.settings)
        except Exception:  # as in a reload
            log.exception("configuration.not_looked_at")
            return self._seen

    def _read(self, old: Settings) -> tuple[Seen, Taken, tuple[Change, ...], tuple[Change, ...]]:
        """What the file makes of what holds; nothing holds yet. Raises InputError."""
        before = _look(self._config, old)  # what changes while it is read changes again
        text = read(self._config)
        merged, changed, waiting = merge(old, parse(self._config, text))
        seen = {**_look(self._config, merged), **before}
        try:
            taken = Taken.of(merged, self._in_force.law)
        except InputError as error:
            raise located(self._config, text, error) from None
        names = [name for name in {**self._seen, **seen} if Path(name) != self._config]
        changed += [Change(name, "as read", "read anew") for name in names if seen.get(name) != self._seen.get(name)]
        return seen, taken, tuple(changed), tuple(waiting)

    def _apply(self, taken: Taken) -> None:
        """Between two ticks, and without a wait: nobody sees half of it."""
        flow, now = self._flow, taken.settings
        self._in_force.taken = taken
        for name, campaign in taken.campaigns.items():
            flow.campaigns[name].take_up(campaign)
        flow.trunks.take_up(taken.trunks, ramp_seconds=taken.ramp_seconds)
        flow.pacer.targets.take_up(taken.wishes)
        flow.answer_rates.take_up(flow.campaigns)
        flow.listenings.take_up(taken.supervising)
        for agent in now.agents:
            session = flow.roster.session(agent.name)
            session.campaigns, session.kind = frozenset(agent.campaigns), agent.class_ or ""
        self._pruning.retention = taken.retention
        self._admit(taken.holders)
        logging.set_level(now.log.level)


def _look(config: Path, of: Settings) -> Seen:
    """Each file that is read, and what tells that it changed: its time and size."""
    seen = {}
    for path in {config, *_named(of)}:
        try:
            stat = path.stat()
        except OSError:
            continue
        seen[str(path)] = stat.st_mtime_ns, stat.st_size
    return seen


def _named(of: Settings) -> Iterator[Path]:
    """The files that the configuration names and a reload reads again."""
    files = [campaign.outcomes_file for campaign in of.campaigns.values()]
    files += [mandate.outcomes_file for mandate in of.mandates]
    yield from (file for file in files if file is not None)
    folders = [campaign.script_folder for campaign in of.campaigns.values()]
    folders += [mandate.letter_folder for mandate in of.mandates]
    for folder in folders:
        if folder is not None:
            yield from folder.glob("*.toml")

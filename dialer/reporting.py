"""Which reports there are, and from what each is made."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import date

from sqlalchemy.ext.asyncio import AsyncEngine

from dialer.adapters.store.abandoned import SqlAbandoned
from dialer.adapters.store.audit import SqlAuditRecord
from dialer.adapters.store.dossiers import SqlDossiers
from dialer.adapters.store.mandates import SqlMandates
from dialer.adapters.store.portfolio import SqlPortfolio
from dialer.adapters.store.reports import SqlReports
from dialer.adapters.store.writer import Writer
from dialer.audit.auditor import Bench
from dialer.audit.auditor import audit as recount
from dialer.audit.law import Library
from dialer.audit.report import Report as Audited
from dialer.audit.when import Corrections
from dialer.compliance.pack import Shelf
from dialer.kernel.errors import UnknownNameError
from dialer.live.accounts import local_day
from dialer.live.windows import Window, windows
from dialer.reports import (
    abandonment,
    agents,
    attempts,
    compliance,
    funnel,
    history,
    inbound,
    list_quality,
    promises,
    recovery,
    statement,
    trunks,
)
from dialer.reports.report import About, Asked, Report
from dialer.settings import Settings

MOST_MOMENTS = 100_000
"""So many of each kind a debtor's history tells."""


@dataclass(frozen=True, slots=True)
class Sources:
    """From what a report is made. seen_by: whose look at personal data is put on record. numbers: whether attempts show
    whose they are.
    """

    engine: AsyncEngine
    settings: Settings
    asked: Asked
    seen_by: str
    numbers: bool = False

    @property
    def calls(self) -> SqlReports:
        return SqlReports(self.engine)

    @property
    def portfolio(self) -> SqlPortfolio:
        return SqlPortfolio(self.engine)


Pages = AsyncIterator[Report]


async def _attempts(of: Sources) -> Pages:
    totals = await of.calls.attempt_totals(of.asked)
    async for page in of.calls.attempts(of.asked, of.seen_by if of.numbers else ""):
        lines = page if of.numbers else [attempts.masked(line) for line in page]
        yield Report(attempts.ABOUT, of.asked, tuple(lines), (totals,))


async def _history(of: Sources) -> Pages:
    case = of.asked.case
    assert case is not None
    try:
        dossiers = SqlDossiers(of.engine)
        dossier = await dossiers.look(case, of.seen_by, "report history", of.asked.now, MOST_MOMENTS)
    except LookupError:
        raise UnknownNameError(f"there is no case {case}", "dialer report attempts has the ids") from None
    yield history.report(of.asked, dossier.timeline)


async def _funnel(of: Sources) -> Pages:
    yield await funnel.report(of.asked, of.portfolio.cases(of.asked), of.portfolio.promises(of.asked))


async def _promises(of: Sources) -> Pages:
    yield await promises.report(of.asked, of.portfolio.promises(of.asked))


async def _recovery(of: Sources) -> Pages:
    yield await recovery.report(of.asked, of.portfolio.cases(of.asked))


async def _agents(of: Sources) -> Pages:
    given = [one async for one in of.portfolio.promises(of.asked)]
    of_all = of.asked.campaign is None and of.asked.creditor is None
    times = await of.calls.working_times(of.asked) if of_all else {}
    yield agents.report(of.asked, await of.calls.agents(of.asked), given, times)


async def _abandonment(of: Sources) -> Pages:
    asked, settings = of.asked, of.settings
    shelf = Shelf(settings.compliance.pack_folder)
    packs = {name: shelf.load(name) for name in shelf.names}
    house = {name: campaign.abandonment_cap for name, campaign in settings.campaigns.items()}
    portions = await SqlAbandoned(of.engine, Writer(of.engine)).portions(None, None)
    mine = [one for one in portions if asked.campaign in (None, one.campaign)]
    slowest: dict[tuple[str, str, int], float] = {}
    for campaign, names, zone, begun, seconds in await of.calls.slowest(asked):
        for pack in names:
            key = campaign, pack, local_day(begun, zone)
            slowest[key] = max(seconds, slowest.get(key, 0.0))
    lines = [_abandonment_line(one, slowest) for one in windows(mine, packs, house)]
    yield abandonment.report(asked, lines)


def _abandonment_line(one: Window, slowest: dict[tuple[str, str, int], float]) -> abandonment.AbandonmentLine:
    last = date.max.toordinal() if one.last is None else one.last
    waits = [
        seconds
        for (campaign, pack, day), seconds in slowest.items()
        if (campaign, pack) == (one.campaign, one.pack) and one.first <= day <= last
    ]
    counts = one.counts
    return abandonment.AbandonmentLine(
        campaign=one.campaign,
        pack=one.pack,
        rule=one.rule.id,
        window=one.window,
        first_day=date.fromordinal(one.first),
        last_day=None if one.last is None else date.fromordinal(one.last),
        answered=counts.answered,
        live=counts.live,
        connected=counts.connected,
        silent=counts.abandoned,
        unknown=counts.unknown,
        abandoned=one.abandoned,
        divided_by=abandonment.MEASURES[one.rule.of],
        of=one.of,
        cap=one.cap,
        below=one.rule.comparison == "below",
        slowest_seconds=max(waits, default=None),
    )


async def _compliance(of: Sources) -> Pages:
    asked, law = of.asked, of.settings.compliance
    bench = Bench(Library.read(law.pack_folder), Corrections.read(law.holidays_file))
    until = asked.now if asked.until is None else min(asked.now, asked.until)
    found = await recount(SqlAuditRecord(of.engine), bench, until, asked.since)
    decided = await of.calls.decisions(asked)
    yield await compliance.report(asked, decided, of.calls.refusals(asked), _recounted(found))


def _recounted(found: Audited) -> compliance.Recount:
    said = compliance.Recount(attempts=found.read["attempts"], violations=found.by_rule.total())
    for name, times in found.recounted.items():
        said.applied[_key(name)] += times
    for violation in found.violations:
        said.broken[violation.pack, violation.rule] += 1
    for (name, _), times in found.not_judged.items():
        said.not_judged[_key(name)] += times
    return said


def _key(name: str) -> compliance.Key:
    """A pack and its rule; what stands alone is no pack's."""
    pack, _, rule = name.rpartition(": ")
    return pack, rule


async def _list_quality(of: Sources) -> Pages:
    yield list_quality.report(of.asked, await of.calls.lists(of.asked), await of.calls.hours(of.asked))


async def _trunks(of: Sources) -> Pages:
    yield trunks.report(of.asked, await of.calls.trunks(of.asked))


async def _inbound(of: Sources) -> Pages:
    yield inbound.report(of.asked, await of.calls.inbound(of.asked))


async def _statement(of: Sources) -> Pages:
    mandates = await SqlMandates(of.engine).all()
    cases, given = of.portfolio.cases(of.asked), of.portfolio.promises(of.asked)
    yield await statement.report(of.asked, cases, given, mandates)


REPORTS: dict[str, tuple[About, Callable[[Sources], Pages]]] = {
    about.name: (about, made)
    for about, made in (
        (attempts.ABOUT, _attempts),
        (history.ABOUT, _history),
        (funnel.ABOUT, _funnel),
        (promises.ABOUT, _promises),
        (recovery.ABOUT, _recovery),
        (agents.ABOUT, _agents),
        (abandonment.ABOUT, _abandonment),
        (compliance.ABOUT, _compliance),
        (list_quality.ABOUT, _list_quality),
        (trunks.ABOUT, _trunks),
        (inbound.ABOUT, _inbound),
        (statement.ABOUT, _statement),
    )
}
"""Each report by its name, in the order in which they are told."""


async def pages(name: str, of: Sources) -> Pages:
    """A report, page by page. Raises AwayError, and UnknownNameError for a campaign or creditor of which nothing is on
    record: an empty report would hide a slip of the pen.
    """
    asked = of.asked
    for what in ("campaign", "creditor"):
        value = getattr(asked, what)
        if value is not None and not await of.calls.knows(what, value):
            raise UnknownNameError(f"no case of the {what} {value!r} is on record", f"correct --{what}")
    async for page in REPORTS[name][1](of):
        yield page

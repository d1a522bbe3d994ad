"""A record in memory for the auditor, made by hand: calls, lines of the ledger, decisions."""

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from dialer.audit.auditor import Bench, audit
from dialer.audit.happened import read_line
from dialer.audit.instants import DAY, instant, micros
from dialer.audit.law import Library
from dialer.audit.record import LOOK_BACK_DAYS, Decided, Page, Placed, Tally
from dialer.compliance.lines import encode
from dialer.kernel.ids import ATTEMPT_PREFIX

TUESDAY = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)  # 10:00 in Rome
ROME = "Europe/Rome"
NUMBER, OTHER = "+393471234567", "+390212345678"
_LIBRARY = Library.read()


def rome(text):
    """An instant of that week, as `24T10:00:00`."""
    return datetime.fromisoformat(f"2026-11-{text}+01:00").astimezone(UTC)


class Book:
    """The port to the record, over lists."""

    def __init__(self, *packs, library=_LIBRARY):
        self.packs, self._library = packs or ("it-unirec",), library
        self.placed, self.lines, self.told, self.outside = {}, {}, [], []
        self.chained = True

    # -- writing --------------------------------------------------------------------------------------

    def call(
        self, at=TUESDAY, result="no_answer", *, debtor=1, number=NUMBER, lasts=30.0, ring=30.0, zones=(ROME,), n=None,
        outcome=None, mode="progressive", debts=(), campaign="k", packs=None, rang=None, answered=None, bridged=None,
        abandoned=None, ended=True, allowed=True, household="", zone=ROME, case=None, **more,
    ):  # fmt: skip
        """One attempt, with the decision that allowed it; seconds are counted from `at`."""
        id_ = f"{ATTEMPT_PREFIX}{n if n is not None else len(self.placed) + 1:026d}"
        begun = micros(at)

        def after(seconds):
            return None if seconds is None else begun + round(seconds * 1_000_000)

        placed = Placed(
            id_, campaign, case or debtor, debtor, number, packs or self.packs, mode, tuple(debts), begun,
            dialled_at=begun, gives_up_at=after(ring), rang_at=after(rang), answered_at=after(answered),
            bridged_at=after(bridged), abandoned_at=after(abandoned), ended_at=after(lasts) if ended else None,
            result=result if ended else None, outcome=outcome, household=household, zone=zone,
            outcome_at=after(lasts + 1) if outcome else None, **more,
        )  # fmt: skip
        self.placed[id_] = placed
        if allowed:
            self.decide(placed, zones=zones, ring=ring)
            if bridged is not None:
                self.decide(placed, "bridge", at=instant(placed.answered_at), zones=zones)
        return placed

    def decide(self, placed, word="allow", at=None, *, zones=(ROME,), ring=30.0, **more):
        at = at or instant(placed.cleared_at)
        content = {
            "at": at.isoformat(), "decision": word, "attempt": placed.id, "case": placed.case,
            "campaign": placed.campaign, "mode": placed.mode, "packs_named": list(placed.packs), "zones": list(zones),
            "ring_max_seconds": ring, "blind": False, "refusals": [],
            "packs": [law.label for name in placed.packs if (law := self._library.by_name.get(name))], **more,
        }  # fmt: skip
        columns = (word, placed.id, placed.case, micros(at))
        self.told.append(Decided("cell1", len(self.told) + 1, content, columns))

    def line(self, line, recorded_at=None):
        """A line of the ledger, as the gate writes it."""
        at = recorded_at or getattr(line, "at", None) or TUESDAY - timedelta(days=40)
        self.lines[line.id] = read_line(encode(line), micros(at))

    def change(self, placed, **values):
        self.placed[placed.id] = replace(placed, **values)

    # -- the port --------------------------------------------------------------------------------------

    async def pages(self, since, until, *, totals):
        by_debtor = defaultdict(list)
        for placed in self.placed.values():
            recent = since is None or placed.ended_at is None or max(placed.cleared_at, placed.ended_at) >= since
            if placed.cleared_at <= until and recent:
                by_debtor[placed.debtor].append(placed.id)
        for _, judged in sorted(by_debtor.items()):
            page = Page(judged=set(judged))
            back = since - LOOK_BACK_DAYS * DAY if since is not None else 0
            page.attempts = {one.id: one for one in self.placed.values() if back <= one.cleared_at <= until}
            page.lines = dict(self.lines)
            for decided in self.told:
                if decided.attempt in page.judged:
                    page.decisions.setdefault(decided.attempt, []).append(decided)
            for one in self.placed.values():
                if one.cleared_at < back and one.result != "trunk_failure":
                    page.before[one.case] = page.before.get(one.case, 0) + 1
            yield page

    async def decisions(self, since, until):
        found = [one for one in self.told if (since or 0) <= one.columns[3] <= until]
        if found:
            yield found

    async def first_decision(self):
        return min((one.columns[3] for one in self.told), default=None) if self.chained else None

    async def known(self, attempts):
        return set(attempts) & set(self.placed)

    async def tallies(self, since, until, *, whole):
        return [
            Tally(
                one.campaign, one.packs, one.zone, one.cleared_at // (900 * 10**6) * (900 * 10**6),
                one.answered_at is not None, one.bridged_at is not None, one.bridged_at is not None,
                one.ended_as in ("abandoned", "withheld"), one.result == "unknown" and one.answered_at is None,
            )
            for one in self.placed.values()
        ]  # fmt: skip

    async def around(self, numbers, since, until):
        page = Page()
        page.attempts = {one.id: one for one in self.placed.values() if since <= one.cleared_at <= until}
        page.lines, page.outside = dict(self.lines), list(self.outside)
        for one in self.placed.values():
            page.owners.setdefault(one.number, set()).add(one.debtor)
            page.zones[one.debtor] = one.zone
        return page


async def recount(book, since=None, now=None, library=None, **bench):
    return await audit(book, Bench(library or _LIBRARY, **bench), now or TUESDAY + timedelta(days=60), since)


async def broken(book, placed=None, **how):
    """The rules that an audit finds broken, of one call or of all, sorted."""
    report = await recount(book, **how)
    return sorted({one.rule for one in report.violations if placed is None or one.subject == placed.id})

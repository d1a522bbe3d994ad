"""What all rules of all packs say about one call: a pure function of packs and facts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from dialer.compliance.facts import Facts
from dialer.compliance.mandated import mandate_refusals
from dialer.compliance.pack import Pack
from dialer.compliance.rules import Agreed, Consented, Flagged
from dialer.compliance.rules.flag import stands
from dialer.compliance.verdict import Refusal, Verdict

MOST_STEPS = 100
HORIZON = timedelta(days=400)


def judge(packs: Sequence[Pack], facts: Facts) -> Verdict:
    """Every reason against the call, and when it becomes legal if nothing else happens."""
    refusals = refusals_of(packs, facts)
    versions = tuple(pack.label for pack in packs)
    return Verdict(refusals, earliest(packs, facts, refusals) if refusals else None, versions)


def refusals_of(packs: Sequence[Pack], facts: Facts) -> tuple[Refusal, ...]:
    """Every reason of every pack against the call. A mandate that isn't open, and a flag that no pack knows, refuse too."""
    found: list[Refusal] = [*mandate_refusals(facts)]
    for pack in packs:
        seen = _with_waivers(pack, facts)
        for rule in pack.checks:
            found.extend(replace(refusal, pack=pack.name, rule=rule.id) for refusal in rule.check(seen))
    if facts.flags:
        known = {name for pack in packs for rule in pack.of_kind(Flagged) for name in rule.flags}
        found.extend(
            Refusal(flag.name, not_before=flag.until, facts="no pack knows this flag: in doubt nobody is called")
            for flag in facts.flags
            if flag.name not in known and stands(flag, facts)
        )
    return tuple(found)


def earliest(packs: Sequence[Pack], facts: Facts, refusals: Sequence[Refusal]) -> datetime | None:
    """The earliest instant at which nothing speaks against the call; None where a reason doesn't end by itself.

    Each reason names the first instant at which it ends, so nothing is legal before the latest of them, unless an
    agreement begins sooner; there the question is asked again, because another rule may have begun to refuse.
    """
    ring = facts.rings_until - facts.now
    now = facts.now
    waivers = [agreement.start for agreement in facts.agreements] + [consent.at for consent in facts.consents]
    for _ in range(MOST_STEPS):
        ends = [refusal.not_before for refusal in refusals]
        known = [end for end in ends if end is not None]
        steps = [begin for begin in waivers if begin > now]
        if len(known) == len(ends):
            steps.append(max(known))
        if not steps:
            return None
        now = min(steps)
        if now > facts.now + HORIZON:
            return None
        refusals = refusals_of(packs, replace(facts, now=now, rings_until=now + ring))
        if not refusals:
            return now
    return None


def _with_waivers(pack: Pack, facts: Facts) -> Facts:
    """The facts as this pack sees them: what consents and agreements exempt from its rules."""
    if not facts.agreements and not facts.consents:
        return facts
    debts: tuple[int | None, ...] = (None, *facts.intent.debts)
    waived: set[tuple[str, int | None]] = set()
    excluded: set[tuple[str, str]] = set()
    for agreed in pack.of_kind(Agreed):
        if agreed.covers(facts):
            waived.update((rule, debt) for rule in agreed.exempts for debt in debts)
    for consented in pack.of_kind(Consented):
        waived.update(
            (rule, debt) for debt in debts if consented.covers(facts, debt, facts.now) for rule in consented.exempts
        )
        excluded.update(
            (rule, entry.id)
            for entry in facts.past
            if all(consented.covers(facts, debt, entry.at) for debt in entry.debts or (None,))
            for rule in consented.exempts
        )
    return replace(facts, waived=frozenset(waived), excluded=frozenset(excluded))

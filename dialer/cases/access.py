"""All that is kept of a person, for an access request (GDPR art. 15): for machines, and to read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Rows = Sequence[Mapping[str, Any]]
_TITLES = {
    "debtors": "You, as the creditor told",
    "addresses": "Your addresses",
    "numbers": "Your telephone numbers",
    "cases": "Your cases",
    "guarantors": "Who answers for your debts",
    "debts": "Your debts",
    "debt_items": "What the debts consist of",
    "payments": "Payments",
    "written_facts": "What happened in writing",
    "case_history": "Letters, messages, visits and notes",
    "letters": "Letters to you",
    "flag_changes": "What stopped calls, and for how long",
    "case_views": "Who looked at your cases",
    "attempts": "Calls to you",
    "inbound_calls": "Your calls to us",
    "outside_calls": "Who was called in while you were on the telephone",
    "outcomes": "What was said of those calls",
    "recordings": "Recordings of calls with you",
    "recording_moments": "What happened to those recordings, and who listened",
    "promises": "What you promised",
    "offers": "What you were offered",
    "ledger": "What counts for the limits on calls",
    "decisions": "Why you were called, or not",
}


@dataclass(frozen=True, slots=True)
class Kept:
    """Everything about one debtor of one creditor, by table. taken_by: who asked for it."""

    taken_at: datetime
    taken_by: str
    tables: Mapping[str, Rows]
    creditor: Rows
    mandates: Rows

    @property
    def sources(self) -> list[str]:
        """From whom it came."""
        (debtor,) = self.tables["debtors"]
        told = {str(row["provenance"]) for row in self.tables["numbers"]} - {"unknown", "creditor"}
        agents = {str(row["agent"]) for row in self.tables["outcomes"]}
        return [
            f"the creditor {debtor['creditor']}: name, codes, addresses, numbers, guarantors, debts, payments",
            *(f"telephone numbers: {source}" for source in sorted(told)),
            *([f"what you said on the telephone, as written down by {', '.join(sorted(agents))}"] if agents else []),
        ]

    @property
    def recipients(self) -> list[str]:
        """Who got it, or saw it."""
        (debtor,) = self.tables["debtors"]
        seen = {str(row["viewed_by"]) for row in self.tables["case_views"]}
        seen |= {str(row["by"]) for row in self.tables["recording_moments"] if row["what"] == "fetched"}
        agents = {str(row["agent"]) for row in self.tables["attempts"] if row["agent"]}
        called_in = [row for row in self.tables["outside_calls"] if row["bridged_at"] or row["handed_over_at"]]
        supervisors = {str(row["party"]) for row in called_in if row["number"] is None}
        outside = {str(row["party"]) for row in called_in} - supervisors
        return [
            f"the creditor {debtor['creditor']}",
            *(f"of the collector's staff: {name}" for name in sorted(seen | agents | supervisors)),
            *(f"called into a call with you: {name}" for name in sorted(outside)),
        ]

    def as_json(self) -> dict[str, Any]:
        """All of it under plain names."""
        return {
            "taken_at": self.taken_at,
            "taken_by": self.taken_by,
            "creditor": list(self.creditor),
            "mandates": list(self.mandates),
            "sources": self.sources,
            "recipients": self.recipients,
            **{name: list(rows) for name, rows in self.tables.items()},
        }

    def text(self) -> Iterator[str]:
        """All of it line by line; what is empty is left out."""
        yield f"What is kept about you, as it stood at {self.taken_at:%Y-%m-%d %H:%M} UTC"
        yield from _section("For whom", self.creditor)
        yield from _section("Under which mandate, and for how long", self.mandates)
        for title, lines in (("Where it came from", self.sources), ("Who got it or saw it", self.recipients)):
            yield f"\n{title}\n"
            yield from (f"- {line}" for line in lines)
        for name, rows in self.tables.items():
            yield from _section(_TITLES.get(name, name), rows)


def _section(title: str, rows: Rows) -> Iterator[str]:
    if not rows:
        return
    yield f"\n{title}\n"
    for row in rows:
        said = (f"{name}: {value}" for name, value in row.items() if value not in (None, "", "{}"))
        yield f"- {'; '.join(said)}"

"""The reference of the reports: each column with its unit and its definition."""

from dialer import reporting
from dialer.reports.report import About, Column, Filter

HOW = """\
`dialer report NAME` prints a table with the definition of each figure; `--json` is for programs, `--csv` for Excel.
`GET /api/v1/reports/NAME` of the interface gives the same JSON, with `format=csv` the same CSV; the options are its query
(`since=2026-11-01`), and who wants numbers or a history says `by=anna`. A process of its own makes it, at most two at once:
no call waits for a report."""
ALIKE = (
    ("a day", "`2026-11-24`", "`2026-11-24`", '`"2026-11-24"`'),
    (
        "an instant",
        "`2026-11-24 10:00:00`, by the clock of `[collector] zone`",
        "the same",
        '`"2026-11-24T09:00:00+00:00"`, UTC',
    ),
    (
        "an amount",
        "`1234.50 EUR`",
        "`1234,50`, in the currency that was asked for",
        '`{"cents": 123450, "currency": "EUR"}`',
    ),
    ("a share", "`3.12%`", "`0,03125`", "`0.03125`"),
    ("seconds, hours", "`12.5`", "`12,5`", "`12.5`"),
    ("nothing to say", "empty", "empty", "`null`"),
)
CHOICES = """\
A day given to `--since` or `--until` is a whole one by the clock of `[collector] zone`, and so is an instant without an
offset. A ratio without anything to divide by is empty. Totals are those of the sums, never a mean of ratios; in the CSV
they are the last line, with `total` in the first column.

The CSV opens with a double click in an Italian Excel: semicolons between the cells, a comma before the decimals, UTF-8
with its mark, lines that end with CR and LF. A text that a spreadsheet could run as a formula (it begins with `=`, `+`,
`-`, `@`, a tab or the like, telephone numbers among them) has an apostrophe in front; numbers and amounts never have.

No lines mean that there was nothing; a campaign or a creditor of which no case is on record is refused."""


def page() -> str:
    """The whole page."""
    parts = ["# Reports", "", HOW, "", "| value | table | CSV | JSON |", "|---|---|---|---|"]
    parts += [f"| {' | '.join(row)} |" for row in ALIKE]
    parts += ["", CHOICES]
    for about, _ in reporting.REPORTS.values():
        parts += _report(about)
    return "\n".join(parts) + "\n"


def _report(about: About) -> list[str]:
    takes = ", ".join(
        f"`--{one}`" + (" (needed)" if one in about.needs else "") for one in Filter if one in about.takes
    )
    parts = ["", f"## {about.name}", "", about.question, "", f"Takes {takes}."]
    parts += ["", *(f"- {note}" for note in about.notes)] if about.notes else []
    parts += _columns(about.columns)
    if about.totals is not None:
        parts += ["", "Totals:", *_columns(about.total_columns)]
    return parts


def _columns(columns: tuple[Column, ...]) -> list[str]:
    return ["", "| column | unit | definition |", "|---|---|---|"] + [
        f"| `{one.name}` | {one.unit} | {one.definition} |" for one in columns
    ]

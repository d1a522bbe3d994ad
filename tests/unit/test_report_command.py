"""`dialer report`: what it asks of the record, how it writes it, and what it refuses in words."""

import asyncio
import csv
import io
import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from dialer import reporting
from dialer.adapters.store.cases import SqlCaseBook
from dialer.adapters.store.database import open_database
from dialer.adapters.store.place import Place
from dialer.adapters.store.writer import Writer
from dialer.cli import app
from dialer.cli.input import bound_of
from dialer.kernel.clock import SystemClock
from dialer.kernel.errors import InputError, UnknownNameError
from dialer.kernel.money import Money
from dialer.reports import printing
from dialer.reports.report import (
    PERIOD,
    About,
    Asked,
    Meant,
    Report,
    Unit,
    count,
    instant,
    money,
    ratio,
    seconds,
    share,
    text,
    total,
)
from tests.conftest import ROOT
from tests.store.test_dossier import FULL

ROME = ZoneInfo("Europe/Rome")


@dataclass(frozen=True, slots=True)
class Line:
    name: Annotated[str, text("who")]
    calls: Annotated[int, count("calls")]
    good: Annotated[int, count("good ones")]
    owed: Annotated[Money, money("what is owed")]
    took: Annotated[float | None, seconds("how long")] = None
    at: Annotated[datetime | None, instant("when")] = None
    on: Annotated[date | None, Meant(Unit.DAY, "which day")] = None
    told: Annotated[bool | None, Meant(Unit.YES, "whether")] = None

    @property
    def rate(self) -> Annotated[float | None, share("good ÷ calls")]:
        return ratio(self.good, self.calls)


ABOUT = About("x", "Why?", Line, PERIOD)
ASKED = Asked(datetime(2026, 11, 24, 11, tzinfo=UTC), ROME)
AT = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)
LINES = (
    Line("=HYPERLINK(1)", 3, 1, Money(-123_450), 1.5, AT, date(2026, 7, 1), True),
    Line('Nicolò; "Zoè"', 4, 4, Money(5)),
)


def written(form, *pages):
    async def parts():
        for page in pages:
            yield page

    async def whole():
        return "".join([part async for part in form(parts())])

    return asyncio.run(whole())


def test_the_csv_opens_in_an_italian_excel_and_no_cell_is_a_formula():
    found = written(printing.as_csv, Report(ABOUT, ASKED, LINES, total(LINES)))
    assert found.startswith("\ufeffname;calls;")
    assert found.count("\r\n") == found.count("\n") == 4
    first, second, last = list(csv.DictReader(io.StringIO(found[1:], newline=""), delimiter=";"))
    assert first == {
        "name": "'=HYPERLINK(1)", "calls": "3", "good": "1", "owed": "-1234,50", "took": "1,5", "at": "2026-07-01 10:00:00",
        "on": "2026-07-01", "told": "yes", "rate": "0,333333",
    }  # fmt: skip
    assert (second["name"], second["took"], second["rate"]) == ('Nicolò; "Zoè"', "", "1")
    assert (last["name"], last["calls"], last["owed"], last["rate"]) == ("total", "7", "-1234,45", "0,714286")


@given(
    st.text(max_size=6),
    st.sampled_from(["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "|", "%"]),
    st.sampled_from(["", " ", "\u00a0"]),
)
def test_no_text_reaches_a_spreadsheet_as_a_formula(rest, sign, blank):
    cell = printing.for_excel(blank + sign + rest, Unit.TEXT, ROME)
    assert cell == "'" + blank + sign + rest


def test_the_same_cells_for_people_and_for_programs():
    line = LINES[0]
    cells = {column.name: (value, column.unit) for value, column in printing.cells(line, ABOUT.columns)}
    people = {name: printing.shown(value, unit, ROME) for name, (value, unit) in cells.items()}
    assert (people["owed"], people["rate"], people["at"]) == ("-1234.50 EUR", "33.33%", "2026-07-01 10:00:00")
    programs = json.loads(written(printing.as_json, Report(ABOUT, ASKED, LINES, total(LINES))))
    assert programs["lines"][0] == {
        "name": "=HYPERLINK(1)", "calls": 3, "good": 1, "owed": {"cents": -123_450, "currency": "EUR"}, "took": 1.5,
        "at": "2026-07-01T08:00:00+00:00", "on": "2026-07-01", "told": True, "rate": 0.333333,
    }  # fmt: skip
    assert programs["totals"][0]["calls"] == 7
    assert programs["columns"][-1] == {"name": "rate", "unit": "share", "definition": "good ÷ calls"}


def test_pages_are_one_document():
    pages = [Report(ABOUT, ASKED, (line,), total(LINES)) for line in LINES]
    whole = Report(ABOUT, ASKED, LINES, total(LINES))
    assert json.loads(written(printing.as_json, *pages)) == json.loads(written(printing.as_json, whole))
    assert written(printing.as_csv, *pages) == written(printing.as_csv, whole)
    empty = json.loads(written(printing.as_json, Report(ABOUT, ASKED, ())))
    assert (empty["lines"], empty["totals"]) == ([], [])


def test_days_are_whole_and_the_houses():
    def bound(text, *, end=False):
        return bound_of("--since", text, ROME, end=end)

    assert bound("2026-11-24") == datetime(2026, 11, 23, 23, tzinfo=UTC)
    assert bound("2026-10-25", end=True) == datetime(2026, 10, 25, 23, tzinfo=UTC), "a day of 25 hours"
    assert bound("2026-11-24T10:00") == datetime(2026, 11, 24, 9, tzinfo=UTC)
    assert bound("2026-11-24T10:00:00-05:00", end=True) == datetime(2026, 11, 24, 15, tzinfo=UTC)
    assert bound(None) is None
    for wrong in ("yesterday", "2026-02-30", "24/11/2026", "9999-12-31"):
        with pytest.raises(InputError) as found:
            bound(wrong, end=True)
        assert "2026-11-24" in found.value.remedy


def test_a_period_knows_its_days():
    asked = Asked(
        ASKED.now, ROME, since=datetime(2026, 10, 31, 23, tzinfo=UTC), until=datetime(2026, 11, 30, 23, tzinfo=UTC)
    )
    assert (asked.first_day, asked.last_day) == (date(2026, 11, 1), date(2026, 11, 24)), "tomorrow hasn't come"
    assert asked.holds_day(date(2026, 11, 1))
    assert not asked.holds_day(date(2026, 10, 31))


def test_every_column_of_every_report_says_what_it_is():
    for about, _ in reporting.REPORTS.values():
        names = [column.name for column in about.columns]
        assert len(names) == len(set(names))
        assert set(about.shown) <= set(names)
        for column in (*about.columns, *about.total_columns):
            assert column.definition
            if column.unit is Unit.SECONDS:
                assert column.name.endswith("_seconds")


@pytest.fixture
def report(tmp_path):
    """Run `dialer report` on a record with one case that was never called."""
    (tmp_path / "dialer.toml").write_text('[campaigns.k]\ncaller_id = "+390694801234"\n')

    async def prepare():
        engine = await open_database(Place(tmp_path / "dialer.db"))
        await SqlCaseBook(engine, Writer(engine)).add("k", [FULL], SystemClock().now())
        await engine.dispose()

    asyncio.run(prepare())
    return lambda *words: CliRunner().invoke(app, ["report", *words, "-c", str(tmp_path / "dialer.toml")])


def test_without_a_name_all_are_listed(report):
    names = [one["report"] for one in json.loads(report("--json").stdout)["reports"]]
    assert names == list(reporting.REPORTS)
    assert "funnel" in report().stdout


def test_each_report_prints_its_definitions(report):
    for name, (about, _) in reporting.REPORTS.items():
        needed = [word for one in about.needs for word in (f"--{one}", "1" if one == "case" else "Luce")]
        result = report(name, *needed, "--by", "anna")
        assert result.exit_code == 0, result.output
        assert about.question in result.stdout
        found = json.loads(report(name, *needed, "--by", "anna", "--json").stdout)
        assert [one["name"] for one in found["columns"]] == [column.name for column in about.columns]
        assert report(name, *needed, "--by", "anna", "--csv").stdout.startswith(f"\ufeff{about.columns[0].name};")
    assert "the debtor or to who may speak for" in report("funnel").stdout.replace("\n", " ")


def test_the_questions_of_the_supervisors_page_are_answered(report):
    page = (ROOT / "docs/supervisor.md").read_text()
    commands = re.findall(r"`dialer report ([^`]+)`", page)
    assert {command.split()[0] for command in commands} == set(reporting.REPORTS)
    for command in commands:
        result = report(*command.replace("--case 12", "--case 1").replace("--campaign luce", "--campaign k").split())
        assert result.exit_code == 0, (command, result.output)


def test_what_a_report_does_not_take_is_refused_with_what_it_takes(report):
    for words, complaint, remedy in (
        (("nonsense",), "no report", "funnel"),
        (("history",), "--case", "name the case"),
        (("statement",), "--creditor", "name the creditor"),
        (("funnel", "--case", "1"), "--case", "--campaign"),
        (("funnel", "--numbers"), "--numbers", "leave it out"),
        (("history", "--case", "1", "--since", "2026-01-01"), "--since", "--case"),
        (("attempts", "--json", "--csv"), "exclude", "choose"),
        (("attempts", "--since", "soon"), "--since 'soon'", "2026-11-24"),
        (("attempts", "--since", "2026-11-24", "--until", "2026-11-23"), "after", "turn"),
        (("history", "--case", "1", "--by", "\n"), "--by", "anna"),
    ):
        error = report(*words).exception
        assert isinstance(error, InputError), words
        assert complaint in str(error)
        assert remedy in error.remedy
    assert isinstance(report("funnel", "--creditor", "Nobody").exception, UnknownNameError)

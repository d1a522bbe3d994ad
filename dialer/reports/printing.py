"""How reports are written: for people, for Excel, for programs. Every cell is written here."""

import csv
import io
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

from dialer.kernel.money import Money
from dialer.reports.report import About, Asked, Column, Filter, Report, Unit

FORMULA = frozenset("=+-@\t\r\n|%\uff1d\uff0b\uff0d\uff20")
"""A text that begins so may be run by a spreadsheet as a formula (OWASP, "CSV injection")."""
BOM = "\ufeff"
"""Without it Excel takes UTF-8 for the machine's own encoding."""


def shown(value: Any, unit: Unit, zone: ZoneInfo) -> str:
    """A cell for people: instants by the house's clock."""
    if value is None:
        return ""
    match unit:
        case Unit.SHARE:
            return f"{value:.2%}"
        case Unit.YES:
            return "yes" if value else "no"
        case Unit.INSTANT:
            return str(value.astimezone(zone).isoformat(" ", "seconds")[:19])
        case Unit.SECONDS | Unit.HOURS:
            return _decimal(value, unit)
        case _:
            return str(value)


def for_excel(value: Any, unit: Unit, zone: ZoneInfo) -> str:
    """A cell as Excel in Italy reads it: a comma before the decimals, amounts without their currency; no text is a formula."""
    if isinstance(value, Money):
        sign = "-" if value.cents < 0 else ""
        return f"{sign}{abs(value.cents) // 100},{abs(value.cents) % 100:02d}"
    if value is not None and unit in (Unit.SHARE, Unit.SECONDS, Unit.HOURS):
        return _decimal(value, unit).replace(".", ",")
    cell = shown(value, unit, zone)
    return "'" + cell if unit is Unit.TEXT and cell.lstrip(" \u00a0")[:1] in FORMULA and cell else cell


def for_programs(value: Any, unit: Unit) -> Any:
    """A cell as JSON holds it: instants in UTC (ISO 8601), amounts as cents with their currency."""
    if value is None:
        return None
    match unit:
        case Unit.INSTANT:
            return value.astimezone(UTC).isoformat()
        case Unit.DAY:
            return value.isoformat()
        case Unit.MONEY:
            return {"cents": value.cents, "currency": value.currency}
        case Unit.SHARE | Unit.SECONDS | Unit.HOURS:
            return float(_decimal(value, unit))
        case _:
            return value


def _decimal(value: float, unit: Unit) -> str:
    """A share to the millionth, seconds to the thousandth, hours to the hundredth: no zeros at the end."""
    digits = {Unit.SHARE: 6, Unit.SECONDS: 3, Unit.HOURS: 2}[unit]
    return f"{value:.{digits}f}".rstrip("0").rstrip(".") or "0"


def cells(line: Any, columns: tuple[Column, ...]) -> Iterator[tuple[Any, Column]]:
    """The values of a line with their columns."""
    for column in columns:
        yield getattr(line, column.name), column


def as_object(line: Any, columns: tuple[Column, ...]) -> dict[str, Any]:
    """A line as JSON holds it."""
    return {column.name: for_programs(value, column.unit) for value, column in cells(line, columns)}


def sentence(asked: Asked, about: About) -> str:
    """What was asked, in words."""
    since, until = (shown(at, Unit.INSTANT, asked.zone) for at in (asked.since, asked.until))
    period = f"{f'from {since}' if since else 'from the beginning'} {f'until {until}' if until else 'until now'}"
    parts = [f"{name} {value}" for name in ("campaign", "creditor", "case") if (value := getattr(asked, name))]
    parts += [period] if Filter.SINCE in about.takes else []
    parts += [f"amounts in {asked.currency}"] if Filter.CURRENCY in about.takes else []
    return ", ".join([*parts, f"times of {asked.zone.key}"])


async def as_csv(pages: AsyncIterator[Report]) -> AsyncIterator[str]:
    """For Excel in Italy: semicolons, UTF-8 with its mark, CRLF; the totals come last, where they have the same columns."""
    last: Report | None = None
    async for page in pages:
        if last is None:
            yield BOM + _rows([[column.name for column in page.about.columns]])
        yield _rows(_for_excel(line, page) for line in page.lines)
        last = page
    if last is not None and last.about.totals is None:
        yield _rows(_for_excel(line, last) for line in last.totals)


def _for_excel(line: Any, page: Report) -> list[str]:
    return [for_excel(value, column.unit, page.asked.zone) for value, column in cells(line, page.about.columns)]


def _rows(rows: Iterable[list[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=";", lineterminator="\r\n").writerows(rows)
    return out.getvalue()


async def as_json(pages: AsyncIterator[Report]) -> AsyncIterator[str]:
    """One object: what it is and was asked, the columns with their definitions, the lines, the totals."""
    opened, totals, between = False, "[]", "\n"
    async for page in pages:
        about = page.about
        if not opened:
            yield json.dumps(head(page), indent=1, ensure_ascii=False)[:-2] + ',\n "lines": ['
            opened = True
        lines = [json.dumps(as_object(line, about.columns), ensure_ascii=False) for line in page.lines]
        if lines:
            yield between + ",\n".join(lines)
            between = ",\n"
        totals = json.dumps([as_object(line, about.total_columns) for line in page.totals], ensure_ascii=False)
    if opened:
        yield f'],\n "totals": {totals}\n}}\n'


def head(page: Report) -> dict[str, Any]:
    """A report without its lines."""
    about, asked = page.about, page.asked
    return {
        **about_report(about),
        "asked": sentence(asked, about),
        "made_at": asked.now.astimezone(UTC).isoformat(),
        "zone": asked.zone.key,
    }


def about_report(about: About) -> dict[str, Any]:
    """What a report holds, whatever is asked."""
    return {
        "report": about.name,
        "question": about.question,
        "takes": [one.value for one in Filter if one in about.takes],
        "needs": [one.value for one in Filter if one in about.needs],
        "notes": list(about.notes),
        "columns": _columns(about.columns),
        "total_columns": _columns(about.total_columns),
    }


def _columns(columns: tuple[Column, ...]) -> list[dict[str, str]]:
    return [{"name": one.name, "unit": one.unit.value, "definition": one.definition} for one in columns]

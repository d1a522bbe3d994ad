"""What commands print: tables for people, JSON for programs, errors with their remedy."""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from dialer.kernel.errors import DialerError

Config = Annotated[Path, typer.Option("-c", "--config", help="the configuration file")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
DEFAULT_CONFIG = Path("dialer.toml")


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table on standard output, as wide as it needs where nobody watches."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    console.print(table)


def fail(error: DialerError, *, as_json: bool = False) -> int:
    """Tell an error and its remedy; the exit code of the command."""
    sys.stderr.write(f"dialer: {error}\n" + (f"  remedy: {error.remedy}\n" if error.remedy else ""))
    if as_json:
        print_json({"error": str(error), "remedy": error.remedy, "exit_code": error.exit_code})
    return error.exit_code

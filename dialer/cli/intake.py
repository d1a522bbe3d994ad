"""What commands that take in a creditor's file share: opening it, its rejects, its counts, its progress."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Protocol, TypeVar

import typer

from dialer.kernel.errors import AwayError, DialerError, InputError

if TYPE_CHECKING:
    from dialer.cases.importing import Profile, Reject, RejectedRow

SHOWN_REJECTS = 20
MOST_JSON_REJECTS = 1_000
AGAIN = "import the file again: what came in changes nothing"

File = Annotated[Path, typer.Argument(help="a CSV or Excel file; its columns are in docs/reference/cases-csv.md")]
ProfileName = Annotated[
    str | None, typer.Option("--profile", help="how the creditor writes: profiles/NAME.toml beside the configuration")
]
RejectsPath = Annotated[Path | None, typer.Option(help="write the rejected rows here, with the reasons")]
Write = Callable[[Iterable["RejectedRow"]], None]


class _Reading(Protocol):
    @property
    def header(self) -> tuple[str, ...]: ...


class _Batch(Protocol):
    @property
    def rows(self) -> int: ...
    @property
    def done(self) -> float: ...


_B = TypeVar("_B", bound=_Batch)
_R = TypeVar("_R", bound=_Reading)
_T = TypeVar("_T")


@dataclass(slots=True)
class Counts:
    """What came of a file. known: that in which nothing changed. rejected_rows: of which nothing came in."""

    rows: int = 0
    new: int = 0
    changed: int = 0
    known: int = 0
    rejected_rows: int = 0
    rejected_cells: int = 0
    told: list["Reject"] = field(default_factory=list)

    def count(self, rows: int, rejected: Iterable["RejectedRow"]) -> None:
        self.rows += rows
        for row in rejected:
            self.rejected_rows += row.lost
            self.rejected_cells += len(row.rejects)
            self.told += row.rejects[: MOST_JSON_REJECTS - len(self.told)]

    def as_json(self) -> dict[str, Any]:
        numbers = {name: getattr(self, name) for name in ("rows", "new", "changed", "known", "rejected_rows")}
        return numbers | {"rejects": [asdict(reject) for reject in self.told]}

    def print_rejects(self) -> None:
        for reject in self.told[:SHOWN_REJECTS]:
            where = f"row {reject.row}" + (f", column {reject.column}" if reject.column else "")
            value = f" {reject.value!r}" if reject.value else ""
            kept = "" if reject.row_lost else " (the case comes in without it)"
            print(f"{where}:{value} {reject.reason}: {reject.remedy}{kept}")
        if self.rejected_cells > SHOWN_REJECTS:
            print(f"… and {self.rejected_cells - SHOWN_REJECTS} more: write them to a file with --rejects FILE")


@contextmanager
def opened(file: Path, reader: Callable[[BinaryIO], _T]) -> Iterator[_T]:
    """What reads a file; an error of its form names the file."""
    try:
        raw = file.open("rb")
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}", "name a CSV file that can be read") from None
    with raw:
        try:
            found = reader(raw)
        except InputError as error:
            raise InputError(f"{file}: {error}", error.remedy) from None
        except OSError as error:  # a folder opens, and can't be read
            raise InputError(f"{file}: {error.strerror}", "name a CSV file that can be read") from None
        yield found


@contextmanager
def reading_of(file: Path, reader: Callable[[BinaryIO], _R], rejects: Path | None) -> Iterator[tuple[_R, Write]]:
    """What reads a file, and what writes its rejected rows."""
    with opened(file, reader) as reading, rejects_to(rejects, file, reading.header) as write:
        yield reading, write


@contextmanager
def saying_how_far(counts: Counts, again: str = AGAIN) -> Iterator[None]:
    """Where it stops on the way, tell after how many rows, and what to do."""
    try:
        yield
    except AwayError as error:
        raise AwayError(
            f"{error}; {counts.rows} rows are done", f"{error.remedy}; then {again}" if error.remedy else again
        ) from None
    except BrokenExecutor:
        raise DialerError(f"the reader was killed; {counts.rows} rows are done", f"to go on, {again}") from None
    except KeyboardInterrupt:
        raise DialerError(f"stopped; {counts.rows} rows are done", f"to go on, {again}") from None


@contextmanager
def rejects_to(path: Path | None, file: Path, header: tuple[str, ...]) -> Iterator[Write]:
    """Writes rejected rows; to nowhere where no path is given. The file is its owner's alone."""
    from dialer.cases.importing import RejectsFile

    if path is None:
        yield lambda _: None
        return
    try:
        if path.exists() and path.samefile(file):
            raise InputError(f"--rejects {path}: is the file that is imported", "name another file")
        out = os.fdopen(open_private(path), "w", encoding="utf-8", newline="")
    except OSError as error:
        raise InputError(f"--rejects {path}: {error.strerror}", "name a file that can be written") from None
    with out:
        yield RejectsFile(out, file.name, header).write


def open_private(path: Path) -> int:
    """A file that holds names and numbers: a new one is its owner's alone."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)


def profile_of(name: str | None, config: Path) -> "Profile | None":
    """The profile of a name, from the folder beside the configuration."""
    from dialer.cases.importing.profile import FOLDER, load

    return load(name, config.parent / FOLDER) if name else None


def progress(batches: Iterator[_B], *, quiet: bool) -> Iterator[_B]:
    """The batches, with a progress bar on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield from batches
        return
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[rows]:,} rows"), TimeElapsedColumn())
    rows = 0
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None, rows=0)
        for batch in batches:
            yield batch
            rows += batch.rows
            bar.update(task, total=1.0 if batch.done else None, completed=batch.done, rows=rows)

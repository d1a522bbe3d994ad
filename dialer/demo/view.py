"""The live view: agents, calls, outcomes, answer-to-agent times, and what limits dialling now."""

import io
import re
import sys
import time
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from dialer.demo.stage import ROME

LINE_EVERY_SECONDS = 5.0
_COLOURS = {"talking": "green", "ready": "cyan", "reserved": "cyan", "wrapping": "yellow", "paused": "red"}


class View:
    """A picture that renews itself on a terminal; elsewhere a line every few seconds."""

    def __init__(self, note: str, *, quiet: bool) -> None:
        self._note = note
        self._console = Console(stderr=quiet, highlight=False)
        self._live = Live(console=self._console, refresh_per_second=4) if self._console.is_terminal else None
        self._line_at = 0.0

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def say(self, text: str) -> None:
        """One line above the picture."""
        self._console.print(text, soft_wrap=True)

    def picture_svg(self, floor: dict[str, Any]) -> str:
        """The picture of the floor for a page, with no font fetched from anywhere."""
        console = Console(record=True, width=110, file=io.StringIO())
        console.print(self._picture(floor))
        return re.sub(r"@font-face \{.*?\}", "", console.export_svg(title="make demo"), flags=re.DOTALL)

    def show(self, floor: dict[str, Any]) -> None:
        """Draw the floor."""
        if self._live:
            self._live.update(self._picture(floor))
        elif time.monotonic() >= self._line_at:
            self._line_at = time.monotonic() + LINE_EVERY_SECONDS
            self._console.print(self._sentence(floor), soft_wrap=True)
            sys.stdout.flush()

    def _sentence(self, floor: dict[str, Any]) -> str:
        line = floor["campaigns"][0]
        states = _tally(agent["state"] for agent in floor["agents"])
        return (
            f"{_rome(floor['at']):%H:%M:%S} {line['placed']} placed, {line['bridged']} bridged, {line['abandoned']} abandoned; "
            f"agents: {_text(states)}; calls: {_text(line['calls'])}; {line['sentence']}"
        )

    def _picture(self, floor: dict[str, Any]) -> Group:
        line = floor["campaigns"][0]
        agents = Table(title="Agents", expand=True, title_justify="left")
        for column in ("agent", "state", "for"):
            agents.add_column(column)
        for agent in floor["agents"]:
            colour = _COLOURS.get(agent["state"], "white")
            agents.add_row(agent["agent"], Text(agent["state"], colour), f"{agent['seconds']:.0f} s")
        calls = Table(title="Calls", expand=True, title_justify="left")
        for column in ("", ""):
            calls.add_column(column)
        for what in ("placed", "answered", "bridged", "abandoned"):
            calls.add_row(what, str(line[what]))
        calls.add_row("under way", _text(line["calls"]) or "none")
        calls.add_row("results", _text(line["results"]) or "none yet")
        calls.add_row("outcomes", _text(line["outcomes"]) or "none yet")
        waits = line["answer_to_agent_seconds"]
        calls.add_row("answer to agent", ", ".join(f"{name} {value * 1000:.0f} ms" for name, value in waits.items()))
        grid = Table.grid(expand=True, padding=(0, 2))
        grid.add_column(ratio=2)
        grid.add_column(ratio=3)
        grid.add_row(agents, calls)
        return Group(
            Panel(
                f"{line['campaign']} is {line['state']}: {line['sentence']}",
                title=f"{_rome(floor['at']):%A %H:%M:%S}",
                subtitle=self._note,
            ),
            grid,
        )


def _rome(instant: str) -> datetime:
    return datetime.fromisoformat(instant).astimezone(ROME)


def _tally(values: Any) -> dict[str, int]:
    counts: dict[str, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return counts


def _text(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items(), key=lambda item: -item[1]))

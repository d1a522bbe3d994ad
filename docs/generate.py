"""Writes docs/reference from the code: `make docs`. A test fails while a page is stale."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import typer.main
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from dialer.adapters.metrics import HEALTH, DialerCollector, Inside
from dialer.agents.session import RESTING, SEAT_TABLE, WORK_TABLE
from dialer.audit import carrier, cdr
from dialer.calls import results
from dialer.calls.attempt import TABLE
from dialer.calls.inbound import INBOUND_TABLE
from dialer.calls.results import Result
from dialer.campaigns.campaign import CAMPAIGN_TABLE
from dialer.cases.importing import COLUMNS, DELIMITERS, Profile
from dialer.cases.importing.columns import FLAG_COLUMNS, LETTER_COLUMNS, PAYMENT_COLUMNS, Column
from dialer.cli import app
from dialer.kernel import errors
from dialer.kernel.histogram import Histogram
from dialer.live.causes import Cause
from dialer.live.snapshot import Snapshot
from dialer.live.tally import Tally
from dialer.settings import (
    AgentSettings,
    CallerIdSettings,
    CampaignSettings,
    DestinationSettings,
    LetterSettings,
    MandateSettings,
    OfferSettings,
    Settings,
    TrunkSettings,
)
from dialer.settings.json_schema import json_schema
from dialer.settings.live import LIVE
from dialer.testing.virtual_time import START

sys.path.insert(0, str(Path(__file__).parent))
import law
import outcomes
import reports

FOLDER = Path(__file__).parent / "reference"
NOTE = "<!-- Written by docs/generate.py from the code: change the code, then run make docs. -->\n"


SCHEMA = "dialer.schema.json"


def pages() -> dict[str, str]:
    """Every generated page by its file's name."""
    return {
        "commands.md": _commands(),
        "configuration.md": _configuration(),
        "cases-csv.md": _cases_csv(),
        "carrier-cdr.md": _carrier_cdr(),
        "call-results.md": _call_results(),
        "state-machines.md": _state_machines(),
        "metrics.md": _metrics(),
        "causes.md": _causes(),
        **law.pages(),
        **outcomes.pages(),
        "reports.md": reports.page(),
    }


def schema() -> str:
    """The JSON Schema of the configuration, as `dialer schema` prints it."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _commands() -> str:
    group = typer.main.get_command(app)
    parts = [
        "# Commands",
        "",
        "Every command takes `--help`. Most take `-c FILE` (default `dialer.toml`) and `--json`.",
    ]
    parts += ["", "| exit code | meaning |", "|---|---|", "| 0 | done |"]
    parts += [
        f"| {code} | {text} |"
        for code, text in (
            (errors.EXIT_NO, "done, and the answer is no: a check failed, rows were rejected, records disagree"),
            (errors.EXIT_INPUT, "wrong input or configuration: nothing was done"),
            (errors.EXIT_AWAY, "something that is needed is away: PBX, trunk, daemon, store"),
            (errors.EXIT_REFUSED, "refused: wrong secret or token, missing right"),
            (errors.EXIT_IN_USE, "in use: port, folder, database"),
        )
    ]
    parts += _command("dialer", group)
    return "\n".join(parts) + "\n"


def _command(name: str, command: Any) -> list[str]:
    lines = []
    if not hasattr(command, "commands"):
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        options = [p for p in command.params if p.param_type_name == "option"]
        signature = " ".join(argument.name.upper() for argument in arguments)
        lines += ["", f"## {name} {signature}".rstrip(), "", (command.help or "").replace("\n\n", "\n\n"), ""]
        lines += [f"- `{a.name.upper()}`: {a.help}" for a in arguments if getattr(a, "help", None)]
        for option in options:
            default = (
                ""
                if option.default in (None, False, ()) or callable(option.default)
                else f" (default {option.default})"
            )
            lines.append(f"- `{', '.join(option.opts)}`: {option.help}{default}")
    for sub_name, sub in getattr(command, "commands", {}).items():
        lines += _command(f"{name} {sub_name}", sub)
    return lines


def _configuration() -> str:
    parts = [
        "# Configuration: dialer.toml",
        "",
        (
            "Read as a whole and refused as a whole: an unknown key is an error, told with its line. The environment wins "
            "over the file: `[pbx] secret` is also `DIALER_PBX__SECRET`. Relative paths start at the file's own folder. "
            "A running daemon takes up what is live; the rest waits for its restart."
        ),
    ]
    lists = {
        "agents": ("[[agents]]", AgentSettings),
        "campaigns": ("[campaigns.NAME]", CampaignSettings),
        "trunk": ("[trunk], [trunks.NAME]", TrunkSettings),
        "mandates": ("[[mandates]]", MandateSettings),
    }
    sections = [
        lists.get(name, (f"[{name}]", field.annotation))
        for name, field in Settings.model_fields.items()
        if name != "trunks"
    ]
    inner = (
        ("[[campaigns.NAME.caller_ids]], [[mandates.caller_ids]]", CallerIdSettings),
        ("[[campaigns.NAME.destinations]]", DestinationSettings),
        ("[[mandates.offers]]", OfferSettings),
        ("[[mandates.letters]], [[campaigns.NAME.letters]]", LetterSettings),
    )
    prefixes = {"agents": "agents.*", "campaigns": "campaigns.*"}
    prefixes = [prefixes.get(name, name) for name in Settings.model_fields if name != "trunks"]
    live = (*prefixes, "campaigns.*.caller_ids", "campaigns.*.destinations", "mandates", "campaigns.*.letters")
    for (header, model), prefix in zip((*sections, *inner), live, strict=True):
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        parts += [
            "",
            f"## {header}",
            "",
            (model.__doc__ or "").strip(),
            "",
            "| key | default | live | meaning |",
            "|---|---|---|---|",
        ]
        parts += [
            f"| `{key}` | {_default(item)} | {'yes' if LIVE & {prefix, f'{prefix}.{key}'} else ''} | {_meaning(item)} |"
            for key, item in ((item.alias or name, item) for name, item in model.model_fields.items())
        ]
    return "\n".join(parts) + "\n"


def _default(item: Any) -> str:
    if item.is_required():
        return "required"
    default = item.default
    if default is None or default is PydanticUndefined:
        return "unset"
    if isinstance(default, tuple):
        return "`" + repr(list(default)).replace("'", '"') + "`"
    return f"`{default}`"


def _meaning(item: Any) -> str:
    bounds = {"Ge": "at least", "Gt": "above", "Le": "at most", "Lt": "below", "MinLen": "at least"}
    words = [item.description] if item.description else []
    for constraint in item.metadata:
        kind = type(constraint).__name__
        if kind in bounds:
            value = (
                next(iter(vars(constraint).values()))
                if hasattr(constraint, "__dict__")
                else getattr(constraint, kind.lower(), "")
            )
            words.append(f"{bounds[kind]} {value}")
    return "; ".join(words)


def _cases_csv() -> str:
    parts = [
        "# The file of `dialer cases import`",
        "",
        (
            "One row a debt. Rows with the same `creditor` and `debtor_reference` are one case with several debts and all "
            "their numbers. A debt is known by (`creditor`, `debt_reference`), so a file can be imported again."
        ),
        "",
        (
            f"CSV in UTF-8 (with or without a byte-order mark), UTF-16 with one, or Windows-1252; between the cells one of "
            f"`{' '.join(sign for sign in DELIMITERS if sign != chr(9))}` or a tab: the one that gives most rows as many "
            "cells as the header. Or an Excel workbook (.xlsx): its first sheet."
        ),
        "",
        "A file with other columns comes in by a [profile](../how-to/import-cases.md).",
        "",
        *_columns(COLUMNS),
    ]
    parts += ["", "## Payments: `dialer cases payments`", ""]
    parts += ["One row a payment, known by (`creditor`, `payment_reference`).", "", *_columns(PAYMENT_COLUMNS)]
    parts += ["", "## Flags: `dialer cases flags`", ""]
    parts += ["One row a word about a flag: it is set, or lifted. What stands already changes nothing.", ""]
    parts += _columns(FLAG_COLUMNS)
    parts += ["", "## Letters: `dialer letters write` and `dialer letters import`", ""]
    parts += ["One row a letter: written with its PDFs, and read again once the post told the days.", ""]
    parts += _columns(LETTER_COLUMNS)
    parts += ["", "## Profiles", "", (Profile.__doc__ or ""), "", "| key | default | meaning |", "|---|---|---|"]
    parts += [f"| `{key}` | {_default(item)} | {_meaning(item)} |" for key, item in Profile.model_fields.items()]
    return "\n".join(parts) + "\n"


def _columns(columns: dict[str, Column]) -> list[str]:
    rows = [f"| `{name}` | {'yes' if of.required else ''} | {of.holds} |" for name, of in columns.items()]
    return ["| column | required | holds |", "|---|---|---|", *rows]


def _carrier_cdr() -> str:
    parts = [
        "# The CDR of `dialer audit --cdr`",
        "",
        (
            "A CSV in UTF-8 with a header, separated by commas, semicolons or tabs. Columns are found by their names, in any "
            "order, whatever else there is. What can't be read is told as `file:line:column`, and nothing is judged then."
        ),
        "",
        "| column | also called | required | holds |",
        "|---|---|---|---|",
    ]
    parts += [
        f"| `{name}` | {', '.join(f'`{other}`' for other in others)} | {'yes' if name in carrier.REQUIRED else ''} | {text} |"
        for name, (others, text) in carrier.COLUMNS.items()
    ]
    parts += [
        "",
        (
            f"A call is matched by `id`, else by number and a start within {cdr.TOLERANCE // 1_000_000} s. The simulated phone "
            "network's own file (`network/log/cdr-custom/network.csv` in the demo's folder) is taken as it is."
        ),
        "",
        "| finding | meaning |",
        "|---|---|",
        f"| `{cdr.NOT_ON_RECORD}` | the carrier has a call, the record has none |",
        f"| `{cdr.ANSWERED}` | the carrier has it as answered, the record as unanswered |",
        f"| `{cdr.NEVER_LEFT}` | the carrier has it, by the record it never left our side |",
        "| not in the CDR | on record as dialled, and the carrier lacks it: reported, no violation |",
        "| any rule of a pack | broken by the calls of the CDR alone: hours, counts and gaps of what rang, calls at once |",
    ]
    return "\n".join(parts) + "\n"


def _call_results() -> str:
    source = Path(results.__file__).read_text()
    texts = {}
    for name, value, text in re.findall(r'^    ([A-Z_]+) = "(\w+)"\n(?:    """(.*?)""")?', source, re.MULTILINE):
        texts[value] = text or name.lower().replace("_", " ")
    parts = ["# What becomes of a call", "", "| result | meaning |", "|---|---|"]
    parts += [f"| `{result.value}` | {texts[result.value]} |" for result in Result]
    parts += [
        "",
        (
            "A call that was never answered gets its result from the SIP answer where Asterisk tells it (`TechCause`, since "
            "October 2025), else from the Q.850 cause. Our own time-out is `no_answer`, although Asterisk reports it as if "
            "the far end had said 480. A 408 is `trunk_failure` where it comes after the 16 s that Asterisk waits for a "
            "first word (`timer_b`); at another time it is the carrier's own, and the call counts: `unreachable`. Measured on Asterisk 22.10; `tests/contract` plays each against the real one."
        ),
        "",
        "| Q.850 cause | result |",
        "|---|---|",
    ]
    parts += [f"| {cause} | `{result.value}` |" for cause, result in results._BY_CAUSE.items()]  # noqa: SLF001
    parts += ["", "| SIP answer | result |", "|---|---|"]
    parts += [f"| {sip} | `{result.value}` |" for sip, result in results._BY_SIP.items()]  # noqa: SLF001
    parts += ["", "What an agent says of it: [outcomes](outcomes.md)."]
    return "\n".join(parts) + "\n"


def _state_machines() -> str:
    attempt = [(s.value, g.value, t.value, [e.value for e in effects]) for (s, g), (t, effects) in TABLE.items()]
    inbound = [
        (s.value, g.value, t.value, [e.value for e in effects]) for (s, g), (t, effects) in INBOUND_TABLE.items()
    ]
    work = [(s.value, g.value, "ready or paused" if t is RESTING else t.value, []) for (s, g), t in WORK_TABLE.items()]
    seat = [(s.value, g.value, t.value, []) for (s, g), t in SEAT_TABLE.items()]
    campaign = [(s.value, g.value, t.value, []) for (s, g), t in CAMPAIGN_TABLE.items()]
    parts = [
        "# State machines",
        "",
        "Drawn from the tables in the code. An event that isn't in its table is counted and logged.",
    ]
    for title, rows in (
        ("An attempt", attempt),
        ("A call that came in", inbound),
        ("An agent's work", work),
        ("An agent's seat", seat),
        ("A campaign", campaign),
    ):
        parts += ["", f"## {title}", "", "```mermaid", "stateDiagram-v2"]
        names = {name: name.replace(" ", "_") for row in rows for name in (row[0], row[2])}
        for state, signal, target, effects in rows:
            if state != target or effects:
                label = signal + (f" / {', '.join(effects)}" if effects else "")
                parts.append(f"    {names[state]} --> {names[target]}: {label}")
        parts.append("```")
    return "\n".join(parts) + "\n"


def _causes() -> str:
    parts = [
        "# Why nothing rings",
        "",
        (
            "`dialer explain` names every cause that stands now, with its figures, in this order: the first one is the first "
            "to go. By the interface (`GET /api/v1/explain`) each has its name in `cause`."
        ),
        "",
        "| cause | what to do |",
        "|---|---|",
        *(f"| `{cause.value}` | {cause.text} |" for cause in Cause),
    ]
    return "\n".join(parts) + "\n"


def _metrics() -> str:
    snapshot = Snapshot(START, True, 0.0, (), ())
    inside = Inside(lambda: dict.fromkeys(HEALTH, 0.0), frozenset, Histogram(()), Histogram(()), {}, {}, {})
    parts = [
        "# Metrics",
        "",
        (
            "At `/metrics`, for Prometheus. No label holds a person: a `caller_id` is the agency's own number. Every value "
            "of a label is there from the start, at 0; but an agency's own outcome, and a rare action, come with the first."
        ),
        "",
        "| metric | type | labels | meaning |",
        "|---|---|---|---|",
    ]
    for family in DialerCollector(Tally(["x"]), lambda: snapshot, inside).collect():
        suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
        labels = ", ".join(f"`{label}`" for label in getattr(family, "_labelnames", ()))
        parts.append(f"| `{family.name}{suffix}` | {family.type} | {labels} | {family.documentation} |")
    return "\n".join(parts) + "\n"


def main() -> None:
    for name, text in pages().items():
        (FOLDER / name).write_text(NOTE + text)
    (FOLDER / SCHEMA).write_text(schema())
    sys.stdout.write(f"wrote {len(pages())} pages to {FOLDER}\n")


if __name__ == "__main__":
    main()

"""The pages of the reference about reasons, packs and vectors: docs/generate.py writes them."""

import inspect
import json
from collections import defaultdict
from typing import Any

from pydantic import BaseModel, TypeAdapter

from dialer.cli.packs import CONFIDENCE
from dialer.compliance import vectors
from dialer.compliance.entry import EVENTS, EntryResult
from dialer.compliance.pack import KINDS, Pack, Shelf, keys_of
from dialer.compliance.reasons import ENGINE, Reason
from dialer.compliance.rules.abandoned import After
from dialer.compliance.windows import Window
from dialer.compliance.words import EVENT_WORDS, in_words

EXAMPLE = {
    "id": "own-01",
    "why": "our own cap: two calls a day",
    "packs": ["it-unirec", "our-caps"],
    "now": "2026-11-20T18:00:00+01:00",
    "call": {
        "debtor": "D1", "number": "N1", "debts": ["A"], "mode": "predictive", "zones": ["Europe/Rome"],
        "ring_max_seconds": 30,
    },
    "history": [
        {"at": "2026-11-20T09:00:00+01:00", "result": "no_answer", "direction": "outbound", "debtor": "D1",
         "number": "N1", "debts": ["A"]},
        {"at": "2026-11-20T13:00:00+01:00", "result": "no_answer", "direction": "outbound", "debtor": "D1",
         "number": "N1", "debts": None},
    ],
    "expect": {
        "decision": "block", "reasons": ["our-calls-per-day"], "not_before": "2026-11-21T08:30:00+01:00",
    },
}  # fmt: skip


def pages() -> dict[str, str]:
    """Each page by its file's name."""
    packs = [Shelf().load(name) for name in Shelf().names]
    return {"reasons.md": _reasons(packs), "packs.md": _packs(packs), "gate-vectors.md": _vectors(packs)}


def _reasons(packs: list[Pack]) -> str:
    where: dict[str, list[str]] = defaultdict(list)
    for pack in packs:
        for rule in pack.rule:
            for reason in rule.flags if rule.kind == "flag" else (rule.id,):
                where[reason].append(pack.name)
    parts = [
        "# Why a call is refused",
        "",
        (
            "A refusal carries every reason that applies, each with its pack, its rule, what the rule saw, and when it "
            "ends by itself. A reason is the id of a rule, or a flag's own name, or names what the engine lacks. The rule "
            "of an agency's own pack gives its id as the reason."
        ),
        "",
        "| reason | meaning | packs |",
        "|---|---|---|",
    ]
    for reason in Reason:
        named = where.get(reason.value, [])
        complete = [pack.name for pack in packs if not pack.overlay]
        shown = "every complete one" if set(named) == set(complete) else ", ".join(f"`{name}`" for name in named)
        if reason is Reason.ZONE_UNKNOWN:
            shown = "each with `hours`"
        parts.append(f"| `{reason.value}` | {reason.text} | {shown or _engine(reason)} |")
    return "\n".join(parts) + "\n"


def _engine(reason: Reason) -> str:
    if reason in ENGINE:
        return "the engine; it says nothing of the case, which stays due"
    return (
        "the engine" if reason.value in ("no-number", "no-pack", "number-invalid", "mandate") else "for your own packs"
    )


def _packs(packs: list[Pack]) -> str:
    parts = [
        "# Packs: the law as data",
        "",
        (
            "A pack is a TOML file with one jurisdiction's rules. Those below ship; your own stand in the folder that "
            "`[compliance] pack_folder` names, and a campaign names both. All packs of a call must allow it, so another "
            "pack only tightens. `dialer packs check` tells what is wrong with a file, `dialer packs show` prints one in "
            "words, `dialer gate test` runs [vectors](gate-vectors.md) against it. [Why it is so](../explanation/compliance.md)."
        ),
        "",
        "## The head of a file",
        "",
        _prose(Pack).partition("\ndigest:")[0],
        "",
        *_table(_schema(Pack), [key for key in keys_of(Pack) if key != "rule"]),
        "",
        "Each rule follows under `[[rule]]`, with its `kind` and these keys:",
        "",
        "- `id`: the reason that it gives; one a pack.",
        "- `source`: the text behind it.",
        f"- `confidence`: {'; '.join(f'`{mark}` {text}' for mark, text in CONFIDENCE.items())}.",
        "- `note`: what a reader must know beside it.",
        "",
        "## Kinds of rules",
    ]
    common = ("id", "source", "confidence", "note", "kind")
    for kind, model in KINDS.items():
        schema = _schema(model)
        parts += ["", f"### `{kind}`", "", _prose(model)]
        keys = [key for key in keys_of(model) if key not in common]
        parts += ["", *_table(schema, keys)] if keys else []
        if kind == "mode":
            parts += ["", "Each table of `after`:", "", _prose(After), "", *_table(_schema(After), keys_of(After))]
    parts += [
        "",
        "## Windows",
        "",
        _prose(Window),
        "",
        "## What an event counts",
        "",
        "`event` is one of these groups, or a single result.",
        "",
        "| event | in words | results |",
        "|---|---|---|",
        *(
            f"| `{name}` | {EVENT_WORDS[name]} | {', '.join(f'`{r.value}`' for r in EntryResult if r in results)} |"
            for name, results in EVENTS.items()
        ),
        "",
        "## The packs that ship",
    ]
    for pack in packs:
        parts += _pack(pack)
    return "\n".join(parts) + "\n"


def _pack(pack: Pack) -> list[str]:
    head = f"Version {pack.version}; {'it adds to another pack' if pack.overlay else 'complete'}; reviewed by "
    head += f"{pack.reviewed_by or 'nobody yet'}; records are kept {pack.retention_days} days; "
    head += f"needed before a call is recorded: {pack.recording}."
    if pack.applies_to:
        head += f" It applies by itself to {', '.join(f'`{code}`' for code in pack.applies_to)}."
    return [
        "",
        f"### `{pack.name}`: {pack.title}",
        "",
        head,
        "",
        "| rule | says | sure | source |",
        "|---|---|---|---|",
        *(
            f"| `{rule.id}` | {_cell(in_words(rule))} | {rule.confidence} | {_cell(rule.source)}"
            f"{_cell(f'; {rule.note}') if rule.note else ''} |"
            for rule in pack.rule
        ),
    ]


def _vectors(packs: list[Pack]) -> str:
    facts: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for pack in packs:
        for rule in pack.rule:
            if rule.kind == "require":
                facts[rule.fact, in_words(rule), rule.id].append(f"`{pack.name}`")
    parts = [
        "# Vectors of the gate",
        "",
        (
            "A JSON file with a list of cases, for `dialer gate test FILE.json`: what is asked, what stands, and what the "
            "gate must say. A key that isn't known is an error. Names of debtors, numbers and debts are free; equal names "
            "are the same. Instants carry an offset."
        ),
        "",
        "```json",
        json.dumps([EXAMPLE], indent=2),
        "```",
        "",
        "`reasons` is the complete set. `not_before`, where it is given, must match to the second: the earliest instant at",
        "which the same call becomes legal if nothing else happens.",
    ]
    for model, title in (
        (vectors.Case, "A case"), (vectors.Call, "`call`"), (vectors.Past, "Each of `history`"),
        (vectors.Agreed, "Each of `agreements`"), (vectors.Consented, "Each of `consents`"),
        (vectors.Inconvenient, "Each of `inconvenient`"), (vectors.InFlight, "Each of `in_flight`"),
        (vectors.Expected, "`expect`"),
    ):  # fmt: skip
        assert issubclass(model, BaseModel)
        parts += ["", f"## {title}", "", _prose(model), "", *_table(_schema(model), list(model.model_fields))]
    parts += [
        "",
        "## Facts",
        "",
        "`facts` are what packs require. One that isn't given is as the packs need it; `null` is not known.",
        "",
        "| fact | rule | packs |",
        "|---|---|---|",
        *(
            f"| `{fact}` | `{rule}`: {says} | {', '.join(names)} |"
            for (fact, says, rule), names in sorted(facts.items())
        ),
        (
            "| `subdivision` | the debtor's part of the country, as `AU-VIC`: its holidays count | "
            "those whose `holiday` says so |"
        ),
        "| `attempts_so_far` | attempts in the case so far | those with a `max_total` |",
    ]
    return "\n".join(parts) + "\n"


def _prose(model: Any) -> str:
    return inspect.getdoc(model) or ""


def _schema(model: Any) -> dict[str, Any]:
    """The schema of a model, its references resolved."""
    schema = TypeAdapter(model).json_schema()
    definitions = schema.get("$defs", {})

    def resolve(value: Any) -> Any:
        if isinstance(value, list):
            return [resolve(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value:
            name = value["$ref"].rpartition("/")[2]
            known = definitions[name]
            # another table has a section of its own
            return {"type": "table"} if known.get("type") == "object" else resolve(known)
        return {key: resolve(item) for key, item in value.items() if key != "$defs"}

    return {"properties": resolve(schema.get("properties", {})), "required": schema.get("required", [])}


def _table(schema: dict[str, Any], keys: list[str]) -> list[str]:
    lines = ["| key | holds | default |", "|---|---|---|"]
    for key in keys:
        shape = schema["properties"][key]
        default = "required" if key in schema["required"] else _default(shape.get("default"))
        lines.append(f"| `{key}` | {_cell(_holds(shape))} | {default} |")
    return lines


def _default(value: Any) -> str:
    if value is None:
        return "unset"
    return f"`{json.dumps(value)}`" if value not in ("", [], {}) else "empty"


def _holds(shape: dict[str, Any]) -> str:
    """What a key may hold, in words."""
    if "anyOf" in shape:
        return " or ".join(_holds(one) if one.get("type") != "null" else "null" for one in shape["anyOf"])
    if "enum" in shape or "const" in shape:
        return ", ".join(f"`{value}`" for value in shape.get("enum", [shape.get("const")]))
    match shape.get("type"):
        case "array" if "prefixItems" in shape:
            return f"[{', '.join(_holds(one) for one in shape['prefixItems'])}]"
        case "array":
            least = f", at least {shape['minItems']}" if shape.get("minItems") else ""
            return f"list of {_holds(shape.get('items', {}))}{least}"
        case "string":
            word = {"date-time": "instant", "time": "time of day"}.get(shape.get("format", ""), "text")
            return word + (f" like `{shape['pattern']}`" if "pattern" in shape else "")
        case "integer" | "number" as kind:
            return ("number" if kind == "number" else "whole number") + _bounds(shape)
        case "boolean":
            return "`true` or `false`"
        case "table" | "object":
            return "a table, see below" if shape["type"] == "table" else "keys with values"
        case _:
            return "any value"


def _bounds(shape: dict[str, Any]) -> str:
    words = {
        "minimum": "from {}", "exclusiveMinimum": "above {}", "maximum": "to {}", "exclusiveMaximum": "below {}",
    }  # fmt: skip
    found = [text.format(f"{shape[key]:g}") for key, text in words.items() if key in shape]
    return f" {' '.join(found)}" if found else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")

"""`dialer packs`: the law as data, for people to read and to check."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialer.cli.output import AsJson, print_json, print_table
from dialer.kernel.errors import EXIT_INPUT, InputError

if TYPE_CHECKING:
    from dialer.compliance.pack import Pack

app = typer.Typer(help="Packs: each is one jurisdiction's rules.", no_args_is_help=True)
Folder = Annotated[Path | None, typer.Option("--folder", help="a folder of your own packs, beside those that ship")]
OfConfig = Annotated[
    Path | None, typer.Option("-c", "--config", help="a configuration whose [compliance] names your own packs")
]
CONFIDENCE = {
    "V1": "the primary text was read",
    "V2": "a secondary source states it",
    "G": "general knowledge: confirm it",
    "H": "house default: no law gives the number",
}


@app.command("list")
def list_(folder: Folder = None, config: OfConfig = None, *, as_json: AsJson = False) -> None:
    """Every pack: version, where it applies by itself, whether a lawyer has reviewed it."""
    from dialer.compliance.pack import Shelf

    shelf = Shelf(folder_of(folder, config))
    packs = [shelf.load(name) for name in shelf.names]
    if as_json:
        print_json([_head(pack) for pack in packs])
        return
    print_table(
        "Packs",
        ("name", "version", "title", "applies to", "kind", "rules", "reviewed by"),
        (
            (pack.name, pack.version, pack.title, ", ".join(pack.applies_to), _kind(pack), len(pack.rule),
             pack.reviewed_by or "nobody")
            for pack in packs
        ),
    )  # fmt: skip


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="the pack's name")],
    folder: Folder = None,
    config: OfConfig = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Every rule of a pack in words, with its numbers, how sure they are, and where they come from."""
    from dialer.compliance.pack import Shelf
    from dialer.compliance.words import in_words

    pack = Shelf(folder_of(folder, config)).load(name)
    rules = [
        {
            "id": rule.id,
            "kind": rule.kind,
            "says": in_words(rule),
            "confidence": rule.confidence,
            "source": rule.source,
            "note": rule.note,
        }
        for rule in pack.rule
    ]
    if as_json:
        print_json(_head(pack) | {"digest": pack.digest, "sources": list(pack.sources), "rules": rules})
        return
    print(f"{pack.title} ({pack.name} {pack.version}), {_kind(pack)}")
    print(f"reviewed by: {pack.reviewed_by or 'nobody; let a lawyer read it before you rely on it'}")
    if pack.applies_to:
        print(f"applies by itself to: {', '.join(pack.applies_to)}")
    print(f"decisions and calls are kept at least {pack.retention_days} days")
    print(f"before a call is recorded the debtor's {pack.recording} is needed")
    if pack.recordings_least_days:
        print(f"a recording must be kept {pack.recordings_least_days} days")
    if pack.recordings_most_days:
        print(f"a recording is kept {pack.recordings_most_days} days at most")
    print()
    print_table(
        "Rules",
        ("rule", "says", "sure", "source"),
        (
            (rule["id"], rule["says"], rule["confidence"],
             rule["source"] + (f" ({rule['note']})" if rule["note"] else ""))
            for rule in rules
        ),
    )  # fmt: skip
    used = {rule["confidence"] for rule in rules}
    print("\n".join(f"{mark}: {text}" for mark, text in CONFIDENCE.items() if mark in used))
    print("sources:")
    print("\n".join(f"- {source}" for source in pack.sources))


@app.command("check")
def check(
    files: Annotated[list[Path] | None, typer.Argument(help="files of packs, or folders of them")] = None,
    folder: Folder = None,
    config: OfConfig = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Check the packs that ship and your own. What is wrong is named with file, line, key and remedy (exit code 2)."""
    from dialer.compliance.pack import Shelf, read

    shelf = Shelf()
    good: list[tuple[str, Pack]] = []
    bad: list[InputError] = []
    inside = folder_of(folder, config)
    own, missing = _own([*(files or ()), *((inside,) if inside else ())])
    bad += missing
    ships: list[tuple[str, Path | None]] = [(name, None) for name in shelf.names]
    for name, file in (*ships, *((path.stem, path) for path in own)):
        try:
            pack = shelf.load(name) if file is None else read(file, name)
        except InputError as error:
            bad.append(error)
            continue
        if file is not None and name in shelf.names:
            bad.append(InputError(f"{file}:1: name: a pack of the name {name!r} ships", "give your own another name"))
            continue
        good.append((str(file or "ships"), pack))
    if as_json:
        print_json(
            {
                "packs": [{"file": where, **_head(pack)} for where, pack in good],
                "errors": [{"error": str(wrong), "remedy": wrong.remedy} for wrong in bad],
            }
        )
    else:
        for where, pack in good:
            reviewed = f"reviewed by {pack.reviewed_by}" if pack.reviewed_by else "not reviewed"
            rules = f"{len(pack.rule)} rule{'s' * (len(pack.rule) != 1)}"
            print(f"{pack.name} {pack.version}: {rules}, {reviewed} ({where})")
        for wrong in bad:
            sys.stderr.write(f"{wrong}\n  remedy: {wrong.remedy}\n")
    if bad:
        raise typer.Exit(EXIT_INPUT)


def folder_of(folder: Path | None, config: Path | None) -> Path | None:
    """Where an agency's own packs are: as the command says, else as its configuration does."""
    if folder is not None or config is None:
        return folder
    from dialer import settings

    return settings.load(config).compliance.pack_folder


def _own(paths: list[Path]) -> tuple[list[Path], list[InputError]]:
    """The files, those of folders too; and what of them isn't there."""
    files: list[Path] = []
    errors: list[InputError] = []
    for path in paths:
        inside = sorted(path.glob("*.toml")) if path.is_dir() else [path]
        if not inside:
            errors.append(InputError(f"{path}: no file in it ends in .toml", "name the folder that holds your packs"))
        files += inside
    return files, errors


def _head(pack: "Pack") -> dict[str, Any]:
    return {
        "name": pack.name,
        "version": pack.version,
        "title": pack.title,
        "overlay": pack.overlay,
        "applies_to": list(pack.applies_to),
        "retention_days": pack.retention_days,
        "recording": pack.recording,
        "recordings_least_days": pack.recordings_least_days,
        "recordings_most_days": pack.recordings_most_days,
        "reviewed_by": pack.reviewed_by,
        "rules": len(pack.rule),
    }


def _kind(pack: "Pack") -> str:
    return "adds to another pack" if pack.overlay else "complete"

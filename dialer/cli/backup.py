"""`dialer backup` and `dialer restore`: the record in one file, and back."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json
from dialer.kernel.errors import EXIT_NO

if TYPE_CHECKING:
    from dialer.adapters.store.backup import About


def backup(
    file: Annotated[Path, typer.Argument(help="a new file; it holds names and numbers, and is its owner's alone")],
    config: Config = DEFAULT_CONFIG,
    *,
    as_json: AsJson = False,
) -> None:
    """Copy the record and dialer.toml into one file, while the daemon works, and check the chain of decisions in it.

    Not in it: secrets (one that stands in dialer.toml is blank in the copy), recordings, and what else dialer.toml names. Exit code 1: written, and the chain is broken.
    """
    from dialer.adapters.store.backup import back_up
    from dialer.cli.record import place_of
    from dialer.settings import editing, loading

    text = loading.read(config)
    loaded = loading.parse(config, text)
    about = asyncio.run(back_up(place_of(loaded), editing.without_secrets(text), file))
    besides = _besides(loaded)
    if as_json:
        print_json(
            about.model_dump(mode="json") | {"file": str(file), "size_bytes": file.stat().st_size, "not_in_it": besides}
        )
    else:
        print(f"{file}: {file.stat().st_size / 1e6:.1f} MB, the {about.kind} record with the schema {about.revision}")
        _print_chain(about)
        print(f"not in it:  {', '.join(besides)}")
    if not about.holds:
        raise typer.Exit(EXIT_NO)


def restore(
    file: Annotated[Path, typer.Argument(help="a file that dialer backup wrote")],
    config: Config = DEFAULT_CONFIG,
    *,
    as_json: AsJson = False,
) -> None:
    """Put the record of a backup where [store] says, and prove it. Never beside a daemon, and never over a record.

    Every campaign that dialled is paused, and nobody is logged in, until you say so.
    """
    from dialer import settings
    from dialer.adapters.store.backup import restore as put_back

    loaded = settings.load(config)
    place = settings.place(loaded.store)
    about, verified = asyncio.run(put_back(place, file))
    if as_json:
        print_json(about.model_dump(mode="json") | {"links": verified.links, "heads_found_again": list(about.heads)})
        return
    print(f"{place}: the record of {about.made_at:%Y-%m-%d %H:%M:%S} UTC, {verified.links} decisions")
    _print_chain(about)
    print("what was called since then isn't on it, and no cap counts it: see docs/how-to/backup.md before you dial")
    print("every campaign that dialled is paused until dialer campaign start")
    if loaded.ledger.kind == "redis":
        print("flush the ledger's database on Redis before the next start")


def _print_chain(about: "About") -> None:
    for head in about.heads:
        print(f"head:       {head}")
    print("✔ the chain holds" if about.holds else "✘ the chain is broken: dialer audit --verify says where")


def _besides(loaded: Any) -> list[str]:
    """What a machine needs besides, to be what it was."""
    compliance = loaded.compliance
    named = [compliance.pack_folder, compliance.holidays_file, loaded.pbx.phones_folder]
    for one in (*loaded.campaigns.values(), *loaded.mandates):
        named += [getattr(one, key, None) for key in ("outcomes_file", "script_folder", "letter_folder")]
    files = dict.fromkeys(str(path) for path in named if path is not None and path.exists())
    return ["the secrets", f"the recordings in {loaded.recordings.folder}", *files]

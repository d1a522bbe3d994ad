"""`dialer asterisk-conf`: joining a PBX that is already there."""

from pathlib import Path
from typing import Annotated

import typer

from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json

LOOPBACK = "127.0.0.1/255.255.255.255"


def asterisk_conf(
    folder: Annotated[
        Path, typer.Argument(help="Asterisk's own, /etc/asterisk; or an empty one, to look at the files first")
    ],
    config: Config = DEFAULT_CONFIG,
    *,
    freepbx: Annotated[
        bool, typer.Option("--freepbx", help="its own files are included from those in _custom.conf")
    ] = False,
    transport: Annotated[
        str | None,
        typer.Option(
            help="the PBX's own, for SIP over UDP, as 0.0.0.0-udp; without one, ours is written with port 5060"
        ),
    ] = None,
    trunks: Annotated[
        bool,
        typer.Option("--trunks/--no-trunks", help="write a template for each trunk of dialer.toml; no: it has them"),
    ] = True,
    permit: Annotated[
        list[str] | None,
        typer.Option(help="from where the daemon logs in, as 192.0.2.7; repeatable; default: loopback"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write what Asterisk has to include, and say where. Files that aren't this command's own are never touched.

    Written again after an upgrade, they are replaced; the carriers' addresses, the transports and sounds are the site's.
    """
    from dialer import settings
    from dialer.adapters import asterisk_files
    from dialer.adapters.asterisk_files import Joining, Kind

    loaded = settings.load(config)
    pbx = loaded.pbx
    joining = Joining(
        username=pbx.username,
        secret=settings.secret(pbx.secret, pbx.secret_file, "pbx.secret", "DIALER_PBX__SECRET"),
        transport=transport,
        carriers=loaded.trunk_endpoints if trunks else (),
        permit=tuple(permit or (LOOPBACK,)),
    )
    includes = asterisk_files.includes(Kind.FREEPBX if freepbx else Kind.ASTERISK)
    written = asterisk_files.write(folder, joining)
    steps = _steps(folder, freepbx=freepbx, trunks=trunks)
    if as_json:
        files = {name: list(map(str, getattr(written, name))) for name in ("new", "replaced", "kept")}
        print_json(files | {"include": [{"into": one.into, "line": one.line} for one in includes], "then": steps})
        return
    for word, paths in (("new", written.new), ("replaced", written.replaced), ("kept as it is", written.kept)):
        for path in paths:
            print(f"{word}: {path}")
    print("\nAdd these lines at the end of the PBX's own files, once:")
    for one in includes:
        print(f"    {one.into:28} {one.line}")
    print("\nThen:")
    for number, step in enumerate(steps, start=1):
        print(f"{number}. {step}")


def _steps(folder: Path, *, freepbx: bool, trunks: bool) -> list[str]:
    manager = "manager_custom.conf, before the include" if freepbx else "manager.conf, before the include"
    copy = (
        f"cp -rn {folder / 'sounds/dialer'} into sounds in Asterisk's data folder, {folder / 'agi-bin/dialer-opt-out'} into "
        "its agi-bin; asterisk -rx 'core show settings' names both"
    )
    return [
        f"{manager}: [general](+) and below it timestampevents = yes; its [general] has enabled = yes",
        *([f"{folder / 'pjsip_trunk.conf'}: the carrier's addresses, where they aren't yet"] if trunks else []),
        copy,
        "calls to the campaigns' caller ids: to the context dialer-from-trunk, with the number as extension",
        'asterisk -rx "core reload"',
        "dialer check",
    ]

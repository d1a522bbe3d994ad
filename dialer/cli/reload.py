"""`dialer reload`: the running daemon takes up its configuration anew, and loses no call by it."""

from typing import Annotated, Any

import typer

from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json
from dialer.kernel.errors import InputError


def reload(
    config: Config = DEFAULT_CONFIG,
    *,
    past: Annotated[int, typer.Option(help="show so many that were instead, the last first", min=0, max=1_000)] = 0,
    by: Annotated[str, typer.Option("--by", help="who you are; your login if empty")] = "",
    as_json: AsJson = False,
) -> None:
    """Have the running daemon take up its configuration: what changes, and what waits for a restart.

    A wrong file is refused as a whole, and what was in force stays. Who reloaded what, and when, is on record.
    """
    from urllib.parse import quote

    from dialer.cli.client import ask
    from dialer.cli.input import viewer

    if past:
        told = ask(config, "GET", f"/api/v1/reloads?most={past}")
        if as_json:
            print_json(told)
        for one in () if as_json else told["reloads"]:
            print(f"{one['at']} by {one['by']}: {one['result']}{': ' if one['why'] else ''}{one['why']}")
            _print(one)
        return
    said = ask(config, "POST", f"/api/v1/reloads?by={quote(viewer(by))}")
    if as_json:
        print_json(said)
    if said["result"] == "refused":
        if as_json:
            raise typer.Exit(InputError.exit_code)
        raise InputError(f"refused, and nothing changed: {said['why']}", said["remedy"])
    if not as_json:
        print("taken up" if said["result"] == "applied" else "nothing changed")
        _print(said)


def _print(reload: dict[str, Any]) -> None:
    for change in reload["changed"]:
        print(f"  {change['key']}: {change['before']} → {change['after']}")
    for change in reload["waiting"]:
        print(f"  needs a restart: {change['key']}: {change['before']} → {change['after']}")

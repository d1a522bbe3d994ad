"""`dialer explain`: why each campaign dials at its rate."""

from typing import Annotated

import typer

from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json
from dialer.kernel.errors import UnknownNameError


def explain(
    name: Annotated[str | None, typer.Argument(help="one campaign; all of them without it")] = None,
    config: Config = DEFAULT_CONFIG,
    *,
    as_json: AsJson = False,
) -> None:
    """Say why each campaign dials at this rate, or why nothing rings, how each trunk does, and which caller id collapsed."""
    from dialer.cli.client import ask

    answer = ask(config, "GET", "/api/v1/explain")
    lines, trunks = answer["campaigns"], answer["trunks"] if name is None else []
    caller_ids = [line for line in answer["caller_ids"] if name in (None, line["campaign"])]
    chosen = [line for line in lines if name in (None, line["campaign"])]
    if not chosen and name is not None:
        raise UnknownNameError(f"no campaign is named {name!r}", "dialer campaign list has the names")
    if as_json:
        print_json({"campaigns": chosen, "trunks": trunks, "caller_ids": caller_ids})
        return
    for line in (*chosen, *trunks, *(line for line in caller_ids if line["collapsed"])):
        print(line["sentence"])

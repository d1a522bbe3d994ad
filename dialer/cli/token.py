"""`dialer token`: who may use the interface."""

import json
from typing import Annotated

import typer

from dialer.cli.output import AsJson, print_json
from dialer.kernel.errors import InputError
from dialer.web.access import Scope, digest_of, new_token, refuse_limited_seat

app = typer.Typer(help="Tokens of the interface.", no_args_is_help=True)


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="who holds it, as the looks at cases name it: crm")],
    *,
    scope: Annotated[list[Scope], typer.Option("--scope", help="what it may do; may be given several times")],
    creditor: Annotated[
        list[str] | None, typer.Option("--creditor", help="whose cases alone it may see; may be given several times")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a token, shown this once, and the lines that let it in: the configuration holds its digest alone."""
    import re

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
        raise InputError(f"name {name!r}: no name", "use letters, digits, - and _")
    try:
        refuse_limited_seat(scope, creditor or None)
    except ValueError as error:
        raise InputError(str(error), "leave out --creditor, or --scope work") from None
    token = new_token()
    lines = [
        "[[api.tokens]]",
        f"name = {json.dumps(name)}",
        f'sha256 = "{digest_of(token.encode())}"',
        f"scopes = {json.dumps([one.value for one in dict.fromkeys(scope)])}",
    ]
    if creditor:
        lines.append(f"creditors = {json.dumps(list(creditor), ensure_ascii=False)}")
    if as_json:
        print_json({"token": token, "configuration": "\n".join(lines)})
        return
    print(f"the token, shown this once: {token}\nadd to dialer.toml, and start the daemon anew:\n")
    print("\n".join(lines))

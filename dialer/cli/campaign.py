"""`dialer campaign`: whether campaigns dial, and how fast."""

from typing import Annotated

import typer

from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json, print_table

app = typer.Typer(help="Whether campaigns dial.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="the campaign's name in the configuration")]


@app.command("list")
def list_(config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """Every campaign: its state, its calls, and what limits its dialling now."""
    from dialer.cli.client import ask

    answer = ask(config, "GET", "/api/v1/campaigns")
    if as_json:
        print_json(answer)
        return
    print_table(
        "Campaigns",
        ("campaign", "state", "under way", "placed", "bridged", "abandoned", "what limits dialling now"),
        (
            (line["campaign"], line["state"], sum(line["calls"].values()), line["placed"], line["bridged"],
             line["abandoned"], line["sentence"])
            for line in answer["campaigns"]
        ),
    )  # fmt: skip


@app.command("start")
def start(name: Name, config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """Dial (again), also after a halt."""
    _command(name, "start", config, as_json=as_json)


@app.command("pause")
def pause(name: Name, config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """No new calls; those under way go on."""
    _command(name, "pause", config, as_json=as_json)


@app.command("drain")
def drain(name: Name, config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """No new calls; the campaign stops once the last one is over."""
    _command(name, "drain", config, as_json=as_json)


@app.command("halt")
def halt(name: Name, config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """No new calls, and what rings is hung up now; conversations go on."""
    _command(name, "halt", config, as_json=as_json)


def _command(name: str, signal: str, config: "Config", *, as_json: bool) -> None:
    from dialer.cli.client import ask

    answer = ask(config, "POST", f"/api/v1/campaigns/{name}/{signal}")
    if as_json:
        print_json(answer)
    else:
        print(f"{answer['campaign']} is {answer['state']}")

"""`dialer listen`: a supervisor on an agent's line."""

from typing import Annotated, Any

import typer

from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json, print_table
from dialer.kernel.events import SpyMode

app = typer.Typer(help="Listening to agents: whispering, barging, and who did.", no_args_is_help=True)
Supervisor = Annotated[str, typer.Argument(help="the supervisor's name among [[agents]]")]
Mode = Annotated[SpyMode, typer.Argument(help="who hears the supervisor: nobody, the agent, or the debtor too")]


@app.command("start")
def start(
    supervisor: Supervisor,
    agent: Annotated[str, typer.Argument(help="to whom")],
    config: Config = DEFAULT_CONFIG,
    *,
    mode: Annotated[SpyMode, typer.Option(help="who hears the supervisor")] = SpyMode.LISTEN,
    as_json: AsJson = False,
) -> None:
    """Call the supervisor's phone; it hears the agent from one call to the next, until either hangs up."""
    _tell(supervisor, "listen", config, {"agent": agent, "mode": mode.value}, as_json=as_json)


@app.command("mode")
def mode_(supervisor: Supervisor, mode: Mode, config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """Change who hears the supervisor. A barge ends with its call."""
    _tell(supervisor, "mode", config, {"mode": mode.value}, as_json=as_json)


@app.command("stop")
def stop(supervisor: Supervisor, config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """Hang up on the supervisor."""
    from dialer.cli.client import ask

    answer = ask(config, "POST", f"/api/v1/supervisors/{supervisor}/stop")
    if as_json:
        print_json(answer)
    else:
        print(f"{supervisor} is hung up on")


@app.command("log")
def log(
    config: Config = DEFAULT_CONFIG,
    *,
    agent: Annotated[str | None, typer.Option(help="only to whom")] = None,
    most: Annotated[int, typer.Option(min=1, max=1_000, help="how many, the last first")] = 100,
    as_json: AsJson = False,
) -> None:
    """Who listened to whom, from when to when, in which modes."""
    from urllib.parse import urlencode

    from dialer.cli.client import ask

    query = {"most": most} | ({"agent": agent} if agent else {})
    answer = ask(config, "GET", f"/api/v1/listenings?{urlencode(query)}")
    if as_json:
        print_json(answer)
        return
    print_table(
        "Listenings",
        ("supervisor", "agent", "modes", "ended", "agent told", "basis"),
        (
            (one["supervisor"], one["agent"], ", ".join(_turn(turn) for turn in one["turns"]), _end(one),
             "yes" if one["agent_told"] else "no", one["basis"])
            for one in answer["listenings"]
        ),
    )  # fmt: skip


def _turn(turn: dict[str, Any]) -> str:
    return f"{turn['mode']} {turn['on_at'][:19] if turn['on_at'] else '(asked for, never told on)'}"


def _end(one: dict[str, Any]) -> str:
    if one["ended_at"] is None:
        return "under way"
    return f"{'' if one['ended'] == 'seen' else 'by '}{one['ended_at'][:19]}"


def _tell(supervisor: str, what: str, config: "Config", body: dict[str, Any], *, as_json: bool) -> None:
    from dialer.cli.client import ask

    answer = ask(config, "POST", f"/api/v1/supervisors/{supervisor}/{what}", body)
    if as_json:
        print_json(answer)
    else:
        print(f"{supervisor} listens to {answer['agent']} ({answer['turns'][-1]['mode']}) as soon as the phone is up")

"""`dialer agents`: log in, pause, end wrap-up."""

from typing import Annotated, Any

import typer

from dialer.agents.session import Plan
from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json, print_table
from dialer.outcomes.codes import Outcome

app = typer.Typer(help="The agents' sessions.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="the agent's name in the configuration")]


@app.command("list")
def list_(config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """Every agent: what they are doing, for how long."""
    from dialer.cli.client import ask

    answer = ask(config, "GET", "/api/v1/agents")
    if as_json:
        print_json(answer)
        return
    print_table(
        "Agents",
        ("agent", "state", "seconds", "pause", "announced", "seat", "campaigns"),
        (
            (line["agent"], line["state"], f"{line['seconds']:.0f}", line["pause_reason"], _announced(line),
             line["seat"], ", ".join(line["campaigns"]))
            for line in answer["agents"]
        ),
    )  # fmt: skip


@app.command("log-in")
def log_in(
    name: Name,
    config: Config = DEFAULT_CONFIG,
    *,
    ready: Annotated[bool, typer.Option(help="take calls at once")] = False,
    as_json: AsJson = False,
) -> None:
    """Call the agent's phone and seat it; the agent begins paused, or --ready."""
    _tell(name, "log-in", config, {"ready": ready}, as_json=as_json)


@app.command("ready")
def ready(name: Name, config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """Take calls (again)."""
    _tell(name, "ready", config, None, as_json=as_json)


@app.command("pause")
def pause(
    name: Name,
    config: Config = DEFAULT_CONFIG,
    *,
    reason: Annotated[str, typer.Option(help="shown on the wallboard")] = "pause",
    as_json: AsJson = False,
) -> None:
    """Take no more calls, at once or after the call under way."""
    _tell(name, "pause", config, {"reason": reason}, as_json=as_json)


@app.command("announce")
def announce(
    name: Name,
    plan: Annotated[Plan, typer.Argument(help="a break, the shift's end, or being back")],
    config: Config = DEFAULT_CONFIG,
    *,
    minutes: Annotated[
        float | None, typer.Option("--in", min=0, help="minutes from now; without it: after the call, or the next one")
    ] = None,
    reason: Annotated[str, typer.Option(help="of the break, shown on the wallboard")] = "break",
    as_json: AsJson = False,
) -> None:
    """Say beforehand who goes or comes back: pacing counts on nobody who won't be there."""
    body = {"plan": plan.value, "in_minutes": minutes, "reason": reason}
    _tell(name, "announce", config, body, as_json=as_json)


@app.command("withdraw")
def withdraw(name: Name, config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """Forget what was announced and hasn't begun."""
    _tell(name, "withdraw", config, None, as_json=as_json)


@app.command("offer")
def offer(name: Name, config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """The case that the agent may have called, in a campaign with preview."""
    from dialer.cli.client import ask

    answer = ask(config, "GET", f"/api/v1/agents/{name}/offer")
    if as_json:
        print_json(answer)
    elif answer["case"] is None:
        print(f"{name} is offered no case")
    else:
        case, left = answer["case"], answer["seconds_left"]
        time = "" if left is None else f", {max(0.0, left):.0f} s to decide"
        print(
            f"case {case['id']} of {case['creditor']}: {case['debtor_name']}, {case['attempts']} attempts so far{time}"
        )


@app.command("accept")
def accept(name: Name, config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """Have the offered case called, with the agent held for it."""
    from dialer.cli.client import ask

    answer = ask(config, "POST", f"/api/v1/agents/{name}/accept")
    if as_json:
        print_json(answer)
    else:
        print("it is being called" if answer["called"] else f"it may not be called: {', '.join(answer['reasons'])}")


@app.command("skip")
def skip(
    name: Name,
    reason: Annotated[str, typer.Argument(help="why it shouldn't be called now; it stands with the case")],
    config: Config = DEFAULT_CONFIG,
    *,
    as_json: AsJson = False,
) -> None:
    """Leave the offered case for later."""
    _tell(name, "skip", config, {"reason": reason}, as_json=as_json)


@app.command("hang-up")
def hang_up(name: Name, config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """End the agent's call."""
    _tell(name, "hang-up", config, None, as_json=as_json)


@app.command("wrap-up")
def wrap_up(
    name: Name,
    outcome: Annotated[Outcome, typer.Argument(help="what the call was")],
    config: Config = DEFAULT_CONFIG,
    *,
    note: Annotated[str, typer.Option(help="what was said")] = "",
    as_json: AsJson = False,
) -> None:
    """Record the outcome of the agent's call and end the wrap-up."""
    from dialer.cli.client import ask

    ask(config, "POST", f"/api/v1/agents/{name}/outcome", {"code": outcome.value, "note": note})
    _tell(name, "wrapped", config, None, as_json=as_json)


@app.command("log-out")
def log_out(name: Name, config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """Leave, at once or after the call under way."""
    _tell(name, "log-out", config, None, as_json=as_json)


def _tell(name: str, what: str, config: "Config", body: dict[str, Any] | None, *, as_json: bool) -> None:
    from dialer.cli.client import ask

    line = ask(config, "POST", f"/api/v1/agents/{name}/{what}", body)
    if as_json:
        print_json(line)
    else:
        reason = f" ({line['pause_reason']})" if line["pause_reason"] else ""
        announced = f"; announced: {_announced(line)}" if line["announced"] else ""
        print(f"{line['agent']} is {line['state']}{reason}{announced}")


def _announced(line: dict[str, Any]) -> str | None:
    if line["announced"] is None or line["announced_seconds"] is None:
        return line["announced"] and f"{line['announced']} after the call"
    return f"{line['announced']} in {line['announced_seconds'] / 60:.0f} min"

"""`dialer agents`: log in, pause, end wrap-up."""

from typing import Annotated, Any

import typer

from dialer.agents.session import Plan
from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json, print_table
from dialer.kernel.errors import InputError

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
        ("agent", "state", "seconds", "pause", "announced", "seat", "campaigns", "heard by"),
        (
            (line["agent"], line["state"], f"{line['seconds']:.0f}", line["pause_reason"], _announced(line),
             line["seat"], ", ".join(line["campaigns"]), ", ".join(line["heard_by"]))
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


@app.command("caller")
def caller(
    name: Name,
    case: Annotated[int, typer.Argument(min=1, help="the case's id, as the screen shows it")],
    config: Config = DEFAULT_CONFIG,
    *,
    as_json: AsJson = False,
) -> None:
    """Say whose case a call that came in is about, where its number doesn't tell; in the call, or in the wrap-up."""
    from dialer.cli.client import ask

    answer = ask(config, "POST", f"/api/v1/agents/{name}/caller", {"case": case})
    if as_json:
        print_json(answer)
    else:
        print(f"{name}'s call is about case {answer['case']['id']} of {answer['case']['creditor']}")


@app.command("transfer")
def transfer(
    name: Name,
    to: Annotated[
        str,
        typer.Argument(
            help="an agent of the campaign who is ready, or whom `outside` lists: those are called, and told"
        ),
    ],
    config: Config = DEFAULT_CONFIG,
    *,
    warm: Annotated[
        bool, typer.Option("--warm/--blind", help="speak first, with the debtor on hold; or at once")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Transfer the agent's call to another agent, or to somebody outside. Warm: end it by hand-over or take-back."""
    _tell(name, "transfer", config, {"to": to, "warm": warm}, as_json=as_json)


@app.command("outside")
def outside(name: Name, config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """Whom the agent may call into the call under way, beside colleagues."""
    from dialer.cli.client import ask

    answer = ask(config, "GET", f"/api/v1/agents/{name}/outside")
    if as_json:
        print_json(answer)
    else:
        print_table("Outside", ("to", "who that is"), ((one["to"], one["label"]) for one in answer["outside"]))


@app.command("hand-over")
def hand_over(name: Name, config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """They have spoken: the debtor goes to the other one."""
    _tell(name, "hand-over", config, None, as_json=as_json)


@app.command("join")
def join(name: Name, config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """The debtor comes to the two, and all three speak; take-back ends it."""
    _tell(name, "join", config, None, as_json=as_json)


@app.command("take-back")
def take_back(name: Name, config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """They have spoken, or nobody answers: the debtor comes back to the agent."""
    _tell(name, "take-back", config, None, as_json=as_json)


Code = Annotated[str, typer.Argument(help="what the call was: docs/reference/outcomes.md has every code")]
Note = Annotated[str, typer.Option(help="what was said")]
Amount = Annotated[str | None, typer.Option(help="what is promised, or was paid, as 150,00")]
PayBy = Annotated[str | None, typer.Option(help="the day of the payment, or of a plan's first one, as 2026-12-05")]
Instalments = Annotated[int | None, typer.Option(help="a plan's payments, one a month")]
CallBackAt = Annotated[str | None, typer.Option(help="when to call back, in the debtor's time, as 2026-12-01T17:30")]
Debt = Annotated[str | None, typer.Option(help="the creditor's reference of the debt that it is about")]
PaidOn = Annotated[str | None, typer.Option(help="the day on which it was paid")]
PaymentReference = Annotated[str | None, typer.Option(help="of the transfer or receipt, never a card's number")]
Language = Annotated[str | None, typer.Option(help="what is spoken, in two letters")]
Evidence = Annotated[str | None, typer.Option(help="who or what says so: a lawyer, a court's reference, a document")]
Offers = Annotated[
    list[str] | None,
    typer.Option(
        "--offer", help="PERCENT/INSTALMENTS/UNTIL/ANSWER[/SUPERVISOR], as 10/3/2026-12-15/refused; repeatable"
    ),
]
SaidParts = Annotated[
    list[str] | None,
    typer.Option("--said", help="the title of a compulsory part of the script that was said; repeatable"),
]


@app.command("outcome")
def outcome(
    name: Name,
    code: Code,
    config: Config = DEFAULT_CONFIG,
    *,
    note: Note = "",
    amount: Amount = None,
    pay_by: PayBy = None,
    instalments: Instalments = None,
    call_back_at: CallBackAt = None,
    debt: Debt = None,
    paid_on: PaidOn = None,
    payment_reference: PaymentReference = None,
    language: Language = None,
    evidence: Evidence = None,
    offers: Offers = None,
    said: SaidParts = None,
    done: Annotated[bool, typer.Option(help="end the wrap-up too, as wrap-up does")] = False,
    as_json: AsJson = False,
) -> None:
    """Record the outcome of the agent's call; said again it replaces the first. The call may still be under way."""
    from dialer.cli.client import ask

    fields = {
        "amount": amount,
        "pay_by": pay_by,
        "instalments": instalments,
        "call_back_at": call_back_at,
        "debt": debt,
        "paid_on": paid_on,
        "payment_reference": payment_reference,
        "language": language,
        "evidence": evidence,
        "offers": [_offer(text) for text in offers or ()],
        "said": said,
    }
    filled = {key: value for key, value in fields.items() if value}
    line = ask(config, "POST", f"/api/v1/agents/{name}/outcome", {"code": code, "note": note, "fields": filled})
    if done:
        _tell(name, "wrapped", config, None, as_json=as_json)
    elif as_json:
        print_json(line)
    else:
        print(f"{code} is recorded; {name} is {line['state']}")


@app.command("wrap-up")
def wrap_up(
    name: Name,
    code: Code,
    config: Config = DEFAULT_CONFIG,
    *,
    note: Note = "",
    as_json: AsJson = False,
) -> None:
    """Record the outcome of the agent's call, one that needs no field, and end the wrap-up."""
    from dialer.cli.client import ask

    ask(config, "POST", f"/api/v1/agents/{name}/outcome", {"code": code, "note": note})
    _tell(name, "wrapped", config, None, as_json=as_json)


@app.command("recording")
def recording(
    name: Name,
    do: Annotated[str, typer.Argument(help="told, consented, pause or resume")],
    config: Config = DEFAULT_CONFIG,
    *,
    as_json: AsJson = False,
) -> None:
    """The recording of the agent's call: say that the debtor was told or consented; pause it, and go on."""
    if do not in ("told", "consented", "pause", "resume"):
        raise InputError(f"{do!r}: nothing that can be done to a recording", "say told, consented, pause or resume")
    _tell(name, f"recording/{do}", config, None, as_json=as_json)


@app.command("log-out")
def log_out(name: Name, config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """Leave, at once or after the call under way."""
    _tell(name, "log-out", config, None, as_json=as_json)


def _offer(text: str) -> dict[str, Any]:
    parts = text.split("/")
    if len(parts) not in (4, 5):
        raise InputError(f"--offer {text!r} isn't an offer", "write it as 10/3/2026-12-15/refused")
    keys = ("discount_percent", "instalments", "until", "answer", "approved_by")
    return dict(zip(keys, parts, strict=False))


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

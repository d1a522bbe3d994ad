"""`dialer agents phone`: the phones that register with the PBX."""

import asyncio
from typing import Annotated

import typer

from dialer.agents.phones import Kind
from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json, print_table
from dialer.kernel.errors import DialerError, InputError

app = typer.Typer(help="The agents' phones.", no_args_is_help=True)
RELOAD = 'asterisk -rx "module reload res_pjsip.so"'
Name = Annotated[str, typer.Argument(help="the phone's name, with which it registers: anna")]


@app.command("add")
def add(
    name: Name,
    config: Config = DEFAULT_CONFIG,
    *,
    kind: Annotated[Kind, typer.Option(help="how it speaks: udp, tcp, tls with SRTP, or web (a browser, by wss)")],
    as_json: AsJson = False,
) -> None:
    """Write a phone's file for Asterisk, with a password that is shown this once. Run it as Asterisk's user, or root."""
    from dialer import settings
    from dialer.adapters.phone_files import PhoneFolder

    loaded = settings.load(config)
    if name in loaded.trunk_endpoints:
        raise InputError(f"phone {name!r}: the name of a trunk's endpoint", "choose another name, as anna")
    if any(agent.phone.endswith(f"@{name}") for agent in loaded.agents):
        raise InputError(f"phone {name!r}: the name of another PBX with agents' phones", "choose another name, as anna")
    password = PhoneFolder(loaded.pbx.phones_folder).add(name, kind)
    if as_json:
        print_json({"phone": f"PJSIP/{name}", "user": name, "password": password, "then": RELOAD})
        return
    print(f"phone {name} ({kind.value}): user {name}, password, shown this once: {password}")
    if all(agent.phone != f"PJSIP/{name}" for agent in loaded.agents):
        print(f'it is no agent\'s yet: in dialer.toml, phone = "PJSIP/{name}"')
    print(f"Asterisk reads it with: {RELOAD}")


@app.command("revoke")
def revoke(name: Name, config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """Take a phone's file away: it can't register any more. A leg that is up stays: log the agent out."""
    from dialer import settings
    from dialer.adapters.phone_files import PhoneFolder

    PhoneFolder(settings.load(config).pbx.phones_folder).revoke(name)
    if as_json:
        print_json({"revoked": name, "then": RELOAD})
        return
    print(f"phone {name} is revoked, once Asterisk reads it: {RELOAD}")


@app.command("list")
def list_(config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """Every agent's phone and every written one: whether it is registered, and how it speaks, as Asterisk says."""
    from dialer import settings
    from dialer.adapters.ami import phones
    from dialer.adapters.ami.asterisk import Asterisk
    from dialer.adapters.phone_files import PhoneFolder
    from dialer.agents.phones import endpoint_of
    from dialer.cli.pbx import ask_asterisk

    loaded = settings.load(config)
    agents = {agent.phone: agent.name for agent in loaded.agents}
    try:
        written = PhoneFolder(loaded.pbx.phones_folder).names()
    except DialerError:  # Asterisk's own, or on another machine: its word is enough
        written = []
    wanted = [*agents, *(phone for phone in map("PJSIP/{}".format, written) if phone not in agents)]

    async def look(asterisk: Asterisk) -> list[phones.SeenPhone]:
        return [await phones.look(asterisk.link, endpoint_of(phone)) for phone in wanted]

    seen = asyncio.run(ask_asterisk(loaded, look))
    lines = [
        {
            "phone": phone,
            "agent": agents.get(phone),
            "state": one.reach.value,
            "transport": one.transport,
            "encryption": one.encryption,
            "codecs": list(one.codecs),
        }
        for phone, one in zip(wanted, seen, strict=True)
    ]
    if as_json:
        print_json({"phones": lines})
        return
    print_table(
        "Phones",
        ("phone", "agent", "state", "transport", "encryption", "codecs"),
        ([*list(line.values())[:-1], ", ".join(line["codecs"] or ())] for line in lines),
    )

"""`dialer check`: whether all is well before the daemon runs."""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from random import SystemRandom
from typing import Any

import typer

from dialer.cli import check_around
from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json
from dialer.kernel.errors import DialerError, InputError, InUseError

_SAID = {
    "licence_valid_until": "[collector] licence_valid_until",
    "caller_id_registered": "caller_id_registered = true in the campaign, or registered = true of it, once it is",
    "trunk_domestic": "the trunk's country to that of the caller id, if calls enter there; else name a domestic trunk",
}
_LETTER = {
    "name": "[collector] name",
    "contact": "[collector] contact",
    "licence": "[collector] licence_number",
    "how_to_pay": "how_to_pay in the creditor's [[mandates]]",
}
"""What every letter must say beyond the case's own, and where it is set."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, whether it is well, what was seen, what to do."""

    what: str
    well: bool
    seen: str
    remedy: str = ""
    exit_code: int = 0


def check(config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """Check configuration, packs, record, disk, Asterisk, its clock, trunks and phones, and the port; each line with its remedy. Exit code of the first ✘."""
    from dialer import settings

    loaded = settings.load(config)
    findings = [Finding("configuration", True, str(config)), *_local(loaded), *asyncio.run(_outside(loaded))]
    if as_json:
        print_json(
            {
                "well": all(finding.well for finding in findings),
                "findings": [{"what": f.what, "well": f.well, "seen": f.seen, "remedy": f.remedy} for f in findings],
            }
        )
    else:
        for finding in findings:
            print(f"{'✔' if finding.well else '✘'} {finding.what}: {finding.seen}")
            if finding.remedy:
                print(f"    remedy: {finding.remedy}")
    bad = next((finding for finding in findings if not finding.well), None)
    if bad:
        raise typer.Exit(bad.exit_code)


def _local(loaded: Any) -> list[Finding]:
    from dialer import configured, settings
    from dialer.campaigns.asking import facts_of_way
    from dialer.campaigns.trunk import ways
    from dialer.compliance.rules import Require

    def packs() -> str:
        law = configured.law(loaded)
        return ", ".join(f"{pack.name} {pack.version}" for pack in law.packs.values()) or "no campaign names one"

    def facts() -> str:
        """What the packs require of every call, and nobody says, would refuse every call."""
        law = configured.law(loaded)
        for name in loaded.campaigns:
            campaign = configured.campaign(loaded, name)
            ids = [one for own in (campaign.caller_ids, *campaign.mandate_caller_ids.values()) for one in own]
            for caller_id, trunk in [(one, way) for one in ids for way in ways(one.number, campaign.trunks)]:
                said = facts_of_way(campaign, caller_id, trunk)
                for pack in (law.packs[named] for named in campaign.packs):
                    for rule in pack.of_kind(Require):
                        if rule.when is None and rule.fact in _SAID and not said.get(rule.fact):
                            raise InputError(
                                f"campaign {name} would dial nobody with {caller_id.number} over the trunk "
                                f"{trunk.name}: {pack.name} requires {rule.fact} ({rule.source})",
                                f"set {_SAID[rule.fact]}",
                            )
        return "what the packs require of every call is said"

    def outcomes() -> str:
        configured.rules(loaded)
        files = [item.outcomes_file for item in (*loaded.campaigns.values(), *loaded.mandates) if item.outcomes_file]
        return ", ".join(["the shipped set", *map(str, files)])

    def letters() -> str:
        """A letter that can't say what it must would be refused on the day on which it is due."""
        of, told = configured.letters(loaded), []
        asked = any(campaign.letters for campaign in loaded.campaigns.values())
        for creditor, wanted in (("", asked), *((one.creditor, asked or one.letters) for one in loaded.mandates)):
            rules = of("", creditor)
            keys = [key for key in _LETTER if wanted and (creditor or key != "how_to_pay")]
            if lacks := [key for key in keys if not getattr(rules.agency, key)]:
                raise InputError(
                    f"letters{f' of {creditor}' if creditor else ''} couldn't say what they must: {', '.join(lacks)}",
                    f"set {', '.join(_LETTER[key] for key in lacks)}",
                )
            told += [f"{one.name} {one.version}" for one in rules.shelf.templates.values()]
        return ", ".join(dict.fromkeys(told))

    def recordings() -> str:
        holds = configured.retention(loaded).hold_flags
        configured.recording_files(loaded).check()
        at_rest = "encrypted" if loaded.recordings.key or loaded.recordings.key_file else "not encrypted"
        return f"in {loaded.recordings.folder}, {at_rest}, held by {' or '.join(holds) or 'no flag'}"

    def scripts() -> str:
        of = configured.rules(loaded)
        found = [script.version for name in loaded.campaigns for script in of(name, "").scripts.scripts.values()]
        return ", ".join(dict.fromkeys(found)) or "no campaign needs one"

    def secrets() -> str:
        settings.secret(loaded.pbx.secret, loaded.pbx.secret_file, "pbx.secret", "DIALER_PBX__SECRET")
        settings.secret(loaded.api.token, loaded.api.token_file, "api.token", "DIALER_API__TOKEN")
        return "AMI secret and API token are set"

    def port() -> str:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((loaded.api.host, loaded.api.port))
            except OSError as error:
                raise InUseError(
                    f"{loaded.api.host}:{loaded.api.port}: {error.strerror}",
                    "end the program that holds the port (a running daemon?), or set [api] port",
                ) from None
        return f"{loaded.api.host}:{loaded.api.port} is free"

    return [
        _look("packs", packs),
        _look("facts", facts),
        _look("outcomes", outcomes),
        _look("letters", letters),
        _look("recordings", recordings),
        _look("scripts", scripts),
        _look("secrets", secrets),
        _look("interface", port),
        _look("disk", lambda: check_around.disks(loaded)),
    ]


async def _outside(loaded: Any) -> list[Finding]:
    from dialer.adapters.store.database import open_database
    from dialer.cli.pbx import ask_asterisk
    from dialer.settings import place

    findings = []
    try:
        where = place(loaded.store)
        engine = await open_database(where)
        await engine.dispose()
        findings.append(Finding("record", True, f"{where}, schema current"))
    except DialerError as error:
        findings.append(_bad("record", error))
    try:
        findings.append(Finding("Asterisk", True, await _asterisk(loaded)))
    except DialerError as error:
        return [*findings, _bad("Asterisk", error)]
    for what, question in (("clock", check_around.clock), ("trunks", partial(check_around.trunks, of=loaded))):
        try:
            findings.append(Finding(what, True, await ask_asterisk(loaded, question)))
        except DialerError as error:
            findings.append(_bad(what, error))
    try:
        findings.append(await _phones(loaded))
    except DialerError as error:
        findings.append(_bad("phones", error))
    return findings


async def _asterisk(loaded: Any) -> str:
    """Log in as the daemon will, and use each right that it needs. Raises DialerError."""
    from dialer.adapters.ami import rights
    from dialer.adapters.ami.asterisk import Asterisk
    from dialer.cli.pbx import ask_asterisk
    from dialer.kernel.clock import SystemClock
    from dialer.kernel.ids import Ids

    clock, ear = SystemClock(timedelta()), rights.Ear()
    ids = Ids(SystemRandom())

    async def look(asterisk: Asterisk) -> str:
        await rights.prove(asterisk, ear, ids.seat_leg(clock.now()), ids.attempt(clock.now()))
        return await asterisk.version()

    pbx = loaded.pbx
    version = await ask_asterisk(loaded, look, ear)
    return f"{version} at {pbx.host}:{pbx.port}, logged in as {pbx.username}, rights suffice"


async def _phones(loaded: Any) -> Finding:
    """Whether Asterisk knows each agent's phone. One that isn't registered yet is no fault: the shift may not have begun."""
    from dialer.adapters.ami import phones
    from dialer.adapters.ami.asterisk import Asterisk
    from dialer.adapters.ami.phones import Reach
    from dialer.agents.phones import endpoint_of
    from dialer.cli.pbx import ask_asterisk

    async def look(asterisk: Asterisk) -> list[phones.SeenPhone]:
        await phones.prove(asterisk.link, loaded.trunk_endpoints[0])
        return [await phones.look(asterisk.link, endpoint_of(agent.phone)) for agent in loaded.agents]

    seen = await ask_asterisk(loaded, look)
    unknown = [one.endpoint for one in seen if one.reach is Reach.UNKNOWN]
    if unknown:
        raise InputError(
            f"Asterisk knows no {', '.join(unknown)}",
            "dialer agents phone add NAME, then let Asterisk read it; or correct phone in [[agents]]",
        )
    away = [f"{one.endpoint} ({one.reach.value})" for one in seen if one.reach is not Reach.HERE]
    recoded = [one.endpoint for one in seen if not {"alaw", "ulaw"} & set(one.codecs)]
    told = [f"{len(seen) - len(away)} of {len(seen)} can be called"]
    told += [f"not {', '.join(away)}"] * bool(away) + [f"neither alaw nor ulaw: {', '.join(recoded)}"] * bool(recoded)
    remedies = ["register them with the password that dialer agents phone add showed"] * bool(away)
    remedies += ["allow alaw in their template: each call is recoded, and fails where Asterisk can't"] * bool(recoded)
    return Finding("phones", True, "; ".join(told), "; ".join(remedies))


def _look(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, look())
    except DialerError as error:
        return _bad(what, error)


def _bad(what: str, error: DialerError) -> Finding:
    return Finding(what, False, str(error), error.remedy, error.exit_code)

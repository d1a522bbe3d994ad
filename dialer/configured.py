"""From the configuration to the law and the campaigns."""

import ssl
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from dialer.adapters.ami.link import LinkSettings
from dialer.adapters.encryption import Keys
from dialer.adapters.recordings import RecordingFiles
from dialer.agents.listening import Supervising
from dialer.calls.retention import Retention
from dialer.campaigns.caller_id import CallerId
from dialer.campaigns.campaign import Campaign, Destination
from dialer.campaigns.trunk import Trunk, ways
from dialer.cases.offers import Step
from dialer.compliance import calendars
from dialer.compliance.gate import Law
from dialer.compliance.pack import Pack, Shelf
from dialer.compliance.rules import RingMax, RingMin
from dialer.compliance.verdict import CallMode
from dialer.kernel.errors import InputError
from dialer.kernel.phone import PhoneNumber
from dialer.live import targets
from dialer.live.targets import Bounds, Wish
from dialer.outcomes.catalogue import shipped, with_own
from dialer.outcomes.lettering import DEFAULT_LADDER, LetterRules, LetterRulesOf, LetterStep
from dialer.outcomes.rules import GRACE_DAYS, Rules, RulesOf
from dialer.settings import CallerIdSettings, CampaignSettings, Settings, secret
from dialer.texts.fields import Agency
from dialer.texts.letters import LetterShelf
from dialer.texts.scripts import Scripts, shipped_scripts
from dialer.web.access import Holder


def law(settings: Settings) -> Law:
    """The packs of every campaign, and where packs follow the debtor every pack; the calendars. Raises InputError.

    A campaign whose ring time no pack allows would dial nobody: it is refused here, and so is one that wants more
    abandoned calls than the law allows.
    """
    shelf = Shelf(settings.compliance.pack_folder)
    packs: dict[str, Pack] = {}
    for name, campaign in settings.campaigns.items():
        try:
            packs |= {pack.name: pack for pack in shelf.load_for(campaign.packs)}
        except InputError as error:
            raise InputError(f"campaigns.{name}.packs: {error}", error.remedy) from None
        if campaign.packs_follow_debtor:
            packs |= {name: shelf.load(name) for name in shelf.names if name not in packs}
    check_within(settings, packs)
    holidays = settings.compliance.holidays_file
    return Law(packs, calendars.load(holidays) if holidays else calendars.Calendars())


def check_within(settings: Settings, packs: Mapping[str, Pack]) -> None:
    """What each campaign wants must lie within its packs. Raises InputError."""
    for name, campaign in settings.campaigns.items():
        named = [packs[pack] for pack in campaign.packs]
        for pack in named:
            for least in pack.of_kind(RingMin):
                if campaign.ring_timeout_seconds < least.seconds:
                    raise _ring_error(
                        name, campaign.ring_timeout_seconds, f"{pack.name} asks at least {least.seconds:g}"
                    )
            for most in pack.of_kind(RingMax):
                if campaign.ring_timeout_seconds > most.seconds:
                    raise _ring_error(name, campaign.ring_timeout_seconds, f"{pack.name} asks at most {most.seconds:g}")
        targets.check(name, Bounds.of(named), wish(campaign))


def rules(settings: Settings, in_force: Law | None = None) -> RulesOf:
    """What holds when a call is written up, by campaign and creditor. Raises InputError, also for what no case has yet.

    in_force: the law of the running daemon; None: as the packs say now.
    """
    flags = (in_force or law(settings)).flags
    supervisors = frozenset(agent.name for agent in settings.agents if agent.supervisor)
    mandates = {mandate.creditor: mandate for mandate in settings.mandates}
    of_mandate = {
        name: with_own(shipped(), mandate.outcomes_file, flags) if mandate.outcomes_file else shipped()
        for name, mandate in mandates.items()
    }
    said = {
        name: Scripts.read(campaign.script_folder, campaign.language) for name, campaign in settings.campaigns.items()
    }
    files = {name: campaign.outcomes_file for name, campaign in settings.campaigns.items()}

    @cache
    def of(campaign: str, creditor: str) -> Rules:
        outcomes = of_mandate.get(creditor, shipped())
        if file := files.get(campaign):
            outcomes = with_own(outcomes, file, flags)
        mandate = mandates.get(creditor)
        ladder = tuple(
            Step(step.discount_percent, step.most_instalments, step.deadline_days)
            for step in (mandate.offers if mandate else ())
        )
        chosen = settings.campaigns.get(campaign)
        wishes = [wish.promise_grace_days for wish in (chosen, mandate) if wish is not None]
        grace_days = next((days for days in wishes if days is not None), GRACE_DAYS)
        scripts = said.get(campaign) or shipped_scripts()
        return Rules(outcomes, grace_days, ladder, supervisors, scripts, agency(settings, creditor))

    for campaign in settings.campaigns:  # a wrong file is told at the start, not in the middle of a call
        for creditor in ("", *mandates):
            of(campaign, creditor)
    return of


def letters(settings: Settings) -> LetterRulesOf:
    """What holds for letters, by campaign and creditor. Raises InputError, also for what no case has yet."""
    mandates = {mandate.creditor: mandate for mandate in settings.mandates}
    shelves = {name: LetterShelf.read(mandate.letter_folder) for name, mandate in mandates.items()}
    shipped_shelf = LetterShelf.read(None)

    @cache
    def of(campaign: str, creditor: str) -> LetterRules:
        chosen, mandate = settings.campaigns.get(campaign), mandates.get(creditor)
        steps = (chosen.letters if chosen else ()) or (mandate.letters if mandate else ())
        ladder = tuple(
            LetterStep(step.kind, step.after_days, step.wait_days, step.then, step.after_attempts) for step in steps
        )
        return LetterRules(
            ladder or DEFAULT_LADDER,
            shelves.get(creditor, shipped_shelf),
            agency(settings, creditor),
            chosen.language if chosen else "it",
        )

    return of


def retention(settings: Settings, in_force: Law | None = None) -> Retention:
    """How long recordings are kept. Raises InputError. in_force: as for `rules`."""
    ours = in_force or law(settings)
    shelf, shipped_shelf = Shelf(settings.compliance.pack_folder), Shelf()
    shipped_packs = {name: shipped_shelf.load(name) for name in shipped_shelf.names}
    known = ours.flags | Law(shipped_packs, calendars.Calendars()).flags
    holds = settings.recordings.hold_flags
    unknown = next((name for name in holds if name not in known), None)
    if unknown is not None:
        raise InputError(
            f"recordings.hold_flags: no pack knows the flag {unknown!r}", f"name some of {', '.join(sorted(known))}"
        )

    @cache
    def pack_of(name: str) -> Pack | None:
        try:
            return ours.packs.get(name) or shelf.load(name)
        except InputError:  # it isn't there any more, or can't be read
            return None

    days = {one.creditor: one.recordings_kept_days for one in settings.mandates if one.recordings_kept_days is not None}
    return Retention(pack_of, days, holds)


def recording_files(settings: Settings) -> RecordingFiles:
    """The folder of the recordings, with its keys if there are any. Raises InputError."""
    wish, keys = settings.recordings, None
    if wish.key is not None or wish.key_file is not None:
        text = secret(wish.key, wish.key_file, "recordings.key", "DIALER_RECORDINGS__KEY")
        keys = Keys(text, "recordings.key" if wish.key is not None else f"recordings.key_file {wish.key_file}")
    return RecordingFiles(wish.folder, keys)


def agency(settings: Settings, creditor: str) -> Agency:
    """Who collects, as letters and scripts about a creditor's debts name it."""
    collector = settings.collector
    how_to_pay = next((mandate.how_to_pay for mandate in settings.mandates if mandate.creditor == creditor), "")
    return Agency(
        collector.name,
        collector.address,
        collector.contact,
        collector.licence_number,
        collector.licence_valid_until,
        how_to_pay,
    )


def holders(settings: Settings) -> tuple[Holder, ...]:
    """Who may use the interface, beside whoever has its one shared token."""
    return tuple(
        Holder(
            token.name,
            token.sha256,
            frozenset(token.scopes),
            None if token.creditors is None else frozenset(token.creditors),
        )
        for token in settings.api.tokens
    )


def supervising(settings: Settings) -> Supervising:
    """Whether agents may be listened to, and by whom."""
    supervisors = {agent.name: agent.phone for agent in settings.agents if agent.supervisor}
    return Supervising(settings.supervision.basis, settings.supervision.tell_agents, supervisors)


def wish(campaign: CampaignSettings) -> Wish:
    """What the house wants of a campaign's pacing."""
    return Wish(campaign.abandonment_target, campaign.abandonment_cap, campaign.patience_seconds)


def link(settings: Settings) -> LinkSettings:
    """How to reach the manager interface. Raises InputError where the secret or the authority can't be read."""
    pbx, context = settings.pbx, None
    if pbx.tls:
        try:
            context = ssl.create_default_context(cafile=pbx.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise InputError(
                f"pbx.ca_file {pbx.ca_file}: {error.strerror or error}", "name the authority's certificate, in PEM"
            ) from None
    return LinkSettings(
        host=pbx.host,
        port=pbx.port,
        username=pbx.username,
        secret=secret(pbx.secret, pbx.secret_file, "pbx.secret", "DIALER_PBX__SECRET"),
        request_seconds=pbx.request_seconds,
        ping_seconds=pbx.ping_seconds,
        tls=context,
    )


def trunks(settings: Settings, names: Collection[str] = ()) -> list[Trunk]:
    """The trunks of these names; no name: every trunk."""
    return [
        Trunk(
            name=name,
            endpoint=wish.endpoint or name,
            number_format=wish.number_format,
            country=wish.country,
            channels=wish.channels,
            calls_per_second=wish.calls_per_second,
            weight=wish.weight,
        )
        for name, wish in settings.all_trunks.items()
        if not names or name in names
    ]


def campaign(settings: Settings, name: str) -> Campaign:
    """One campaign as the engine knows it. Raises InputError where it names a trunk that no call of it would take."""
    wish = settings.campaigns[name]
    own = _caller_ids(wish.all_caller_ids)
    of_mandates = {one.creditor: _caller_ids(one.caller_ids) for one in settings.mandates if one.caller_ids}
    recorded = {one.creditor: one.record for one in settings.mandates if one.record is not None}
    stereo = {one.creditor: one.stereo for one in settings.mandates if one.stereo is not None}
    facts: dict[str, Any] = {}
    if settings.collector.licence_valid_until is not None:
        facts["licence_valid_until"] = settings.collector.licence_valid_until
    its_trunks = tuple(trunks(settings, wish.trunks))
    shown = (*own, *(one for ids in of_mandates.values() for one in ids))
    may = {trunk.name for one in shown for trunk in ways(one.number, its_trunks)}
    idle = next((trunk for trunk in wish.trunks if trunk not in may), None)
    if idle is not None:
        raise InputError(
            f"campaigns.{name}.trunks: no call would take {idle!r}: it isn't of a caller id's country, another one is",
            f"take it out, or correct the country in [trunks.{idle}]",
        )
    return Campaign(
        name=name,
        packs=wish.packs,
        caller_id=own[0].number,
        caller_ids=own,
        mandate_caller_ids=of_mandates,
        ring_timeout_seconds=wish.ring_timeout_seconds,
        post_dial_delay_seconds=wish.post_dial_delay_seconds,
        auto_ready_after_seconds=wish.auto_ready_after_seconds,
        trunks=its_trunks,
        mode=CallMode(wish.mode.value),
        collector=settings.collector.name,
        facts=facts | wish.facts,
        packs_follow_debtor=wish.packs_follow_debtor,
        share=wish.share,
        priority=wish.priority,
        value=wish.value,
        preview_seconds=wish.preview_seconds,
        inbound_wait_seconds=wish.inbound_wait_seconds,
        destinations={
            one.name: Destination(PhoneNumber(one.number), one.label or one.name) for one in wish.destinations
        },
        records=wish.record,
        mandate_records=recorded,
        stereo=wish.stereo,
        mandate_stereo=stereo,
    )


def _caller_ids(wishes: Sequence[CallerIdSettings]) -> tuple[CallerId, ...]:
    return tuple(CallerId(PhoneNumber(one.number), one.registered, one.rested) for one in wishes)


def _ring_error(name: str, seconds: float, why: str) -> InputError:
    return InputError(
        f"campaigns.{name}.ring_timeout_seconds is {seconds:g}: {why}", "set a time that every pack of it allows"
    )

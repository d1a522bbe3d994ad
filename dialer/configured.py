"""From the configuration to the law and the campaigns."""

from functools import cache
from typing import Any

from dialer.campaigns.campaign import Campaign
from dialer.cases.offers import Step
from dialer.compliance import calendars
from dialer.compliance.gate import Law
from dialer.compliance.jurisdiction import country_of
from dialer.compliance.pack import Pack, Shelf
from dialer.compliance.rules import RingMax, RingMin
from dialer.compliance.verdict import CallMode
from dialer.kernel.errors import InputError
from dialer.kernel.phone import PhoneNumber
from dialer.live import targets
from dialer.live.targets import Bounds, Wish
from dialer.outcomes.catalogue import shipped, with_own
from dialer.outcomes.rules import GRACE_DAYS, Rules, RulesOf
from dialer.settings import CampaignSettings, Settings


def law(settings: Settings) -> Law:
    """The packs of every campaign, and where packs follow the debtor every pack; the calendars. Raises InputError.

    A campaign whose ring time no pack allows would dial nobody: it is refused here, and so is one that wants more
    abandoned calls than the law allows.
    """
    shelf = Shelf(settings.compliance.pack_folder)
    packs: dict[str, Pack] = {}
    for name, campaign in settings.campaigns.items():
        try:
            named = shelf.load_for(campaign.packs)
        except InputError as error:
            raise InputError(f"campaigns.{name}.packs: {error}", error.remedy) from None
        for pack in named:
            packs[pack.name] = pack
            for least in pack.of_kind(RingMin):
                if campaign.ring_timeout_seconds < least.seconds:
                    raise _ring_error(
                        name, campaign.ring_timeout_seconds, f"{pack.name} asks at least {least.seconds:g}"
                    )
            for most in pack.of_kind(RingMax):
                if campaign.ring_timeout_seconds > most.seconds:
                    raise _ring_error(name, campaign.ring_timeout_seconds, f"{pack.name} asks at most {most.seconds:g}")
        targets.check(name, Bounds.of(named), wish(campaign))
        if campaign.packs_follow_debtor:
            packs |= {name: shelf.load(name) for name in shelf.names if name not in packs}
    holidays = settings.compliance.holidays_file
    return Law(packs, calendars.load(holidays) if holidays else calendars.Calendars())


def rules(settings: Settings) -> RulesOf:
    """What holds when a call is written up, by campaign and creditor. Raises InputError, also for what no case has yet."""
    flags = law(settings).flags
    supervisors = frozenset(agent.name for agent in settings.agents if agent.supervisor)
    mandates = {mandate.creditor: mandate for mandate in settings.mandates}
    of_mandate = {
        name: with_own(shipped(), mandate.outcomes_file, flags) if mandate.outcomes_file else shipped()
        for name, mandate in mandates.items()
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
        return Rules(outcomes, grace_days, ladder, supervisors)

    for campaign in settings.campaigns:  # a wrong file is told at the start, not in the middle of a call
        for creditor in ("", *mandates):
            of(campaign, creditor)
    return of


def wish(campaign: CampaignSettings) -> Wish:
    """What the house wants of a campaign's pacing."""
    return Wish(campaign.abandonment_target, campaign.abandonment_cap)


def campaign(settings: Settings, name: str) -> Campaign:
    """One campaign as the engine knows it."""
    wish = settings.campaigns[name]
    caller_id = PhoneNumber(wish.caller_id)
    facts: dict[str, Any] = {
        "caller_id_registered": wish.caller_id_registered,
        "trunk_domestic": settings.trunk.country is not None and settings.trunk.country == country_of(caller_id),
    }
    if settings.collector.licence_valid_until is not None:
        facts["licence_valid_until"] = settings.collector.licence_valid_until
    return Campaign(
        name=name,
        packs=wish.packs,
        caller_id=caller_id,
        ring_timeout_seconds=wish.ring_timeout_seconds,
        post_dial_delay_seconds=wish.post_dial_delay_seconds,
        auto_ready_after_seconds=wish.auto_ready_after_seconds,
        mode=CallMode(wish.mode.value),
        collector=settings.collector.name,
        facts=facts | wish.facts,
        packs_follow_debtor=wish.packs_follow_debtor,
        share=wish.share,
        priority=wish.priority,
        value=wish.value,
        preview_seconds=wish.preview_seconds,
        records=wish.record,
    )


def _ring_error(name: str, seconds: float, why: str) -> InputError:
    return InputError(
        f"campaigns.{name}.ring_timeout_seconds is {seconds:g}: {why}", "set a time that every pack of it allows"
    )

"""From a due case to the question that the gate is asked."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from dialer.campaigns.caller_id import CallerId
from dialer.campaigns.campaign import Campaign
from dialer.campaigns.trunk import Trunk, ways
from dialer.cases.debtor import Provenance
from dialer.cases.model import DueCase
from dialer.compliance.clearance import LIFETIME
from dialer.compliance.jurisdiction import packs_for, zones_for
from dialer.compliance.mandated import ENDS_ON, STARTS_ON
from dialer.compliance.pack import Pack
from dialer.compliance.verdict import Intent
from dialer.kernel.phone import PhoneNumber


def facts_of_way(campaign: Campaign, caller_id: CallerId, trunk: Trunk | None) -> dict[str, Any]:
    """What packs may require of every call that shows this caller id over this trunk."""
    return {
        "caller_id_registered": caller_id.registered,
        "trunk_domestic": trunk is not None and trunk.is_domestic(caller_id.number),
        **campaign.facts,
    }


def intent_for(
    campaign: Campaign, case: DueCase, number: PhoneNumber, known: Mapping[str, Pack], trunk: Trunk | None = None
) -> Intent:
    """May this number of this case be rung for this campaign now, over this trunk, or else one that it may take?"""
    caller_id = campaign.caller_id_of(case.debtor_id, case.creditor)
    trunk = trunk or next(iter(ways(caller_id.number, campaign.trunks)), None)
    packs = campaign.packs
    if campaign.packs_follow_debtor:
        packs = packs_for(packs, known, number, case.place)
    line = next((line for line in case.numbers if line.number == number), None)
    at_work = line is not None and line.at_work
    by_debtor = line is not None and line.provenance is Provenance.DEBTOR
    return Intent(
        campaign=campaign.name,
        case_id=case.id,
        debtor_id=case.debtor_id,
        number=number,
        zones=zones_for(case.zones, number),
        packs=packs,
        # the time-out begins with the dial, which may come as late as the clearance holds
        ring_max_seconds=campaign.originate_timeout_seconds + LIFETIME.total_seconds(),
        debts=case.debts,
        household=case.household,
        collector=campaign.collector,
        mode=campaign.mode,
        ring_timeout_seconds=campaign.ring_timeout_seconds,
        workplace=at_work,
        caller_id=caller_id.number,
        trunk=trunk.name if trunk else "",
        given={
            **facts_of_way(campaign, caller_id, trunk),
            **case.facts,
            "attempts_so_far": case.tried,
            "subdivision": case.place,
            **{name: day for name, day in _mandate(case).items() if day is not None},
            **({"workplace": True, "workplace_supplied": by_debtor} if at_work else {}),
        },
    )


def _mandate(case: DueCase) -> dict[str, date | None]:
    return {STARTS_ON: case.mandate_starts_on, ENDS_ON: case.mandate_ends_on}

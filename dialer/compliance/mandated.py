"""Whether the creditor's mandate is open: no pack need ask for it, for nobody may be called without one."""

from dialer.compliance.facts import Facts
from dialer.compliance.localtime import is_day, midnight
from dialer.compliance.reasons import Reason
from dialer.compliance.verdict import Refusal

STARTS_ON, ENDS_ON = "mandate_starts_on", "mandate_ends_on"
"""What is given of the mandate's terms, where they are on record: its first day and its last one, in the debtor's time."""


def mandate_refusals(facts: Facts) -> tuple[Refusal, ...]:
    """The reason against a call before the mandate's first day and after its last; a term that is no date refuses too."""
    starts_on, ends_on = facts.given.get(STARTS_ON), facts.given.get(ENDS_ON)
    days = facts.possible_days
    if ends_on is not None and not (is_day(ends_on) and max(days) <= ends_on):
        return (Refusal(Reason.MANDATE, facts=f"its last day was {ends_on}"),)
    if starts_on is not None and not (is_day(starts_on) and starts_on <= min(days)):
        begins = [midnight(starts_on, zone) for zone in facts.zones] if is_day(starts_on) else []
        return (Refusal(Reason.MANDATE, not_before=max(begins, default=None), facts=f"its first day is {starts_on}"),)
    return ()

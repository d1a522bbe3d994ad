"""Why a call is refused: one registry for the record, the metric label, the screen and the docs.

A reason is the id of a rule in a pack, or a flag's own name, or names what the engine itself lacks. An agency's own
pack may bring rules of other ids: each says its text itself.
"""

from dialer.kernel.texted import TextEnum


class Reason(TextEnum):
    """A reason that ships, with the sentence that a supervisor reads."""

    # when
    HOURS = "hours", "outside the hours in which this debtor may be called"
    HOURS_WORKPLACE = "hours-workplace", "outside the hours in which a workplace may be called"
    ZONE_UNKNOWN = "zone-unknown", "the debtor's time zone isn't known, so no hour is surely legal"
    HOLIDAY = "holiday", "a public holiday where the debtor may be"
    INCONVENIENT_TIME = "inconvenient-time", "the debtor said that this time is inconvenient"
    # how often
    ATTEMPTS_PER_DAY = "attempts-per-day", "the debtor has had all attempts of the day"
    ATTEMPTS_PER_WEEK = "attempts-per-week", "the debtor has had all attempts of seven days"
    ATTEMPTS_PER_MONTH = "attempts-per-month", "the debtor has had all attempts of thirty days"
    ATTEMPTS_TOTAL = "attempts-total", "the case has had all its attempts: send a letter, go to law, or close it"
    CONVERSATIONS_PER_DAY = "conversations-per-day", "the debtor has had all conversations of the day"
    CONVERSATIONS_PER_WEEK = "conversations-per-week", "the debtor has had all conversations of the week"
    CALLS_PER_WEEK = "calls-per-week", "the debtor has had all calls of the week"
    CALLS_PER_MONTH = "calls-per-month", "the debtor has had all calls of thirty days"
    CALLS_7_IN_7 = "calls-7-in-7", "seven calls about this debt within seven days"
    CONTACTS_PER_DAY = "contacts-per-day", "the debtor has had all contacts of the day"
    CONTACTS_PER_WEEK = "contacts-per-week", "the debtor has had all contacts of the week"
    CONTACTS_PER_MONTH = "contacts-per-month", "the debtor has had all contacts of the month"
    WORKPLACE_CALLS_PER_WEEK = "workplace-calls-per-week", "the workplace has had all calls of the week"
    CONVERSATION_COOL_OFF = "conversation-cool-off", "too soon after a conversation about this debt"
    GAP_NUMBER = "gap-number", "this number was called too recently"
    GAP_DEBTOR = "gap-debtor", "this debtor was called too recently"
    IN_FLIGHT = "in-flight", "another call to this debtor, number or household is under way"
    # after an abandoned call
    ABANDONED_LOCKOUT = "abandoned-lockout", "this number got a silent call: it is left alone for a while"
    RESERVED_AGENT_REQUIRED = "reserved-agent-required", "only with an agent held for this call from before the dial"
    # how it would ring
    RING_MIN = "ring-min", "it would ring too short a time"
    RING_MAX = "ring-max", "it would ring too long"
    # what must be so first
    LICENCE = "licence", "the collection licence isn't valid on this day"
    ASSIGNMENT_NOTICE = "assignment-notice", "the debtor hasn't been told in writing that the debt was assigned"
    MANDATE = "mandate", "the creditor's mandate isn't open on this day"
    NOTICE_PERIOD = "notice-period", "the days after the first letter aren't over"
    CALLER_ID = "caller-id", "the caller id isn't registered for this campaign"
    TRUNK_ORIGIN = "trunk-origin", "the trunk isn't of the caller id's country: the network would block the call"
    WORKPLACE_SUPPLIED = "workplace-supplied", "a workplace number that the debtor didn't give"
    # flags: each under its own name
    CEASE = "cease", "the debtor asked in writing to be left alone"
    DO_NOT_CALL = "do-not-call", "the debtor asked not to be called on this number"
    DISPUTE = "dispute", "the debt is disputed, or a conciliation is pending"
    ATTORNEY = "attorney", "a lawyer represents the debtor"
    DECEASED = "deceased", "the debtor is dead"
    BANKRUPTCY = "bankruptcy", "the debtor is bankrupt or in an insolvency procedure"
    MORATORIUM = "moratorium", "a moratorium protects the debtor"
    MINOR = "minor", "the debtor is a minor"
    VULNERABLE = "vulnerable", "the debtor is vulnerable: a specialist decides"
    WRONG_NUMBER = "wrong_number", "this number isn't the debtor's"
    WORKPLACE = "workplace", "the employer doesn't allow such calls"
    OPT_OUT = "opt_out", "the debtor asked not to be reached by telephone"
    MANDATE_CLOSED = "mandate_closed", "the creditor has taken the case back"
    # what the engine itself lacks: in doubt nobody is called
    CASE_NOT_OPEN = "case-not-open", "the case was paid, closed, or given to a letter or a person meanwhile"
    NO_NUMBER = "no-number", "the case has no number that may be dialled"
    NO_PACK = "no-pack", "a pack that this call needs isn't loaded"
    NUMBER_INVALID = "number-invalid", "the number isn't in E.164"
    DEBTORS_NUMBER = (
        "debtors-number",
        "somebody outside was to be called, and the number is a debtor's or a guarantor's",
    )
    LEDGER_AWAY = "ledger-away", "the ledger of past calls is away, or not yet rebuilt"
    STORE_AWAY = "store-away", "the record can't be written"
    PBX_AWAY = "pbx-away", "the PBX is away or being reconciled"
    NO_AGENT = "no-agent", "only with an agent held for this call, and nobody is free"
    DISK_FULL = "disk-full", "the disk has too little room for the recordings that this campaign makes"
    NO_TRUNK = "no-trunk", "every trunk that this call may take is full, or fails"
    CLOCK = "clock", "the clock went back, or isn't the PBX's"


ENGINE = frozenset(
    {
        Reason.LEDGER_AWAY,
        Reason.STORE_AWAY,
        Reason.PBX_AWAY,
        Reason.NO_AGENT,
        Reason.DISK_FULL,
        Reason.NO_TRUNK,
        Reason.CLOCK,
        Reason.CASE_NOT_OPEN,
    }
)
"""Reasons that plan nothing for the case: it stays as it stands on record."""
FAIL_CLOSED = frozenset({Reason.LEDGER_AWAY, Reason.STORE_AWAY, Reason.PBX_AWAY, Reason.CLOCK, Reason.NO_PACK})
"""Reasons of a gate that lacks what it judges every call by, and says no to be safe."""
BY_THE_CLOCK = frozenset({Reason.HOURS, Reason.HOURS_WORKPLACE, Reason.HOLIDAY, Reason.INCONVENIENT_TIME})
"""Reasons of the hour and the day: they pass by themselves, whatever else happens."""


def text_of(reason: str) -> str:
    """The sentence for a reason that ships; for an agency's own, its id."""
    return next((known.text for known in Reason if known == reason), reason)

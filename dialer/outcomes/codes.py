"""What the agent says of a call."""

from enum import StrEnum


class Outcome(StrEnum):
    """To whom the agent talked and what came of it."""

    PROMISE_TO_PAY = "promise_to_pay"
    PAID_ALREADY = "paid_already"
    REFUSES = "refuses"
    CALL_BACK = "call_back"
    THIRD_PARTY = "third_party"
    WRONG_NUMBER = "wrong_number"
    DO_NOT_CALL = "do_not_call"
    """The person asks not to be called on this number."""
    MACHINE = "machine"
    FAX = "fax"
    NETWORK_TONE = "network_tone"
    NO_VOICE = "no_voice"
    HUNG_UP = "hung_up"
    """The person hung up before it was clear who spoke."""

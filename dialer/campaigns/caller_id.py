"""Which caller id a debtor sees: always the same one, while it is in use."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from dialer.kernel.phone import PhoneNumber


@dataclass(frozen=True, slots=True)
class CallerId:
    """A number that is presented. registered: for these calls, and it can be called back. rested: nobody is shown it."""

    number: PhoneNumber
    registered: bool = False
    rested: bool = False


def sticky(debtor_id: int, caller_ids: Sequence[CallerId]) -> CallerId:
    """This debtor's own among those in use: where one is rested, taken out or added, only its own debtors change.

    The one with the highest hash of debtor and number (rendezvous hashing): every daemon and every restart agree on it.
    """
    in_use = [one for one in caller_ids if not one.rested]
    return max(in_use, key=lambda one: sha256(f"{debtor_id} {one.number}".encode()).digest())

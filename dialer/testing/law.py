"""The law for tests and demonstrations: shipped packs, and the facts with which they let calls through."""

from datetime import date

from dialer.compliance.gate import Law
from dialer.compliance.pack import Shelf

FACTS = {"licence_valid_until": date(2099, 12, 31), "caller_id_registered": True, "trunk_domestic": True}
"""What every call needs under the shipped packs."""


def law(*names: str) -> Law:
    """The shipped packs of these names."""
    shelf = Shelf()
    return Law({name: shelf.load(name) for name in names})

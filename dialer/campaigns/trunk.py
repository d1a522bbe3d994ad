"""A trunk: one way to the public network, and over which of them a caller id may go."""

from collections.abc import Sequence
from dataclasses import dataclass

from dialer.compliance.jurisdiction import country_of
from dialer.kernel.phone import PhoneNumber


@dataclass(frozen=True, slots=True)
class Trunk:
    """What the configuration says of it.

    endpoint: in the PBX. number_format: `e164`, or `digits` without the leading +. country: where its calls enter the
    public network (ISO 3166); None: nobody said. channels: calls at once. weight: its share of the calls, in proportion
    to the other trunks' weights; 0: only where no other takes one.
    """

    name: str
    endpoint: str
    number_format: str = "e164"
    country: str | None = None
    channels: int = 30
    calls_per_second: float = 5.0
    weight: float = 1.0

    def is_domestic(self, caller_id: PhoneNumber) -> bool:
        """Whether its calls enter the network in the caller id's own country."""
        return self.country is not None and self.country == country_of(caller_id)


def ways(caller_id: PhoneNumber, trunks: Sequence[Trunk]) -> list[Trunk]:
    """The trunks over which this caller id may go: those of its own country; where there are none all of them, and
    then the packs decide.

    Networks block calls that come from abroad with one of their own numbers (Italy: AGCOM 106/25/CONS; UK: Ofcom).
    """
    return [trunk for trunk in trunks if trunk.is_domestic(caller_id)] or list(trunks)

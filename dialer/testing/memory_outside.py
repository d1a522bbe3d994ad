"""Calls to somebody outside, in memory. It passes the contract of the record (tests/store)."""

from collections.abc import Callable
from copy import copy
from dataclasses import replace

from dialer.compliance.outside import OutsideCall
from dialer.kernel.errors import AwayError
from dialer.kernel.ids import OutsideLegId
from dialer.kernel.phone import PhoneNumber


class MemoryOutside:
    """Implements `dialer.compliance.outside.OutsideRecord`. `away`: nothing can be read or written."""

    def __init__(self, has_debtor: Callable[[PhoneNumber], bool]) -> None:
        self.away = False
        self.kept: dict[OutsideLegId, OutsideCall] = {}
        self._has_debtor = has_debtor

    async def open_outside(self, call: OutsideCall) -> None:
        self._reach()
        self.kept[call.leg] = replace(call, intent=replace(call.intent, phone=None))

    def save_outside(self, call: OutsideCall) -> None:
        kept = self.kept[call.leg]
        kept.bridged_at, kept.handed_over_at, kept.ended_at = call.bridged_at, call.handed_over_at, call.ended_at

    async def outside_under_way(self) -> list[OutsideCall]:
        self._reach()
        return [copy(call) for call in self.kept.values() if call.ended_at is None]

    async def is_debtors(self, number: PhoneNumber) -> bool:
        self._reach()
        return self._has_debtor(number)

    def _reach(self) -> None:
        if self.away:
            raise AwayError("the record is away")

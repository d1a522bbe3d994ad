"""Reloads in memory. It passes the contract of the record (tests/store)."""

from dialer.kernel.reloads import Reload


class MemoryReloads:
    """Implements `dialer.kernel.reloads.ReloadRecord`."""

    def __init__(self) -> None:
        self.kept: list[Reload] = []

    def save_reload(self, reload: Reload) -> None:
        self.kept.append(reload)

    async def reloads(self, most: int) -> list[Reload]:
        return self.kept[::-1][:most]

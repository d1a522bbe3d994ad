"""What `dialer check` sees around the daemon: the disks, the PBX's clock, each trunk. Each line in words, or InputError."""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from dialer.kernel.errors import AwayError, InputError, PbxRefusedError

if TYPE_CHECKING:
    from dialer.adapters.ami.asterisk import Asterisk
    from dialer.settings import Settings

LEAST_FREE_MB = 500
"""Beside the record: some 200,000 calls more."""
MB = 1_000_000


def disks(of: "Settings") -> str:
    """Whether the record may grow, and recordings, where any campaign or mandate records."""
    folders = {} if of.store.url else {of.store.path.resolve().parent: LEAST_FREE_MB}
    if any(one.record for one in of.campaigns.values()) or any(one.record for one in of.mandates):
        folders[of.recordings.folder] = of.recordings.least_free_mb
    told = []
    for folder, least_mb in folders.items():
        free_mb = _free_mb(folder)
        if free_mb < least_mb:
            raise InputError(
                f"{folder}: {free_mb} MB free, and {least_mb} are needed", "make room, or move it to a larger disk"
            )
        told.append(f"{free_mb} MB free for {folder}")
    return "; ".join(told) or "nothing is written here but the log"


async def clock(asterisk: "Asterisk") -> str:
    """How far the PBX's clock is from ours: too far, and the daemon calls nobody."""
    from dialer.compliance.gate import CLOCK_TOLERANCE
    from dialer.kernel.clock import SystemClock

    ours = SystemClock(timedelta())
    asked_at = ours.now()
    answer = await asterisk.link.request({"Action": "Ping"})
    took = ours.now() - asked_at
    stamp = answer.get("timestamp")
    if not stamp:
        raise PbxRefusedError("Asterisk's Ping tells no time", "use Asterisk 16 or later")
    skew = ours.at(float(stamp)) - (asked_at + took / 2)
    if abs(skew) - took > CLOCK_TOLERANCE:
        raise InputError(
            f"Asterisk's clock is {skew.total_seconds():+.1f} s from ours: nobody would be called",
            "have chrony or systemd-timesyncd set both clocks",
        )
    return f"Asterisk's is {skew.total_seconds():+.2f} s from ours"


async def trunks(asterisk: "Asterisk", of: "Settings") -> str:
    """Whether each trunk is there, has an address, and answers where Asterisk asks it."""
    from dialer.adapters.ami import phones
    from dialer.adapters.ami.phones import Reach

    told = []
    for (name, trunk), endpoint in zip(of.all_trunks.items(), of.trunk_endpoints, strict=True):
        seen = await phones.look(asterisk.link, endpoint)
        if seen.reach is Reach.UNKNOWN:
            raise InputError(
                f"trunk {name}: Asterisk knows no endpoint {endpoint}",
                "put it in pjsip_trunk.conf, or correct endpoint",
            )
        if seen.reach is not Reach.HERE:
            raise AwayError(
                f"trunk {name}: {endpoint} {seen.reach.value}",
                "correct contact in its aor, or ask the carrier; asterisk -rx 'pjsip show contacts' tells how it is asked",
            )
        if not {"alaw", "ulaw"} & set(seen.codecs):
            raise InputError(
                f"trunk {name}: {endpoint} has neither alaw nor ulaw, but {', '.join(seen.codecs)}",
                "allow alaw in pjsip_trunk.conf: each call is recoded, and fails where Asterisk can't",
            )
        told.append(f"{name} is reached, {trunk.channels} channels at {trunk.calls_per_second:g} calls a second")
    return "; ".join(told)


def _free_mb(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free // MB
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}", "make the folder, or correct its name") from None

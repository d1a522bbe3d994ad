"""The recount beside the work: the auditor runs every hour in a process of its own, lest a call wait for it."""

import asyncio
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from dialer.kernel.clock import Clock
from dialer.kernel.errors import EXIT_NO

OVERLAP = timedelta(hours=24)
"""What comes on record later, an outcome or a contact of yesterday, may put an older call in the wrong."""
FULL_EVERY = 24
"""One recount in so many begins at the beginning."""
LONGEST_SECONDS = 3_600.0
NICE = "10"

log = structlog.get_logger(__name__)


class Auditing:
    """Runs `dialer audit` again and again, and keeps what it said last."""

    def __init__(self, config: Path, every_seconds: float, clock: Clock) -> None:
        self._config = config
        self._every_seconds = every_seconds
        self._clock = clock
        self.figures: dict[str, float] = {
            "dialer_audit_violations": 0.0,
            "dialer_audit_attempts": 0.0,
            "dialer_audit_finished_timestamp_seconds": 0.0,
            "dialer_audit_failures": 0.0,
        }

    async def run(self) -> None:
        """Recount until cancelled, the first time after one period."""
        turn = 0
        while True:
            await asyncio.sleep(self._every_seconds)
            since = None if turn % FULL_EVERY == 0 else self._clock.now() - OVERLAP
            turn += 1
            await self.recount(since)

    async def recount(self, since: datetime | None) -> None:
        """One recount: its figures, and in the log what was broken."""
        command = ["nice", "-n", NICE, sys.executable, "-m", "dialer", "audit", "--json", "-c", str(self._config)]
        if since is not None:
            command += ["--since", since.isoformat()]
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                said, _ = await process.communicate()
        except TimeoutError:
            said = b""
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        summary = _summary(said) if process.returncode in (0, EXIT_NO) else None
        if summary is None:
            self.figures["dialer_audit_failures"] += 1
            log.error("audit.failed", exit_code=process.returncode)
            return
        broken = summary["violations"]
        self.figures |= {
            "dialer_audit_violations": float(sum(broken.values())),
            "dialer_audit_attempts": float(summary["attempts"]),
            "dialer_audit_finished_timestamp_seconds": datetime.fromisoformat(summary["finished_at"]).timestamp(),
        }
        if broken:
            log.error(
                "audit.violations_found", **{str(rule).replace("-", "_"): count for rule, count in broken.items()}
            )
        else:
            log.info("audit.finished", attempts=summary["attempts"], not_judged=sum(summary["not_judged"].values()))


def _summary(said: bytes) -> dict[str, Any] | None:
    try:
        summary: dict[str, Any] = json.loads(said)["summary"]
    except (ValueError, KeyError):
        return None
    return summary

"""Prometheus' own programs, fetched for the tests."""

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from dialer.testing.servers import Server
from tests.conftest import ROOT

TREE = Path(os.environ.get("DIALER_PROMETHEUS", ROOT / ".cache/prometheus"))
MONITORING = ROOT / "monitoring"


def promtool(*arguments, given=b""):
    """Its exit code, and all that it said."""
    assert (TREE / "run").exists(), f"no Prometheus in {TREE}: run make test"
    done = subprocess.run(
        [TREE / "run", "usr/bin/promtool", *map(str, arguments)], input=given, capture_output=True, check=False
    )
    return done.returncode, (done.stdout + done.stderr).decode()


class PrometheusServer(Server):
    """A Prometheus on loopback, over a configuration."""

    polite = signal.SIGTERM

    def __init__(self, config: Path) -> None:
        super().__init__(TREE)
        self._config = config

    async def ask(self, path, **query):
        """What its interface says. None while it isn't there."""
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://127.0.0.1:{self.port}{path}", params=query) as response,
            ):
                return await response.json() if path.startswith("/api") else response.status
        except aiohttp.ClientError:
            return None

    async def query(self, expression):
        """The value of each series."""
        answer = await self.ask("/api/v1/query", query=expression)
        assert answer["status"] == "success", f"{expression}: {answer}"
        return [(line["metric"], float(line["value"][1])) for line in answer["data"]["result"]]

    async def firing(self):
        """The labels and annotations of each alert that fires."""
        alerts = (await self.ask("/api/v1/alerts"))["data"]["alerts"]
        return [alert["labels"] | alert["annotations"] for alert in alerts if alert["state"] == "firing"]

    async def _prepare(self) -> None:
        assert (TREE / "run").exists(), f"no Prometheus in {TREE}: run make test"

    def _command(self) -> Sequence[str]:
        return (
            str(TREE / "run"), "usr/bin/prometheus", f"--config.file={self._config}",
            f"--storage.tsdb.path={self.folder / 'data'}", f"--web.listen-address=127.0.0.1:{self.port}",
        )  # fmt: skip

    async def _serves(self, pid: int) -> bool:
        return await self.ask("/-/ready") == 200

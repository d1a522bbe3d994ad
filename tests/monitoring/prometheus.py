"""Prometheus' own programs, fetched for the tests."""

import os
import subprocess
from pathlib import Path

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

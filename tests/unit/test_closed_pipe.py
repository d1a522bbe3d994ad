"""Whoever reads a command's output may have enough before its end, as `head`: no traceback, and nothing hangs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "words", [("report",), ("report", "funnel", "--json", "-c", "none.toml"), ("cases", "generate", "3000")], ids=str
)
def test_a_command_whose_reader_has_gone_ends_quietly(words):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "dialer", *words],
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            timeout=120,
            check=False,
        )
    finally:
        os.close(writer)
    assert "Traceback" not in ended.stderr
    assert "BrokenPipe" not in ended.stderr
    assert ended.returncode == 1

"""What the set-up scripts say on a machine that lacks something."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("sources", "mirror", "keyring", "words"),
    [
        ("http://mirror.example/ubuntu", None, True, "set DEBIAN_MIRROR"),
        ("", None, True, "set DEBIAN_MIRROR"),
        ("http://mirror.example/debian", None, False, "debian-archive-keyring"),
        ("http://mirror.example/ubuntu", "http://mirror.example/debian", False, "debian-archive-keyring"),
        ("http://mirror.example/ubuntu\nhttp://mirror.example/debian/", None, True, "apt was asked"),
        ("", "http://mirror.example/debian", True, "apt was asked"),
    ],
)
def test_fetching_debian_packages_says_what_is_missing(tmp_path, sources, mirror, keyring, words):
    apt = tmp_path / "bin/apt-get"
    apt.parent.mkdir()
    apt.write_text(
        f'#!/bin/sh\nif [ "$1" = indextargets ]; then echo "{sources}"; exit; fi\necho "apt was asked" >&2; exit 9\n'
    )
    for tool in ("dpkg", "dpkg-deb"):
        (apt.parent / tool).write_text("#!/bin/sh\necho amd64\n")
        (apt.parent / tool).chmod(0o755)
    apt.chmod(0o755)
    if keyring:
        (tmp_path / "keyring").touch()
    environment = {"PATH": f"{apt.parent}:{os.environ['PATH']}", "DEBIAN_KEYRING": str(tmp_path / "keyring")}
    done = subprocess.run(
        [ROOT / "setup/fetch-debs", tmp_path / "debs", "forky", ".*", "hello"],
        env=environment | ({"DEBIAN_MIRROR": mirror} if mirror else {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode != 0
    assert words in done.stderr

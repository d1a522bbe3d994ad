"""The page about backups: what it tells people to type works, in its order."""

import re
import shlex

from typer.testing import CliRunner

from dialer.cli import app
from tests.conftest import ROOT

CASES = "creditor;debtor_reference;debtor_name;debt_reference;amount;phone_1\nLuce;D1;A B;F1;10,00;+393470000010\n"


def test_a_record_is_backed_up_lost_restored_and_upgraded_as_the_page_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cases.csv").write_text(CASES)
    (tmp_path / "dialer.toml").write_text('[campaigns.luce]\ncaller_id = "+390694801234"\n')

    def dialer(line):
        command, *words = shlex.split(line)
        done = CliRunner().invoke(app, words)
        assert (command, done.exit_code) == ("dialer", 0), f"{line}: {done.output} {done.exception}"
        return done.output

    page = (ROOT / "docs/how-to/backup.md").read_text()
    back_up, restore, upgrade = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    dialer("dialer cases import cases.csv --campaign luce")
    dialer(back_up.strip())
    for file in tmp_path.glob("dialer.db*"):
        file.unlink()
    for line in (*restore.splitlines(), *upgrade.splitlines()):
        dialer(line)
    assert "F1" in dialer("dialer cases export --campaign luce")

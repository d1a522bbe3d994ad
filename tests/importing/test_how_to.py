"""The page on importing: what it tells people to write and type works."""

import re
import shlex

from typer.testing import CliRunner

from dialer.cli import app, client
from tests.conftest import ROOT

PAGE = (ROOT / "docs/how-to/import-cases.md").read_text()
FILE = """NDG;COGNOME;NOME;PRATICA;SALDO;DATA SCAD.;TEL;CELL;CF;NOTE INTERNE
N1;Rossi;Anna;P1;1.234,56;31/01/26;02 12345678;347 1234567;;ok
N2;Verdi;Ugo;P2;10,00;;3,93E+11;;;
"""
PAYMENTS = "debt_reference;payment_reference;amount;paid_on\nP1;{reference};1.234,56;01/10/2026\n"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_its_profile_and_commands_work_in_its_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dialer.toml").write_text('[campaigns.luce]\ncaller_id = "+390694801234"\n')
    (tmp_path / "luce.csv").write_text(FILE)
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles/luce.toml").write_text(blocks("toml")[0])
    (tmp_path / "profiles/luce-payments.toml").write_text('[constants]\ncreditor = "Luce Serena S.p.A."\n')
    (tmp_path / "payments.csv").write_text(PAYMENTS.format(reference="B1"))
    (tmp_path / "bounced.csv").write_text(PAYMENTS.format(reference="B2"))
    (tmp_path / "profiles/luce-flags.toml").write_text('[constants]\ncreditor = "Luce Serena S.p.A."\n')
    (tmp_path / "flags.csv").write_text("debtor_reference;flag\nN1;contestazione\n")
    monkeypatch.setattr(client, "ask", lambda *_: {"id": "flg-dispute-1"})
    said = []
    for line in "".join(blocks("sh")).splitlines():
        words = shlex.split(line.partition(" > ")[0])
        assert words.pop(0) == "dialer"
        said.append(CliRunner().invoke(app, words))
    check, dry_run, real, paid, bounced, flags, export, generate = said
    assert "1 flags were set" in flags.stdout
    assert "1 payments came in, 0 known before, 0 of 1 rows rejected; 1 cases are paid" in paid.stdout
    assert "1 payments came in, 0 known before, 0 of 1 rows rejected; 0 cases are paid, 1 owe again" in bounced.stdout
    assert "unknown column 'SALDO' in the header (do you mean amount?)" in str(check.exception)
    assert "1 new cases would come in" in dry_run.stdout
    assert "1 new cases came in, 0 changed, 0 known before, 1 of 2 rows rejected" in real.stdout
    assert "power of ten" in (tmp_path / "rejects.csv").read_text()
    assert "Rossi Anna" in (tmp_path / "luce-out.csv").read_text()
    assert (export.exit_code, generate.exit_code) == (0, 0)
    assert len(generate.stdout.splitlines()) > 1_000


def test_its_keys_are_all_that_a_profile_has():
    from dialer.cases.importing import Profile

    assert all(f"{key}" in PAGE for key in Profile.model_fields)

"""`dialer mandate`: terms on record, and what can't be terms."""

import json

import pytest
from typer.testing import CliRunner

from dialer.cli import app
from dialer.kernel.errors import InputError

GOOD = ("Luce", "2026/7", "--licence", "TULPS 115", "--starts-on", "2026-01-01", "--retention-days", "3650")


@pytest.fixture
def mandate(tmp_path):
    (tmp_path / "dialer.toml").write_text('[campaigns.k]\ncaller_id = "+390694801234"\n')
    return lambda *words: CliRunner().invoke(app, ["mandate", *words, "-c", str(tmp_path / "dialer.toml")])


def test_terms_are_on_record_and_the_last_ones_hold(mandate):
    for more in ((), ("--ends-on", "2026-06-30", "--pack", "it-unirec")):
        result = mandate("set", *GOOD, *more)
        assert result.exit_code == 0, result.output
    (found,) = json.loads(mandate("list", "--json").stdout)["mandates"]
    assert (found["creditor"], found["reference"], found["ends_on"], found["packs"], found["open"]) == (
        "Luce", "2026/7", "2026-06-30", ["it-unirec"], False,
    )  # fmt: skip
    assert "2026-06-30" in mandate("list").stdout


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--starts-on", "1/1/2026"), "--starts-on"),
        (("--ends-on", "2025-12-31"), "--ends-on"),
        (("--pack", "it-nothing"), "it-nothing"),
        (("--currency", "euro"), "--currency"),
        (("--retention-days", "-1"), "--retention-days"),
    ],
)
def test_what_cannot_be_terms_is_refused_in_words(mandate, more, says):
    result = mandate("set", *GOOD, *more)
    assert isinstance(result.exception, InputError), result.output
    assert says in str(result.exception)
    assert result.exception.remedy

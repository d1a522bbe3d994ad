"""`dialer letters`: from what is due to the post and back, as a supervisor works with it."""

import asyncio
import csv
import json
import re
import shlex
from dataclasses import replace
from datetime import timedelta

import pypdf
import pytest
from typer.testing import CliRunner

from dialer import settings
from dialer.adapters.store.cases import SqlCaseBook
from dialer.adapters.store.database import open_database
from dialer.adapters.store.place import Place
from dialer.adapters.store.writer import Writer
from dialer.cli import app
from dialer.cli.check import _local
from dialer.kernel.errors import InputError, UnknownNameError
from tests.clock import going_on
from tests.conftest import ROOT
from tests.store.test_dossier import FULL
from tests.store.test_record import new_case

CLOCK, SHIFT = going_on()
TODAY = CLOCK.now().date()
CONFIG = f"""
[collector]
name = "Agenzia Uno"
address = "Via Po 2\\n00198 Roma"
contact = "tel. 06 1234567"
licence_number = "TULPS 12/2026"

[campaigns.k]
caller_id = "+390694801234"

[[mandates]]
creditor = "Luce"
how_to_pay = "IBAN IT60X0542811101000000123456"
{SHIFT}"""


@pytest.fixture
def dialer(tmp_path, monkeypatch):
    """Run `dialer` beside a record with two cases that wait for a letter: the second one has no address."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dialer.toml").write_text(CONFIG)

    async def prepare():
        engine = await open_database(Place(tmp_path / "dialer.db"))
        cases = [replace(FULL, facts={}, debtor_name="Ștefan Wójcik"), new_case(9)]
        await SqlCaseBook(engine, Writer(engine)).add("k", cases, CLOCK.now())
        await engine.dispose()

    asyncio.run(prepare())

    def run(line, code=0):
        result = CliRunner().invoke(app, shlex.split(line))
        assert result.exit_code == code, (line, result.output, result.exception)
        return result

    for case in (1, 2):
        run(f"case decide {case} letter --why 'la chiede' --by carla")
    return run


def rows(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def test_letters_go_out_in_a_folder_and_come_back_with_their_days(dialer, tmp_path):
    assert [one["case_id"] for one in json.loads(dialer("letters due --json").stdout)["cases"]] == [1, 2]
    told = dialer("letters write posta --by carla", code=1)
    assert "case 2: not written: the debtor has no address" in told.stdout
    assert "1 letters in posta" in told.stdout
    folder = tmp_path / "posta"
    assert sorted(file.name for file in folder.iterdir()) == ["1-1-registered.pdf", "letters.csv"]
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    page = pypdf.PdfReader(folder / "1-1-registered.pdf").pages[0].extract_text()
    assert ("Ștefan Wójcik" in page, "128,45 €" in page) == (True, True)
    (row,) = rows(folder / "letters.csv")
    assert (row["letter"], row["name"], row["postal_code"], row["file"]) == (
        "1-1", "Ștefan Wójcik", "00184", "1-1-registered.pdf",
    )  # fmt: skip
    row |= {"sent_on": f"{TODAY:%d/%m/%Y}", "tracking": "152345678901"}
    with (tmp_path / "back.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, row, delimiter=";")
        writer.writeheader()
        writer.writerows([row, row | {"letter": "7-7"}, row | {"letter": "1-1", "received_on": "01/01/2020"}])
    told = dialer("letters import back.csv --by posta --rejects no.csv --json", code=1)
    found = json.loads(told.stdout)
    assert (found["changed"], found["rejected_rows"]) == (1, 2)
    assert [(one["column"], one["row"]) for one in found["rejects"]] == [("letter", 3), ("received_on", 4)]
    (letter,) = json.loads(dialer("letters list --json").stdout)["letters"]
    assert (letter["state"], letter["dates"]["tracking"]) == ("sent", "152345678901")
    assert "sent on" in dialer("case show 1 --by carla").stdout
    waits = json.loads(dialer("cases waiting --json").stdout)["cases"]
    assert [one["case_id"] for one in waits] == [2]


def test_a_batch_is_told_at_once_and_its_files_can_be_made_again(dialer, tmp_path):
    batch = json.loads(dialer("letters write posta --case 1 --json").stdout)["batch"]
    before = (tmp_path / "posta" / "1-1-registered.pdf").read_bytes()
    dialer(f"letters export again --batch {batch}")
    assert (tmp_path / "again" / "1-1-registered.pdf").read_bytes() == before
    tell = f"letters tell --batch {batch} --sent-on {TODAY}"
    assert "1 letters changed" in dialer(tell).stdout
    assert "0 letters changed" in dialer(tell).stdout
    assert "messa in mora" in dialer("letters show 1-1 --by carla").stdout
    views = json.loads(dialer("case views 1 --json").stdout)["views"]
    assert [view["how"] for view in views] == ["letter"] * 3


def test_a_folder_that_holds_something_is_left_alone_and_nothing_is_written(dialer, tmp_path):
    (tmp_path / "posta").mkdir()
    (tmp_path / "posta" / "mine.txt").write_text("x")
    result = dialer("letters write posta", code=1)
    assert isinstance(result.exception, InputError)
    assert json.loads(dialer("letters list --json").stdout) == {"letters": []}


@pytest.mark.parametrize(
    ("line", "error", "says"),
    [
        ("letters write a --flagged", InputError, "--flagged without --case"),
        ("letters write no/where", InputError, "No such file"),
        ("letters tell --sent-on 2026-11-24", InputError, "neither --letter nor --batch"),
        ("letters tell --letter 1-1", InputError, "nothing is told"),
        ("letters tell --letter 1-1 --sent-on today", InputError, "not a day"),
        ("letters tell --letter 1-1 --sent-on 2020-01-01", UnknownNameError, "no letter"),
        ("letters tell --batch x --sent-on 2020-01-01", UnknownNameError, "no letters of batch"),
        ("letters list --state lost", InputError, "--state"),
        ("letters show 1-1", UnknownNameError, "no letter"),
        ("letters export a --batch x", UnknownNameError, "no letters of batch"),
    ],
)
def test_what_cannot_be_is_refused_in_words(dialer, line, error, says):
    result = dialer(line, code=1)
    assert isinstance(result.exception, error), result.output
    assert says in str(result.exception)
    assert result.exception.remedy


def test_a_flag_stops_a_letter_unless_it_is_named(dialer, tmp_path):
    async def flag():
        from dialer.adapters.store.attempts import SqlAttempts
        from tests.store.test_dossier import dispute

        engine = await open_database(Place(tmp_path / "dialer.db"))
        writer = Writer(engine)
        task = asyncio.create_task(writer.run())
        attempts = SqlAttempts(engine, writer, CLOCK)
        attempts.keep(dispute(CLOCK.now() - timedelta(days=1)), by="anna")
        await attempts.flush()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await engine.dispose()

    asyncio.run(flag())
    assert "flags stand about the debtor: dispute" in dialer("letters write a --case 1", code=1).stdout
    assert "1 letters" in dialer("letters write b --case 1 --flagged").stdout


def test_the_how_to_works_as_written(dialer, tmp_path):
    page = (ROOT / "docs/how-to/letters-and-scripts.md").read_text()
    (config,) = [
        text for text in re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL) if "[collector]" in text
    ]
    (tmp_path / "dialer.toml").write_text('[campaigns.k]\ncaller_id = "+390694801234"\n' + config + SHIFT)
    lines = "".join(re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)).splitlines()
    assert len(lines) >= 6
    dialer("case decide 2 close --why 'no address'")
    for line in lines:
        if not line.startswith("dialer letters "):  # the script's is shown in test_scripts.py
            continue
        dialer(line.removeprefix("dialer "))
    (letter,) = json.loads(dialer("letters list --json").stdout)["letters"]
    assert (letter["kind"], letter["state"]) == ("reminder", "received")


STEP = "[[campaigns.k.letters]]\nafter_days = 5\n"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("", ""), None),
        (('contact = "tel. 06 1234567"', ""), None),  # nobody asked for letters
        (('contact = "tel. 06 1234567"', "", STEP), "letters couldn't say what they must: contact"),
        (('how_to_pay = "IBAN IT60X0542811101000000123456"', "", STEP), "letters of Luce couldn't say what they must"),
        (("how_to_pay", 'letter_folder = "own"\nhow_to_pay'), "own/demand.it.toml:2: wort: unknown key"),
        (("caller_id", 'script_folder = "said"\ncaller_id'), "said/it.toml:3: part.0.text: missing"),
        (("caller_id", 'language = "pl"\ncaller_id'), "no script is named pl.toml"),
    ],
)
def test_dialer_check_tells_what_letters_and_scripts_lack(tmp_path, change, says):
    before, after, *more = change
    (tmp_path / "dialer.toml").write_text(CONFIG.replace(before, after) + "".join(more) if before else CONFIG)
    for folder, name, text in (
        ("own", "demand.it.toml", 'name = "x"\nwort = "y"\n'),
        ("said", "it.toml", 'name = "x"\n\n[[part]]\ntitle = "y"\n'),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(text)
    findings = {one.what: one for one in _local(settings.load(tmp_path / "dialer.toml"))}
    bad = [one for one in (findings["letters"], findings["scripts"]) if not one.well]
    assert bool(bad) is (says is not None), findings
    if says:
        assert says in bad[0].seen
        assert bad[0].remedy
    else:
        assert "demand.it" in findings["letters"].seen
        assert "it Recupero telefonico" in findings["scripts"].seen

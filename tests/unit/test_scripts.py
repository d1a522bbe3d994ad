"""Scripts: checked when they are read, rendered for a case, and told with their version."""

import asyncio
import json
import re
from dataclasses import replace
from datetime import date

import pytest
from typer.testing import CliRunner

from dialer.adapters.store.cases import SqlCaseBook
from dialer.adapters.store.database import open_database
from dialer.adapters.store.place import Place
from dialer.adapters.store.writer import Writer
from dialer.cases.debt import Debt
from dialer.cases.dossier import Statement
from dialer.cases.limitation import Limitation
from dialer.cases.model import CaseCard
from dialer.cases.offers import Answer, Offer, Terms
from dialer.cases.payment import balance_of
from dialer.cases.promises import Instalment, Promise
from dialer.cli import app
from dialer.kernel.clock import SystemClock
from dialer.kernel.errors import InputError, UnknownNameError
from dialer.kernel.money import Money
from dialer.texts.fields import Agency
from dialer.texts.scripts import SHIPPED, Scripts
from tests.conftest import ROOT
from tests.store.test_dossier import FULL
from tests.store.test_record import NOW

DEBT = Debt("F1", Money(123456), date(2026, 1, 31))
CARD = CaseCard(
    1, "Luce", "D1", "Nicolò {{ 7 * 7 }}", "it", (DEBT,), 3,
    statements=(Statement(1, DEBT, (), balance_of(DEBT, ()), Limitation(None)),), left=(Money(123456),),
)  # fmt: skip
AGENCY = Agency("Agenzia Uno", "", "tel. 06", "TULPS 12", None, "IBAN IT00")


def said(card=CARD, language="it", folder=None):
    script = Scripts.read(folder, "it").pick(language).render(card, AGENCY, "anna", NOW.date())
    return {part.title: part for part in script.parts}, script.version


def test_the_shipped_scripts_are_there_in_italian_and_english_and_mark_what_must_be_said():
    parts, version = said()
    assert re.fullmatch(r"it Recupero telefonico [0-9a-f]{12}", version)
    assert [title for title, part in parts.items() if part.compulsory] == [
        "Chi chiama", "Per conto di chi, e perché", "Che cosa risulta", "I dati personali",
    ]  # fmt: skip
    assert "restano 1.234,56 €, scadenza 31 gennaio 2026" in parts["Che cosa risulta"].text
    english, version = said(language="en")
    assert (version[:2], "€1,234.56" in english["What is owed"].text) == ("en", True)
    assert said(language="ro")[1].startswith("it ")


def test_who_else_answers_hears_nothing_of_the_debt():
    for language in ("it", "en"):
        for part in said(language=language)[0].values():
            if not part.debtor_only:
                for secret in ("Luce", "1.234", "1,234", "F1", "D1", "IBAN", "TULPS"):
                    assert secret not in part.text


def test_what_stands_in_a_name_is_text_and_no_template():
    assert "Nicolò {{ 7 * 7 }}" in said()[0]["Chi chiama"].text


def test_what_was_promised_and_offered_last_is_said():
    promise = Promise("a", 1, "anna", NOW, NOW.date(), (Instalment(date(2026, 12, 5), Money(5000)),), 3)
    offer = Offer("a", 0, 1, "anna", NOW, Terms(10, 2, date(2026, 12, 9)), Answer.REFUSED)
    parts, _ = said(replace(CARD, promises=(promise,), offers=(offer,)))
    text = parts["Che cosa si era detto"].text
    assert ("50,00 €, 5 dicembre 2026" in text, "sconto del 10 %, 2 rate, entro il 9 dicembre 2026" in text) == (
        True,
        True,
    )


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("sono {{ agent }}", "sono {{ agente }}", "it.toml:8: agente: no such field"),
        (
            "Parlo con {{ debtor }}",
            "Parlo con {{ debtor }}, che deve {{ total }}",
            "it.toml:8: total: only in a part with",
        ),
        ("sono {{ agent }}", "sono {% if agent %}", "it.toml:8: not a template"),
        ("sono {{ agent }}", "sono {{ agent.name }}", "it.toml:8: 'str object' has no attribute 'name'"),
        ("compulsory = true\n", "", "none is compulsory"),
        (
            "Per conto di chi, e perché",
            "Chi chiama",
            "it.toml:18: part.2.title: another compulsory part has the title 'Chi chiama'",
        ),
        ('title = "Saluto"', 'titel = "Saluto"', "part.7.titel: unknown key"),
        ("name =", "nam =", "nam: unknown key; known here: name, unconfirmed, part"),
    ],
)
def test_a_script_that_cannot_be_said_is_refused_with_file_and_line(tmp_path, before, after, says):
    text = (SHIPPED / "it.toml").read_text()
    assert before in text
    (tmp_path / "it.toml").write_text(text.replace(before, after))
    with pytest.raises(InputError) as told:
        Scripts.read(tmp_path, "it")
    assert says in str(told.value)
    assert told.value.remedy


def test_the_language_to_fall_back_to_must_be_there_and_files_are_named_by_language(tmp_path):
    with pytest.raises(InputError, match="no script is named pl"):
        Scripts.read(None, "pl")
    (tmp_path / "italiano.toml").write_text("x = 1")
    with pytest.raises(InputError, match="not the name of a script"):
        Scripts.read(tmp_path, "it")
    with pytest.raises(InputError, match="No such file"):
        Scripts.read(tmp_path / "nowhere", "it")


@pytest.fixture
def dialer(tmp_path):
    """Run `dialer` with the how-to's own script, beside a record with a case."""
    page = (ROOT / "docs/how-to/letters-and-scripts.md").read_text()
    (text,) = [one for one in re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL) if "[[part]]" in one]
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "it.toml").write_text(text)
    (tmp_path / "dialer.toml").write_text(
        '[collector]\nname = "Agenzia"\n[campaigns.luce]\ncaller_id = "+390694801234"\nscript_folder = "scripts"\n'
    )

    async def prepare():
        engine = await open_database(Place(tmp_path / "dialer.db"))
        await SqlCaseBook(engine, Writer(engine)).add("luce", [FULL], SystemClock().now())
        await engine.dispose()

    asyncio.run(prepare())
    return lambda *words: CliRunner().invoke(app, [*words, "-c", str(tmp_path / "dialer.toml")])


def test_the_how_tos_script_is_shown_as_its_agent_would_see_it(dialer):
    (line,) = re.findall(
        r"^dialer (script .*)$", (ROOT / "docs/how-to/letters-and-scripts.md").read_text(), re.MULTILINE
    )
    result = dialer(*line.split(), "--by", "carla")
    assert result.exit_code == 0, result.output
    for words in ("it Luce, prima chiamata", "(COMPULSORY)", "(COMPULSORY, only to the debtor)", "sono anna di Agenzia",
                  "da pagare 128,45 €"):  # fmt: skip
        assert words in result.stdout
    views = json.loads(dialer("case", "views", "1", "--json").stdout)["views"]
    assert [(view["by"], view["how"]) for view in views] == [("carla", "script")]
    assert (
        json.loads(dialer("script", "show", "luce", "--case", "1", "--json").stdout)["parts"][0]["compulsory"] is True
    )
    for words, error in ((("x", "--case", "1"), InputError), (("luce", "--case", "9"), UnknownNameError)):
        assert isinstance(dialer("script", "show", *words).exception, error)

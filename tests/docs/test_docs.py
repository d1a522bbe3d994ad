"""The documentation: generated pages are fresh, links lead somewhere, and what it tells people to type works."""

import importlib.util
import re

import pytest
from typer.testing import CliRunner

from dialer import configured, settings
from dialer.cases import importing
from dialer.cli import app
from tests.conftest import ROOT

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def generator():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_what_the_code_says():
    module = generator()
    fresh = {name: module.NOTE + text for name, text in module.pages().items()}
    written = {page.name: page.read_text() for page in (ROOT / "docs/reference").glob("*.md")}
    assert set(written) == set(fresh)
    for name, text in fresh.items():
        assert written[name] == text, f"docs/reference/{name} is stale: run make docs"
    kept = (ROOT / "docs/reference" / module.SCHEMA).read_text()
    assert kept == module.schema() == CliRunner().invoke(app, ["schema"]).output, "make docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)", prose):
        assert "://" not in target or target.startswith("https://"), target
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_names_this_machine(page):
    assert not re.search(r"(^|[\s`(])/(work|root|home)/", page.read_text())


def test_make_targets_that_pages_name_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        for target in re.findall(r"(?:^|`)make ([a-z][a-z-]+)", page.read_text(), re.MULTILINE):
            assert target in targets, f"{page.name}: make {target}"


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_operators_configuration_can_be_read_and_its_cases_come_in(tmp_path):
    """What its commands do is shown by the tutorial, which has the same ones."""
    page = (ROOT / "docs/operator.md").read_text()
    (config,) = blocks(page, "toml")
    (tmp_path / "dialer.toml").write_text(config)
    loaded = settings.load(tmp_path / "dialer.toml")
    assert set(configured.law(loaded).packs) == {"it-unirec"}
    assert configured.campaign(loaded, "luce").name == "luce"
    (cases,) = blocks(page, "csv")
    parsed = importing.parse(cases.encode(), importing.Defaults())
    assert (len(parsed.cases), parsed.rejects) == (2, ())
    tutorial = "".join(blocks((ROOT / "docs/tutorial.md").read_text(), "sh"))
    for words in map(str.split, "".join(blocks(page, "sh")).splitlines()):
        assert " ".join(words[: 3 if words[1] in ("cases", "agents", "campaign", "report") else 2]) in tutorial, words


def test_the_readme_names_the_projects_own_commands_and_its_demo_options_exist():
    from typer.main import get_command

    from dialer.cli import app

    readme = (ROOT / "README.md").read_text()
    assert [block.strip() for block in blocks(readme, "sh")] == ['make demo ARGS="--calls 200 --seed 1"', "make test"]
    known = {option for param in get_command(app).commands["demo"].params for option in param.opts}
    assert set(re.findall(r"(--[a-z]+)", readme)) <= known


def test_the_mandates_of_the_supervisors_page_can_be_read(tmp_path):
    texts = blocks((ROOT / "docs/supervisor.md").read_text(), "toml")
    (mandates,) = [text for text in texts if text.startswith("[[mandates]]")]
    (tmp_path / "dialer.toml").write_text(mandates)
    rules = configured.rules(settings.load(tmp_path / "dialer.toml"))("k", "Luce")
    assert (rules.grace_days, len(rules.ladder)) == (5, 2)


def commands_of(page):
    """Each `dialer ...` that a page tells people to type, in text or in a block; words of a template stand for any."""
    text = page.read_text()
    fenced = re.findall(r"^```(?:sh|text)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    typed = [line.strip() for block in fenced for line in block.splitlines()]
    bare = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for said in (*typed, *(span.replace("\n", " ") for span in re.findall(r"`(dialer [^`]*)`", bare))):
        if said.startswith("dialer "):
            yield re.split(r"[|>&#]|  ", re.sub(r'"[^"]*"', "TEXT", said))[0].split()[1:]


@pytest.fixture(scope="module")
def program():
    from typer.main import get_command

    from dialer.cli import app

    return get_command(app)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_that_pages_name_exist_with_their_options(page, program):
    for words in commands_of(page):
        command, rest = program, list(words)
        while rest and rest[0] in getattr(command, "commands", {}):
            command = command.commands[rest.pop(0)]
        named = not hasattr(command, "commands") or not rest or rest[0].startswith(("-", "NAME"))
        assert named, f"{page.name}: dialer {' '.join(words)}: no such command"
        known = {option for param in command.params for option in (*param.opts, *param.secondary_opts)} | {"--help"}
        for option in (word.split("=")[0] for word in rest if re.match(r"--?[a-z]", word)):
            assert option in known, f"{page.name}: dialer {' '.join(words)}: no option {option}"


def test_the_index_has_every_page():
    index = (ROOT / "docs/README.md").read_text()
    for page in (ROOT / "docs").rglob("*.md"):
        assert page.name == "README.md" or f"]({page.relative_to(ROOT / 'docs')})" in index, page

"""The documentation: generated pages are fresh, links lead somewhere, and what it tells people to type works."""

import asyncio
import importlib.util
import re

import pytest

from dialer import configured, settings
from dialer.demo.stage import standing
from tests.asterisk.stage import Floor, attempts, until
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


@pytest.mark.asterisk
@pytest.mark.timeout(240)
async def test_the_operators_first_campaign_works_as_written(tmp_path, asterisk_tree):
    """The page's own configuration, CSV and commands, in its order, in the folder of `dialer.toml`."""
    page = (ROOT / "docs/operator.md").read_text()
    async with standing(tmp_path / "stage", tree=asterisk_tree, agents=1) as stage, Floor(stage) as floor:
        (config,) = blocks(page, "toml")
        ports = f"[pbx]\nport = {stage.ami_port}\n", f"[api]\nport = {stage.api_port}\n"
        offset = f"\n[demo]\nclock_offset_seconds = {stage.offset_seconds}\n"
        config = config.replace("[pbx]\n", ports[0]).replace("[api]\n", ports[1]).replace("PJSIP/anna", "PJSIP/agent01")
        stage.config.write_text(config + offset)
        (cases,) = blocks(page, "csv")
        (stage.folder / "cases.csv").write_text(cases)
        daemon = None
        for line in "".join(blocks(page, "sh")).splitlines():
            words = line.removesuffix(" &").split()
            assert words[0] == "dialer"
            process = await asyncio.create_subprocess_exec(
                ROOT / ".venv/bin/dialer", *words[1:], cwd=stage.folder,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip
            if line.endswith(" &"):
                daemon = process

                async def ready():
                    try:
                        return (await floor.client.get("/readyz"))["ready"]
                    except Exception:  # noqa: BLE001 -- it isn't listening yet
                        return False

                await until(ready)
                continue
            if words[1:3] == ["campaign", "list"]:

                async def talking():
                    return await floor.states() == ["talking"]

                await until(talking)
            out, _ = await asyncio.wait_for(process.communicate(), 60)
            assert process.returncode == 0, f"{line}: {out.decode()}"
        assert daemon is not None
        await floor.client.post("/api/v1/agents/anna/hang-up")

        async def over():
            lines = await attempts(stage)
            return lines if lines and all(line["ended_at"] for line in lines) else None

        assert {line["result"] for line in await until(over)} <= {"connected", "busy"}
        for _ in range(2):
            if daemon.returncode is None:
                daemon.terminate()
        await daemon.wait()


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

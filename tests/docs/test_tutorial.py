"""The tutorial, followed to the letter: its own blocks, in its order, in one shell, on a real Asterisk."""

import asyncio
import os
import re

import pytest

from tests.asterisk.stage import WAIT_SECONDS, until
from tests.conftest import ROOT
from tests.docs.test_docs import blocks

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(480)]
PAGE = ROOT / "docs/tutorial.md"
END = "--end of the block--"


class Shell:
    """One bash, as the reader's terminal."""

    def __init__(self, folder):
        self.folder = folder

    async def __aenter__(self):
        self.process = await asyncio.create_subprocess_exec(
            "bash", "-s", cwd=self.folder, start_new_session=True, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env=os.environ | {"DIALER_ASTERISK": str(ROOT / ".cache/asterisk"), "COLUMNS": "200"},
        )  # fmt: skip
        await self.run(f"export PATH={ROOT}/.venv/bin:$PATH")
        return self

    async def __aexit__(self, *exc):
        await self.run("kill -TERM $daemon; kill -TERM %1; wait")
        self.process.stdin.close()
        await self.process.wait()

    async def run(self, block):
        """What the block prints, line by line as typed; the exit code of its last command is the last line."""
        self.process.stdin.write(f"{block}\necho {END} $?\n".encode())
        said = []
        async with asyncio.timeout(WAIT_SECONDS):
            while not (line := (await self.process.stdout.readline()).decode()).startswith(END):
                assert line or not self.process.stdout.at_eof(), said
                said.append(line)
        self.code = int(line.removeprefix(END))
        return "".join(said)

    async def until(self, command, words):
        """Ask again and again, as the page says."""
        said = ""

        async def told():
            nonlocal said
            said = await self.run(command)
            return words(said)

        await until(told)
        return said


async def test_the_tutorial_leads_from_nothing_to_a_report(tmp_path):
    stage, agency, cases, run, seated, why, start, talked, asked, came, audit, end = blocks(PAGE.read_text(), "sh")
    async with Shell(tmp_path) as shell:
        await shell.run(stage)
        await shell.until("cat first.log", lambda said: "everything stands" in said)
        checked = await shell.run(agency)
        assert (shell.code, "✘" in checked, "phones: 2 of 2 can be called" in checked) == (0, False, True), checked
        assert "6 new cases" in await shell.run(cases)
        await shell.run(run)
        await shell.until("dialer agents list", lambda said: said.count(" offline ") == 2)
        await shell.run(seated)
        await shell.until("dialer agents list", lambda said: said.count(" ready ") == 2)
        assert "nothing rings: stopped: start it to dial" in await shell.run(why)
        await shell.run(start)
        await shell.until("dialer agents list", lambda said: said.count(" talking ") == 2)
        told = await shell.run(talked)
        assert shell.code == 0, told
        told = await shell.run(asked)
        assert "anna " in told
        assert "case 1 of luce: it waits until " in told
        assert "case 3" in told
        told = await shell.run(came)
        assert "500.00 EUR promised by" in told
        assert re.search(r"carla +│ +explain", told), told
        told = await shell.run(audit)
        assert shell.code == 0, told
        told = await shell.run(end)
        assert shell.code == 0, told
        gone = await shell.until("dialer explain --case 1; true", lambda said: "the daemon doesn't answer" in said)
        assert "case 1 of luce: it waits until " in gone

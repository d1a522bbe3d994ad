"""Two carriers on the real PBX, and one of them dies under load."""

import re
import sys
from collections import Counter
from datetime import datetime

import pytest

from dialer.demo.stage import standing
from dialer.testing import asterisk
from dialer.testing.public import Behaviour
from tests.asterisk.stage import Floor, attempts, import_numbers, until

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(300)]
GOES_ON_WITHIN_SECONDS = 60.0
"""Generous: what was measured is printed."""
CAMPAIGN = "ring_timeout_seconds = 20\nauto_ready_after_seconds = 0"
SECOND = """
[trunks.second]
country = "IT"
channels = 60
calls_per_second = 5
"""
LIVES, DIES = "trunk", "second"


def number(n):
    """The first ones are busy, so that the agents stay free and calls go out while the carrier dies."""
    kind = Behaviour.PERSON_HANGS_UP if n >= 90 and n % 4 == 0 else Behaviour.BUSY
    return f"+39347{n:03d}{n % 30:02d}{kind.value.code}"


NUMBERS = [number(n) for n in range(160)]


async def second_carrier(stage, tree):
    """Another network beside the stage's own; the PBX asks both by OPTIONS."""
    port = asterisk.free_port()
    network = asterisk.phone_network(stage.folder / "network2", tree, port)
    network.write()
    await network.start()
    file = stage.pbx.folder / "etc/pjsip_trunk.conf"
    first = file.read_text().replace("type = aor\n", "type = aor\nqualify_frequency = 2\nqualify_timeout = 1\n")
    second, _, _ = first.replace("[trunk]", "[second]").replace("aors = trunk", "aors = second").partition("identify")
    second = re.sub(r"contact = .*", f"contact = sip:127.0.0.1:{port}", second).removesuffix("[second]\ntype = ")
    file.write_text(first + "\n" + second)
    await stage.pbx.cli("module reload res_pjsip.so")
    stage.config.write_text(stage.config.read_text().replace("[trunk]\n", "[trunks.trunk]\n") + SECOND)
    return network


async def test_a_carrier_that_dies_under_load_leaves_its_calls_to_the_other(tmp_path, asterisk_tree):
    async with standing(tmp_path / "stage", tree=asterisk_tree, agents=6, campaign=CAMPAIGN) as stage:
        network = await second_carrier(stage, asterisk_tree)
        try:
            async with Floor(stage) as floor:
                await import_numbers(stage, *NUMBERS)
                await stage.start_daemon()
                await floor.staff()
                await floor.command("start")

                async def both_carry():
                    over = Counter(line["trunk"] for line in await attempts(stage))
                    return min(over[LIVES], over[DIES]) >= 10

                await until(both_carry)
                lost_at = datetime.fromisoformat((await floor.live())["at"])
                network.kill()

                async def given_up():
                    live = await floor.live()
                    sick = [line for line in live["trunks"] if not line["well"]]
                    return (sick, datetime.fromisoformat(live["at"])) if sick else None

                sick, given_up_at = await until(given_up, GOES_ON_WITHIN_SECONDS)
                assert [line["trunk"] for line in sick] == [DIES]

                async def over():
                    lines = await attempts(stage)
                    done = {line["number"] for line in lines if line["ended_at"] and line["result"] != "trunk_failure"}
                    return lines if done == set(NUMBERS) and all(line["ended_at"] for line in lines) else None

                lines = await until(over, 200)
                seen = Counter(f"+{row[0]}" for row in stage.network.read_csv("cdr-custom/network.csv"))
                tell(lines, lost_at, given_up_at)
                judge(lines, lost_at, seen)
        finally:
            await network.stop()


def at(line, what="cleared_at"):
    return datetime.fromisoformat(line[what])


def tell(lines, lost_at, given_up_at):
    """The figures, for who runs it with -s."""
    later = [line for line in lines if at(line) > lost_at]
    into = [line for line in later if line["trunk"] == DIES]
    first = min(at(line) for line in later if line["trunk"] == LIVES)
    longest = max((later_at(line, lines) for line in into), default=0.0)
    sys.stdout.write(
        f"after the carrier's death: given up {(given_up_at - lost_at).total_seconds():.1f} s, first call over the other "
        f"{(first - lost_at).total_seconds():.1f} s; sent into it meanwhile {len(into)}, each called over the other "
        f"within {longest:.1f} s\n{dict(Counter((line['trunk'], line['result']) for line in lines))}\n"
    )


def later_at(failed, lines):
    """Seconds from the end of a failed attempt to the next one at the same number."""
    after = [at(line) for line in lines if line["number"] == failed["number"] and at(line) > at(failed)]
    return (min(after) - at(failed, "ended_at")).total_seconds() if after else 0.0


def judge(lines, lost_at, seen):
    """Every debtor was called once, whatever trunk failed before; and nobody is said not to have answered."""
    failed = [line for line in lines if line["result"] == "trunk_failure"]
    assert failed, "nothing was sent into the dead carrier: the test shows nothing"
    assert {line["trunk"] for line in failed} == {DIES}
    called = Counter(line["number"] for line in lines if line["result"] != "trunk_failure")
    assert called == Counter(NUMBERS)
    for line in failed:
        assert line["rang_at"] is None
        (again,) = [one for one in lines if one["number"] == line["number"] and one["result"] != "trunk_failure"]
        assert at(again) >= at(line, "ended_at")
        assert again["trunk"] == LIVES
    # everybody here picks up or is busy: only a phone that rang when its carrier died is said not to have been answered
    for line in (line for line in lines if line["result"] == "no_answer"):
        assert line["trunk"] == DIES
        assert at(line, "rang_at") <= lost_at
    # the carrier that lived saw what went over it, and each debtor once
    assert seen == Counter(line["number"] for line in lines if line["trunk"] == LIVES)

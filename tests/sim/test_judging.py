"""The protocol for outside judges carries all that the pacer needs: through it a day is the same as without it."""

import json
import subprocess
import sys
from dataclasses import replace

import pacing
from pacing.floor import What
from pacing.governor import Rate
from pacing.lab.day import run_day
from pacing.lab.pacers import Cadenza
from pacing.lab.scenario import SCENARIOS

EVENTS = {
    What.ANSWERED: ("answer", "ring", {}),
    What.FAILED: ("fail", "ring", {"timeout": False}),
    What.RANG_OUT: ("fail", "ring", {"timeout": True}),
    What.ABANDONED: ("abandon", "wait", {}),
    What.TALK_ENDED: ("talk_end", "talk", {}),
    What.WRAP_ENDED: ("wrap_end", "wrap", {}),
}


class Judge:
    """Lets the command pace, as an outside simulator would."""

    def __init__(self, process):
        self.process, self.at = process, 0.0

    def say(self, **line):
        self.process.stdin.write(json.dumps(line) + "\n")

    def decide(self, floor, target):
        self.at += floor.elapsed_seconds
        for one in floor.happened:
            event, seconds, more = EVENTS[one.what]
            self.say(op="event", e=event, t=self.at - one.ago_seconds, **{seconds: one.seconds}, **more)
        account = floor.accounts[0]
        self.say(
            op="decide",
            t=self.at,
            agents=floor.agents,
            idle=len(floor.idle),
            paused=0,
            talk=floor.talking,
            wrap=floor.wrapping,
            ring=floor.dialling,
            waiting=floor.waiting,
            answered=account.answered,
            abandoned=account.abandoned,
        )
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())["launch"]


def test_a_judged_day_is_the_same_day():
    scenario = replace(SCENARIOS["constant-40"], seconds=2_400.0)
    straight = run_day(scenario, 6, 3, Cadenza(pacing.Memory(governor=Rate(tokens=1e9))), pacer_name="x")
    command = [sys.executable, "-m", "dialer", "sim", "serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        judge = Judge(process)
        judge.say(op="reset", limits={"max_abandon": 0.03, "window_s": 2_400.0}, seed=1)
        judged = run_day(scenario, 6, 3, judge, pacer_name="x")
        process.stdin.close()
        assert process.wait(timeout=30) == 0
    assert judged == straight
    assert straight.answered > 34

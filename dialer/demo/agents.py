"""The demo's agents: they talk, hang up, say what the call was, and take the next one, all through the interface."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

from dialer.demo.client import Client
from dialer.kernel.errors import AwayError, DialerError
from dialer.testing.public import Behaviour
from dialer.testing.sip import SipEndpoint

POLL_SECONDS = 0.2
TALK_MEAN_SECONDS, TALK_SPREAD = 7.0, 0.5
LEAST_TALK_SECONDS, MOST_TALK_SECONDS = 4.0, 30.0
"""The debtor's own first words take up to 2.7 s: only then the network's witness listens."""
MOST_SILENCE_SECONDS = 12.0
"""So long an agent waits for a machine's sound."""
WRAP_UP_SECONDS = (1.0, 3.0)
# what an agent hears that is no person, how long it takes to be sure, and what it is called
_NO_PERSON = {
    Behaviour.VOICEMAIL: (2.5, "machine"),
    Behaviour.FAX: (1.5, "fax"),
    Behaviour.SILENT: (5.0, "no_voice"),
    Behaviour.ANSWERS_AND_HANGS_UP: (3.0, "hung_up"),
}
# these sound once they have heard a voice: who hears one was heard, however slow the machine is
_SOUND_AFTER_A_VOICE = frozenset({Behaviour.VOICEMAIL, Behaviour.FAX})
_SPOKEN = (
    ("promise_to_pay", 35),
    ("refuses", 20),
    ("call_back", 18),
    ("paid_already", 12),
    ("third_party", 12),
    ("wrong_number", 3),
)


class ScriptedAgent:
    """One agent. It knows of a call what a person at the desk would: the case, and what it hears."""

    def __init__(
        self,
        name: str,
        client: Client,
        chance: Random,
        behaviour_of: Callable[[str], Behaviour | None],
        phone: SipEndpoint,
    ) -> None:
        self.name = name
        self._client = client
        self._chance = chance
        self._behaviour_of = behaviour_of
        self._phone = phone
        self._attempt: str | None = None
        self._outcome = "promise_to_pay"
        self._owed_cents = 0
        self._act_at = 0.0
        self._talk_seconds = 0.0
        self._listens_since = self._awaits_sound_until = 0.0

    async def act(self, line: dict[str, Any], now: float, at: datetime) -> None:
        """Do what is to be done, given this agent's line of the floor; `at`: the engine's time."""
        match line["state"]:
            case "talking" if line["attempt"] != self._attempt:
                await self._listen(line["attempt"], now)
            case "talking" if now < self._awaits_sound_until and self._phone.sounded_at < self._listens_since:
                self._act_at = now + self._talk_seconds
            case "talking" if now >= self._act_at:
                self._act_at = now + 5.0
                await self._client.post(f"/api/v1/agents/{self.name}/hang-up")
            case "wrapping":
                await self._wrap_up(line, at)

    async def _listen(self, attempt: str, now: float) -> None:
        call = await self._client.get(f"/api/v1/agents/{self.name}/call")
        behaviour = self._behaviour_of(call.get("number") or "")
        self._attempt = attempt
        self._owed_cents = sum(debt["amount"]["cents"] for debt in (call["case"] or {}).get("debts", ()))
        talk = self._chance.lognormvariate(0, TALK_SPREAD) * TALK_MEAN_SECONDS
        talk = min(MOST_TALK_SECONDS, max(LEAST_TALK_SECONDS, talk))
        outcomes, shares = zip(*_SPOKEN, strict=True)
        spoken = self._chance.choices(outcomes, shares)[0]
        talk, self._outcome = _NO_PERSON.get(behaviour, (talk, spoken)) if behaviour else (talk, spoken)
        self._talk_seconds, self._act_at = talk, now + talk
        self._listens_since = now
        self._awaits_sound_until = now + MOST_SILENCE_SECONDS if behaviour in _SOUND_AFTER_A_VOICE else 0.0

    async def _wrap_up(self, line: dict[str, Any], at: datetime) -> None:
        if self._attempt != line["attempt"]:
            self._attempt, self._outcome = line["attempt"], "hung_up"  # over before the agent had listened
            self._act_at = 0.0
        if line["seconds"] < self._chance.uniform(*WRAP_UP_SECONDS):
            return
        await self._client.post(
            f"/api/v1/agents/{self.name}/outcome", {"code": self._outcome, "fields": self._fields(at)}
        )
        await self._client.post(f"/api/v1/agents/{self.name}/wrapped")

    def _fields(self, at: datetime) -> dict[str, str]:
        """What the outcome needs: half of the debt within two weeks, or a call two days on."""
        if self._outcome == "call_back":
            return {"call_back_at": (at + timedelta(days=2)).isoformat()}
        if self._outcome == "promise_to_pay":
            cents = max(1, self._owed_cents // 2)
            return {"amount": f"{cents // 100},{cents % 100:02d}", "pay_by": f"{at + timedelta(days=10):%Y-%m-%d}"}
        return {}


async def work(agents: list[ScriptedAgent], client: Client, watch: Callable[[dict[str, Any]], None]) -> None:
    """Let the agents act until cancelled; `watch` sees each picture of the floor."""
    loop = asyncio.get_running_loop()
    by_name = {agent.name: agent for agent in agents}
    while True:
        try:
            floor = await client.get("/api/v1/live")
            watch(floor)
            moves = [
                by_name[line["agent"]].act(line, loop.time(), datetime.fromisoformat(floor["at"]))
                for line in floor["agents"]
            ]
            for result in await asyncio.gather(*moves, return_exceptions=True):
                # the floor moves between looking and acting: what isn't possible any more isn't an error
                if isinstance(result, BaseException) and not isinstance(result, DialerError):
                    raise result
        except AwayError:
            await asyncio.sleep(POLL_SECONDS)
        await asyncio.sleep(POLL_SECONDS)

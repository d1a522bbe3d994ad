"""The pacer for an outside judge: JSON lines in, one JSON line out for each decision. The very code that dials.

In: `{"op":"reset","limits":{…},"seed":1}`, `{"op":"event","e":"answer","t":12.5,"ring":7.2,…}` and
`{"op":"decide","t":13.0,"idle":2,"talk":[…],…}`; out, for each decide alone, `{"launch":n,"why":{…}}`.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pacing
from pacing.floor import Happening, What
from pacing.governor import Rate

UNLIMITED = 1e9
"""Calls per second: the judge sets no rate."""
_COLD = pacing.Memory(governor=Rate(tokens=UNLIMITED))
_LIMITS = {
    "max_abandon": 0.03,
    "patience": 2.0,
    "ring_timeout": 25.0,
    "tick": 1.0,
    "window_s": 28_800.0,
    "max_lines": 100_000,
}


class ProtocolError(Exception):
    """A line that isn't in the protocol: its number, what is wrong, what is right."""


class Judged:
    """One pacer under judgement; it begins as after a reset without limits of its own."""

    def __init__(self) -> None:
        self._memory = _COLD
        self._limits: dict[str, float] = dict(_LIMITS)
        self._decided_at: float | None = None
        self._happened: list[tuple[float, What, float]] = []

    def reset(self, limits: dict[str, float], *, keep: bool) -> None:
        """A new day. What was learnt is forgotten, or with `keep` carried over."""
        self._memory = replace(pacing.carried_over(self._memory), governor=_COLD.governor) if keep else _COLD
        self._limits = {**_LIMITS, **limits}
        self._decided_at = None
        self._happened = []

    def event(self, what: dict[str, Any]) -> None:
        """Something happened at `t`; what teaches nothing (launch, connect, an agent's state) is passed over."""
        found = _HAPPENED.get(what["e"])
        if what["e"] == "fail":
            self._happened.append((what["t"], What.RANG_OUT if what.get("timeout") else What.FAILED, what["ring"]))
        elif found is not None:
            kind, seconds = found
            self._happened.append((what["t"], kind, float(what.get(seconds, 0.0))))

    def decide(self, view: dict[str, Any]) -> dict[str, Any]:
        """How many calls to launch at `t`, and why."""
        at, limits = float(view["t"]), self._limits
        talking, wrapping, ringing, waiting = (
            _ages(view.get(name, ())) for name in ("talk", "wrap", "ring", "waiting")
        )
        floor = pacing.Floor(
            elapsed_seconds=0.0 if self._decided_at is None else max(0.0, at - self._decided_at),
            idle=_ages(view["idle"]),
            talking=talking,
            wrapping=wrapping,
            dialling=ringing,
            waiting=waiting,
            channels_in_use=len(ringing) + len(waiting) + len(talking),
            accounts=(
                pacing.Account(
                    "window",
                    limits["max_abandon"],
                    int(view.get("answered", 0)),
                    int(view.get("abandoned", 0)),
                    left_seconds=limits["window_s"] - at % limits["window_s"],
                ),
            ),
            happened=tuple(Happening(what, seconds, max(0.0, at - when)) for when, what, seconds in self._happened),
        )
        target = pacing.Target(
            mode=pacing.Mode.PREDICTIVE,
            channels=int(limits["max_lines"]),
            calls_per_second=UNLIMITED,
            max_abandonment=limits["max_abandon"],
            patience_seconds=limits["patience"],
            ring_timeout_seconds=limits["ring_timeout"],
        )
        burst, self._memory = pacing.size(floor, target, self._memory)
        self._decided_at, self._happened = at, []
        return {
            "launch": burst.calls,
            "why": {
                "limit": burst.limit.value,
                "sentence": burst.sentence,
                "risk_last": round(burst.risk_last, 6),
                "risk_next": round(burst.risk_next, 6),
                "risk_limit": round(burst.risk_limit, 6),
                "budget_calls": round(burst.budget_calls, 3),
                "answer_chance": round(burst.answer_chance, 4),
            },
        }


_HAPPENED = {
    "answer": (What.ANSWERED, "ring"),
    "abandon": (What.ABANDONED, "wait"),
    "talk_end": (What.TALK_ENDED, "talk"),
    "wrap_end": (What.WRAP_ENDED, "wrap"),
}


def serve(lines: Iterable[str]) -> Iterator[str]:
    """Answer line by line. Raises ProtocolError."""
    judged = Judged()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            said = json.loads(line)
            match said["op"]:
                case "reset":
                    judged.reset(said.get("limits", {}), keep=bool(said.get("keep")))
                case "event":
                    judged.event(said)
                case "decide":
                    yield json.dumps(judged.decide(said))
                case other:
                    raise ProtocolError(f"line {number}: op {other!r} isn't known: reset, event, decide")
        except (ValueError, KeyError, TypeError) as error:
            what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise ProtocolError(f"line {number}: {what}") from error


def _ages(value: Any) -> tuple[float, ...]:
    """Ages, or just their number."""
    return (0.0,) * value if isinstance(value, int) else tuple(float(age) for age in value)

"""What a running daemon takes up from a changed configuration, and what only a restart brings."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic_core import to_json

from dialer.kernel.errors import InputError
from dialer.kernel.reloads import Change
from dialer.settings.daemon import TokenSettings
from dialer.settings.loading import SECRET
from dialer.settings.mandate import MandateSettings
from dialer.settings.pbx import AgentSettings
from dialer.settings.whole import Settings, check_consistent

LIVE = frozenset(
    {
        "api.tokens",
        "log.level",
        "recordings.least_free_mb",
        "recordings.hold_flags",
        "supervision.basis",
        "supervision.tell_agents",
        "mandates",
        *(f"collector.{key}" for key in ("address", "contact", "licence_number", "licence_valid_until")),
        *(
            f"{trunk}.{key}"
            for trunk in ("trunk", "trunks.*")
            for key in ("channels", "calls_per_second", "weight", "country", "ramp_seconds")
        ),
        *(f"agents.*.{key}" for key in ("campaigns", "class", "supervisor")),
        *(
            f"campaigns.*.{key}"
            for key in (
                "mode",
                "share",
                "priority",
                "value",
                "abandonment_target",
                "abandonment_cap",
                "patience_seconds",
                "ring_timeout_seconds",
                "post_dial_delay_seconds",
                "preview_seconds",
                "auto_ready_after_seconds",
                "inbound_wait_seconds",
                "record",
                "stereo",
                "caller_id",
                "caller_id_registered",
                "caller_ids",
                "trunks",
                "facts",
                "outcomes_file",
                "promise_grace_days",
                "language",
                "letters",
                "script_folder",
            )
        ),
    }
)
"""Each key, or section, that holds from a reload on; `*`: any name. What isn't here waits for a restart, as the law does:
packs are judged as they were when the daemon began."""
_NAMED: Mapping[type, str] = {AgentSettings: "name", MandateSettings: "creditor", TokenSettings: "name"}
_SHOWN_CHARACTERS = 200


def merge(old: Settings, new: Settings) -> tuple[Settings, list[Change], list[Change]]:
    """What holds once `new` is taken up: itself, but for what waits for a restart; what changes; what waits.

    Raises InputError where the one can't be without the other.
    """
    changed: list[Change] = []
    waiting: list[Change] = []
    taken = new
    if bool(old.trunks) != bool(new.trunks):  # one without the other would be a trunk with nobody's limits
        waiting.append(Change("trunks", _names(old), _names(new)))
        taken = new.model_copy(update={"trunk": old.trunk, "trunks": old.trunks})
    merged: Settings = _Merge(changed, waiting).merge(old, taken, (), ())
    try:
        check_consistent(merged)
    except ValueError as error:
        raise InputError(
            f"only a restart brings {', '.join(change.key for change in waiting)}, and without it: {error}",
            "restart the daemon, or take the change in two steps",
        ) from None
    return merged, changed, waiting


class _Merge:
    def __init__(self, changed: list[Change], waiting: list[Change]) -> None:
        self._changed, self._waiting = changed, waiting

    def merge(self, old: Any, new: Any, where: tuple[str, ...], pattern: tuple[str, ...]) -> Any:
        """`where`: the place, with names; `pattern`: with `*` for each of them."""
        if old == new:
            return old
        if isinstance(old, BaseModel) and isinstance(new, BaseModel):
            fields = {name: field.alias or name for name, field in type(old).model_fields.items()}
            merged = {
                name: self.merge(getattr(old, name), getattr(new, name), (*where, key), (*pattern, key))
                for name, key in fields.items()
                if getattr(old, name) != getattr(new, name)
            }
            return old.model_copy(update=merged)
        if isinstance(old, dict) and _sections([*old.values(), *new.values()]):
            return self._named(old, new, where, pattern)
        if isinstance(old, tuple) and (kind := _sections([*old, *new])) is not None and kind in _NAMED:
            was, comes = ({getattr(one, _NAMED[kind]): one for one in side} for side in (old, new))
            return tuple(self._named(was, comes, where, pattern).values())
        before, after = (_shown(value, where[-1]) for value in (old, new))
        return new if self._change(where, pattern, before, after) else old

    def _named(
        self, old: dict[str, Any], new: dict[str, Any], where: tuple[str, ...], pattern: tuple[str, ...]
    ) -> dict[str, Any]:
        """Sections by their names: one that comes or goes is one change."""
        merged = {}
        for name in dict.fromkeys([*old, *new]):
            here = *where, name
            if name in old and name in new:
                merged[name] = self.merge(old[name], new[name], here, (*pattern, "*"))
            elif name in new and self._change(here, pattern, "not there", "there"):
                merged[name] = new[name]
            elif name in old and not self._change(here, pattern, "there", "not there"):
                merged[name] = old[name]
        return merged

    def _change(self, where: Sequence[str], pattern: Sequence[str], before: str, after: str) -> bool:
        """Note it; whether it holds from now on: itself or what it is part of is live."""
        live = any(".".join(pattern[:depth]) in LIVE for depth in range(1, len(pattern) + 1))
        (self._changed if live else self._waiting).append(Change(".".join(where), before, after))
        return live


def _names(settings: Settings) -> str:
    """Which trunks there are."""
    return ", ".join(settings.trunks) or "[trunk] alone"


def _sections(values: Sequence[Any]) -> type | None:
    """What these values are, if they are sections."""
    return type(values[0]) if values and isinstance(values[0], BaseModel) else None


def _shown(value: Any, key: str) -> str:
    if value is None:
        return "unset"
    if isinstance(value, SecretStr) or SECRET.search(key):
        return "a secret"
    text = value if isinstance(value, str) else to_json(value).decode()
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"

"""What a pacer may know: the floor at one instant."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Floor:
    """Agents and calls of one campaign right now; ages in seconds since each began.

    elapsed_seconds: since the previous decision; 0 at the first.
    idle: ages of the agents who are ready and whose seat is up.
    talking, wrapping: ages of the agents on a call, and after it.
    reserved: agents who were promised to an answered call that isn't bridged yet.
    dialling: ages of the calls that are neither answered nor ended.
    waiting: ages of the answered calls that no agent has taken yet.
    channels_in_use: trunk channels taken by every campaign together.
    cases: cases that may be dialled now, or None where nobody counted.
    trunk_failures: calls in a row, up to now, that never left our side.
    halted: nothing may be dialled (halt, drain, PBX away, reconciling).
    """

    elapsed_seconds: float
    idle: tuple[float, ...] = ()
    talking: tuple[float, ...] = ()
    wrapping: tuple[float, ...] = ()
    reserved: int = 0
    dialling: tuple[float, ...] = ()
    waiting: tuple[float, ...] = ()
    channels_in_use: int = 0
    cases: int | None = None
    trunk_failures: int = 0
    halted: bool = False

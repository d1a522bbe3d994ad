"""The page of the reference about outcomes: docs/generate.py writes it."""

from typing import Any

from dialer.outcomes.catalogue import Blank, Do, Outcome, shipped
from dialer.outcomes.next_action import MOST_DOUBLED

KEYS = (
    ("code", "as record and interface have it"),
    ("it, en", "its names"),
    ("right_party", "the agent talked to the debtor, or to who may speak for the debtor; then it is a `conversation`"),
    (
        "counts_as",
        "for the gate: `conversation`, `hung_up`, `third_party`, `machine_message_left`, `machine`, or the worst, `unknown`",
    ),
    ("needs, may", "lists of fields that must, or can, be filled"),
    (
        "flag",
        "`{ name, on, days }`: on the `debtor`, the `number` or the `debt`; without `days` until somebody lifts it",
    ),
    ("next", "`{ do, after_hours, number, most, beyond }`, see below"),
)


def pages() -> dict[str, str]:
    """The page by its file's name."""
    parts = [
        "# What an agent says of a call",
        "",
        (
            "An outcome is data: what it counts as for the gate, which fields the agent's form must have, which flag it "
            "sets, what comes next. Said again, it replaces what was said before of the same call, its promise and its "
            "offers; a flag stays until it is lifted, because in doubt nobody is called."
        ),
        "",
        "| code | italiano | English | right party | counts as | needs | may | flag | next |",
        "|---|---|---|---|---|---|---|---|---|",
        *(_row(outcome) for outcome in shipped().values()),
        "",
        "# The fields of the form",
        "",
        "| field | what it asks for |",
        "|---|---|",
        *(f"| `{blank.value}` | {blank.text} |" for blank in Blank),
        "",
        (
            "An offer has `until`, `answer` (`accepted`, `refused`, `open`), `discount_percent`, `instalments`, and where a "
            "supervisor allowed it `approved_by`. It must be within one step of the mandate's ladder, and no worse for the "
            "debtor than an earlier one: less off, or fewer instalments, and no more of the other."
        ),
        "",
        "# What comes next",
        "",
        "| next.do | meaning |",
        "|---|---|",
        *(f"| `{do.value}` | {do.text} |" for do in Do),
        "",
        (
            f"The spacing doubles each time the same is said in a row, up to {2**MOST_DOUBLED} times of it. Said `most` times "
            "in a row, it brings `beyond` instead, as does a number's flag where no other number is left. The instant is the "
            "first one at or after the wished one that the gate foresees as legal for one of the numbers; it is asked "
            "again when the call is due. The case keeps the reason as one sentence."
        ),
        "",
        "# An agency's own outcomes",
        "",
        (
            "A file of `[[outcome]]` tables, named as `outcomes_file` under a creditor's `[[mandates]]` or under a campaign, "
            "which has the last word. It adds outcomes, or words known ones anew. What a known one counts as, its "
            "right party and its flag can't be changed. What an own outcome counts as is kept with each call, and the "
            "auditor recounts by it."
        ),
        "",
        "| key | meaning |",
        "|---|---|",
        *(f"| `{key}` | {meaning} |" for key, meaning in KEYS),
    ]
    return {"outcomes.md": "\n".join(parts) + "\n"}


def _row(outcome: Outcome) -> str:
    flag = outcome.flag
    cells: tuple[Any, ...] = (
        f"`{outcome.code}`",
        outcome.it,
        outcome.en,
        "yes" if outcome.right_party else "no",
        f"`{outcome.counts_as.value}`",
        _names(outcome.needs),
        _names(outcome.may),
        "" if flag is None else f"`{flag.name}` on the {flag.on}{f', {flag.days} days' if flag.days else ''}",
        _next(outcome),
    )
    return "| " + " | ".join(cells) + " |"


def _names(blanks: tuple[Blank, ...]) -> str:
    return ", ".join(f"`{blank.value}`" for blank in blanks)


def _next(outcome: Outcome) -> str:
    step = outcome.next
    words = f"`{step.do.value}`"
    if step.after_hours:
        words += f" after {step.after_hours:g} h"
    if step.number != "any":
        words += f", {step.number} number"
    if step.beyond:
        words += f"; {'then' if step.most is None else f'{step.most} times in a row:'} `{step.beyond.value}`"
    return words

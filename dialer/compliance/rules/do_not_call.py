"""Who asked not to be called."""

from dataclasses import dataclass
from typing import Literal

from dialer.compliance.facts import Facts
from dialer.compliance.reasons import Reason
from dialer.compliance.strict import STRICT
from dialer.compliance.verdict import Refusal


@dataclass(frozen=True, slots=True)
class DoNotCall:
    """A number on the do-not-call list is never called, whoever owns it."""

    __pydantic_config__ = STRICT
    kind: Literal["do_not_call"]
    id: Literal["do-not-call"]
    source: str

    def check(self, facts: Facts) -> Refusal | None:
        return Refusal(Reason.DO_NOT_CALL) if facts.do_not_call else None

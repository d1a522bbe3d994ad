"""The kinds of rules, one file a kind: each a frozen value from a pack, with a pure `check` of frozen facts."""

from dialer.compliance.rules.abandoned import ForcedMode, Lockout
from dialer.compliance.rules.answered import AbandonCap, AbandonTreatment, AnswerToAgentMax
from dialer.compliance.rules.cadence import MinCadence
from dialer.compliance.rules.concurrency import Concurrency
from dialer.compliance.rules.cool_off import CoolOff
from dialer.compliance.rules.count import Count
from dialer.compliance.rules.flag import Flagged
from dialer.compliance.rules.holiday import Holiday
from dialer.compliance.rules.hours import Hours
from dialer.compliance.rules.inconvenient import Inconvenient
from dialer.compliance.rules.max_total import MaxTotal
from dialer.compliance.rules.min_gap import MinGap
from dialer.compliance.rules.require import Require
from dialer.compliance.rules.ringing import RingMax, RingMin
from dialer.compliance.rules.waivers import Agreed, Consented

# flags, then what must be so, then when, then how often, then how: the order of docs and explanations
AnyRule = (
    Flagged | Require | Hours | Holiday | Inconvenient | Concurrency | CoolOff | Count | MaxTotal | MinGap
    | Lockout | ForcedMode | RingMin | RingMax | AnswerToAgentMax | AbandonTreatment | AbandonCap
    | Agreed | Consented | MinCadence
)  # fmt: skip
__all__ = [
    "AbandonCap", "AbandonTreatment", "Agreed", "AnswerToAgentMax", "AnyRule", "Concurrency", "Consented", "CoolOff",
    "Count", "Flagged", "ForcedMode", "Holiday", "Hours", "Inconvenient", "Lockout", "MaxTotal", "MinCadence", "MinGap",
    "Require", "RingMax", "RingMin",
]  # fmt: skip

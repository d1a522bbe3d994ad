"""The kinds of rules, one file a kind: each a frozen value from a pack, with a pure `check` of frozen facts."""

from dialer.compliance.rules.abandoned import AbandonTreatment
from dialer.compliance.rules.attempts import Attempts
from dialer.compliance.rules.concurrency import Concurrency
from dialer.compliance.rules.do_not_call import DoNotCall
from dialer.compliance.rules.hours import Hours
from dialer.compliance.rules.min_gap import MinGap

Rule = Hours | MinGap | Attempts | Concurrency | DoNotCall | AbandonTreatment
__all__ = ["AbandonTreatment", "Attempts", "Concurrency", "DoNotCall", "Hours", "MinGap", "Rule"]

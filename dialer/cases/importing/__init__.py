"""Cases from an office's file, CSV or Excel: what is good comes in, the rest is named with its reason and remedy.

decoding, delimiter, records (CSV) ┐
sheet (Excel)                      ┴▶ source ─▶ profile (whose columns) ─▶ rows (cells, numbers) ─▶ reading
"""

from dialer.cases.importing.columns import COLUMNS, PHONES
from dialer.cases.importing.delimiter import DELIMITERS
from dialer.cases.importing.profile import Profile
from dialer.cases.importing.reading import Batch, Parsed, Reading, parse
from dialer.cases.importing.rejects import Reject, RejectedRow, RejectsFile
from dialer.cases.importing.rows import Defaults

__all__ = [
    "COLUMNS", "DELIMITERS", "PHONES", "Batch", "Defaults", "Parsed", "Profile", "Reading", "Reject", "RejectedRow",
    "RejectsFile", "parse",
]  # fmt: skip

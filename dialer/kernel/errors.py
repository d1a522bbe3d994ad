"""One tree of errors; each says what happened and what to do, and carries the exit code of the command.

Exit codes: 0 done; 1 done, and the answer is no (a check failed, rows were rejected, records disagree);
2 wrong input or configuration; 3 something that is needed is away (PBX, trunk, daemon, store);
4 refused (wrong secret or token, missing right); 5 in use (port, folder, database).
"""

EXIT_NO, EXIT_INPUT, EXIT_AWAY, EXIT_REFUSED, EXIT_IN_USE = 1, 2, 3, 4, 5


class DialerError(Exception):
    """Anything that a user must read: a message, and the remedy in one sentence."""

    exit_code = EXIT_NO

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class InputError(DialerError):
    """A file, an option or a setting is wrong: nothing was done."""

    exit_code = EXIT_INPUT


class UnknownNameError(DialerError):
    """Nothing here has this name."""


class AwayError(DialerError):
    """A part that is needed doesn't answer."""

    exit_code = EXIT_AWAY


class RefusedError(DialerError):
    """The other side knows us and says no."""

    exit_code = EXIT_REFUSED


class InUseError(DialerError):
    """Somebody else holds a port, a folder or a database."""

    exit_code = EXIT_IN_USE


class CaseNotOpenError(DialerError):
    """The case was paid, closed, or given to a letter or a person since it was chosen: nothing was done."""


class PbxAwayError(AwayError):
    """Not connected to the PBX: the request surely didn't leave."""


class PbxUnsureError(AwayError):
    """The request left and no answer came: nobody knows what the PBX did. It is never sent again."""


class PbxRefusedError(DialerError):
    """The PBX said no: nothing happened."""

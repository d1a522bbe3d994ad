"""The folder of agents' phones that Asterisk includes: one file a phone, which holds its password."""

import os
import secrets
from pathlib import Path

from dialer.agents.phones import Kind, check_name, section
from dialer.kernel.errors import InputError, InUseError, RefusedError

SECRET_BYTES = 18
"""Of chance in a password: 24 signs, which a person can still type into a desk phone."""


class PhoneFolder:
    """What stands in it is Asterisk's own user's alone (mode 0600)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """The phones that have a file. Raises InputError, RefusedError."""
        return sorted(path.stem for path in self._listed() if path.suffix == ".conf")

    def add(self, name: str, kind: Kind) -> str:
        """Write a new phone's file; its password, which stands nowhere else.

        Raises InputError for a name that can't be, InUseError where the phone has a file, RefusedError.
        """
        self._listed()
        password = secrets.token_urlsafe(SECRET_BYTES)
        text = f"; written by dialer agents phone add\n{section(name, kind, password)}"
        draft = self._folder / f".{name}.{secrets.token_hex(4)}"  # no *.conf: Asterisk never reads half a file
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                owner = self._folder.stat()
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, self._file(name))
        except FileExistsError:
            raise InUseError(f"phone {name} has a file already", f"dialer agents phone revoke {name} first") from None
        except OSError as error:
            raise self._refused(error) from None
        finally:
            draft.unlink(missing_ok=True)
        return password

    def revoke(self, name: str) -> None:
        """Take a phone's file away. Raises InputError where there is none, RefusedError."""
        try:
            self._file(check_name(name)).unlink()
        except FileNotFoundError:
            raise InputError(
                f"phone {name}: no file in {self._folder}", "dialer agents phone list names the phones"
            ) from None
        except OSError as error:
            raise self._refused(error) from None

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.conf"

    def _listed(self) -> list[Path]:
        try:
            return list(self._folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            raise InputError(
                f"{self._folder}: no such folder",
                f"install -d -m 700 -o asterisk -g asterisk {self._folder}, or set [pbx] phones_folder",
            ) from None
        except OSError as error:
            raise self._refused(error) from None

    def _refused(self, error: OSError) -> RefusedError:
        return RefusedError(
            f"{self._folder}: {error.strerror}",
            "run the command as the user that owns the folder, Asterisk's, or as root",
        )

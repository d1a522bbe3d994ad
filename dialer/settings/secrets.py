"""Secrets come from the configuration, a file or the environment."""

from pathlib import Path

from pydantic import SecretStr

from dialer.kernel.errors import InputError


def secret(value: SecretStr | None, file: Path | None, what: str, variable: str) -> str:
    """A secret from the configuration, a file or the environment. Raises InputError where there is none."""
    remedy = f"set {what}_file, or the variable {variable}"
    if value is not None:
        if not value.get_secret_value().strip():
            raise InputError(f"{what} is empty", remedy)
        return value.get_secret_value()
    if file is None:
        raise InputError(f"{what} is not set", remedy)
    try:
        text = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise InputError(f"{what}_file {file}: {error.strerror}", remedy) from None
    except UnicodeDecodeError:
        raise InputError(f"{what}_file {file} isn't text in UTF-8", remedy) from None
    if not text:
        raise InputError(f"{what}_file {file} is empty", remedy)
    return text

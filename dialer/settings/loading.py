"""From the file to the settings: each error with its line and remedy."""

import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from dialer.kernel import toml
from dialer.kernel.errors import InputError
from dialer.settings.whole import Settings

SECRET = re.compile(r"secret|token|password|url|^key")
"""What the keys are like whose values are never quoted."""
_M = TypeVar("_M", bound=BaseModel)


def load(path: Path) -> Settings:
    """Read the file. Raises InputError with every error, each as `file:line: key: what`."""
    return parse(path, read(path))


def read(path: Path) -> str:
    """Its text. Raises InputError."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file", "name the configuration with -c FILE") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: can't be read: {error}", "check the file's rights and its encoding (UTF-8)"
        ) from None


def parse(path: Path, text: str) -> Settings:
    """What the file would say with this text. Raises InputError as `load` does."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}:{toml.line_of_syntax(error)}: not TOML: {error}", "correct this line") from None
    try:
        settings = Settings(**values)
    except ValidationError as error:
        lines = [
            toml.explain(str(path), text, dict(item), _suggestion, secret=_is_secret(item["loc"]))
            for item in error.errors(include_url=False)
        ]
        raise InputError("\n".join(lines), "correct these lines; dialer check tells whether all is well") from None
    return _resolve(settings, path.parent)


def located(path: Path, text: str, error: InputError) -> InputError:
    """An error that begins with a key, told with the line on which the key stands in the file's text."""
    key = re.match(r"[a-z_]+(\.[\w-]+)+", str(error))
    if key is None:
        return error
    line = toml.line_of(text, key[0].split("."))
    return InputError(f"{path}:{line}: {error}", error.remedy)


def section_at(where: toml.Where) -> type[BaseModel] | None:
    """What the section at this place is made of; None: no section stands there."""
    kind: Any = Settings
    for part in where:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = kind.model_fields.get(str(part))
            kind = field.annotation if field else None
        else:  # the values of a dictionary, the items of a tuple
            kind = next((inner for inner in reversed(get_args(kind)) if inner is not Ellipsis), None)
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _resolve(section: _M, folder: Path) -> _M:
    """Relative paths are relative to the configuration's own folder."""

    def at(value: Any) -> Any:
        match value:
            case Path():
                return folder / value
            case BaseModel():
                return _resolve(value, folder)
            case dict():
                return {key: at(item) for key, item in value.items()}
            case tuple():
                return tuple(at(item) for item in value)
        return value

    values = {name: getattr(section, name) for name in type(section).model_fields}
    moved = {name: at(value) for name, value in values.items()}
    return section.model_copy(update={name: value for name, value in moved.items() if value != values[name]})


def _is_secret(where: toml.Where) -> bool:
    return any(SECRET.search(str(part)) for part in where)


def _suggestion(where: toml.Where) -> str:
    """The known keys of the section in which an unknown one stands."""
    model = section_at(where[:-1])
    known = (field.alias or name for name, field in model.model_fields.items()) if model else ()
    return f"; known here: {', '.join(known)}" if model else ""

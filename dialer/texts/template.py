"""Texts with fields: TOML files whose strings are Jinja2 templates.

They run in Jinja2's sandbox, without a loader: a text reads what it is given, and nothing else. A field that isn't there
is an error, told with file and line, and never prints as nothing.
"""

import hashlib
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel, ValidationError

from dialer.kernel import toml
from dialer.kernel.errors import InputError

MOST_CHARACTERS = 50_000
VERSION_CHARACTERS = 12
_ENVIRONMENT = ImmutableSandboxedEnvironment(  # plain text: what prints it escapes
    undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_ENVIRONMENT.globals.clear()
_FRAME = "<template>"
"""How Jinja2 names a text without a file in its tracebacks."""
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file of texts as it was read. version: of its content, the same wherever it lies."""

    shown: str
    raw: str

    @classmethod
    def read(cls, file: Traversable | Path) -> "TextFile":
        """Raises InputError."""
        shown = str(file)
        return cls(shown, toml.text_of(file, shown, "write the keys that docs/how-to/letters-and-scripts.md lists"))

    @property
    def version(self) -> str:
        return hashlib.sha256(self.raw.encode()).hexdigest()[:VERSION_CHARACTERS]

    def as_model(self, model: type[Model]) -> Model:
        """Its keys. Raises InputError with every error's line."""
        try:
            values = tomllib.loads(self.raw)
        except tomllib.TOMLDecodeError as error:
            where = f"{self.shown}:{toml.line_of_syntax(error)}"
            raise InputError(f"{where}: not TOML: {error}", "correct this line") from None
        try:
            return model.model_validate(values)
        except ValidationError as error:
            known = f"; known here: {', '.join(model.model_fields)}"
            lines = [
                toml.explain(self.shown, self.raw, dict(item), lambda where: known if len(where) == 1 else "")
                for item in error.errors(include_url=False)
            ]
            raise InputError("\n".join(lines), "correct these lines") from None

    def template(self, source: str, *where: str | int) -> "Template":
        """The text of a key. Raises InputError."""
        line = toml.line_of(self.raw, where)
        opening = self.raw.splitlines()[line - 1].rstrip()
        return Template(self.shown, line + opening.endswith(("'''", '"""')), source)


class Template:
    """One text. line: of the file on which it begins. Raises InputError where it is no template."""

    def __init__(self, file: str, line: int, source: str) -> None:
        self._file, self._line = file, line
        try:
            self._tree = _ENVIRONMENT.parse(source)
            self._compiled = _ENVIRONMENT.from_string(source)
        except TemplateSyntaxError as error:
            raise self.error(error.lineno, f"not a template: {error.message}", "correct this line") from None

    def check(self, known: Collection[str], why: str = "no such field") -> None:
        """Raises InputError for a field that isn't one of `known`."""
        unknown = meta.find_undeclared_variables(self._tree) - set(known)
        for name in self._tree.find_all(nodes.Name):
            if name.name in unknown:
                remedy = f"known here: {', '.join(sorted(known))}"
                raise self.error(name.lineno, f"{name.name}: {why}", remedy)

    def render(self, fields: Mapping[str, Any]) -> str:
        """The text with these fields. Raises InputError; its words hold no value of a field."""
        parts: list[str] = []
        left = MOST_CHARACTERS
        try:
            for part in self._compiled.generate(fields):
                parts.append(part)
                left -= len(part)
                if left < 0:
                    break
        except TemplateError as error:
            raise self.error(_line_of(error), str(error.message), "correct this line") from None
        except Exception as error:  # noqa: BLE001 -- whatever an expression in it raises
            raise self.error(
                _line_of(error), f"can't be computed: {type(error).__name__}", "correct this line"
            ) from None
        if left < 0:
            raise self.error(1, f"more than {MOST_CHARACTERS} characters", "shorten it")
        return "".join(parts).strip()

    def error(self, line: int, what: str, remedy: str) -> InputError:
        """An error of a line, counted from 1 within the text."""
        return InputError(f"{self._file}:{self._line + line - 1}: {what}", remedy)


def _line_of(error: BaseException) -> int:
    line, frame = 1, error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == _FRAME:
            line = frame.tb_lineno
        frame = frame.tb_next
    return line


def words(text: str) -> str:
    """A text without its line ends: for looking what stands in it."""
    return " ".join(text.split())


def first_of(folders: Sequence[Traversable | Path], name: str) -> Traversable | Path | None:
    """The first folder's file of this name: an agency's own folder stands before the shipped one."""
    return next((folder / name for folder in folders if (folder / name).is_file()), None)

"""How one creditor writes its files: which of its columns is which of ours, and its habits. Saved as TOML, by name."""

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from dialer.cases.importing.cells import Form
from dialer.cases.importing.columns import COLUMNS, FLAG_COLUMNS, GUARANTORS, PAYMENT_COLUMNS, PHONES, REJECTED, Column
from dialer.kernel import toml
from dialer.kernel.errors import InputError

FOLDER = "profiles"
"""Beside dialer.toml."""
HOW_TO = "docs/how-to/import-cases.md"
_GUESS = 0.75
_SEVERAL_NUMBERS = {*PHONES, *(f"{prefix}_phone" for prefix in GUARANTORS)}
_Theirs = str | Annotated[tuple[str, ...], Field(min_length=1)]


class Profile(BaseModel):
    """The file profiles/NAME.toml, for `--profile NAME`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: dict[str, _Theirs] = Field(
        {},
        description="ours = theirs. A list of theirs is joined: names with a blank, phone columns as several numbers",
    )
    constants: dict[str, str] = Field({}, description="ours = what stands in every row, as the creditor's name")
    ignore: tuple[str, ...] | Literal["the rest"] = Field(
        (), description='columns of theirs that are left out: a list, or "the rest"'
    )
    dates: Literal["day first", "month first"] = Field("day first", description="how 01/02/2026 is read")
    decimal: Literal["", ",", "."] = Field("", description="the sign of the cents; empty: told by the digits")
    serial_days: bool = Field(
        default=False, description="read 46053 as the day that a spreadsheet turned into this number"
    )
    landline_zero: bool = Field(
        default=False, description="restore the leading zero of Italian landlines that a spreadsheet dropped"
    )

    @field_validator("columns", "constants")
    @classmethod
    def _ours(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if name not in _ALL:
                msg = f"{name!r} is no column of ours{_or(name)}"
                raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _once(self) -> "Profile":
        for name in self.columns:
            if name in self.constants:
                msg = f"{name!r} stands in columns and in constants"
                raise ValueError(msg)
        return self

    @property
    def form(self) -> Form:
        """Its habits."""
        return Form(self.dates, self.decimal, self.serial_days, self.landline_zero)


def load(name: str, folder: Path) -> Profile:
    """A profile by its name in `folder`, or by its path. Raises InputError with each error as `file:line: key: what`."""
    path = Path(name) if name.endswith(".toml") else folder / f"{name}.toml"
    try:
        text = path.read_bytes().decode("utf-8-sig")
        values = tomllib.loads(text)
    except FileNotFoundError:
        known = ", ".join(sorted(file.stem for file in folder.glob("*.toml"))) or "none yet"
        raise InputError(f"{path}: no such profile", f"profiles in {folder}: {known}; {HOW_TO} says how") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}", "name a profile that can be read") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8", "save the file in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}:{toml.line_of_syntax(error)}: not TOML: {error}", "correct this line") from None
    try:
        return Profile.model_validate(values)
    except ValidationError as error:
        found = (toml.explain(str(path), text, dict(item), lambda _: _KEYS) for item in error.errors(include_url=False))
        raise InputError("\n".join(dict.fromkeys(found)), f"correct these lines; {HOW_TO} has every key") from None


_ALL = FLAG_COLUMNS | PAYMENT_COLUMNS | COLUMNS  # the last word for a name is that of cases
_KEYS = f"; known are {', '.join(Profile.model_fields)}"


class Layout:
    """Which cell of a row is which column of ours. Raises InputError where the header can't be understood."""

    def __init__(self, header: Sequence[str], profile: Profile | None, columns: Mapping[str, Column]) -> None:
        self._profile = profile or Profile()
        self._columns = columns
        keys = [_key(name) for name in header]
        doubled = next((name for name, key in zip(header, keys, strict=True) if key and keys.count(key) > 1), None)
        if doubled:
            raise InputError(f"column {doubled!r} stands twice in the header", "rename or remove one of them")
        self._places: dict[str, list[int]] = {}
        self._theirs: dict[str, str] = {}
        absent = []
        taken: set[int] = set()
        for ours, theirs in self._profile.columns.items():
            names = (theirs,) if isinstance(theirs, str) else theirs
            absent += [name for name in names if _key(name) not in keys]
            self._places[ours] = [keys.index(_key(name)) for name in names if _key(name) in keys]
            taken.update(self._places[ours])
        for index, key in enumerate(keys):
            if index not in taken and key in columns and key not in self._places | self._profile.constants:
                self._places[key] = [index]
                taken.add(index)
        self._theirs = {ours: " + ".join(header[place] for place in places) for ours, places in self._places.items()}
        self.width = len(header)
        rest = [header[index] for index in range(len(header)) if index not in taken and keys[index] not in REJECTED]
        self._check(rest, absent)

    def row(self, cells: Sequence[str]) -> dict[str, str]:
        """A row by our names."""
        found = dict(self._profile.constants)
        for ours, places in self._places.items():
            if len(places) == 1:
                found[ours] = cells[places[0]]
            else:
                between = " / " if ours in _SEVERAL_NUMBERS else " "
                found[ours] = between.join(filter(None, (cells[place].strip() for place in places)))
        return found

    def theirs(self, ours: str) -> str:
        """What the file calls a column of ours."""
        return self._theirs.get(ours, ours)

    def _check(self, rest: list[str], absent: list[str]) -> None:
        if self._profile.ignore == "the rest":
            rest = []
        ignored = {_key(name) for name in self._profile.ignore}
        unknown = [name for name in rest if _key(name) not in ignored]
        have = self._places.keys() | self._profile.constants.keys()
        missing = [name for name, column in self._columns.items() if column.required and name not in have]
        said = [
            *(f"column {name!r}, which the profile names, is missing in the header" for name in absent),
            *(f"column {name!r} is missing in the header" for name in missing),
            *(f"unknown column {name!r} in the header{_or(name, self._columns)}" for name in unknown),
        ]
        if said:
            raise InputError("\n".join(said), _write_a_profile(unknown, missing, self._columns))


def closest(name: str, columns: Mapping[str, Column] = _ALL) -> str:
    """The column of ours that a header most likely means; empty if none comes near."""
    words = _key(re.sub(r"[_\W]+", " ", name))
    names = {alias: ours for ours, column in columns.items() for alias in (ours.replace("_", " "), *column.alias)}
    found = difflib.get_close_matches(words, names, n=1, cutoff=_GUESS)
    return names[found[0]] if found else ""


def _or(name: str, columns: Mapping[str, Column] = _ALL) -> str:
    return f" (do you mean {found}?)" if (found := closest(name, columns)) else ""


def _write_a_profile(unknown: list[str], missing: list[str], columns: Mapping[str, Column]) -> str:
    """A profile for this header, as far as it can be guessed, ready to be saved."""
    guesses: dict[str, list[str]] = {}
    for name in unknown:
        guesses.setdefault(closest(name, columns), []).append(name)
    left_out = guesses.pop("", [])
    lines = [f"save a profile as {FOLDER}/CREDITOR.toml ({HOW_TO}) and name it with --profile CREDITOR. For example:"]
    lines += [f"    ignore = [{_quoted(left_out)}]"] if left_out else []
    lines += ["    [columns]"] if guesses or missing else []
    lines += [
        f"    {ours} = {_quoted(theirs) if len(theirs) == 1 else f'[{_quoted(theirs)}]'}"
        for ours, theirs in guesses.items()
    ]
    lines += [f'    {name} = "…"   # {columns[name].holds}' for name in missing if name not in guesses]
    lines.append(f"our columns are {', '.join(columns)}")
    return "\n".join(lines)


def _quoted(names: list[str]) -> str:
    return ", ".join('"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"' for name in names)


def _key(name: str) -> str:
    return " ".join(name.split()).casefold()

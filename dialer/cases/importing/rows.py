"""One row: a debtor with one debt, or the cell that is to blame."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any, TypeVar

from dialer.cases.debt import Debt, Item, ItemKind
from dialer.cases.debtor import Address, DebtorKind, Guarantor, NumberDetails, NumberKind, Provenance
from dialer.cases.importing import cells
from dialer.cases.importing.cells import FACTS, Form
from dialer.cases.importing.columns import COLUMNS, GUARANTORS, PARTS, PHONES, Column
from dialer.cases.importing.numbers import numbers_of
from dialer.cases.importing.rejects import BadCellError, RowError
from dialer.cases.model import NewCase, merged_facts
from dialer.kernel.errors import InputError
from dialer.kernel.phone import PhoneNumber

_WITH_LINES = {*PHONES, *(f"{prefix}_phone" for prefix in GUARANTORS), "note"}
_REQUIRED = [name for name, column in COLUMNS.items() if column.required and name not in PHONES]
_T = TypeVar("_T")
_PART_KINDS = dict(zip(PARTS, (ItemKind.PRINCIPAL, ItemKind.INTEREST, ItemKind.FEES, ItemKind.COSTS), strict=True))


@dataclass(frozen=True, slots=True)
class Defaults:
    """What stands for an empty cell. Raises InputError for what no cell may hold either."""

    region: str = "IT"
    zone: str = ""
    language: str = "it"

    def __post_init__(self) -> None:
        for option, text, reader in (("zone", self.zone, cells.zone), ("language", self.language, cells.language)):
            try:
                if text:
                    reader(text)
            except BadCellError as error:
                raise InputError(f"--{option} {text!r}: {error}", error.remedy) from None


class CellsOfRow:
    """The cells of one row by our names for its columns. Each method may raise RowError, and so does making it."""

    def __init__(self, raw: dict[str, str], form: Form) -> None:
        self._raw = raw
        self._form = form
        harmless = cells.harmless(raw.values())
        self._text = {
            name: _on_one_line(name, cells.bare(text) if harmless else self._cleaned(name, text))
            for name, text in raw.items()
            if text
        }

    def require(self, name: str, column: Column) -> str:
        """The text of a cell that must be filled."""
        if not (text := self._text.get(name, "")):
            raise RowError(name, "", "empty", f"fill in {column.holds}")
        return text

    def read(self, name: str, reader: Callable[[str], _T]) -> _T | None:
        """What a cell says; None where it is empty."""
        text = self._text.get(name, "")
        if not text:
            return None
        try:
            return reader(text)
        except BadCellError as error:
            raise RowError(name, self._raw[name].strip(), str(error), error.remedy) from None

    def day(self, name: str) -> date | None:
        return self.read(name, lambda text: cells.day(text, self._form))

    def _cleaned(self, name: str, text: str) -> str:
        try:
            return cells.clean(text)
        except BadCellError as error:
            raise RowError(name, cells.shown(text), str(error), error.remedy) from None


class Row(CellsOfRow):
    """A row of a file of cases."""

    def __init__(self, raw: dict[str, str], defaults: Defaults, form: Form) -> None:
        super().__init__(raw, form)
        self._defaults = defaults
        self.bad: list[RowError] = []
        """Cells without which the row comes in."""

    def case(self) -> NewCase:
        """The debtor with the one debt."""
        for name in _REQUIRED:
            self.require(name, COLUMNS[name])
        kind = self.read("debtor_kind", cells.debtor_kind)
        tax_code = self.read("tax_code", cells.tax_code) or ""
        if kind is None:
            kind = DebtorKind.COMPANY if tax_code.isdigit() else DebtorKind.PERSON
        numbers = self._numbers()
        return NewCase(
            creditor=self._text["creditor"],
            debtor_reference=self._text["debtor_reference"],
            debtor_name=self._text["debtor_name"],
            debts=(self._debt(),),
            numbers=tuple(numbers),
            zone=self.read("zone", cells.zone) or self._defaults.zone,
            language=self.read("language", cells.language) or self._defaults.language.lower(),
            household=self._text.get("household", ""),
            place=self.read("place", cells.place) or "",
            facts=self._facts(),
            kind=kind,
            tax_code=tax_code,
            pec=self.read("pec", cells.pec) or "",
            addresses=self._addresses(),
            number_details=tuple(
                NumberDetails(number, its_kind, Provenance.CREDITOR)
                for number, its_kind in numbers.items()
                if its_kind is not NumberKind.UNKNOWN
            ),
            guarantors=tuple(found for prefix in GUARANTORS if (found := self._guarantor(prefix))),
            risk_class=self._text.get("risk_class", ""),
            income_class=self._text.get("income_class", ""),
            mandate=self._text.get("mandate", ""),
            note=self._text.get("note", ""),
        )

    def _debt(self) -> Debt:
        currency = self.read("currency", cells.currency) or "EUR"
        amount = self.read("amount", lambda text: cells.owed(text, currency, self._form))
        assert amount is not None  # required, so looked at before
        parts = []
        for name, kind in _PART_KINDS.items():
            part = self.read(name, lambda text: cells.amount(text, currency, self._form))
            if part is not None and part.cents < 0:
                raise RowError(name, self._raw[name].strip(), "below zero", "lower the principal by it")
            if part is not None and part.cents:
                parts.append(Item(kind, part))
        whole = sum(part.amount.cents for part in parts)
        if parts and whole != amount.cents:
            raise RowError(
                "amount",
                self._raw["amount"].strip(),
                f"its parts add up to {whole // 100},{whole % 100:02d}",
                "correct the amount or its parts, or leave the parts empty",
            )
        return Debt(
            self._text["debt_reference"],
            amount,
            self.day("due_on"),
            tuple(parts),
            self.day("limitation_on"),
            self.read("limitation_years", cells.years),
        )

    def _facts(self) -> dict[str, Any]:
        read = ((name, self.read(name, partial(reader, form=self._form))) for name, reader in FACTS.items())
        return {name: value for name, value in read if value is not None}

    def _addresses(self) -> tuple[Address, ...]:
        street, postal_code, city, province = (
            self._text.get(name, "") for name in ("street", "postal_code", "city", "province")
        )
        if not (street or postal_code or city or province):
            return ()
        if postal_code.isdigit() and len(postal_code) < 5 and self._defaults.region == "IT":
            postal_code = postal_code.zfill(5)  # 00184 with the zeros that a spreadsheet dropped: no CAP is shorter
        return (Address(street, postal_code, city, province.upper()),)

    def _guarantor(self, prefix: str) -> Guarantor | None:
        name = self._text.get(f"{prefix}_name", "")
        code = self.read(f"{prefix}_tax_code", cells.tax_code) or ""
        column = f"{prefix}_phone"
        found = numbers_of(self._text.get(column, ""), self._defaults.region) if self._text.get(column) else None
        if not name:
            if code or found:
                raise RowError(f"{prefix}_name", "", "a guarantor without a name", "fill it in")
            return None
        for text, error in found.bad if found else ():
            self.bad.append(RowError(column, text, str(error), error.remedy))
        return Guarantor(name, code, tuple(found.numbers) if found else ())

    def _numbers(self) -> dict[PhoneNumber, NumberKind]:
        """The numbers that can be dialled, those at work last; a bad one costs its row only where no other is left."""
        numbers: dict[PhoneNumber, NumberKind] = {}
        bad: list[RowError] = []
        for name in PHONES:
            if not (text := self._text.get(name, "")):
                continue
            found = numbers_of(
                text,
                self._defaults.region,
                landline_zero=self._form.landline_zero,
                at_work=name == "workplace_phone",
            )
            bad += [RowError(name, part, str(error), error.remedy) for part, error in found.bad]
            for number, kind in found.numbers.items():
                numbers.setdefault(number, kind)
        if not numbers:
            raise bad[0] if bad else RowError("phone_1", "", "empty", f"fill in {COLUMNS['phone_1'].holds}")
        self.bad += bad
        return dict(sorted(numbers.items(), key=lambda item: item[1] is NumberKind.WORKPLACE))


def _on_one_line(name: str, text: str) -> str:
    if name in _WITH_LINES or not ("\n" in text or "  " in text):
        return text
    return " ".join(text.split())


def joined(known: NewCase, more: NewCase) -> NewCase:
    """One case of two rows of the same debtor."""
    return replace(
        known,
        debts=known.debts + more.debts,
        numbers=tuple(dict.fromkeys(known.numbers + more.numbers)),
        zone=known.zone or more.zone,
        household=known.household or more.household,
        place=known.place or more.place,
        facts=merged_facts(known.facts, more.facts),
        tax_code=known.tax_code or more.tax_code,
        pec=known.pec or more.pec,
        kind=known.kind if known.tax_code or not more.tax_code else more.kind,
        addresses=tuple(dict.fromkeys(known.addresses + more.addresses)),
        number_details=tuple({of.number: of for of in (*more.number_details, *known.number_details)}.values()),
        guarantors=tuple({(of.name, of.tax_code): of for of in (*more.guarantors, *known.guarantors)}.values()),
        risk_class=known.risk_class or more.risk_class,
        income_class=known.income_class or more.income_class,
        mandate=known.mandate or more.mandate,
        note=known.note if more.note in known.note else "\n".join(filter(None, (known.note, more.note))),
    )

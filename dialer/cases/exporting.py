"""Cases as the rows of a file that `dialer cases import` takes in again."""

from collections.abc import Iterator
from datetime import date

from dialer.cases.debt import Debt, ItemKind
from dialer.cases.debtor import NumberKind
from dialer.cases.importing.columns import GUARANTORS, PARTS
from dialer.cases.model import NewCase
from dialer.kernel.money import Money

BETWEEN = " / "
"""Between the numbers of one cell."""
_PHONES = ("phone_1", "phone_2", "phone_3")


def rows(case: NewCase) -> Iterator[dict[str, str]]:
    """One row a debt, by the columns of an import. A third guarantor and a second address have no column."""
    shared = _debtor(case) | _numbers(case) | _guarantors(case)
    for debt in case.debts:
        yield shared | _debt(debt)


def _debtor(case: NewCase) -> dict[str, str]:
    cells = {
        "creditor": case.creditor,
        "debtor_reference": case.debtor_reference,
        "debtor_name": case.debtor_name,
        "zone": case.zone,
        "language": case.language,
        "household": case.household,
        "place": case.place,
        "debtor_kind": case.kind.value,
        "tax_code": case.tax_code,
        "pec": case.pec,
        "mandate": case.mandate,
        "risk_class": case.risk_class,
        "income_class": case.income_class,
        "note": case.note,
    }
    for address in case.addresses[:1]:
        cells |= {
            "street": address.street,
            "postal_code": address.postal_code,
            "city": address.city,
            "province": address.province,
        }
    for name, value in case.facts.items():
        cells[name] = value.isoformat() if isinstance(value, date) else "yes" if value else "no"
    return cells


def _numbers(case: NewCase) -> dict[str, str]:
    at_work = {of.number for of in case.number_details if of.kind is NumberKind.WORKPLACE}
    others = [number for number in case.numbers if number not in at_work]
    cells: dict[str, str] = dict(zip(_PHONES, others, strict=False))
    if len(others) > len(_PHONES):
        cells[_PHONES[-1]] = BETWEEN.join(others[len(_PHONES) - 1 :])
    return cells | {"workplace_phone": BETWEEN.join(number for number in case.numbers if number in at_work)}


def _guarantors(case: NewCase) -> dict[str, str]:
    cells = {}
    for prefix, guarantor in zip(GUARANTORS, case.guarantors, strict=False):
        cells[f"{prefix}_name"] = guarantor.name
        cells[f"{prefix}_tax_code"] = guarantor.tax_code
        cells[f"{prefix}_phone"] = BETWEEN.join(guarantor.numbers)
    return cells


def _debt(debt: Debt) -> dict[str, str]:
    cells = {
        "debt_reference": debt.reference,
        "amount": _amount(debt.amount),
        "currency": debt.amount.currency,
        "due_on": debt.due_on.isoformat() if debt.due_on else "",
        "limitation_on": debt.limitation_on.isoformat() if debt.limitation_on else "",
        "limitation_years": str(debt.limitation_years or ""),
    }
    for name, kind in zip(PARTS, ItemKind, strict=True):
        cents = sum(item.amount.cents for item in debt.items if item.kind is kind)
        if cents:
            cells[name] = _amount(Money(cents, debt.amount.currency))
    return cells


def _amount(amount: Money) -> str:
    sign = "-" if amount.cents < 0 else ""
    return f"{sign}{abs(amount.cents) // 100},{abs(amount.cents) % 100:02d}"

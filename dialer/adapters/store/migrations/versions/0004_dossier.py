"""The dossier: who the debtor is, what the debt is made of, payments, flags with their history, and who looked."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_INSTANT = sa.BigInteger


def upgrade() -> None:
    for table, columns in {
        "debtors": ("tax_code", "risk_class", "income_class"),
        "cases": ("mandate",),
        "numbers": ("best_hours", "note"),
    }.items():
        for column in columns:
            op.add_column(table, _text(column, server_default=""))
    op.add_column("debtors", _text("kind", server_default="person"))
    op.add_column("numbers", _text("kind", server_default="unknown"))
    op.add_column("numbers", _text("provenance", server_default="unknown"))
    op.add_column("numbers", sa.Column("verified_on", sa.Date(), nullable=True))
    op.add_column("cases", sa.Column("note", sa.Text(), server_default="", nullable=False))
    op.add_column("debts", sa.Column("limitation_on", sa.Date(), nullable=True))
    op.add_column("debts", sa.Column("limitation_years", sa.Integer(), nullable=True))
    _index("debtors", "tax_code")
    _index("cases", "debtor_id")
    _index("debts", "limitation_on")
    _creditors()
    _of_a_case()
    _money()
    _on_record()
    _take_over(op.get_bind())


def downgrade() -> None:
    msg = "a record is never taken back: restore the backup"
    raise RuntimeError(msg)


def _creditors() -> None:
    op.create_table("creditors", _text("name"), _text("tax_code", server_default=""), _key("creditors", "name"))
    op.create_table(
        "mandates",
        _text("creditor"),
        _text("reference"),
        _text("licence"),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        _text("packs"),
        sa.Column("retention_days", sa.Integer(), nullable=False),
        _text("currency"),
        _key("mandates", "creditor", "reference"),
    )


def _of_a_case() -> None:
    op.create_table(
        "addresses",
        *_placed("debtor_id"),
        *map(_text, ("kind", "street", "postal_code", "city", "province", "country")),
        _foreign("addresses", "debtor_id", "debtors"),
        _key("addresses", "debtor_id", "position"),
    )
    op.create_table(
        "guarantors",
        *_placed("case_id"),
        *map(_text, ("name", "tax_code", "numbers", "note")),
        _foreign("guarantors", "case_id", "cases"),
        _key("guarantors", "case_id", "position"),
    )
    op.create_table(
        "debt_items",
        *_placed("debt_id"),
        _text("kind"),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        _text("description"),
        _foreign("debt_items", "debt_id", "debts"),
        _key("debt_items", "debt_id", "position"),
    )


def _money() -> None:
    op.create_table(
        "payments",
        _text("creditor"),
        _text("reference"),
        sa.Column("debt_id", sa.Integer(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        *map(_text, ("method", "receipt", "recorded_by")),
        _instant("recorded_at"),
        _foreign("payments", "debt_id", "debts"),
        _key("payments", "creditor", "reference"),
    )
    _index("payments", "debt_id")
    _index("payments", "recorded_at")
    op.create_table(
        "written_facts",
        sa.Column("debt_id", sa.Integer(), nullable=False),
        _text("kind"),
        sa.Column("happened_on", sa.Date(), nullable=False),
        *map(_text, ("evidence", "recorded_by")),
        _instant("recorded_at"),
        _foreign("written_facts", "debt_id", "debts"),
        _key("written_facts", "debt_id", "kind", "happened_on"),
    )


def _on_record() -> None:
    op.create_table(
        "case_history",
        sa.Column("case_id", sa.Integer(), nullable=False),
        _text("reference"),
        _instant("at"),
        *map(_text, ("kind", "direction")),
        sa.Column("text", sa.Text(), nullable=False),
        _text("recorded_by"),
        _instant("recorded_at"),
        _foreign("case_history", "case_id", "cases"),
        _key("case_history", "case_id", "reference"),
    )
    _index("case_history", "case_id", "at")
    op.create_table(
        "flag_changes",
        _text("line_id"),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        _text("name"),
        sa.Column("debtor_id", sa.Integer(), nullable=True),
        sa.Column("number", sa.String(), nullable=True),
        sa.Column("debt_id", sa.Integer(), nullable=True),
        _instant("at"),
        sa.Column("until", _INSTANT(), nullable=True),
        _instant("recorded_at"),
        *map(_text, ("recorded_by", "evidence")),
        _key("flag_changes", "line_id", "revision"),
    )
    _index("flag_changes", "debtor_id")
    _index("flag_changes", "number")
    op.create_table(
        "case_views",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        _text("viewed_by"),
        _instant("viewed_at"),
        _text("how"),
        _key("case_views", "id"),
    )
    _index("case_views", "case_id", "viewed_at")


def _take_over(connection: sa.Connection) -> None:
    """What is known of creditors and flags so far: of a flag, its last word."""
    connection.execute(sa.text("INSERT INTO creditors (name) SELECT DISTINCT creditor FROM debtors"))
    changes: list[dict[str, Any]] = []
    for text, written_at in connection.execute(sa.text("SELECT line, written_at FROM ledger WHERE kind = 'flag'")):
        _, line_id, flag_revision, debtor, number, _, name, debt, until = json.loads(text)
        changes.append(
            {
                "line_id": line_id,
                "revision": flag_revision,
                "name": name,
                "debtor_id": debtor,
                "number": number,
                "debt_id": debt,
                "at": written_at,
                "until": until,
                "recorded_at": written_at,
                "recorded_by": "",
                "evidence": "",
            }
        )
    if changes:
        columns = ", ".join(changes[0])
        values = ", ".join(f":{name}" for name in changes[0])
        connection.execute(sa.text(f"INSERT INTO flag_changes ({columns}) VALUES ({values})"), changes)  # noqa: S608


def _text(name: str, server_default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.String(), server_default=server_default, nullable=False)


def _instant(name: str) -> sa.Column[int]:
    return sa.Column(name, _INSTANT(), nullable=False)


def _placed(owner: str) -> tuple[sa.Column[int], sa.Column[int]]:
    return (sa.Column(owner, sa.Integer(), nullable=False), sa.Column("position", sa.Integer(), nullable=False))


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=op.f(f"pk_{table}"))


def _foreign(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}_{target}"))


def _index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))

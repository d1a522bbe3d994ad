"""A column among many ids, as one parameter: a list of parameters is written out anew for each question, which costs more
than the answer.
"""

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import BigInteger, Dialect, String, TypeDecorator, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NULLTYPE, TypeEngine


class _Ids(TypeDecorator[Collection[int]]):
    """An array on PostgreSQL, and its JSON on SQLite, which has none."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        array = dialect.name == "postgresql"
        return dialect.type_descriptor(ARRAY(BigInteger()) if array else String())

    def process_bind_param(self, value: Collection[int] | None, dialect: Dialect) -> Any:
        ids = list(value or ())
        return ids if dialect.name == "postgresql" else json.dumps(ids)


class _Among(FunctionElement[bool]):
    type = NULLTYPE  # type: ignore[assignment]  # of a Boolean function SQLite is asked whether it is 1, and then takes no index
    inherit_cache = True


def among(column: ColumnElement[int], ids: str) -> ColumnElement[bool]:
    """Whether the column holds one of the parameter `ids`."""
    return _Among(column, bindparam(ids, type_=_Ids()))


@compiles(_Among, "postgresql")
def _any(element: _Among, compiler: Any, **kw: Any) -> str:
    column, ids = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} = ANY ({ids})"


@compiles(_Among, "sqlite")
def _each(element: _Among, compiler: Any, **kw: Any) -> str:
    column, ids = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({ids}))"  # noqa: S608 -- names and marks that the compiler wrote

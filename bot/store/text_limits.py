"""Texts that are too long for their column, refused in the words of the domain.

PostgreSQL refuses them in its own, SQLite keeps them, and what is kept here must go there too.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import String, event
from sqlalchemy.engine import Connection
from sqlalchemy.orm import DeclarativeBase, Mapper
from sqlalchemy.types import TypeDecorator, TypeEngine

from bot.domain.errors import TextTooLong


def attach(base: type[DeclarativeBase]) -> None:
    """Look at every row of ``base`` before it is written.

    Writing one then raises `bot.domain.errors.TextTooLong`.
    """
    for moment in ("before_insert", "before_update"):
        event.listen(base, moment, _require_short, propagate=True)


def _require_short(mapper: Mapper[Any], _connection: Connection, row: Any) -> None:
    for name, most_chars in _limits(mapper):
        value = row.__dict__.get(name)
        if isinstance(value, str) and len(value) > most_chars:
            raise TextTooLong(name, len(value), most_chars)


@cache
def _limits(mapper: Mapper[Any]) -> tuple[tuple[str, int], ...]:
    """Return the texts of bounded length of a table, with how long each may be."""
    columns = ((each.key, _most_chars(each.columns[0].type)) for each in mapper.column_attrs)
    return tuple((name, most_chars) for name, most_chars in columns if most_chars is not None)


def _most_chars(kind: TypeEngine[Any]) -> int | None:
    plain = kind.impl_instance if isinstance(kind, TypeDecorator) else kind
    return plain.length if isinstance(plain, String) else None

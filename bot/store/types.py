"""Column types."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect, String, Text
from sqlalchemy.types import TypeDecorator

from bot.domain.time_window import require_aware


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant, kept in UTC; naive values are refused.

    SQLite has no time type: there the text form is of fixed width, so that comparing texts
    compares instants, which the trigger against overlapping claims relies on.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return ``value`` in UTC; without its zone for SQLite.

        Raises:
            ValueError: ``value`` is naive.
        """
        if value is None:
            return None
        utc = require_aware(value).astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Return ``value`` aware and in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _storable(value: str | None) -> str | None:
    """Return the text with a mark in place of what no database takes.

    PostgreSQL refuses NUL, and half a surrogate pair is not UTF-8; both turn up in the logs of
    trainings, and an end must be recorded whatever its last lines contain.
    """
    if value is None:
        return None
    whole = value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return whole.replace("\x00", "\ufffd")


class PlainString(TypeDecorator[str]):
    """A text of limited length, kept on every database alike."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        """Return ``value`` as every database takes it."""
        return _storable(value)


class PlainText(TypeDecorator[str]):
    """A text of any length, kept on every database alike."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        """Return ``value`` as every database takes it."""
        return _storable(value)

"""Messages that belong to no reservation."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.tables import Base
from bot.store.types import PlainText


class DirectMessageRow(Base):
    """Something to tell one person, or a channel, that belongs to no reservation.

    Like a row of the outbox, and in the same ``lane``: at least once, in order, one at a time.
    """

    __tablename__ = "direct_messages"
    __table_args__ = (
        Index(
            "ix_direct_messages_pending",
            "lane",
            "created_at",
            postgresql_where=text("state = 'pending'"),
            sqlite_where=text("state = 'pending'"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    lane: Mapped[str]
    payload: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(16), default="pending")
    tries: Mapped[int] = mapped_column(Integer, default=0)
    not_before: Mapped[datetime]
    lease_owner: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(PlainText, default="")
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]

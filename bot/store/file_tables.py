"""Tables of files on their way into and out of the artifact store, and of what agents tell early.

Apart from `bot.store.tables`, which holds what all of Berth stands on.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bot.store.tables import Base


class DiscardedFileRow(Base):
    """A key of the artifact store that nobody refers to, or not yet; deleted when it is time.

    A key is marked before it is written and claimed when what was written is recorded: whatever
    dies in between leaves nothing behind for good.  ``taken_at``: too late to claim it.
    """

    __tablename__ = "discarded_files"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    delete_after: Mapped[datetime] = mapped_column(index=True)
    taken_at: Mapped[datetime | None]


class UploadRow(Base):
    """A large file that arrives in chunks; gone once it is whole and recorded as an artifact."""

    __tablename__ = "uploads"
    __table_args__ = (UniqueConstraint("attempt_id", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"))
    name: Mapped[str]
    sha256: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int]
    received_bytes: Mapped[int] = mapped_column(default=0)
    touched_at: Mapped[datetime] = mapped_column(index=True)
    parts: Mapped[list[UploadPartRow]] = relationship(
        order_by="UploadPartRow.first_byte", cascade="all, delete-orphan", lazy="selectin"
    )


class UploadPartRow(Base):
    """One chunk of an upload, an object of its own in the artifact store."""

    __tablename__ = "upload_parts"
    __table_args__ = (UniqueConstraint("upload_id", "first_byte"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    upload_id: Mapped[int] = mapped_column(ForeignKey("uploads.id"))
    first_byte: Mapped[int]
    size_bytes: Mapped[int]
    key: Mapped[str]


class CheckpointRow(Base):
    """The newest checkpoint of an attempt: as it is on its host, and as it is in the store."""

    __tablename__ = "attempt_checkpoints"
    attempt_id: Mapped[int] = mapped_column(
        ForeignKey("attempts.id"), primary_key=True, autoincrement=False
    )
    epochs_done: Mapped[int] = mapped_column(Integer)
    seen_at: Mapped[datetime]
    stored_epochs_done: Mapped[int | None] = mapped_column(Integer)
    stored_at: Mapped[datetime | None]


class AttemptLogRow(Base):
    """The last lines of an attempt's log while it runs, as its agent told them last."""

    __tablename__ = "attempt_logs"
    attempt_id: Mapped[int] = mapped_column(
        ForeignKey("attempts.id"), primary_key=True, autoincrement=False
    )
    lines: Mapped[list[str]]
    at: Mapped[datetime]

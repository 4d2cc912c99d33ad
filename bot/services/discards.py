"""Objects of the artifact store that are to go: marked, deleted outside of it, then forgotten.

A key is marked before anything is written under it, and claimed in the transaction that records
what was written.  Whatever dies in between, nothing stays in the store that nobody knows of.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.engine import CursorResult

from bot.services.transaction import Tx, reads_only
from bot.store.file_tables import DiscardedFileRow

TIME_TO_WRITE = timedelta(hours=1)
"""What was not recorded so long after its key was given out is deleted."""
READERS_FINISH_WITHIN = timedelta(minutes=15)
"""How long a file that was replaced can still be fetched by whoever has begun to."""
_TAKEN_FOR = timedelta(minutes=5)
_AT_ONCE = 100


def new_key(tx: Tx, folder: str, name: str) -> str:
    """Return a key that was never used before; it is deleted again unless it is claimed."""
    key = f"{folder}/{secrets.token_hex(6)}/{name}"
    mark(tx, (key,), tx.now + TIME_TO_WRITE)
    return key


def mark(tx: Tx, keys: Collection[str], delete_after: datetime) -> None:
    """Have files deleted at that time or later; one that is marked keeps its time. Idempotent."""
    known = set(
        tx.session.scalars(select(DiscardedFileRow.key).where(DiscardedFileRow.key.in_(list(keys))))
    )
    tx.session.add_all(
        DiscardedFileRow(key=key, delete_after=delete_after) for key in keys if key not in known
    )


def claim(tx: Tx, key: str) -> bool:
    """Keep what was written under a key of `new_key`; False if it was too late for that."""
    tx.session.flush()
    result = tx.session.execute(
        delete(DiscardedFileRow).where(
            DiscardedFileRow.key == key, DiscardedFileRow.taken_at.is_(None)
        )
    )
    assert isinstance(result, CursorResult)  # noqa: S101 - narrows the type for rowcount
    return result.rowcount == 1


def take_due(tx: Tx) -> tuple[str, ...]:
    """Return keys that are to be deleted now; from here on nobody can claim them.

    They are taken again if they are not forgotten within five minutes.
    """
    rows = tx.session.scalars(
        select(DiscardedFileRow)
        .where(DiscardedFileRow.delete_after <= tx.now, _free(tx.now))
        .order_by(DiscardedFileRow.delete_after, DiscardedFileRow.id)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    keys = []
    for row in rows:
        row.taken_at = tx.now
        keys.append(row.key)
    return tuple(keys)


def forget(tx: Tx, keys: Collection[str]) -> None:
    """Note that files are deleted. Idempotent."""
    tx.session.execute(delete(DiscardedFileRow).where(DiscardedFileRow.key.in_(list(keys))))


@reads_only
def next_due_at(tx: Tx) -> datetime | None:
    """Return when there is something to delete next, or None."""
    return tx.session.scalar(select(func.min(DiscardedFileRow.delete_after)).where(_free(tx.now)))


def _free(now: datetime) -> ColumnElement[bool]:
    return or_(DiscardedFileRow.taken_at.is_(None), DiscardedFileRow.taken_at <= now - _TAKEN_FOR)

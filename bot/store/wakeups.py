"""How a transaction says that there may be something new for the clockwork."""

from __future__ import annotations

from sqlalchemy.orm import Session

_KEY = "berth_wake_clockwork"


def mark(session: Session) -> None:
    """Say that a timer was set or a message was put into the outbox."""
    session.info[_KEY] = True


def is_marked(session: Session) -> bool:
    """Tell whether the transaction said so."""
    return bool(session.info.get(_KEY, False))

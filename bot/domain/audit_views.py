"""Audit events as people and programs read them, and what they may ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which events: those that fit everything that is set.

    ``who`` is a Slack user id, a person's name or a host's; ``subject_kind`` and ``subject_id``
    name the thing (``run`` events of a reservation belong to it); ``action`` begins like what was
    done: ``reservation`` or ``reservation.cancelled``.
    """

    who: str = ""
    subject_kind: str = ""
    subject_id: int | None = None
    action: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One event; ``sha256`` is the head of the chain after it, empty while it is not sealed."""

    event_id: int
    at: datetime
    actor_kind: str
    actor: str
    actor_name: str
    action: str
    subject_kind: str
    subject_id: int
    reason: str
    data: Mapping[str, object] = field(default_factory=dict)
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some events, and the cursor of the next ones; None at the end."""

    lines: tuple[AuditLine, ...]
    cursor: int | None

"""The chain over the audit log: pure hashing, and finding the first event that breaks it.

Every event is hashed together with the head of the chain before it.  What is kept of each is a
link; every stretch of links ends in a seal.  A change of any event changes every head after it, so
that a single head that somebody has noted elsewhere vouches for all events before it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

GENESIS = "0" * 64
"""The head of the chain before its first event."""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One event as it is hashed: everything that is kept of it."""

    event_id: int
    at: datetime
    actor_kind: str
    actor: str
    action: str
    subject_kind: str
    subject_id: int
    reason: str
    data: Any


@dataclass(frozen=True, slots=True)
class Link:
    """The head after one event, and the event before it (0 before the first)."""

    event_id: int
    previous_event_id: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Seal:
    """The head after a stretch of events, which begins behind that of the seal before."""

    seal_id: int
    first_event_id: int
    last_event_id: int
    event_count: int
    previous_sha256: str
    sha256: str
    sealed_at: datetime


class Breach(StrEnum):
    """What is wrong with the chain."""

    ALTERED = "altered"
    REMOVED = "removed"
    INSERTED = "inserted"
    SEAL = "seal"
    HEAD = "head"


@dataclass(frozen=True, slots=True)
class Break:
    """The first thing that does not fit, at an event; ``HEAD`` is about no event (0)."""

    breach: Breach
    event_id: int


def canonical(record: AuditRecord) -> bytes:
    """Return an event as bytes that are the same whichever database kept it."""
    return json.dumps(
        {
            "id": record.event_id,
            "at": record.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "actor_type": record.actor_kind,
            "actor": record.actor,
            "action": record.action,
            "subject_type": record.subject_kind,
            "subject_id": record.subject_id,
            "reason": record.reason,
            "data": record.data,
        },
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=True,
    ).encode()


def head_after(previous_sha256: str, previous_event_id: int, record: AuditRecord) -> str:
    """Return the head of the chain after an event."""
    digest = hashlib.sha256(f"{previous_sha256}:{previous_event_id}:".encode())
    digest.update(canonical(record))
    return digest.hexdigest()


def linked(
    records: Iterable[AuditRecord], previous_sha256: str, previous_event_id: int
) -> list[Link]:
    """Return the links of events that follow each other by their ids."""
    links: list[Link] = []
    for record in records:
        head = head_after(previous_sha256, previous_event_id, record)
        links.append(Link(record.event_id, previous_event_id, head))
        previous_sha256, previous_event_id = head, record.event_id
    return links


@dataclass(slots=True)
class ChainCheck:
    """Goes along the chain and stops at the first break.

    Feed it everything of a stretch by `event`, in the order of ids, then its seal by `seal`; begin
    with the seal before, or with nothing.  Once ``broken`` is set it stays.
    """

    head: str = GENESIS
    last_event_id: int = 0
    broken: Break | None = None
    checked: int = 0
    _count: int = 0
    _previous_head: str = field(init=False, default="")

    def __post_init__(self) -> None:
        self._previous_head = self.head

    def event(self, event_id: int, record: AuditRecord | None, link: Link | None) -> None:
        """Take what is kept of one event: itself, its link, or only one of both."""
        if self.broken is not None:
            return
        if link is None:
            self._break(Breach.INSERTED, event_id)
        elif link.previous_event_id < self.last_event_id:
            # Whoever linked this one knew nothing of the last: that came in between later.
            self._break(Breach.INSERTED, self.last_event_id)
        elif link.previous_event_id > self.last_event_id:
            self._break(Breach.REMOVED, link.previous_event_id)
        elif record is None:
            self._break(Breach.REMOVED, event_id)
        elif head_after(self.head, self.last_event_id, record) != link.sha256:
            self._break(Breach.ALTERED, event_id)
        else:
            self.head, self.last_event_id = link.sha256, event_id
            self._count += 1
            self.checked += 1

    def seal(self, seal: Seal) -> None:
        """Take the seal at the end of a stretch."""
        if self.broken is not None:
            return
        if seal.previous_sha256 != self._previous_head:
            self._break(Breach.SEAL, seal.first_event_id)
        elif self.last_event_id < seal.last_event_id:
            self._break(Breach.REMOVED, seal.last_event_id)
        elif self.head != seal.sha256 or self._count != seal.event_count:
            self._break(Breach.SEAL, seal.last_event_id)
        self._previous_head, self._count = seal.sha256, 0

    def end(self, unsealed_links: Iterable[int]) -> None:
        """Take the ids of links behind the last seal: there are none where no seal is missing."""
        first = min(unsealed_links, default=None)
        if first is not None and self.broken is None:
            self._break(Breach.SEAL, first)

    def _break(self, breach: Breach, event_id: int) -> None:
        self.broken = Break(breach, event_id)

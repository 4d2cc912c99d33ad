"""Audit events: who did what to which thing, when, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.domain.people import Member
from bot.services.transaction import Tx
from bot.store.tables import AuditEventRow


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: ``member`` (a Slack user id), ``agent`` (a host's name) or ``berth`` itself."""

    kind: str
    name: str


CLOCKWORK = Actor("berth", "clockwork")
OPERATOR = Actor("berth", "operator")


def by_member(member: Member) -> Actor:
    """Return the actor for a person."""
    return Actor("member", member.slack_user_id)


def by_agent(host_name: str) -> Actor:
    """Return the actor for a host's agent."""
    return Actor("agent", host_name)


def record(
    tx: Tx,
    actor: Actor,
    action: str,
    subject: tuple[str, int],
    *,
    reason: str = "",
    **data: object,
) -> None:
    """Add an audit event to this transaction.

    ``subject`` is a pair such as ``("reservation", 12)``; ``data`` holds plain values.
    """
    tx.session.add(
        AuditEventRow(
            at=tx.now,
            actor_type=actor.kind,
            actor=actor.name,
            action=action,
            subject_type=subject[0],
            subject_id=subject[1],
            reason=reason,
            data={name: _plain(value) for name, value in data.items()},
        )
    )


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple | list | set | frozenset):
        return [_plain(item) for item in value]
    return value

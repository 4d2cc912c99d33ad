"""Secrets of agents and pipelines: shown once, kept as digests."""

from __future__ import annotations

import hashlib
import secrets
from enum import StrEnum

from sqlalchemy import select

from bot.domain.errors import TokenRefused
from bot.services import audit
from bot.services.transaction import Tx, reads_only
from bot.store.tables import TokenRow

PREFIX = "berth_"


class Scope(StrEnum):
    """What a token is good for."""

    AGENT = "agent"


def create_token(tx: Tx, name: str, scope: Scope) -> str:
    """Make a token and return it; it cannot be shown again."""
    token = PREFIX + secrets.token_urlsafe(32)
    add_token(tx, name, scope, token)
    return token


def add_token(tx: Tx, name: str, scope: Scope, token: str) -> None:
    """Accept ``token`` from now on. Idempotent for the same token."""
    digest = _digest(token)
    if tx.session.scalar(select(TokenRow.id).where(TokenRow.sha256 == digest)) is not None:
        return
    row = TokenRow(name=name, scope=scope, sha256=digest, created_at=tx.now)
    tx.session.add(row)
    tx.session.flush()
    audit.record(
        tx,
        audit.OPERATOR,
        "token.created",
        ("token", row.id),
        name=name,
        scope=scope.value,
    )


def revoke_token(tx: Tx, name: str) -> int:
    """Refuse all tokens of that name from now on; return how many were still good."""
    rows = tx.session.scalars(
        select(TokenRow).where(TokenRow.name == name, TokenRow.revoked_at.is_(None))
    ).all()
    for row in rows:
        row.revoked_at = tx.now
        audit.record(tx, audit.OPERATOR, "token.revoked", ("token", row.id), name=name)
    return len(rows)


@reads_only
def check_token(tx: Tx, token: str, scope: Scope) -> None:
    """Accept a token or refuse it.

    Raises:
        TokenRefused: it is unknown, revoked, or made for something else.
    """
    row = tx.session.scalar(select(TokenRow).where(TokenRow.sha256 == _digest(token)))
    if row is None or row.revoked_at is not None or row.scope != scope:
        raise TokenRefused


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

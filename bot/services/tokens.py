"""Secrets of agents and of members' programs: shown once, kept as digests."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import or_, select, update

from bot.domain.errors import TokenRefused, UnknownPerson
from bot.domain.people import Member
from bot.services import audit
from bot.services.people import member_of
from bot.services.transaction import Tx, reads_only
from bot.store.tables import MemberRow, TokenRow

PREFIX = "berth_"
USE_IS_NEWS_AFTER = timedelta(minutes=1)


class Scope(StrEnum):
    """What a token is good for: to be an agent, or to act as the member whom it names."""

    AGENT = "agent"
    MEMBER = "member"


def create_token(tx: Tx, name: str, scope: Scope) -> str:
    """Make a token and return it; it cannot be shown again."""
    token = PREFIX + secrets.token_urlsafe(32)
    add_token(tx, name, scope, token)
    return token


def add_token(tx: Tx, name: str, scope: Scope, token: str, *, member_id: int | None = None) -> None:
    """Accept ``token`` from now on. Idempotent for the same token."""
    digest = _digest(token)
    if tx.session.scalar(select(TokenRow.id).where(TokenRow.sha256 == digest)) is not None:
        return
    row = TokenRow(name=name, scope=scope, sha256=digest, member_id=member_id, created_at=tx.now)
    tx.session.add(row)
    tx.session.flush()
    audit.record(
        tx,
        audit.OPERATOR,
        "token.created",
        ("token", row.id),
        name=name,
        scope=scope.value,
        member_id=member_id,
    )


def create_member_token(tx: Tx, name: str, slack_user_id: str) -> str:
    """Make a token that acts as a member and return it; it cannot be shown again.

    Raises:
        UnknownPerson: Berth has never met that person: they write `/gpu` once, then it does.
    """
    member = tx.session.scalar(select(MemberRow).where(MemberRow.slack_user_id == slack_user_id))
    if member is None:
        raise UnknownPerson(slack_user_id)
    token = PREFIX + secrets.token_urlsafe(32)
    add_token(tx, name, Scope.MEMBER, token, member_id=member.id)
    return token


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


@dataclass(frozen=True, slots=True)
class TokenUse:
    """Who comes with a token; ``is_news`` where its last use was noted more than a minute ago."""

    token_id: int
    member: Member
    is_news: bool


@reads_only
def use_of(tx: Tx, token: str) -> TokenUse:
    """Return the member as whom a token acts, and whether its use is to be noted.

    Raises:
        TokenRefused: it is unknown, revoked, or made for something else.
    """
    row = tx.session.scalar(select(TokenRow).where(TokenRow.sha256 == _digest(token)))
    if row is None or row.revoked_at is not None or row.scope != Scope.MEMBER or not row.member:
        raise TokenRefused
    last = row.last_used_at
    is_news = last is None or tx.now - last >= USE_IS_NEWS_AFTER
    return TokenUse(row.id, member_of(row.member), is_news)


def note_use(tx: Tx, token_id: int) -> None:
    """Note that a token is in use; not more than once a minute, whoever asks. Idempotent."""
    stale = or_(
        TokenRow.last_used_at.is_(None), TokenRow.last_used_at <= tx.now - USE_IS_NEWS_AFTER
    )
    tx.session.execute(
        update(TokenRow).where(TokenRow.id == token_id, stale).values(last_used_at=tx.now)
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

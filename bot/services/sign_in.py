"""Signing in to the pages: links from the bot, the way through Slack, and sessions.

Secrets are made here and kept as digests only.  Everything that is good once is used up by
compare-and-set, so that of two who come with the same secret one is let in.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, delete, func, select, update

from bot.domain.errors import Unavailable
from bot.domain.people import Member
from bot.domain.sign_in_errors import LinkOver, SignInRefused
from bot.services import audit
from bot.services.people import member_of
from bot.services.transaction import Tx, reads_only
from bot.store.sign_in_tables import SignInFlowRow, SignInLinkRow, WebSessionRow

KEPT_WHEN_OVER = timedelta(days=7)
"""Rows of what is over are thrown away so much later, with the next that is made."""
HOME = "/"
LONGEST_PATH = 1000
MOST_ON_THEIR_WAY = 1000
"""Anybody may begin to sign in, so what that writes is bounded."""


@dataclass(frozen=True, slots=True)
class Link:
    """The secret of a link, shown once, and how long it is good for."""

    secret: str
    good_for: timedelta


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that has just begun: its secret, shown once, and where to go on."""

    secret: str
    next_path: str
    member: Member


@dataclass(frozen=True, slots=True)
class Flow:
    """What goes to Slack with somebody who wants to sign in; ``browser`` stays in their browser."""

    state: str
    browser: str
    nonce: str
    code_verifier: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected of somebody who comes back from Slack."""

    nonce: str
    code_verifier: str
    next_path: str


def make_link(tx: Tx, member: Member, next_path: str = HOME) -> Link:
    """Return a link that signs the member in once, within the policy's minutes."""
    _forget_old(tx)
    secret = secrets.token_urlsafe(32)
    row = SignInLinkRow(
        sha256=_digest(secret),
        member_id=member.member_id,
        next_path=own_path(next_path),
        created_at=tx.now,
        expires_at=tx.now + tx.policy.sign_in_link,
    )
    tx.session.add(row)
    tx.session.flush()
    audit.record(
        tx, audit.by_member(member), "sign_in_link.made", ("member", member.member_id), link=row.id
    )
    return Link(secret, tx.policy.sign_in_link)


@reads_only
def whose_link(tx: Tx, secret: str) -> Member:
    """Return whom a link would sign in.

    Raises:
        LinkOver: it has been used, is too old, or never was.
    """
    row = tx.session.scalar(
        select(SignInLinkRow).where(
            SignInLinkRow.sha256 == _digest(secret),
            SignInLinkRow.used_at.is_(None),
            SignInLinkRow.expires_at > tx.now,
        )
    )
    if row is None:
        raise LinkOver
    return member_of(row.member)


def use_link(tx: Tx, secret: str) -> Opened:
    """Use a link up and return the session that it opens.

    Raises:
        LinkOver: it has been used, is too old, or never was.
    """
    statement = (
        update(SignInLinkRow)
        .where(
            SignInLinkRow.sha256 == _digest(secret),
            SignInLinkRow.used_at.is_(None),
            SignInLinkRow.expires_at > tx.now,
        )
        .values(used_at=tx.now)
    )
    if cast("CursorResult[Any]", tx.session.execute(statement)).rowcount != 1:
        raise LinkOver
    row = tx.session.scalars(
        select(SignInLinkRow).where(SignInLinkRow.sha256 == _digest(secret))
    ).one()
    return open_session(tx, member_of(row.member), "link", row.next_path)


def begin_flow(tx: Tx, next_path: str) -> Flow:
    """Remember that somebody goes to Slack to sign in, and return what goes with them.

    Raises:
        Unavailable: so many are on their way that they cannot be people.
    """
    _forget_old(tx)
    on_their_way = select(func.count()).where(SignInFlowRow.expires_at > tx.now)
    if (tx.session.scalar(on_their_way) or 0) >= MOST_ON_THEIR_WAY:
        raise Unavailable
    flow = Flow(
        state=secrets.token_urlsafe(32),
        browser=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        code_verifier=secrets.token_urlsafe(64),
    )
    tx.session.add(
        SignInFlowRow(
            state_sha256=_digest(flow.state),
            browser_sha256=_digest(flow.browser),
            nonce=flow.nonce,
            code_verifier=flow.code_verifier,
            next_path=own_path(next_path),
            created_at=tx.now,
            expires_at=tx.now + tx.policy.sign_in_flow,
        )
    )
    return flow


def end_flow(tx: Tx, state: str, browser: str) -> Expected:
    """Use up what was remembered of somebody who comes back from Slack.

    Raises:
        SignInRefused: nobody was sent with that state, in that browser, lately.
    """
    statement = (
        update(SignInFlowRow)
        .where(
            SignInFlowRow.state_sha256 == _digest(state),
            SignInFlowRow.browser_sha256 == _digest(browser),
            SignInFlowRow.used_at.is_(None),
            SignInFlowRow.expires_at > tx.now,
        )
        .values(used_at=tx.now)
    )
    if cast("CursorResult[Any]", tx.session.execute(statement)).rowcount != 1:
        raise SignInRefused("stale")
    row = tx.session.scalars(
        select(SignInFlowRow).where(SignInFlowRow.state_sha256 == _digest(state))
    ).one()
    return Expected(row.nonce, row.code_verifier, row.next_path)


def open_session(tx: Tx, member: Member, how: str, next_path: str = HOME) -> Opened:
    """Sign a member in; ``how`` is ``slack`` or ``link``."""
    secret = secrets.token_urlsafe(32)
    row = WebSessionRow(
        sha256=_digest(secret),
        member_id=member.member_id,
        how=how,
        created_at=tx.now,
        expires_at=tx.now + tx.policy.web_session,
    )
    tx.session.add(row)
    tx.session.flush()
    audit.record(
        tx,
        audit.by_member(member),
        "member.signed_in",
        ("member", member.member_id),
        how=how,
        session=row.id,
    )
    return Opened(secret, own_path(next_path), member)


@reads_only
def member_of_session(tx: Tx, secret: str) -> Member | None:
    """Return who is signed in with that secret; None if it is over, revoked or never was."""
    row = tx.session.scalar(
        select(WebSessionRow).where(
            WebSessionRow.sha256 == _digest(secret),
            WebSessionRow.revoked_at.is_(None),
            WebSessionRow.expires_at > tx.now,
        )
    )
    return None if row is None else member_of(row.member)


def sign_out(tx: Tx, secret: str) -> None:
    """End the session of one browser. Idempotent."""
    row = tx.session.scalar(
        select(WebSessionRow).where(
            WebSessionRow.sha256 == _digest(secret), WebSessionRow.revoked_at.is_(None)
        )
    )
    if row is not None:
        row.revoked_at = tx.now
        member = member_of(row.member)
        audit.record(
            tx,
            audit.by_member(member),
            "member.signed_out",
            ("member", member.member_id),
            session=row.id,
        )


def sign_out_everywhere(tx: Tx, member: Member, reason: str) -> int:
    """End all sessions and links of a member; return how many sessions were open. Idempotent."""
    rows = tx.session.scalars(
        select(WebSessionRow).where(
            WebSessionRow.member_id == member.member_id,
            WebSessionRow.revoked_at.is_(None),
            WebSessionRow.expires_at > tx.now,
        )
    ).all()
    for row in rows:
        row.revoked_at = tx.now
    tx.session.execute(
        update(SignInLinkRow)
        .where(SignInLinkRow.member_id == member.member_id, SignInLinkRow.used_at.is_(None))
        .values(used_at=tx.now)
    )
    if rows:
        audit.record(
            tx,
            audit.by_member(member),
            "member.signed_out_everywhere",
            ("member", member.member_id),
            reason=reason,
            sessions=[row.id for row in rows],
        )
    return len(rows)


def own_path(path: str) -> str:
    """Return a path of Berth's own pages: whatever would lead elsewhere becomes the first page."""
    plain = path.isprintable() and path.isascii() and "\\" not in path and len(path) <= LONGEST_PATH
    return path if plain and path.startswith("/") and not path.startswith("//") else HOME


def _forget_old(tx: Tx) -> None:
    before = tx.now - KEPT_WHEN_OVER
    for table in (SignInFlowRow, SignInLinkRow, WebSessionRow):
        tx.session.execute(delete(table).where(table.expires_at < before))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()

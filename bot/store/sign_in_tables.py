"""Tables of who is signed in to the pages, and of who is about to.

Every secret is kept as its SHA-256 alone: who reads the database can sign in as nobody.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bot.store.tables import Base, MemberRow
from bot.store.types import PlainText


class WebSessionRow(Base):
    """A browser in which a member is signed in until ``expires_at``, if it is not revoked."""

    __tablename__ = "web_sessions"
    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"), index=True)
    how: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    revoked_at: Mapped[datetime | None]
    member: Mapped[MemberRow] = relationship()


class SignInLinkRow(Base):
    """A link from the bot that signs one member in, once, until ``expires_at``."""

    __tablename__ = "sign_in_links"
    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"), index=True)
    next_path: Mapped[str] = mapped_column(PlainText, default="")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
    member: Mapped[MemberRow] = relationship()


class SignInFlowRow(Base):
    """Somebody who was sent to Slack to sign in, and is expected back in the same browser.

    ``code_verifier`` proves that the one who comes back is the one who went (PKCE); it is worth
    nothing without the code that Slack gives to the browser.
    """

    __tablename__ = "sign_in_flows"
    id: Mapped[int] = mapped_column(primary_key=True)
    state_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    browser_sha256: Mapped[str] = mapped_column(String(64))
    nonce: Mapped[str] = mapped_column(String(64))
    code_verifier: Mapped[str] = mapped_column(String(128))
    next_path: Mapped[str] = mapped_column(PlainText, default="")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]

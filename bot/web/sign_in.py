"""Who sits at a browser: the session's cookie, and what keeps other sites from using it.

The cookie is HttpOnly, ``SameSite=Lax`` and, over HTTPS, ``Secure``.  A request that changes
something must moreover come from Berth's own pages: browsers say so (``Sec-Fetch-Site``,
``Origin``), and it carries a header with a value that only those pages are told.
https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import Request, Response

from bot.domain.errors import NotAllowed
from bot.domain.people import Member
from bot.domain.sign_in_errors import NotFromOurPages
from bot.ports.use_cases import UseCaseRunner
from bot.services import sign_in

SESSION_COOKIE = "berth_session"
FLOW_COOKIE = "berth_sign_in"
CSRF_HEADER = "X-Berth-CSRF"
CSRF_FIELD = "csrf"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

StandingOf = Callable[[str], Awaitable[bool]]
"""Tells of a Slack user id whether its account may still act; True where nobody can be asked."""


def csrf_value(session_secret: str) -> str:
    """Return what a page of that session sends along with each change."""
    return hashlib.sha256(f"csrf:{session_secret}".encode()).hexdigest()


async def member_of_browser(request: Request, run: UseCaseRunner) -> Member | None:
    """Return who is signed in at the browser that sent this, or None.

    Raises:
        NotFromOurPages: it changes something and does not come from Berth's own pages.
    """
    secret = request.cookies.get(SESSION_COOKIE)
    if not secret:
        return None
    member = await run(sign_in.member_of_session, secret)
    if member is not None and request.method not in SAFE_METHODS:
        require_own_page(request)
        require_csrf(secret, request.headers.get(CSRF_HEADER, ""))
    return member


def zone_of(member: Member | None) -> ZoneInfo:
    """Return a member's time zone; UTC where it is unknown."""
    try:
        return ZoneInfo(member.time_zone if member else "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def require_own_page(request: Request) -> None:
    """Refuse what the browser says another site has sent.

    Raises:
        NotFromOurPages: it says so.
    """
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin")
    # A proxy in front may end TLS, so of the origin only the host is compared.
    foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("Host")
    if site != "same-origin" or foreign:
        raise NotFromOurPages


def require_csrf(session_secret: str, value: str) -> None:
    """Refuse a change without the value that only Berth's pages know.

    Raises:
        NotFromOurPages: it is another one, or none.
    """
    if not hmac.compare_digest(csrf_value(session_secret).encode(), value.encode()):
        raise NotFromOurPages


async def require_standing(
    member: Member, run: UseCaseRunner, standing_of: StandingOf | None
) -> None:
    """Keep deactivated people out, and end their sessions.

    Raises:
        NotAllowed: the member's Slack account has been deactivated.
    """
    if standing_of is not None and not await standing_of(member.slack_user_id):
        await run(sign_in.sign_out_everywhere, member, "the Slack account is deactivated")
        raise NotAllowed


def set_session(response: Response, secret: str, *, life_s: int, secure: bool) -> None:
    """Give the browser its session."""
    response.set_cookie(
        SESSION_COOKIE,
        secret,
        max_age=life_s,
        path="/",
        httponly=True,
        secure=secure,
        samesite="lax",
    )


def clear_session(response: Response, *, secure: bool) -> None:
    """Take the session from the browser."""
    response.delete_cookie(SESSION_COOKIE, path="/", httponly=True, secure=secure, samesite="lax")

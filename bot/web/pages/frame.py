"""The frame around every page: navigation, security headers, times in the reader's own zone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.domain.people import Member
from bot.web.pages.page import Content, Page, may_see
from bot.web.sign_in import SESSION_COOKIE, csrf_value, zone_of

TEMPLATES = Path(__file__).parent / "templates"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
)
"""No page loads or sends anything elsewhere, runs a script of its own text, or can be framed.
https://developer.mozilla.org/docs/Web/HTTP/Guides/CSP"""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class SecurityHeaders:
    """Puts the headers that keep browsers safe on every answer that has none of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and add to its answer."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", _kept(scope.get("path", "")))
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


def _kept(path: str) -> str:
    """Return how long an answer is kept by browsers that are not told otherwise.

    What was meant for a session is not kept beyond it; scripts are asked for again after an
    upgrade, and answered with 304 until then.
    """
    return "no-cache" if path.startswith("/static/") else "no-store"


class Frame:
    """Draws pages.

    Args:
        pages: all pages; the navigation leads to those that say so.
    """

    def __init__(self, pages: Sequence[Page]) -> None:
        self._pages = pages
        self._templates = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(length_words=duration_words, machine=machine_time)

    def draw(
        self,
        request: Request,
        content: Content,
        *,
        page: Page | None = None,
        member: Member | None = None,
        status: int = 200,
    ) -> HTMLResponse:
        """Return a page; ``member`` is who is signed in."""
        zone = zone_of(member)
        secret = request.cookies.get(SESSION_COOKIE, "")
        values: Mapping[str, object] = {
            "title": content.title or (page.title if page else "Berth"),
            "page": page,
            "member": member,
            "navigation": [
                each
                for each in self._pages
                if each.in_navigation and member is not None and may_see(member, each)
            ],
            "path": request.url.path,
            "csrf": csrf_value(secret) if member is not None else "",
            "zone": str(zone),
            "when": lambda instant: time_words(instant, zone),
            "day": lambda instant: instant.astimezone(zone).date().isoformat(),
            **content.values,
        }
        text = self._templates.get_template(content.template).render(values)
        return HTMLResponse(text, status_code=status, headers={"Cache-Control": "no-store"})


def time_words(instant: datetime, zone: tzinfo) -> str:
    """Return an instant as a reader in that zone writes it."""
    return f"{instant.astimezone(zone):%a %-d %b %Y, %H:%M}"


def machine_time(instant: datetime) -> str:
    """Return an instant for a ``datetime`` attribute."""
    return instant.isoformat().replace("+00:00", "Z")


def duration_words(length: timedelta | float) -> str:
    """Return a length, a `timedelta` or seconds, in days, hours and minutes."""
    seconds = length.total_seconds() if isinstance(length, timedelta) else length
    minutes = round(seconds / 60)
    parts = ((minutes // 1440, "d"), (minutes % 1440 // 60, "h"), (minutes % 60, "min"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 min"

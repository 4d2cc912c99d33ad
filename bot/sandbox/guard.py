"""Keeps other web pages out: the stand-in can act as any user."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

LOCAL = {"127.0.0.1", "localhost"}
GUARDED = ("/console/", "/control/")


def refusal(request: web.Request, port: int) -> str | None:
    """Return why a request is refused, or None.

    Every request must name a loopback host (a rebound DNS name would not). The console and the
    control API must also name this very port, come from no other origin, and post JSON, which
    no foreign page can do without a preflight.
    """
    guarded = request.path.startswith(GUARDED)
    host = request.headers.get("Host", "")
    if not _is_local(f"//{host}", port if guarded else None):
        return "wrong_host"
    origin = request.headers.get("Origin")
    if origin is not None and not _is_local(origin, port if guarded else None):
        return "wrong_origin"
    if not guarded:
        return None
    if request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}:
        return "wrong_origin"
    if request.method == "POST" and request.content_type != "application/json":
        return "wrong_content_type"
    return None


def _is_local(url: str, port: int | None) -> bool:
    try:
        parts = urlsplit(url)
        named_port = parts.port
    except ValueError:
        return False
    return parts.hostname in LOCAL and (port is None or named_port == port)


def guard(port: Callable[[], int]) -> Middleware:
    """Return the middleware that refuses with 403.

    Args:
        port: tells the port that the stand-in listens on.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        reason = refusal(request, port())
        if reason is not None:
            return web.json_response({"ok": False, "error": reason}, status=403)
        return await handler(request)

    return middleware

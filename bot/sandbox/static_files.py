"""The console's page and its scripts, and uploaded files."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

from aiohttp import web

from bot.sandbox.errors import SlackError
from bot.sandbox.state import StandInState

CONSOLE = Path(__file__).parent / "console"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
SHOWN_INLINE = {"image/png", "image/jpeg", "image/gif", "image/webp"}


async def page(_request: web.Request) -> web.StreamResponse:
    """Serve the console."""
    return _console_file("index.html")


async def archived(request: web.Request) -> web.StreamResponse:
    """Lead from the address of a message to its channel in the console."""
    raise web.HTTPFound(f"/#channel={quote(request.match_info['channel'])}")


async def static(request: web.Request) -> web.StreamResponse:
    """Serve one of the console's files."""
    return _console_file(request.match_info["file"])


def _console_file(name: str) -> web.StreamResponse:
    path = CONSOLE / name
    known = re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.[a-z]+", name)
    if known is None or path.suffix not in TYPES or not path.is_file():
        return web.json_response({"ok": False, "error": "not_found"}, status=404)
    headers = {
        "Content-Type": TYPES[path.suffix],
        "Cache-Control": "no-store",
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    return web.Response(body=path.read_bytes(), headers=headers)


class FilesApi:
    """Takes uploads and serves files. What the app uploaded never runs in the console's origin."""

    def __init__(self, state: StandInState) -> None:
        self._state = state

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Take the content of a promised file, raw or as a multipart form."""
        stored = self._state.files.by_id.get(request.match_info["id"])
        if stored is None or stored.content is not None:
            return web.Response(status=404, text="no such upload")
        content = await _content(request)
        if len(content) != stored.length:
            return web.Response(status=400, text=f"expected {stored.length} bytes")
        stored.content = content
        return web.Response(text=f"OK - {len(content)}")

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Serve a completed file."""
        try:
            stored = self._state.files.get(request.match_info["id"])
        except SlackError as problem:
            return web.json_response(problem.answer(), status=404)
        inline = stored.mimetype in SHOWN_INLINE
        headers = {
            "Content-Type": stored.mimetype if inline else "application/octet-stream",
            "Content-Disposition": "inline" if inline else "attachment",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        }
        return web.Response(body=stored.content or b"", headers=headers)


async def _content(request: web.Request) -> bytes:
    if request.content_type != "multipart/form-data":
        return await request.read()
    form = await request.post()
    for value in form.values():
        if isinstance(value, web.FileField):
            return value.file.read()
    return b""

"""``/calendar/{secret}.ics``: read by calendar programs, which cannot sign in."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import APIRouter, Header, Path, Response

from bot.domain.errors import UnknownOffer
from bot.ports.use_cases import UseCaseRunner
from bot.services import feeds
from bot.web.ical import calendar_of

Secret = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{43}$")]
HEADERS = {
    "Cache-Control": "private, max-age=300",
    # The address is the key: it must stand in no index, and in no other site's log.
    "X-Robots-Tag": "noindex",
    "Referrer-Policy": "no-referrer",
}


def feed_router(run: UseCaseRunner, public_url: str) -> APIRouter:
    """Return the route of all feeds."""
    router = APIRouter(include_in_schema=False)

    @router.get("/calendar/{secret}.ics", response_model=None)
    async def feed(
        secret: Secret, if_none_match: Annotated[str | None, Header()] = None
    ) -> Response:
        try:
            shown = await run(feeds.read, secret)
        except UnknownOffer:
            return Response("There is no such calendar.\n", 404, media_type="text/plain")
        body = calendar_of(shown, public_url)
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        known = {each.strip().removeprefix("W/") for each in (if_none_match or "").split(",")}
        if tag in known or "*" in known:
            return Response(status_code=304, headers={**HEADERS, "ETag": tag})
        return Response(
            body, media_type="text/calendar; charset=utf-8", headers={**HEADERS, "ETag": tag}
        )

    return router

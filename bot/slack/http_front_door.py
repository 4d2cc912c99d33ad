"""The door for Slack's requests in HTTP mode.

Bolt reads a body before it checks its signature, answers odd headers with a traceback, and drops
slash commands whose text contains the word "payload" (measured with slack_bolt 1.30).  So the
size, the headers and the signature are checked here first, and the body is read here.
https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from slack_bolt.adapter.starlette.async_handler import to_starlette_response
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from bot.ports.clock import Clock

BODY_MAX_BYTES = 1024 * 1024
"""A view of 250 kB comes back form-encoded, which at most triples it."""

WINDOW_S = 300
"""Older requests may be replays."""

_TIMESTAMP = re.compile(r"[0-9]{1,12}\Z", re.ASCII)
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}\Z", re.ASCII)

Endpoint = Callable[[Request], Awaitable[Response]]


class _Refused(Exception):
    """A request that goes no further; ``status`` is what its sender is told."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def slack_events_endpoint(app: AsyncApp, signing_secret: str, clock: Clock) -> Endpoint:
    """Return the endpoint for all of Slack's requests: ``Route("/slack/events", …)``, POST only.

    Args:
        app: the app of `build_slack_app`, with the same signing secret.
        signing_secret: of the Slack app.
        clock: tells how old a request is.

    Raises:
        ValueError: there is no signing secret; everybody could sign then.
    """
    if not signing_secret:
        raise ValueError("HTTP mode needs the signing secret of the Slack app")

    async def endpoint(request: Request) -> Response:
        try:
            raw = await _read_body(request)
            _check_signature(request, raw, signing_secret, clock)
            bolt_request = _bolt_request(request, raw)
        except _Refused as refused:
            return PlainTextResponse(str(refused), refused.status)
        return to_starlette_response(await app.async_dispatch(bolt_request))

    return endpoint


async def _read_body(request: Request) -> bytes:
    announced = request.headers.get("content-length", "0")
    if not _TIMESTAMP.match(announced):
        raise _Refused(400, "bad content-length")
    if int(announced) > BODY_MAX_BYTES:
        raise _Refused(413, "too large")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_MAX_BYTES:
            raise _Refused(413, "too large")
    return bytes(body)


def _check_signature(request: Request, raw: bytes, signing_secret: str, clock: Clock) -> None:
    timestamp = request.headers.get("x-slack-request-timestamp", "")
    signature = request.headers.get("x-slack-signature", "")
    if not _TIMESTAMP.match(timestamp) or not _SIGNATURE.match(signature):
        raise _Refused(401, "not signed")
    if abs(clock.now().timestamp() - int(timestamp)) > WINDOW_S:
        raise _Refused(401, "too old")
    base = b"v0:" + timestamp.encode() + b":" + raw
    expected = "v0=" + hmac.new(signing_secret.encode(), base, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, signature):
        raise _Refused(401, "bad signature")


def _bolt_request(request: Request, raw: bytes) -> AsyncBoltRequest:
    try:
        text = raw.decode()
        body = _parse(text, request.headers.get("content-type", ""))
    except (ValueError, TypeError, RecursionError) as error:  # not UTF-8, not JSON, no object
        raise _Refused(400, "unreadable body") from error
    # Built as for Socket Mode, with the body parsed: Bolt's own parsing is what loses forms that
    # contain the word "payload".  The raw body goes along for Bolt's own signature check.
    made = AsyncBoltRequest(
        body=body,
        query=request.url.query,
        headers=dict(request.headers),
        mode="socket_mode",
    )
    made.raw_body = text
    made.mode = "http"
    return made


def _parse(text: str, content_type: str) -> dict[str, Any]:
    if content_type.split(";", maxsplit=1)[0].strip().lower() == "application/json":
        parsed = json.loads(text)
    else:
        form = dict(parse_qsl(text, keep_blank_values=True))
        parsed = json.loads(form["payload"]) if "payload" in form else form
    return dict(parsed)

"""What reaches Bolt in HTTP mode, and what is turned away at the door."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.routing import Route

from bot.bootstrap.system_clock import SystemClock
from bot.slack.http_front_door import BODY_MAX_BYTES, slack_events_endpoint

SECRET = "a signing secret"
FORM = "application/x-www-form-urlencoded"
Json = dict[str, Any]


@pytest.fixture
async def door() -> AsyncIterator[httpx.AsyncClient]:
    """The door of a small app that answers with the text of the command."""

    async def authorize() -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=None, team_id="T0", bot_token="xoxb-x", bot_id="B0")

    client = AsyncWebClient("xoxb-x", base_url="http://127.0.0.1:1/")
    app = AsyncApp(client=client, signing_secret=SECRET, authorize=authorize)

    async def answer(ack: AsyncAck, body: Json) -> None:
        await ack(f"text={body['text']}")

    app.command("/gpu")(answer)
    endpoint = slack_events_endpoint(app, SECRET, SystemClock())
    site = Starlette(routes=[Route("/slack/events", endpoint, methods=["POST"])])
    transport = httpx.ASGITransport(site)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        yield http


def signed(body: bytes, *, age_s: int = 0, content_type: str = FORM) -> dict[str, str]:
    timestamp = str(int(SystemClock().now().timestamp()) - age_s)
    base = b"v0:" + timestamp.encode() + b":" + body
    return {
        "content-type": content_type,
        "x-slack-request-timestamp": timestamp,
        "x-slack-signature": "v0=" + hmac.new(SECRET.encode(), base, hashlib.sha256).hexdigest(),
    }


def a_command(text: str) -> bytes:
    fields = {"command": "/gpu", "text": text, "team_id": "T0", "user_id": "U0", "channel_id": "C0"}
    return urlencode(fields).encode()


async def post(door: httpx.AsyncClient, body: bytes, headers: Json) -> httpx.Response:
    return await door.post("/slack/events", content=body, headers=headers)


@pytest.mark.parametrize(
    "text", ["hello", "for the payload team", "payload=1&x=2", '{"a":1}', "🎉"]
)
async def test_commands_arrive_whole(door: httpx.AsyncClient, text: str) -> None:
    body = a_command(text)
    answer = await post(door, body, signed(body))
    assert (answer.status_code, answer.text) == (200, f"text={text}")


async def test_url_verification_is_answered(door: httpx.AsyncClient) -> None:
    body = json.dumps({"type": "url_verification", "challenge": "c payload"}).encode()
    answer = await post(door, body, signed(body, content_type="application/json"))
    assert (answer.status_code, answer.json()) == (200, {"challenge": "c payload"})


@pytest.mark.parametrize(
    "change",
    [
        {"x-slack-signature": "v0=" + "0" * 64},
        {"x-slack-signature": ""},
        {"x-slack-signature": "v0=é".encode("latin-1")},
        {"x-slack-signature": "v0=" + "٣" * 64},
        {"x-slack-request-timestamp": ""},
        {"x-slack-request-timestamp": "now"},
        {"x-slack-request-timestamp": "1e9"},
        {"x-slack-request-timestamp": "9" * 400},
        {"x-slack-request-timestamp": "-1"},
    ],
)
async def test_what_is_not_signed_is_refused(door: httpx.AsyncClient, change: Json) -> None:
    body = a_command("hello")
    headers = {**signed(body), **change}
    raw = [
        (name.encode(), value if isinstance(value, bytes) else value.encode())
        for name, value in headers.items()
    ]
    answer = await door.post("/slack/events", content=body, headers=raw)
    assert answer.status_code == 401
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("age_s", [301, -301, 10**9])
async def test_old_and_future_requests_are_refused(door: httpx.AsyncClient, age_s: int) -> None:
    body = a_command("hello")
    assert (await post(door, body, signed(body, age_s=age_s))).status_code == 401


async def test_a_changed_body_is_refused(door: httpx.AsyncClient) -> None:
    headers = signed(a_command("hello"))
    assert (await post(door, a_command("hullo"), headers)).status_code == 401


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{", "application/json"),
        (b"[1]", "application/json"),
        (b"null", "application/json"),
        (b"\xff\xfe", FORM),
        (b"payload={", FORM),
        (b"payload=7", FORM),
        (b"[" * 100_000, "application/json"),
    ],
)
async def test_signed_rubbish_is_a_bad_request(
    door: httpx.AsyncClient, body: bytes, content_type: str
) -> None:
    assert (await post(door, body, signed(body, content_type=content_type))).status_code == 400


async def test_rubbish_without_a_signature_is_not_even_read(door: httpx.AsyncClient) -> None:
    answer = await post(door, b"{", {"content-type": "application/json"})
    assert answer.status_code == 401


async def test_a_body_over_the_cap_is_refused(door: httpx.AsyncClient) -> None:
    body = b"x" * (BODY_MAX_BYTES + 1)
    assert (await post(door, body, signed(body))).status_code == 413

    async def in_pieces() -> AsyncIterator[bytes]:
        for _ in range(BODY_MAX_BYTES // 65536 + 1):
            yield b"x" * 65536

    answer = await door.post("/slack/events", content=in_pieces(), headers=signed(body))
    assert answer.status_code == 413


def test_http_mode_without_a_secret_is_a_mistake() -> None:
    app = AsyncApp(client=AsyncWebClient("xoxb-x"), signing_secret=SECRET)
    with pytest.raises(ValueError, match="signing secret"):
        slack_events_endpoint(app, "", SystemClock())

"""The console's API, its files, and who may use them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from bot.sandbox.server import SlackStandIn
from tests.sandbox.example_app import eventually

Api = Callable[..., Awaitable[dict[str, Any]]]


@pytest.mark.parametrize(
    ("path", "headers", "error"),
    [
        ("/console/state?user=U0ALICE", {"Host": "evil.example"}, "wrong_host"),
        ("/console/state?user=U0ALICE", {"Host": "127.0.0.1:1"}, "wrong_host"),
        ("/console/state?user=U0ALICE", {"Host": "127.0.0.1:port"}, "wrong_host"),
        ("/control/state", {"Host": "evil.example"}, "wrong_host"),
        ("/control/state", {"Origin": "http://evil.example"}, "wrong_origin"),
        ("/control/state", {"Origin": "http://localhost:1"}, "wrong_origin"),
        ("/control/state", {"Origin": "null"}, "wrong_origin"),
        ("/control/state", {"Sec-Fetch-Site": "cross-site"}, "wrong_origin"),
        ("/", {"Host": "evil.example"}, "wrong_host"),
        ("/api/auth.test", {"Host": "evil.example"}, "wrong_host"),
        ("/api/auth.test", {"Origin": "http://evil.example"}, "wrong_origin"),
    ],
)
async def test_strangers_are_refused(
    http: httpx.AsyncClient, path: str, headers: dict[str, str], error: str
) -> None:
    answer = await http.get(path, headers=headers)
    assert (answer.status_code, answer.json()) == (403, {"ok": False, "error": error})


async def test_both_names_of_loopback_are_welcome(
    http: httpx.AsyncClient, stand_in: SlackStandIn
) -> None:
    for name in ("127.0.0.1", "localhost"):
        host = f"{name}:{stand_in.port}"
        headers = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
        answer = await http.get("/control/state", headers=headers)
        assert answer.status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
@pytest.mark.parametrize("path", ["/console/say", "/control/archive"])
async def test_posts_must_be_json(http: httpx.AsyncClient, path: str, kind: str | None) -> None:
    headers = {"Content-Type": kind} if kind else {}
    answer = await http.post(path, content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (403, "wrong_content_type")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/console/say", "{"),
        ("/console/say", "[]"),
        ("/console/say", '{"user": "U0ALICE"}'),
        ("/console/action", '{"user": "U0ALICE", "container": []}'),
        ("/control/drop", '{"how": "gently"}'),
        ("/control/event", '{"event": {}}'),
    ],
)
async def test_malformed_posts_are_400(http: httpx.AsyncClient, path: str, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await http.post(path, content=body, headers=headers)
    assert (answer.status_code, answer.json()["ok"]) == (400, False)


async def test_the_page_is_served_with_a_strict_policy(http: httpx.AsyncClient) -> None:
    page = await http.get("/")
    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Cache-Control"] == "no-store"
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self'; img-src 'self' data:;")


@pytest.mark.parametrize("name", ["..%2fserver.py", "server.py", "no-such.js", "%2e%2e"])
async def test_only_the_consoles_own_files_are_served(http: httpx.AsyncClient, name: str) -> None:
    answer = await http.get(f"/console/static/{name}")
    assert answer.status_code == 404


async def test_each_person_sees_their_channels_and_ephemerals(
    api: Api, http: httpx.AsyncClient
) -> None:
    await api("chat.postMessage", channel="C0VISION", text="for vision")
    await api("chat.postEphemeral", channel="C0VISION", user="U0BOB", text="psst")
    await api("chat.postMessage", channel="U0BOB", text="direct")

    async def seen(user: str) -> dict[str, Any]:
        body: dict[str, Any] = (await http.get("/console/state", params={"user": user})).json()
        return body

    alice, bob, carol = await seen("U0ALICE"), await seen("U0BOB"), await seen("U0CAROL")
    assert [message["text"] for message in alice["messages"]["C0VISION"]] == ["for vision"]
    shown = bob["messages"]["C0VISION"]
    assert [(message["text"], message.get("ephemeral")) for message in shown] == [
        ("for vision", None),
        ("psst", True),
    ]
    assert [message["text"] for message in bob["messages"]["D0BOB"]] == ["direct"]
    assert "C0VISION" not in carol["messages"]
    assert {channel["id"] for channel in carol["channels"]} == {"C0GPU", "C0RANDOM", "D0CAROL"}
    assert carol["commands"][0]["command"] == "/gpu"
    assert carol["bot_connected"] is False
    assert carol["me"]["tz"] == "Asia/Tokyo"
    assert set(carol["users"]["U0ALICE"]) == {
        "id",
        "name",
        "real_name",
        "tz",
        "is_bot",
        "deleted",
    }
    assert (await http.get("/console/state", params={"user": "U0X"})).status_code == 404


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"user": "U0X", "channel": "C0GPU", "text": "x"}, "user_not_found"),
        ({"user": "UBERTHBOT", "channel": "C0GPU", "text": "x"}, "user_not_found"),
        ({"user": "U0CAROL", "channel": "C0VISION", "text": "x"}, "not_in_channel"),
        ({"user": "U0CAROL", "channel": "C0NONE", "text": "x"}, "channel_not_found"),
    ],
)
async def test_nobody_acts_where_they_are_not(
    console: Api, body: dict[str, Any], error: str
) -> None:
    assert (await console("say", **body))["error"] == error


async def test_a_deactivated_person_cannot_act(console: Api, http: httpx.AsyncClient) -> None:
    await http.post("/control/deactivate", json={"user": "U0DAVE"})
    said = await console("say", user="U0DAVE", channel="C0GPU", text="x")
    assert said["error"] == "user_disabled"


async def test_only_elements_that_are_there_can_be_clicked(api: Api, console: Api) -> None:
    ts = (await api("chat.postMessage", channel="C0GPU", text="x"))["ts"]
    container = {"type": "message", "channel": "C0GPU", "ts": ts}
    action = {"type": "button", "action_id": "go", "block_id": "a"}
    clicked = await console("action", user="U0ALICE", container=container, action=action)
    assert clicked["error"] == "action_not_found"


async def test_changes_are_announced_and_coalesced(
    api: Api, http: httpx.AsyncClient, stand_in: SlackStandIn
) -> None:
    versions: list[int] = []

    async def listen() -> None:
        params = {"user": "U0ALICE"}
        async with http.stream("GET", "/console/events", params=params) as stream:
            assert stream.headers["Content-Type"].startswith("text/event-stream")
            async for line in stream.aiter_lines():
                name, _, data = line.partition(": ")
                versions.extend([json.loads(data)["version"]] if name == "data" else [])

    listener = asyncio.create_task(listen())
    try:
        await eventually(lambda: versions)
        for _ in range(10):
            await api("chat.postMessage", channel="C0GPU", text="x")
        await eventually(lambda: versions[-1] == stand_in.state.changes.version)
        assert len(versions) < 10
    finally:
        listener.cancel()


async def test_stopping_does_not_wait_for_listeners(stand_in: SlackStandIn) -> None:
    async with (
        httpx.AsyncClient(base_url=stand_in.base_url, trust_env=False) as client,
        client.stream("GET", "/console/events?user=U0ALICE") as stream,
        asyncio.timeout(5),
    ):
        assert stream.status_code == 200
        await stand_in.stop()
        await stand_in.stop()

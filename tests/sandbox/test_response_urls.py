"""response_urls: five uses, and what an app may do with them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from bot.sandbox.options import StandInOptions
from bot.sandbox.payloads import response_url
from bot.sandbox.server import SlackStandIn

Api = Callable[..., Awaitable[dict[str, Any]]]


def _url(stand_in: SlackStandIn, ts: str | None = None) -> str:
    return response_url(stand_in.state, "U0ALICE", "C0GPU", ts)


async def test_the_sixth_use_is_refused(stand_in: SlackStandIn, http: httpx.AsyncClient) -> None:
    url = _url(stand_in)
    for _ in range(5):
        assert (await http.post(url, json={"text": "x"})).status_code == 200
    sixth = await http.post(url, json={"text": "x"})
    assert (sixth.status_code, sixth.json()["error"]) == (404, "used_url")
    assert len(stand_in.state.messages.ephemerals) == 5


async def test_answers_are_ephemeral_or_for_the_channel(
    stand_in: SlackStandIn, http: httpx.AsyncClient
) -> None:
    url = _url(stand_in)
    await http.post(url, json={"text": "for one"})
    await http.post(url, json={"text": "for all", "response_type": "in_channel"})
    assert [message["text"] for message in stand_in.state.messages.ephemerals] == ["for one"]
    shown = stand_in.state.messages.history("C0GPU")
    assert [message["text"] for message in shown] == ["for all"]


@pytest.mark.parametrize("kind", ["ephemeral", "message"])
async def test_the_original_can_be_replaced_and_deleted(
    stand_in: SlackStandIn, http: httpx.AsyncClient, api: Api, kind: str
) -> None:
    blocks = [{"type": "divider"}]
    if kind == "ephemeral":
        args = {"channel": "C0GPU", "user": "U0ALICE", "text": "old", "blocks": blocks}
        ts = (await api("chat.postEphemeral", **args))["message_ts"]
    else:
        args = {"channel": "C0GPU", "text": "old", "blocks": blocks}
        ts = (await api("chat.postMessage", **args))["ts"]

    def texts() -> list[str]:
        book = stand_in.state.messages
        both = [*book.ephemerals, *book.history("C0GPU")]
        return [message["text"] for message in both]

    url = _url(stand_in, ts)
    await http.post(url, json={"text": "new", "replace_original": True})
    assert texts() == ["new"]
    await http.post(url, json={"delete_original": True})
    assert texts() == []


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "no_text"),
        ({"blocks": [{"type": "marquee"}]}, "invalid_blocks"),
        ([], "invalid_payload"),
    ],
)
async def test_bad_answers_are_refused(
    stand_in: SlackStandIn, http: httpx.AsyncClient, body: Any, error: str
) -> None:
    answer = await http.post(_url(stand_in), json=body)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_faults_reach_response_urls(stand_in: SlackStandIn, http: httpx.AsyncClient) -> None:
    order = {"method": "response_url", "kind": "429", "times": 1, "retry_after_s": 7}
    await http.post("/control/faults", json=order)
    url = _url(stand_in)
    limited = await http.post(url, json={"text": "x"})
    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "7")
    assert (await http.post(url, json={"text": "x"})).status_code == 200


class TestExpiry:
    @pytest.fixture
    def options(self) -> StandInOptions:
        return StandInOptions(response_url_life_s=0.0)

    async def test_an_old_url_is_refused(
        self, stand_in: SlackStandIn, http: httpx.AsyncClient
    ) -> None:
        answer = await http.post(_url(stand_in), json={"text": "x"})
        assert (answer.status_code, answer.json()["error"]) == (404, "expired_url")

    def test_urls_live_thirty_minutes_unless_told_otherwise(self) -> None:
        assert StandInOptions().response_url_life_s == 30 * 60

"""Faults on demand and Slack's rate limits, as a real client meets them."""

from __future__ import annotations

import time

import httpx
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.faults import Fault, Faults
from bot.sandbox.options import StandInOptions
from bot.sandbox.rate_limits import PER_MINUTE, RateLimits
from bot.sandbox.server import SlackStandIn

HEADERS = {"Authorization": "Bearer xoxb-local"}
POST = {"channel": "C0GPU", "text": "x"}


async def _order(http: httpx.AsyncClient, **fault: object) -> None:
    (await http.post("/control/faults", json=fault)).raise_for_status()


@pytest.mark.parametrize("status", [500, 503])
async def test_server_errors_come_as_often_as_ordered(http: httpx.AsyncClient, status: int) -> None:
    await _order(http, method="chat.postMessage", kind=str(status), times=2)
    answers = [
        await http.post("/api/chat.postMessage", json=POST, headers=HEADERS) for _ in range(3)
    ]
    assert [answer.status_code for answer in answers] == [status, status, 200]


async def test_a_429_carries_retry_after(http: httpx.AsyncClient) -> None:
    await _order(http, method="chat.update", kind="429", times=1, retry_after_s=9)
    answer = await http.post("/api/chat.update", json=POST, headers=HEADERS)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "9")
    assert answer.json() == {"ok": False, "error": "ratelimited"}


async def test_a_slow_call_is_carried_out(http: httpx.AsyncClient, stand_in: SlackStandIn) -> None:
    await _order(http, method="chat.postMessage", kind="slow", times=1, delay_s=0.2)
    started_s = time.monotonic()
    answer = await http.post("/api/chat.postMessage", json=POST, headers=HEADERS)
    assert answer.json()["ok"]
    assert time.monotonic() - started_s >= 0.2


@pytest.mark.parametrize(("kind", "posted"), [("reset_before", 0), ("reset_after", 1)])
async def test_a_reset_leaves_the_caller_in_doubt(
    http: httpx.AsyncClient, stand_in: SlackStandIn, kind: str, posted: int
) -> None:
    await _order(http, method="chat.postMessage", kind=kind, times=1)
    with pytest.raises(httpx.TransportError):
        await http.post("/api/chat.postMessage", json=POST, headers=HEADERS)
    assert len(stand_in.state.messages.history("C0GPU")) == posted
    assert stand_in.state.log.calls[-1]["error"] == "connection_reset"


async def test_the_default_client_posts_twice_after_a_late_reset(
    http: httpx.AsyncClient, stand_in: SlackStandIn
) -> None:
    await _order(http, method="chat.postMessage", kind="reset_after", times=1)
    client = AsyncWebClient(token="xoxb-local", base_url=stand_in.api_url)
    await client.chat_postMessage(channel="C0GPU", text="x")
    assert len(stand_in.state.messages.history("C0GPU")) == 2


@pytest.mark.parametrize(
    "body",
    [
        {"method": "chat.update", "kind": "explode"},
        {"kind": "500"},
        {"method": "chat.update", "kind": "500", "times": "many"},
        {"method": "chat.update", "kind": "500", "times": -1},
    ],
)
async def test_nonsense_orders_are_refused(http: httpx.AsyncClient, body: object) -> None:
    assert (await http.post("/control/faults", json=body)).status_code == 400


def test_faults_are_per_method_and_in_order() -> None:
    faults = Faults()
    faults.add("a", Fault("500"), 1)
    faults.add("a", Fault("429"), 1)
    assert faults.take("b") is None
    first, second, third = faults.take("a"), faults.take("a"), faults.take("a")
    assert first is not None
    assert second is not None
    assert (first.kind, second.kind, third) == ("500", "429", None)


class TestLimits:
    @pytest.fixture
    def options(self) -> StandInOptions:
        return StandInOptions()

    async def test_a_burst_into_one_channel_is_stopped(
        self, http: httpx.AsyncClient, stand_in: SlackStandIn
    ) -> None:
        client = AsyncWebClient(token="xoxb-local", base_url=stand_in.api_url)
        for _ in range(3):
            await client.chat_postMessage(channel="C0GPU", text="x")
        with pytest.raises(SlackApiError) as refused:
            await client.chat_postMessage(channel="C0GPU", text="x")
        assert refused.value.response["error"] == "ratelimited"
        assert refused.value.response.headers["Retry-After"] == "1"
        await client.chat_postMessage(channel="C0VISION", text="another channel may go on")

    async def test_waiting_as_told_helps(self, stand_in: SlackStandIn) -> None:
        patient = AsyncRateLimitErrorRetryHandler(max_retry_count=3)
        client = AsyncWebClient(
            token="xoxb-local", base_url=stand_in.api_url, retry_handlers=[patient]
        )
        for _ in range(4):
            await client.chat_postMessage(channel="C0GPU", text="x")
        assert len(stand_in.state.messages.history("C0GPU")) == 4

    def test_tiers_count_a_minute_per_method(self) -> None:
        now_s = [0.0]
        limits = RateLimits(enabled=True, monotonic_s=lambda: now_s[0])
        assert [limits.retry_after_s("chat.update", None) for _ in range(50)] == [0] * 50
        now_s[0] = 20.0
        assert limits.retry_after_s("chat.update", None) == 40
        assert limits.retry_after_s("chat.delete", None) == 0
        now_s[0] = 60.0
        assert limits.retry_after_s("chat.update", None) == 0

    def test_a_channel_takes_one_message_a_second_and_three_at_once(self) -> None:
        now_s = [0.0]
        limits = RateLimits(enabled=True, monotonic_s=lambda: now_s[0])
        waits = [limits.retry_after_s("chat.postMessage", "C1") for _ in range(4)]
        assert waits == [0, 0, 0, 1]
        now_s[0] = 1.0
        assert limits.retry_after_s("chat.postMessage", "C1") == 0
        assert limits.retry_after_s("chat.postMessage", "C1") == 1

    def test_refused_calls_do_not_count(self) -> None:
        now_s = [0.0]
        limits = RateLimits(enabled=True, monotonic_s=lambda: now_s[0])
        for _ in range(PER_MINUTE["users.list"] + 30):
            limits.retry_after_s("users.list", None)
        now_s[0] = 60.0
        assert limits.retry_after_s("users.list", None) == 0


async def test_limits_can_be_switched_off(http: httpx.AsyncClient, stand_in: SlackStandIn) -> None:
    for _ in range(60):
        answer = await http.post("/api/chat.postMessage", json=POST, headers=HEADERS)
        assert answer.status_code == 200
    assert len(stand_in.state.messages.history("C0GPU")) == 60

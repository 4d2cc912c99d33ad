"""How envelopes reach the app: deadlines, redelivery, connections that come and go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import httpx
import pytest
from aiohttp import web

from bot.bootstrap.system_clock import SystemClock
from bot.sandbox.http_mode import signature
from bot.sandbox.options import StandInOptions
from bot.sandbox.server import SlackStandIn
from tests.sandbox.example_app import MODAL, ExampleApp, eventually, in_socket_mode, plain
from tests.sandbox.scripted_app import SILENCE, scripted

Api = Callable[..., Awaitable[dict[str, Any]]]
COMMAND = {"user": "U0ALICE", "channel": "C0GPU", "text": "/gpu book"}


@pytest.fixture
def options() -> StandInOptions:
    """Redelivery a thousand times faster than Slack's."""
    return StandInOptions(rate_limits=False, redelivery_scale=0.001)


def test_the_redelivery_waits_are_slacks() -> None:
    assert StandInOptions().redelivery_delays_s == (0.0, 60.0, 300.0)
    assert StandInOptions().redelivery_scale == 1.0


async def test_a_ticket_opens_one_connection(api: Api, stand_in: SlackStandIn) -> None:
    url = (await api("apps.connections.open"))["url"]
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url) as socket:
            hello = await socket.receive_json()
            assert (hello["type"], hello["num_connections"]) == ("hello", 1)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url)


async def test_pings_are_answered_with_their_payload(api: Api) -> None:
    url = (await api("apps.connections.open"))["url"]
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, autoping=False) as socket,
    ):
        await socket.receive_json()
        await socket.ping(b"still there?")
        pong = await socket.receive()
        assert (pong.type, pong.data) == (aiohttp.WSMsgType.PONG, b"still there?")


async def test_without_a_connection_the_command_fails_at_once(console: Api) -> None:
    said = await console("say", **COMMAND)
    assert said["error"] == "/gpu failed because the app is not connected (app_not_connected)"


async def test_unknown_commands_and_commands_in_threads_never_reach_the_app(
    console: Api, stand_in: SlackStandIn
) -> None:
    async with scripted(stand_in.api_url) as app:
        unknown = await console("say", user="U0ALICE", channel="C0GPU", text="/cpu")
        assert unknown["error"] == "/cpu is not a valid command"
        threaded = await console("say", **COMMAND, thread_ts="1700000000.000000")
        assert threaded["error"] == "/gpu is not supported in threads. Sorry!"
        assert app.envelopes == []


async def test_an_acknowledged_event_comes_once(console: Api, stand_in: SlackStandIn) -> None:
    async with scripted(stand_in.api_url) as app:
        await console("say", user="U0ALICE", channel="C0GPU", text="hello")
        await eventually(lambda: app.envelopes)
        await asyncio.sleep(0.5)
        assert [envelope["retry_attempt"] for envelope in app.envelopes] == [0]


async def test_mentions_are_events_of_their_own(console: Api, stand_in: SlackStandIn) -> None:
    async with scripted(stand_in.api_url) as app:
        await console("say", user="U0ALICE", channel="C0GPU", text="<@UBERTHBOT> hi")
        await eventually(lambda: len(app.envelopes) == 2)
        kinds = {envelope["payload"]["event"]["type"] for envelope in app.envelopes}
        assert kinds == {"message", "app_mention"}


async def test_the_last_envelope_can_be_delivered_again(
    console: Api, http: httpx.AsyncClient, stand_in: SlackStandIn
) -> None:
    async with scripted(stand_in.api_url) as app:
        none = (await http.post("/control/redeliver", json={})).json()
        assert none["error"] == "nothing_delivered_yet"
        await console("say", **COMMAND)
        again = (await http.post("/control/redeliver", json={})).json()
        assert again["acked"]
        assert app.envelopes[0] == app.envelopes[1]
        event = {"type": "tokens_revoked"}
        await http.post("/control/event", json={"event": event})
        await http.post("/control/redeliver", json={})
        assert [envelope["retry_attempt"] for envelope in app.envelopes[2:]] == [0, 1]
        first, second = (envelope["payload"]["event_id"] for envelope in app.envelopes[2:])
        assert first == second


async def test_connections_take_turns(console: Api, stand_in: SlackStandIn) -> None:
    async with scripted(stand_in.api_url) as one, scripted(stand_in.api_url) as two:
        for _ in range(4):
            assert (await console("say", **COMMAND))["ok"]
        assert (len(one.envelopes), len(two.envelopes)) == (2, 2)


async def test_a_connection_told_to_disconnect_gets_nothing_more(
    console: Api, http: httpx.AsyncClient, stand_in: SlackStandIn
) -> None:
    async with scripted(stand_in.api_url) as old:
        await http.post("/control/disconnect", json={"reason": "warning"})
        await eventually(lambda: len(old.others) == 2)
        assert (old.others[1]["type"], old.others[1]["reason"]) == ("disconnect", "warning")
        refused = await console("say", **COMMAND)
        assert "app_not_connected" in refused["error"]
        async with scripted(stand_in.api_url) as new:
            assert (await console("say", **COMMAND))["ok"]
            assert (len(old.envelopes), len(new.envelopes)) == (0, 1)


@pytest.mark.parametrize("how", ["close", "abort"])
async def test_connections_can_be_cut(
    console: Api, http: httpx.AsyncClient, stand_in: SlackStandIn, how: str
) -> None:
    async with scripted(stand_in.api_url) as app:
        cut = (await http.post("/control/drop", json={"how": how})).json()
        assert cut == {"ok": True, "connections": 1}
        await asyncio.wait_for(app.closed.wait(), 5)
        assert "app_not_connected" in (await console("say", **COMMAND))["error"]


async def test_the_eleventh_connection_is_sent_away(api: Api, stand_in: SlackStandIn) -> None:
    async with aiohttp.ClientSession() as session:
        sockets = []
        for _ in range(11):
            url = (await api("apps.connections.open"))["url"]
            sockets.append(await session.ws_connect(url))
            await sockets[-1].receive_json()
        sent = await sockets[-1].receive_json()
        assert (sent["type"], sent["reason"]) == ("disconnect", "too_many_websockets")


@pytest.mark.parametrize("how", ["disconnect", "close"])
async def test_bolt_comes_back_by_itself(
    console: Api, http: httpx.AsyncClient, stand_in: SlackStandIn, how: str
) -> None:
    app = ExampleApp(stand_in.api_url)
    async with in_socket_mode(app):
        if how == "disconnect":
            await http.post("/control/disconnect", json={})
        else:
            await http.post("/control/drop", json={"how": "close"})
        say = {"user": "U0ALICE", "channel": "C0GPU", "text": "/gpu say hi"}
        for _ in range(100):
            if (await console("say", **say))["ok"]:
                return
            await asyncio.sleep(0.05)
        pytest.fail("the app did not come back")


async def _opened(api: Api, stand_in: SlackStandIn) -> str:
    trigger = stand_in.state.triggers.issue("U0ALICE")
    view = (await api("views.open", trigger_id=trigger, view=MODAL))["view"]
    return str(view["id"])


SUBMITTED = {"hours": {"count": {"value": "3"}}}
OTHER = {"type": "modal", "title": plain("Other"), "blocks": [{"type": "divider"}]}


@pytest.mark.parametrize(
    ("answer", "titles"),
    [
        (None, []),
        ({"response_action": "clear"}, []),
        ({"response_action": "update", "view": OTHER}, ["Other"]),
        ({"response_action": "push", "view": OTHER}, ["Book a GPU", "Other"]),
    ],
)
async def test_a_submission_closes_or_changes_the_stack(
    api: Api,
    console: Api,
    stand_in: SlackStandIn,
    answer: dict[str, Any] | None,
    titles: list[str],
) -> None:
    async with scripted(stand_in.api_url, lambda _envelope: answer):
        view_id = await _opened(api, stand_in)
        done = await console("submit", user="U0ALICE", view_id=view_id, state=SUBMITTED)
        assert (done["ok"], done["errors"], done["error"]) == (True, None, None)
    stack = stand_in.state.views.stack("U0ALICE")
    assert [view["title"]["text"] for view in stack] == titles


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"response_action": "errors", "errors": {"nowhere": "x"}}, "invalid_errors"),
        ({"response_action": "errors", "errors": {}}, "invalid_errors"),
        ({"response_action": "update", "view": {"type": "home"}}, "invalid_arguments"),
        ({"response_action": "dance"}, "invalid_response_action"),
    ],
)
async def test_a_wrong_answer_to_a_submission_is_shown_and_changes_nothing(
    api: Api, console: Api, stand_in: SlackStandIn, answer: dict[str, Any], code: str
) -> None:
    async with scripted(stand_in.api_url, lambda _envelope: answer):
        view_id = await _opened(api, stand_in)
        done = await console("submit", user="U0ALICE", view_id=view_id, state=SUBMITTED)
    assert not done["ok"]
    assert code in done["error"]
    assert [view["id"] for view in stand_in.state.views.stack("U0ALICE")] == [view_id]


async def test_field_errors_keep_the_modal_open(
    api: Api, console: Api, stand_in: SlackStandIn
) -> None:
    answer = {"response_action": "errors", "errors": {"hours": "Too long"}}
    async with scripted(stand_in.api_url, lambda _envelope: answer):
        view_id = await _opened(api, stand_in)
        done = await console("submit", user="U0ALICE", view_id=view_id, state=SUBMITTED)
    assert (done["ok"], done["errors"], done["error"]) == (False, {"hours": "Too long"}, None)
    assert stand_in.state.views.stack("U0ALICE")


async def test_clearing_a_stack_tells_of_every_view_that_asked(
    api: Api, console: Api, stand_in: SlackStandIn
) -> None:
    async with scripted(stand_in.api_url) as app:
        await _opened(api, stand_in)
        trigger = stand_in.state.triggers.issue("U0ALICE")
        top = (await api("views.push", trigger_id=trigger, view=MODAL))["view"]["id"]
        await console("close", user="U0ALICE", view_id=top, cleared=True)
        await eventually(lambda: len(app.envelopes) == 2)
        assert {envelope["payload"]["type"] for envelope in app.envelopes} == {"view_closed"}
        assert all(envelope["payload"]["is_cleared"] for envelope in app.envelopes)
    assert stand_in.state.views.stack("U0ALICE") == []


async def test_external_options_are_asked_of_the_app(
    api: Api, console: Api, stand_in: SlackStandIn
) -> None:
    offered = {"options": [{"text": plain("H100"), "value": "h100"}]}
    element = {"type": "external_select", "action_id": "where", "min_query_length": 1}
    block = {"type": "input", "block_id": "w", "label": plain("Where"), "element": element}
    trigger = stand_in.state.triggers.issue("U0ALICE")
    view = {**MODAL, "blocks": [block]}
    view_id = (await api("views.open", trigger_id=trigger, view=view))["view"]["id"]
    body = {"user": "U0ALICE", "view_id": view_id, "block_id": "w", "action_id": "where"}
    async with scripted(stand_in.api_url, lambda _envelope: offered) as app:
        answer = await console("options", **body, value="h1")
    assert answer["options"] == offered["options"]
    asked = app.envelopes[0]["payload"]
    assert (asked["type"], asked["value"], asked["view"]["id"]) == (
        "block_suggestion",
        "h1",
        view_id,
    )


async def test_a_click_in_an_ephemeral_message_carries_no_message(
    api: Api, console: Api, stand_in: SlackStandIn
) -> None:
    button = {"type": "button", "action_id": "go", "text": plain("Go"), "value": "1"}
    blocks = [{"type": "actions", "block_id": "a", "elements": [button]}]
    args = {"channel": "C0GPU", "user": "U0ALICE", "text": "x", "blocks": blocks}
    ts = (await api("chat.postEphemeral", **args))["message_ts"]
    click = {
        "container": {"type": "message", "channel": "C0GPU", "ts": ts},
        "action": {"type": "button", "action_id": "go", "block_id": "a", "value": "1"},
    }
    async with scripted(stand_in.api_url) as app:
        assert (await console("action", user="U0ALICE", **click))["ok"]
        other = await console("action", user="U0BOB", **click)
        assert other["error"] == "message_not_found"
    payload = app.envelopes[0]["payload"]
    assert payload["container"]["is_ephemeral"] is True
    assert "message" not in payload
    assert payload["response_url"].startswith(stand_in.base_url)


class TestSilentApp:
    """The app gets everything and acknowledges nothing."""

    @pytest.fixture
    def options(self) -> StandInOptions:
        return StandInOptions(rate_limits=False, ack_deadline_s=0.3, redelivery_scale=0.001)

    async def test_a_late_acknowledgement_fails_the_command(
        self, console: Api, stand_in: SlackStandIn
    ) -> None:
        async with scripted(stand_in.api_url, lambda _envelope: SILENCE) as app:
            said = await console("say", **COMMAND)
            assert not said["ok"]
            assert said["error"] == (
                "/gpu failed because the app did not respond in time (operation_timeout)"
            )
            assert said["ack_ms"] >= 300
            assert len(app.envelopes) == 1  # Slack does not repeat commands.
        assert stand_in.state.log.acks[-1]["acked"] is False

    async def test_an_event_is_delivered_four_times_until_acknowledged(
        self, console: Api, stand_in: SlackStandIn
    ) -> None:
        async with scripted(stand_in.api_url, lambda _envelope: SILENCE) as app:
            await console("say", user="U0ALICE", channel="C0GPU", text="hello")
            await eventually(lambda: len(app.envelopes) == 4)
            assert [envelope["retry_attempt"] for envelope in app.envelopes] == [0, 1, 2, 3]
            reasons = [envelope["retry_reason"] for envelope in app.envelopes]
            assert reasons == ["", "timeout", "timeout", "timeout"]
            assert len({envelope["payload"]["event_id"] for envelope in app.envelopes}) == 1
            assert len({envelope["envelope_id"] for envelope in app.envelopes}) == 4
            await asyncio.sleep(0.5)
            assert len(app.envelopes) == 4


class TestHttpMode:
    """An app that is one endpoint, so that a test decides every answer."""

    async def test_requests_are_signed_and_retries_are_numbered(self) -> None:
        requests: list[tuple[dict[str, str], str]] = []

        async def endpoint(request: web.Request) -> web.Response:
            requests.append((dict(request.headers), await request.text()))
            return web.Response(status=500)

        async with _served(endpoint) as (stand_in, http):
            body = {"user": "U0ALICE", "channel": "C0GPU", "text": "hello"}
            await http.post("/console/say", json=body)
            await eventually(lambda: len(requests) == 4)
        numbers = [headers.get("X-Slack-Retry-Num") for headers, _ in requests]
        assert numbers == [None, "1", "2", "3"]
        assert requests[1][0]["X-Slack-Retry-Reason"] == "http_error"
        headers, body_text = requests[0]
        stamp = headers["X-Slack-Request-Timestamp"]
        assert headers["X-Slack-Signature"] == signature("local-signing-secret", stamp, body_text)
        assert json.loads(body_text)["event"]["text"] == "hello"
        assert stand_in.state.log.acks[0]["acked"] is False

    async def test_an_app_may_refuse_retries(self) -> None:
        requests = []

        async def endpoint(request: web.Request) -> web.Response:
            requests.append(await request.text())
            return web.Response(status=500, headers={"X-Slack-No-Retry": "1"})

        async with _served(endpoint) as (_, http):
            body = {"user": "U0ALICE", "channel": "C0GPU", "text": "hello"}
            await http.post("/console/say", json=body)
            await eventually(lambda: requests)
            await asyncio.sleep(0.4)
            assert len(requests) == 1

    async def test_an_error_fails_the_command(self) -> None:
        async def endpoint(_request: web.Request) -> web.Response:
            return web.Response(status=404)

        async with _served(endpoint) as (_, http):
            said = (await http.post("/console/say", json=COMMAND)).json()
        assert "dispatch_failed" in said["error"]

    async def test_a_command_is_a_form(self) -> None:
        bodies: list[dict[str, list[str]]] = []

        async def endpoint(request: web.Request) -> web.Response:
            bodies.append(parse_qs(await request.text()))
            return web.json_response({"text": "in the answer"})

        async with _served(endpoint) as (stand_in, http):
            body = {**COMMAND, "text": "/gpu book for payload team"}
            assert (await http.post("/console/say", json=body)).json()["ok"]
        assert bodies[0]["text"] == ["book for payload team"]
        assert stand_in.state.messages.ephemerals[0]["text"] == "in the answer"

    async def test_an_app_that_is_not_there(self) -> None:
        options = StandInOptions(mode="http", request_url="http://127.0.0.1:9/slack/events")
        async with (
            SlackStandIn(SystemClock(), options) as stand_in,
            httpx.AsyncClient(base_url=stand_in.base_url, trust_env=False) as http,
        ):
            said = (await http.post("/console/say", json=COMMAND)).json()
            assert "app_not_connected" in said["error"]
            state = await http.get("/console/state", params={"user": "U0ALICE"})
            assert state.json()["bot_connected"] is False

    def test_http_mode_needs_an_address(self) -> None:
        with pytest.raises(ValueError, match="request_url"):
            StandInOptions(mode="http")


class _served:  # noqa: N801 - reads as a verb: `async with _served(endpoint)`
    def __init__(self, endpoint: Callable[[web.Request], Awaitable[web.Response]]) -> None:
        application = web.Application()
        application.router.add_post("/slack/events", endpoint)
        self._runner = web.AppRunner(application, shutdown_timeout=1)

    async def __aenter__(self) -> tuple[SlackStandIn, httpx.AsyncClient]:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        port = self._runner.addresses[0][1]
        options = StandInOptions(
            mode="http",
            request_url=f"http://127.0.0.1:{port}/slack/events",
            redelivery_scale=0.001,
        )
        self._stand_in = SlackStandIn(SystemClock(), options)
        await self._stand_in.start()
        self._http = httpx.AsyncClient(base_url=self._stand_in.base_url, trust_env=False)
        return self._stand_in, self._http

    async def __aexit__(self, *_error: object) -> None:
        await self._http.aclose()
        await self._stand_in.stop()
        await self._runner.cleanup()

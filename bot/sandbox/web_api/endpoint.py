"""`/api/<method>`: tokens, faults, rate limits, then the method."""

from __future__ import annotations

import asyncio
import json

from aiohttp import web

from bot.sandbox.errors import Json, SlackError
from bot.sandbox.faults import Fault
from bot.sandbox.state import StandInState
from bot.sandbox.web_api import basics, chat, conversations, files, people, views
from bot.sandbox.web_api.arguments import Arguments, Method

METHODS: dict[str, Method] = {
    **basics.METHODS,
    **chat.METHODS,
    **conversations.METHODS,
    **files.METHODS,
    **people.METHODS,
    **views.METHODS,
}
WITHOUT_TOKEN = {"api.test"}


class WebApi:
    """Serves the Web API of one stand-in."""

    def __init__(self, state: StandInState) -> None:
        self._state = state

    async def endpoint(self, request: web.Request) -> web.StreamResponse:
        """Answer one call, and remember it."""
        method = request.match_info["method"]
        try:
            raw = await _raw_arguments(request)
        except ValueError:
            return self._answer(method, {}, 200, {"ok": False, "error": "invalid_json"})
        token = str(raw.pop("token", "") or _bearer(request))
        fault = self._state.faults.take(method)
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.delay_s)
        elif fault is not None and fault.kind != "reset_after":
            return self._fail(request, method, raw, fault)
        wait_s = self._state.limits.retry_after_s(method, _channel_of(raw))
        if wait_s:
            return self._limited(method, raw, wait_s)
        body = self._run(method, raw, token)
        if fault is not None and fault.kind == "reset_after":
            return self._reset(request, method, raw)
        return self._answer(method, raw, 200, body)

    def _run(self, method: str, raw: Json, token: str) -> Json:
        if method not in METHODS:
            return SlackError("unknown_method", req_method=method).answer()
        try:
            self._check_token(method, token)
            return {"ok": True, **METHODS[method](self._state, Arguments(raw))}
        except SlackError as refusal:
            return refusal.answer()

    def _check_token(self, method: str, token: str) -> None:
        options = self._state.options
        if method in WITHOUT_TOKEN:
            return
        if not token:
            raise SlackError("not_authed")
        if token not in {options.bot_token, options.app_token}:
            raise SlackError("invalid_auth")
        takes_app_token = method == "apps.connections.open"
        if (token == options.app_token) != takes_app_token:
            raise SlackError("not_allowed_token_type")

    def _fail(
        self, request: web.Request, method: str, raw: Json, fault: Fault
    ) -> web.StreamResponse:
        if fault.kind == "reset_before":
            return self._reset(request, method, raw)
        if fault.kind == "429":
            return self._limited(method, raw, fault.retry_after_s)
        status = int(fault.kind)
        self._remember(method, raw, status, "server_error")
        return web.Response(status=status, text="upstream connect error")

    def _reset(self, request: web.Request, method: str, raw: Json) -> web.StreamResponse:
        self._remember(method, raw, 0, "connection_reset")
        return reset(request)

    def _limited(self, method: str, raw: Json, wait_s: int) -> web.StreamResponse:
        self._remember(method, raw, 429, "ratelimited")
        body = {"ok": False, "error": "ratelimited"}
        return web.json_response(body, status=429, headers={"Retry-After": str(wait_s)})

    def _answer(self, method: str, raw: Json, status: int, body: Json) -> web.StreamResponse:
        self._remember(method, raw, status, body.get("error"))
        return web.json_response(body, status=status, headers={"X-Slack-Req-Id": "local"})

    def _remember(self, method: str, raw: Json, status: int, error: str | None) -> None:
        now = self._state.clock.now().isoformat()
        self._state.log.call(method, raw, now, status, error)


def reset(request: web.Request) -> web.StreamResponse:
    """Reset the connection. Returns a response that nobody will read."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def _bearer(request: web.Request) -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer").strip()


def _channel_of(raw: Json) -> str | None:
    channel = raw.get("channel")
    return None if channel is None else str(channel)


async def _raw_arguments(request: web.Request) -> Json:
    arguments: Json = dict(request.query)
    if not request.can_read_body:
        return arguments
    if request.content_type == "application/json":
        body = json.loads(await request.text() or "{}")
        if not isinstance(body, dict):
            raise ValueError("not an object")
        return {**arguments, **body}
    form = await request.post()
    return {**arguments, **{key: value for key, value in form.items() if isinstance(value, str)}}

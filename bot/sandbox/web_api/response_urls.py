"""`/respond/<id>`: what an app answers through a response_url.

https://docs.slack.dev/interactivity/handling-user-interaction
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from bot.sandbox.errors import Json, SlackError
from bot.sandbox.options import BOT_USER_ID
from bot.sandbox.state import StandInState
from bot.sandbox.triggers import ResponseUrl
from bot.sandbox.web_api import chat
from bot.sandbox.web_api.arguments import Arguments
from bot.sandbox.web_api.endpoint import reset

METHOD = "response_url"
"""The name under which calls are remembered and faults are ordered."""


class ResponseUrlApi:
    """Serves the response URLs of one stand-in."""

    def __init__(self, state: StandInState) -> None:
        self._state = state

    async def endpoint(self, request: web.Request) -> web.StreamResponse:
        """Answer one use, and remember it."""
        try:
            raw = await request.json()
        except ValueError:
            raw = None
        if not isinstance(raw, dict):
            return self._finish({}, 400, "invalid_payload")
        fault = self._state.faults.take(METHOD)
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.delay_s)
        elif fault is not None and fault.kind in {"429", "500", "503"}:
            return self._finish(raw, int(fault.kind), "fault", fault.retry_after_s)
        elif fault is not None and fault.kind == "reset_before":
            return reset(request)
        try:
            answer(self._state, self._state.response_urls.spend(request.match_info["id"]), raw)
        except SlackError as refusal:
            status = 404 if refusal.code.endswith("_url") else 400
            return self._finish(raw, status, refusal.code)
        if fault is not None and fault.kind == "reset_after":
            return reset(request)
        return self._finish(raw, 200, None)

    def _finish(
        self, raw: Json, status: int, error: str | None, retry_after_s: int = 1
    ) -> web.StreamResponse:
        self._state.log.call(METHOD, raw, self._state.clock.now().isoformat(), status, error)
        if error is None:
            return web.Response(text="ok")
        headers = {"Retry-After": str(retry_after_s)} if status == 429 else {}
        return web.json_response({"ok": False, "error": error}, status=status, headers=headers)


def answer(state: StandInState, url: ResponseUrl, raw: Json) -> None:
    """Carry out what an app said through a response URL, or in its acknowledgement.

    Args:
        state: the stand-in.
        url: where and to whom the answer goes.
        raw: the body.

    Raises:
        SlackError: `no_text`, `invalid_blocks`, `msg_blocks_too_long`.
    """
    args = Arguments(raw)
    if args.flag("delete_original"):
        _delete(state, url)
        return
    parts = chat.content(state, args)
    chat.refuse_empty(parts)
    if args.flag("replace_original") and url.message_ts and _replace(state, url, parts):
        return
    channel = state.workspace.channel(url.channel)
    message = chat.bot_message(state, parts)
    if args.text("thread_ts"):
        message["thread_ts"] = args.text("thread_ts")
    if args.text("response_type") == "in_channel":
        chat.store(state, channel, message)
    else:
        state.messages.add_ephemeral(channel.id, url.user, message)


def _delete(state: StandInState, url: ResponseUrl) -> None:
    ts = url.message_ts or ""
    ephemeral = state.messages.ephemeral(url.channel, ts)
    if ephemeral is not None:
        state.messages.delete_ephemeral(ephemeral)
    else:
        state.messages.delete(url.channel, ts)


def _replace(state: StandInState, url: ResponseUrl, parts: Json) -> bool:
    ts = url.message_ts or ""
    message = state.messages.ephemeral(url.channel, ts)
    if message is None:
        message = state.messages.by_channel[url.channel].get(ts)
    if message is None or message.get("user") != BOT_USER_ID:
        return False
    message.pop("blocks", None)
    message.update(parts)
    state.messages.touch()
    return True

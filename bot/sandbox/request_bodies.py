"""Reads the JSON bodies of the console and control APIs."""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable

from aiohttp import web

from bot.sandbox.errors import Json, SlackError

Answerer = Callable[[Json], Awaitable[Json]]


class BadBody(Exception):
    """A body that is no JSON object, or lacks a field."""


def field(body: Json, name: str) -> str:
    """Return a text that must be there.

    Raises:
        BadBody: if it is missing or no text.
    """
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise BadBody(f"missing field: {name}")
    return value


def section(body: Json, name: str) -> Json:
    """Return an object; an absent one is empty.

    Raises:
        BadBody: if it is something else.
    """
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadBody(f"not an object: {name}")
    return value


def number(body: Json, name: str, default: float) -> float:
    """Return a number.

    Raises:
        BadBody: if it is something else.
    """
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadBody(f"not a number: {name}")
    return value


def _object(text: str) -> Json:
    body = json.loads(text or "{}")
    if not isinstance(body, dict):
        raise BadBody("the body must be a JSON object")
    return body


def json_endpoint(answer: Answerer) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return a handler that gives `answer` the JSON body.

    A refusal in Slack's vocabulary is answered as `{"ok": false, "error"}`, a bad body with 400.
    """

    @functools.wraps(answer)
    async def handler(request: web.Request) -> web.StreamResponse:
        try:
            return web.json_response(await answer(_object(await request.text())))
        except SlackError as refusal:
            return web.json_response(refusal.answer())
        except (BadBody, json.JSONDecodeError) as problem:
            return web.json_response({"ok": False, "error": str(problem)}, status=400)

    return handler

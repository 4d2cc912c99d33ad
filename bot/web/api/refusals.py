"""How the API says no: one form for every error."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta, tzinfo
from functools import partial
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from bot.domain.errors import BerthError, TokenRefused, WindowTaken
from bot.web.api.answers import ErrorAnswer, Held, OtherWindow
from bot.web.statuses import status_of

SentenceOf = Callable[[BerthError], str]
"""The words for an error, for people who read what their programs were told."""

SentenceIn = Callable[[BerthError, tzinfo], str]
"""The same with times in a zone, for who reads them at once."""

MOST_FAULTS = 20


def answer_refusals(
    app: FastAPI, sentence_of: SentenceOf, sentence_in: SentenceIn | None = None
) -> None:
    """Let every error of ``app`` be answered as an `ErrorAnswer`.

    Who asks with a page of Berth's own (`bot.web.api.door`) reads times in their own zone.
    """

    async def anticipated(request: Request, error: Exception) -> Response:
        if not isinstance(error, BerthError):
            raise error
        headers = {"WWW-Authenticate": "Bearer"} if isinstance(error, TokenRefused) else None
        zone = getattr(request.state, "zone", None)
        says = partial(_in_zone, sentence_in, zone) if sentence_in and zone else sentence_of
        return _answer(_told(error, says), status_of(error), headers)

    app.add_exception_handler(BerthError, anticipated)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(StarletteHTTPException, _by_framework)


def _in_zone(sentence_in: SentenceIn, zone: tzinfo, error: BerthError) -> str:
    return sentence_in(error, zone)


def _told(error: BerthError, sentence_of: SentenceOf) -> ErrorAnswer:
    taken = error if isinstance(error, WindowTaken) else None
    return ErrorAnswer(
        error=error.code,
        sentence=_utf8(sentence_of(error)),
        data=plain_data(error.data),
        holdings=[Held.of(held) for held in taken.holdings] if taken else [],
        alternatives=[OtherWindow.of(each) for each in taken.alternatives] if taken else [],
    )


def plain_data(data: Mapping[str, object]) -> dict[str, object]:
    """Return an error's data as JSON: instants in ISO 8601, lengths in seconds, as ``…_s``."""
    return {
        f"{name}_s" if isinstance(value, timedelta) else name: _plain(value)
        for name, value in data.items()
    }


def _plain(value: Any) -> object:
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {_utf8(str(name)): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    return _plain_one(value)


def _plain_one(value: Any) -> object:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return value.total_seconds()
    if value is None or isinstance(value, bool | int):
        return value
    is_number = isinstance(value, float) and math.isfinite(value)
    return value if is_number else _utf8(str(value))


def _utf8(text: str) -> str:
    """Return a text that can be sent back: half a surrogate pair is not UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")


async def _malformed(_request: Request, error: Exception) -> Response:
    """Say what is wrong with the form of a request, without repeating what was sent."""
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    problems = {
        _utf8(".".join(str(part) for part in fault["loc"]))[:200]: _utf8(str(fault["msg"]))[:300]
        for fault in faults[:MOST_FAULTS]
    }
    told = "; ".join(f"{place}: {what}" for place, what in problems.items())
    answer = ErrorAnswer(
        error="invalid_request",
        sentence=f"The request has not the form that docs/http-api.md describes: {told}.",
        data={"problems": problems},
    )
    return _answer(answer, 422)


async def _by_framework(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException | StarletteHTTPException) else 500
    detail = str(getattr(error, "detail", ""))
    code = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}.get(
        status, "invalid_request"
    )
    sentence = f"{detail or 'That cannot be answered'}. docs/http-api.md lists all that can."
    headers = getattr(error, "headers", None)
    return _answer(ErrorAnswer(error=code, sentence=sentence), status, headers)


def _answer(
    answer: ErrorAnswer, status: int, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    content = answer.model_dump(mode="json")
    return JSONResponse(content, status_code=status, headers=dict(headers or {}))

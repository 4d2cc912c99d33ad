"""A method's arguments, however they were sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from bot.sandbox.errors import Json, SlackError, missing_argument
from bot.sandbox.state import StandInState


class Arguments:
    """Reads arguments that came as a query, a form or JSON.

    Forms carry structures as JSON in strings, and numbers and booleans as words.
    """

    def __init__(self, raw: Json) -> None:
        self.raw = raw

    def has(self, name: str) -> bool:
        """Whether the argument was given, be it empty."""
        return self.raw.get(name) is not None

    def text(self, name: str, default: str = "") -> str:
        """Return an optional text."""
        value = self.raw.get(name)
        return default if value is None else str(value)

    def required(self, name: str) -> str:
        """Return a text that must be there.

        Raises:
            SlackError: `invalid_arguments`.
        """
        value = self.text(name)
        if not value:
            raise missing_argument(name)
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean."""
        value = self.raw.get(name)
        if value is None:
            return default
        return str(value).lower() in {"true", "1"}

    def number(self, name: str, default: int) -> int:
        """Return a whole number.

        Raises:
            SlackError: `invalid_arguments`.
        """
        try:
            return int(self.raw.get(name, default))
        except (TypeError, ValueError):
            raise SlackError("invalid_arguments", [f"[ERROR] {name} must be a number"]) from None

    def structure(self, name: str, refusal: str) -> Any:
        """Return a list or an object, also when it came as JSON in a string; None if absent.

        Raises:
            SlackError: `refusal`, for text that is no JSON.
        """
        value = self.raw.get(name)
        if not isinstance(value, str):
            return value
        if not value.strip():
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise SlackError(refusal, [f"[ERROR] {name} is not valid JSON"]) from None


Method = Callable[[StandInState, Arguments], Json]
"""A Web API method: returns the answer's fields beside `ok`, or raises SlackError."""


def page(items: list[Json] | list[str], args: Arguments, default_limit: int) -> tuple[Any, str]:
    """Return one page of a list and the cursor of the next (empty at the end).

    Raises:
        SlackError: `invalid_cursor`, `invalid_limit`.
    """
    cursor = args.text("cursor")
    head, _, tail = cursor.partition("-")
    if cursor and (head != "next" or not tail.isdigit()):
        raise SlackError("invalid_cursor")
    limit = args.number("limit", default_limit) or default_limit
    if not 0 < limit <= 1000:
        raise SlackError("invalid_limit")
    start = int(tail or 0)
    more = start + limit < len(items)
    return items[start : start + limit], f"next-{start + limit}" if more else ""

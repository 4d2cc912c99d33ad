"""How a Web API method refuses."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
"""A JSON object as Slack sends and takes it."""


class SlackError(Exception):
    """A refusal in Slack's vocabulary, answered as `{"ok": false, "error": code}`.

    Args:
        code: Slack's error code, for example `channel_not_found`.
        messages: what `response_metadata.messages` says, if anything.
        extra: further top-level fields of the answer.
    """

    def __init__(self, code: str, messages: list[str] | None = None, **extra: Any) -> None:
        super().__init__(code)
        self.code = code
        self.messages = messages or []
        self.extra = extra

    def answer(self) -> Json:
        """Return the body of the answer."""
        body: Json = {"ok": False, "error": self.code, **self.extra}
        if self.messages:
            body["errors"] = list(self.messages)
            body["response_metadata"] = {"messages": list(self.messages)}
        return body


def missing_argument(name: str) -> SlackError:
    """Return the refusal of a call that lacks a required argument."""
    return SlackError("invalid_arguments", [f"[ERROR] missing required field: {name}"])

"""Short-lived permissions: trigger ids and response URLs."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any

from bot.sandbox.errors import SlackError

KEPT = 10_000
"""How many are remembered, so that a stand-in that runs for days does not grow."""


def _forget_oldest(by_id: dict[str, Any]) -> None:
    if len(by_id) > KEPT:
        del by_id[next(iter(by_id))]


@dataclass
class _Trigger:
    user: str
    expires_s: float
    used: bool = False


class Triggers:
    """trigger_ids: three seconds, one use, tied to a person.

    https://docs.slack.dev/interactivity/handling-user-interaction
    """

    def __init__(self, life_s: float) -> None:
        self._life_s = life_s
        self._by_id: dict[str, _Trigger] = {}

    def issue(self, user: str) -> str:
        """Return a fresh trigger_id for what this person just did."""
        number = secrets.randbelow(10**12)
        trigger_id = f"{number}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self._by_id[trigger_id] = _Trigger(user, time.monotonic() + self._life_s)
        _forget_oldest(self._by_id)
        return trigger_id

    def check(self, trigger_id: str) -> str:
        """Return whose trigger it is, without using it up.

        Raises:
            SlackError: `invalid_trigger_id`, `exchanged_trigger_id`, `expired_trigger_id`.
        """
        trigger = self._by_id.get(trigger_id)
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.used:
            raise SlackError("exchanged_trigger_id")
        if time.monotonic() > trigger.expires_s:
            raise SlackError("expired_trigger_id")
        return trigger.user

    def spend(self, trigger_id: str) -> None:
        """Mark a checked trigger as used."""
        self._by_id[trigger_id].used = True


@dataclass
class ResponseUrl:
    """Where an app may answer what one person did in one channel."""

    channel: str
    user: str
    message_ts: str | None
    uses_left: int
    expires_s: float


class ResponseUrls:
    """response_urls: five uses within thirty minutes.

    https://docs.slack.dev/interactivity/handling-user-interaction
    """

    def __init__(self, uses: int, life_s: float) -> None:
        self._uses = uses
        self._life_s = life_s
        self._by_id: dict[str, ResponseUrl] = {}

    def issue(self, channel: str, user: str, message_ts: str | None) -> str:
        """Return the id of a fresh response URL.

        Args:
            channel: where the person acted.
            user: who acted.
            message_ts: the message that carried the button, if any; it may be ephemeral.
        """
        url_id = secrets.token_hex(16)
        expires_s = time.monotonic() + self._life_s
        self._by_id[url_id] = ResponseUrl(channel, user, message_ts, self._uses, expires_s)
        _forget_oldest(self._by_id)
        return url_id

    def spend(self, url_id: str) -> ResponseUrl:
        """Use a response URL once.

        Raises:
            SlackError: `invalid_url`, `used_url`, `expired_url`.
        """
        url = self._by_id.get(url_id)
        if url is None:
            raise SlackError("invalid_url")
        if url.uses_left <= 0:
            raise SlackError("used_url")
        if time.monotonic() > url.expires_s:
            raise SlackError("expired_url")
        url.uses_left -= 1
        return url

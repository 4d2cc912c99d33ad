"""Finds out whether something went out although its answer was lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

from bot.ports.clock import Clock
from bot.slack.outbound.send_budget import MethodClass
from bot.slack.outbound.slack_calls import Call, SlackCalls

EVENT_TYPE = "berth_delivery"


def delivery_metadata(delivery_key: str) -> dict[str, Any]:
    """Return message metadata that names the delivery.

    People do not see it. https://docs.slack.dev/messaging/message-metadata
    """
    return {"event_type": EVENT_TYPE, "event_payload": {"key": delivery_key}}


class DeliverySearch:
    """Looks for own messages in a channel or a thread.

    Args:
        calls: how Slack is called.
        clock: tells how far back ``look_back`` reaches.
        look_back: an older message is not looked for.
    """

    _PAGE = 200
    _MOST_PAGES = 10

    def __init__(self, calls: SlackCalls, clock: Clock, look_back: timedelta) -> None:
        self._calls = calls
        self._clock = clock
        self._look_back = look_back

    async def message_ts(
        self, channel_id: str, delivery_key: str, *, thread_ts: str | None = None
    ) -> str | None:
        """Return the ``ts`` of the message that carries ``delivery_key``, or None.

        Raises:
            DeliveryFailed: Slack could not be asked; it is not known then.
        """
        wanted = delivery_metadata(delivery_key)
        async for message in self._messages(channel_id, thread_ts):
            found = message.get("metadata") or {}
            if found.get("event_type") == EVENT_TYPE and (
                found.get("event_payload") == wanted["event_payload"]
            ):
                return str(message["ts"])
        return None

    async def file_id(
        self, channel_id: str, thread_ts: str, *, name: str, title: str
    ) -> str | None:
        """Return the id of a file of that name and title in the thread, or None.

        A file carries no metadata, hence its name and title.

        Raises:
            DeliveryFailed: Slack could not be asked; it is not known then.
        """
        async for message in self._messages(channel_id, thread_ts):
            for file in message.get("files") or ():
                if file.get("name") == name and file.get("title") == title:
                    return str(file["id"])
        return None

    async def _messages(
        self, channel_id: str, thread_ts: str | None
    ) -> AsyncIterator[Mapping[str, Any]]:
        client = self._calls.client
        place = {"channel": channel_id}
        method: Call = client.conversations_history
        if thread_ts is not None:
            place["ts"] = thread_ts
            method = client.conversations_replies
        oldest = (self._clock.now() - self._look_back).timestamp()
        cursor = ""
        for _ in range(self._MOST_PAGES):
            page = await self._calls(
                MethodClass.READ,
                method,
                **place,
                oldest=f"{oldest:.6f}",
                limit=self._PAGE,
                include_all_metadata=True,
                **({"cursor": cursor} if cursor else {}),
            )
            for message in page.get("messages") or ():
                yield message
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return

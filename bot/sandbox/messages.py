"""Messages, threads and ephemerals."""

from __future__ import annotations

import secrets
from collections import defaultdict

from bot.ports.clock import Clock
from bot.sandbox.changes import Changes
from bot.sandbox.errors import Json, SlackError


def with_ids(blocks: list[Json]) -> list[Json]:
    """Return the blocks with every absent block_id and action_id filled in, as Slack does."""
    return [_block_with_ids(block) for block in blocks]


def _block_with_ids(block: Json) -> Json:
    filled = {**block, "block_id": block.get("block_id") or secrets.token_hex(3)}
    for key in ("element", "accessory"):
        if isinstance(filled.get(key), dict):
            filled[key] = _element_with_id(filled[key])
    if filled.get("type") == "actions":
        filled["elements"] = [_element_with_id(element) for element in filled["elements"]]
    return filled


def _element_with_id(element: Json) -> Json:
    if element.get("type") == "image" or element.get("action_id"):
        return element
    return {**element, "action_id": secrets.token_hex(3)}


class MessageBook:
    """Every message of every channel, by its `ts`, and the ephemerals beside them."""

    def __init__(self, clock: Clock, changes: Changes) -> None:
        self._clock = clock
        self._changes = changes
        self._last_us = 0
        self.by_channel: dict[str, dict[str, Json]] = defaultdict(dict)
        self.ephemerals: list[Json] = []

    def next_ts(self) -> str:
        """Return a timestamp greater than every earlier one."""
        now_us = int(self._clock.now().timestamp() * 1_000_000)
        self._last_us = max(now_us, self._last_us + 1)
        seconds, microseconds = divmod(self._last_us, 1_000_000)
        return f"{seconds}.{microseconds:06d}"

    def add(self, channel: str, message: Json) -> Json:
        """Store a message under its `ts` and keep its thread's counters right."""
        root = self._root_of(channel, message.get("thread_ts"))
        if root is not None:
            message["thread_ts"] = root["ts"]
        self.by_channel[channel][message["ts"]] = message
        if root is not None:
            self._count_replies(channel, root)
        self._changes.bump()
        return message

    def add_ephemeral(self, channel: str, to: str, message: Json) -> Json:
        """Store a message that only one person sees."""
        stored = {**message, "channel": channel, "to": to, "ephemeral": True}
        self.ephemerals.append(stored)
        self._changes.bump()
        return stored

    def get(self, channel: str, ts: str) -> Json:
        """Return a message.

        Raises:
            SlackError: `message_not_found`.
        """
        message = self.by_channel[channel].get(ts)
        if message is None:
            raise SlackError("message_not_found")
        return message

    def ephemeral(self, channel: str, ts: str) -> Json | None:
        """Return an ephemeral message, or None."""
        for message in self.ephemerals:
            if message["channel"] == channel and message["ts"] == ts:
                return message
        return None

    def delete(self, channel: str, ts: str) -> None:
        """Delete a message; a thread's parent leaves a tombstone.

        Raises:
            SlackError: `message_not_found`.
        """
        message = self.get(channel, ts)
        if message.get("reply_count"):
            kept = {key: message[key] for key in ("type", "ts", "thread_ts", "reply_count")}
            text = "This message was deleted."
            tombstone = {**kept, "subtype": "tombstone", "user": "USLACKBOT", "text": text}
            self.by_channel[channel][ts] = tombstone
        else:
            del self.by_channel[channel][ts]
            root = self._root_of(channel, message.get("thread_ts"))
            if root is not None and root is not message:
                self._count_replies(channel, root)
        self._changes.bump()

    def delete_ephemeral(self, message: Json) -> None:
        """Take an ephemeral message away."""
        self.ephemerals.remove(message)
        self._changes.bump()

    def touch(self) -> None:
        """Say that a stored message was changed in place."""
        self._changes.bump()

    def history(self, channel: str) -> list[Json]:
        """Return what the channel itself shows, newest first: no ephemerals, no mere replies."""
        shown = [
            message
            for message in self.by_channel[channel].values()
            if message.get("thread_ts") in {None, message["ts"]} or message.get("reply_broadcast")
        ]
        return sorted(shown, key=lambda message: str(message["ts"]), reverse=True)

    def thread(self, channel: str, ts: str) -> list[Json]:
        """Return a thread, parent first.

        Raises:
            SlackError: `thread_not_found`.
        """
        found = [
            message
            for message in self.by_channel[channel].values()
            if ts in {message["ts"], message.get("thread_ts")}
        ]
        if not found:
            raise SlackError("thread_not_found")
        return sorted(found, key=lambda message: str(message["ts"]))

    def _root_of(self, channel: str, thread_ts: str | None) -> Json | None:
        parent = self.by_channel[channel].get(thread_ts or "")
        if parent is None:
            return None
        above = parent.get("thread_ts")
        return self.by_channel[channel].get(above, parent) if above else parent

    def _count_replies(self, channel: str, root: Json) -> None:
        replies = [message for message in self.thread(channel, root["ts"]) if message is not root]
        root["thread_ts"] = root["ts"]
        root["reply_count"] = len(replies)
        root["reply_users"] = sorted({str(reply.get("user")) for reply in replies})
        root["latest_reply"] = replies[-1]["ts"] if replies else root["ts"]

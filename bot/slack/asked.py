"""Who asked for what, and where they stand: one value from any payload that Slack sends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a listener needs of a payload.

    ``channel_id`` is where the person is, also for a modal that carries it in its metadata;
    ``links`` are those that somebody has written;
    ``message_ts`` the message that a click was in; ``view`` the modal or home tab it was in.
    """

    user_id: str
    channel_id: str | None = None
    text: str = ""
    trigger_id: str | None = None
    response_url: str | None = None
    action_id: str = ""
    value: str = ""
    message_ts: str | None = None
    view: Payload = field(default_factory=dict)
    links: tuple[str, ...] = ()

    @property
    def in_modal(self) -> bool:
        """Tell whether the person looks at a modal."""
        return self.view.get("type") == "modal"

    @property
    def in_home(self) -> bool:
        """Tell whether the person looks at the home tab."""
        return self.view.get("type") == "home"

    @property
    def in_direct(self) -> bool:
        """Tell whether the person is in their direct messages with Berth."""
        return (self.channel_id or "").startswith("D")

    @property
    def key(self) -> str | None:
        """Return what names this asking: the same however often it is delivered.

        A modal, and a message with choices, are good for one booking each.
        """
        if self.in_modal:
            return f"view:{self.view.get('root_view_id') or self.view.get('id')}"
        if self.message_ts and self.channel_id:
            return f"click:{self.user_id}:{self.channel_id}:{self.message_ts}:{self.action_id}"
        return f"command:{self.trigger_id}" if self.trigger_id else None


def asked_by_command(body: Payload) -> Asked:
    """Return what a slash command asks."""
    return Asked(
        user_id=str(body["user_id"]),
        channel_id=body.get("channel_id"),
        text=str(body.get("text") or ""),
        trigger_id=body.get("trigger_id"),
        response_url=body.get("response_url"),
    )


def asked_by_interaction(body: Payload) -> Asked:
    """Return what a click, a submitted modal or a shortcut asks."""
    view: Payload = body.get("view") or {}
    container: Payload = body.get("container") or {}
    channel: Payload = body.get("channel") or {}
    actions = body.get("actions") or [{}]
    return Asked(
        user_id=str(body["user"]["id"]),
        channel_id=channel.get("id") or container.get("channel_id") or carried_channel(view),
        trigger_id=body.get("trigger_id"),
        response_url=body.get("response_url"),
        action_id=str(actions[0].get("action_id") or ""),
        value=_value(actions[0]),
        message_ts=container.get("message_ts") or body.get("message_ts"),
        view=view,
    )


def _value(action: Payload) -> str:
    """Return what a button or the chosen option of a menu carries."""
    chosen: Payload = action.get("selected_option") or {}
    return str(action.get("value") or chosen.get("value") or "")


def asked_by_event(body: Payload) -> Asked:
    """Return what an event is about."""
    event: Payload = body.get("event") or {}
    links = event.get("links") or ()
    return Asked(
        user_id=str(event.get("user") or ""),
        channel_id=event.get("channel") if links else None,
        message_ts=event.get("message_ts"),
        view=event.get("view") or {"type": event.get("tab")},
        links=tuple(str(link.get("url")) for link in links),
    )


def metadata(channel_id: str | None) -> str:
    """Return a modal's private_metadata: a submission itself does not say in which channel."""
    return json.dumps({"v": 1, "channel": channel_id}, separators=(",", ":"))


def carried_channel(view: Payload) -> str | None:
    """Return the channel in a modal's private_metadata, if there is one that can be read."""
    try:
        channel = json.loads(view.get("private_metadata") or "{}").get("channel")
    except (ValueError, AttributeError):
        return None
    return channel if isinstance(channel, str) else None

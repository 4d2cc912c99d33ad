"""chat.*: writing, editing and deleting messages.

https://docs.slack.dev/reference/methods
"""

from __future__ import annotations

import re
from typing import Any

from bot.sandbox.block_kit_rules import (
    MESSAGE_TEXT_IN_BLOCKS_MAX,
    message_problems,
    text_in_blocks,
)
from bot.sandbox.errors import Json, SlackError
from bot.sandbox.messages import with_ids
from bot.sandbox.options import APP_ID, BOT_ID, BOT_USER_ID, TEAM_ID
from bot.sandbox.payloads import message_event
from bot.sandbox.state import StandInState
from bot.sandbox.web_api.arguments import Arguments, Method
from bot.sandbox.workspace import Channel

TEXT_KEPT = 40_000
"""Longer texts are cut. https://docs.slack.dev/changelog/2018-truncating-really-long-messages"""
UPDATE_TEXT_MAX = 4_000
METADATA_BYTES_MAX = 16_000


def content(state: StandInState, args: Arguments) -> Json:
    """Return the checked content of a message: text, blocks, attachments, metadata.

    Raises:
        SlackError: `invalid_blocks`, `msg_blocks_too_long`, `invalid_metadata_format`.
    """
    parts: Json = {"text": args.text("text")[:TEXT_KEPT]}
    blocks = args.structure("blocks", "invalid_blocks_format")
    if blocks is not None:
        problems = message_problems(blocks, state.file_ids())
        if problems:
            raise SlackError("invalid_blocks", problems)
        if text_in_blocks(blocks) > MESSAGE_TEXT_IN_BLOCKS_MAX:
            raise SlackError("msg_blocks_too_long")
        parts["blocks"] = with_ids(blocks)
    attachments = args.structure("attachments", "invalid_attachments")
    if attachments:
        parts["attachments"] = attachments
    metadata = args.structure("metadata", "invalid_metadata_format")
    if metadata:
        parts["metadata"] = _checked_metadata(metadata)
    return parts


def _checked_metadata(metadata: Any) -> Json:
    right = isinstance(metadata, dict) and set(metadata) == {"event_type", "event_payload"}
    if not right or not isinstance(metadata["event_payload"], dict):
        raise SlackError("invalid_metadata_format")
    if len(str(metadata)) > METADATA_BYTES_MAX:
        raise SlackError("metadata_too_large")
    return dict(metadata)


def refuse_empty(parts: Json) -> None:
    """Refuse a message without any content.

    Raises:
        SlackError: `no_text`.
    """
    if not (parts["text"] or parts.get("blocks") or parts.get("attachments")):
        raise SlackError("no_text")


def bot_message(state: StandInState, parts: Json) -> Json:
    """Return a message by the bot with a fresh timestamp; it is not stored yet."""
    return {
        "type": "message",
        "ts": state.messages.next_ts(),
        "user": BOT_USER_ID,
        "bot_id": BOT_ID,
        "app_id": APP_ID,
        "team": TEAM_ID,
        **parts,
    }


def store(state: StandInState, channel: Channel, message: Json) -> Json:
    """Store a message by the bot, and echo it as an event if the options say so."""
    stored = state.messages.add(channel.id, message)
    if state.options.echo_own_messages:
        state.tell_app(message_event(channel, stored))
    return stored


def _thread(args: Arguments) -> Json:
    thread_ts = args.text("thread_ts")
    if not thread_ts:
        return {}
    if not re.fullmatch(r"\d{10}\.\d{6}", thread_ts):
        raise SlackError("invalid_thread_ts")
    broadcast = args.flag("reply_broadcast")
    return {"thread_ts": thread_ts, **({"reply_broadcast": True} if broadcast else {})}


def _post_message(state: StandInState, args: Arguments) -> Json:
    channel = state.workspace.destination(args.required("channel"))
    parts = content(state, args)
    refuse_empty(parts)
    message = bot_message(state, {**parts, **_thread(args)})
    stored = store(state, channel, message)
    return {"channel": channel.id, "ts": stored["ts"], "message": stored}


def _post_ephemeral(state: StandInState, args: Arguments) -> Json:
    channel = state.workspace.destination(args.required("channel"))
    user = args.required("user")
    if user not in channel.members or state.workspace.person(user).deleted:
        raise SlackError("user_not_in_channel")
    if len(args.text("text")) > TEXT_KEPT:
        raise SlackError("msg_too_long")
    parts = content(state, args)
    refuse_empty(parts)
    message = bot_message(state, {**parts, **_thread(args)})
    state.messages.add_ephemeral(channel.id, user, message)
    return {"message_ts": message["ts"]}


def _own_message(state: StandInState, args: Arguments, refusal: str) -> tuple[Channel, Json]:
    channel = state.workspace.channel(args.required("channel"))
    message = state.messages.get(channel.id, args.required("ts"))
    if message.get("user") != BOT_USER_ID:
        raise SlackError(refusal)
    if channel.is_archived:
        raise SlackError("is_archived")
    return channel, message


def _update(state: StandInState, args: Arguments) -> Json:
    channel, message = _own_message(state, args, "cant_update_message")
    if len(args.text("text")) > UPDATE_TEXT_MAX:
        raise SlackError("msg_too_long")
    parts = content(state, args)
    if not (parts["text"] or args.has("blocks") or args.has("attachments")):
        raise SlackError("no_text")
    if not args.has("text"):
        parts["text"] = message["text"]
    message.update(parts)
    if not message.get("blocks"):
        message.pop("blocks", None)
    if "blocks" not in parts:  # Slack marks a text as edited, a card made of blocks not.
        message["edited"] = {"user": BOT_USER_ID, "ts": state.messages.next_ts()}
    state.messages.touch()
    body = {"channel": channel.id, "ts": message["ts"], "text": message["text"]}
    return {**body, "message": message}


def _delete(state: StandInState, args: Arguments) -> Json:
    channel, message = _own_message(state, args, "cant_delete_message")
    state.messages.delete(channel.id, message["ts"])
    return {"channel": channel.id, "ts": message["ts"]}


def _permalink(state: StandInState, args: Arguments) -> Json:
    channel = state.workspace.channel(args.required("channel"))
    message = state.messages.get(channel.id, args.required("message_ts"))
    link = f"{state.base_url}/archives/{channel.id}/p{message['ts'].replace('.', '')}"
    parent = message.get("thread_ts")
    if parent and parent != message["ts"]:
        link += f"?thread_ts={parent}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


def _unfurl(state: StandInState, args: Arguments) -> Json:
    channel = state.workspace.readable(args.required("channel"))
    message = state.messages.get(channel.id, args.required("ts"))
    unfurls = args.structure("unfurls", "invalid_unfurls_format")
    if not isinstance(unfurls, dict) or not unfurls:
        raise SlackError("missing_unfurls")
    for unfurl in unfurls.values():
        problems = message_problems(unfurl.get("blocks", []), state.file_ids())
        if problems:
            raise SlackError("invalid_blocks", problems)
    message["unfurls"] = {**message.get("unfurls", {}), **unfurls}
    state.messages.touch()
    return {}


METHODS: dict[str, Method] = {
    "chat.delete": _delete,
    "chat.getPermalink": _permalink,
    "chat.postEphemeral": _post_ephemeral,
    "chat.postMessage": _post_message,
    "chat.unfurl": _unfurl,
    "chat.update": _update,
}

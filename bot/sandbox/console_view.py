"""What one person sees: the console's state."""

from __future__ import annotations

from typing import Any

from bot.sandbox.errors import Json
from bot.sandbox.state import StandInState
from bot.sandbox.workspace import TEAM, Channel


def console_state(state: StandInState, user: str, *, connected: bool) -> Json:
    """Return everything that this person's console shows.

    Raises:
        SlackError: `user_not_found`.
    """
    workspace = state.workspace
    me = workspace.person_json(user)
    channels = [channel for channel in workspace.channels.values() if user in channel.members]
    home = state.views.home(user)
    return {
        "version": state.changes.version,
        "team": TEAM,
        "me": me,
        "users": {known: _brief(workspace.person_json(known)) for known in workspace.people},
        "channels": [_channel(channel) for channel in channels],
        "messages": {channel.id: _messages(state, channel.id, user) for channel in channels},
        "views": [_with_images(state, view) for view in state.views.stack(user)],
        "home": _with_images(state, home) if home is not None else None,
        "bot_connected": connected,
        "commands": [
            {
                "command": command.command,
                "description": command.description,
                "usage_hint": command.usage_hint,
                "should_escape": command.should_escape,
            }
            for command in state.options.commands
        ],
    }


def _brief(user: Json) -> Json:
    return {key: user[key] for key in ("id", "name", "real_name", "tz", "is_bot", "deleted")}


def _channel(channel: Channel) -> Json:
    body: Json = {
        "id": channel.id,
        "name": channel.name,
        "is_im": channel.is_im,
        "is_archived": channel.is_archived,
    }
    return {**body, "user": channel.user} if channel.is_im else body


def _messages(state: StandInState, channel: str, user: str) -> list[Json]:
    shown = list(state.messages.by_channel[channel].values())
    shown.extend(
        message
        for message in state.messages.ephemerals
        if message["channel"] == channel and message["to"] == user
    )
    ordered = sorted(shown, key=lambda message: str(message["ts"]))
    return [_message(state, message) for message in ordered]


def _message(state: StandInState, message: Json) -> Json:
    body: Json = _with_images(state, message)
    if message.get("files"):
        body["files"] = [_file(state, entry["id"]) for entry in message["files"]]
    return body


def _file(state: StandInState, file_id: str) -> Json:
    stored = state.files.by_id[file_id]
    return {
        "id": stored.id,
        "name": stored.name,
        "title": stored.title or stored.name,
        "mimetype": stored.mimetype,
        "url": stored.path,
    }


def _with_images(state: StandInState, value: Any) -> Any:
    """Return a copy in which every image by slack_file has an address that the console can load."""
    if isinstance(value, list):
        return [_with_images(state, item) for item in value]
    if not isinstance(value, dict):
        return value
    copied = {key: _with_images(state, item) for key, item in value.items()}
    source = value.get("slack_file")
    if value.get("type") == "image" and isinstance(source, dict):
        stored = state.files.by_id.get(str(source.get("id")))
        copied["image_url"] = stored.path if stored is not None else source.get("url", "")
    return copied

"""The payloads that Slack sends to an app.

Shapes: https://docs.slack.dev/reference/interaction-payloads and
https://docs.slack.dev/apis/events-api
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from urllib.parse import urlsplit

from bot.sandbox.errors import Json
from bot.sandbox.options import APP_ID, BOT_USER_ID, TEAM_DOMAIN, TEAM_ID
from bot.sandbox.state import StandInState
from bot.sandbox.workspace import Channel

VERIFICATION = "legacy-verification"
"""The deprecated verification token, which apps must not rely on."""


def slash_command(
    state: StandInState, user: str, channel: Channel, command: str, text: str
) -> Json:
    """Return the payload of a slash command."""
    return {
        "token": VERIFICATION,
        "team_id": TEAM_ID,
        "team_domain": TEAM_DOMAIN,
        "channel_id": channel.id,
        "channel_name": channel.payload_name,
        "user_id": user,
        "user_name": state.workspace.person(user).name,
        "command": command,
        "text": text,
        "api_app_id": APP_ID,
        "is_enterprise_install": "false",
        "response_url": response_url(state, user, channel.id, None),
        "trigger_id": state.triggers.issue(user),
    }


def interaction(state: StandInState, kind: str, user: str) -> Json:
    """Return what every interactive payload has in common. It carries no trigger."""
    name = state.workspace.person(user).name
    return {
        "type": kind,
        "team": {"id": TEAM_ID, "domain": TEAM_DOMAIN},
        "user": {"id": user, "username": name, "name": name, "team_id": TEAM_ID},
        "api_app_id": APP_ID,
        "token": VERIFICATION,
        "enterprise": None,
        "is_enterprise_install": False,
    }


def in_message(state: StandInState, user: str, channel: Channel, message: Json) -> Json:
    """Return the part of a payload that says which message somebody acted in.

    As in Slack, the content of an ephemeral message is not sent along.
    """
    is_ephemeral = bool(message.get("ephemeral"))
    container: Json = {
        "type": "message",
        "message_ts": message["ts"],
        "channel_id": channel.id,
        "is_ephemeral": is_ephemeral,
    }
    if message.get("thread_ts"):
        container["thread_ts"] = message["thread_ts"]
    part: Json = {
        "container": container,
        "channel": {"id": channel.id, "name": channel.payload_name},
        "response_url": response_url(state, user, channel.id, message["ts"]),
    }
    return part if is_ephemeral else {**part, "message": message}


def in_view(view: Json, values: Json) -> Json:
    """Return the part of a payload that says which view somebody acted in."""
    return {
        "container": {"type": "view", "view_id": view["id"]},
        "view": with_state(view, values),
    }


def with_state(view: Json, values: Json) -> Json:
    """Return the view with what its inputs hold."""
    return {**view, "state": {"values": values}}


def links_in(text: str, domains: Collection[str]) -> list[Json]:
    """Return the links in a text to hosts that the app has named as its own."""
    found = (match[0] for match in re.finditer(r"https?://[^\s<>|]+", text))
    hosts = {url: urlsplit(url).hostname or "" for url in found}
    return [{"url": url, "domain": host} for url, host in hosts.items() if host in domains]


def link_shared(channel: Channel, message: Json, links: list[Json]) -> Json:
    """Return the event that tells of links (https://docs.slack.dev/reference/events/link_shared)."""
    return {
        "type": "link_shared",
        "channel": channel.id,
        "is_bot_user_member": BOT_USER_ID in channel.members,
        "user": message["user"],
        "message_ts": message["ts"],
        "unfurl_id": f"{channel.id}-{message['ts']}-local",
        "source": "conversations_history",
        "links": links,
        "event_ts": message["ts"],
    }


def event_callback(state: StandInState, event: Json) -> Json:
    """Return the envelope of an event, with a fresh event_id."""
    authorization = {
        "enterprise_id": None,
        "team_id": TEAM_ID,
        "user_id": BOT_USER_ID,
        "is_bot": True,
        "is_enterprise_install": False,
    }
    return {
        "token": VERIFICATION,
        "team_id": TEAM_ID,
        "api_app_id": APP_ID,
        "event": event,
        "type": "event_callback",
        "event_id": f"Ev{secrets.token_hex(5).upper()}",
        "event_time": int(state.clock.now().timestamp()),
        "authorizations": [authorization],
        "is_ext_shared_channel": False,
        "event_context": f"4-{secrets.token_hex(8)}",
    }


def message_event(channel: Channel, message: Json) -> Json:
    """Return the `message` event of a message."""
    return {
        **message,
        "type": "message",
        "channel": channel.id,
        "event_ts": message["ts"],
        "channel_type": "im" if channel.is_im else "channel",
    }


def response_url(state: StandInState, user: str, channel: str, message_ts: str | None) -> str:
    """Return a fresh response_url on this stand-in."""
    url_id = state.response_urls.issue(channel, user, message_ts)
    return f"{state.base_url}/respond/{url_id}"

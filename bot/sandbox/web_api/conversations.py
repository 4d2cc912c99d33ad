"""conversations.*: channels, their members and what was written there."""

from __future__ import annotations

from bot.sandbox.errors import Json, SlackError
from bot.sandbox.options import BOT_USER_ID
from bot.sandbox.state import StandInState
from bot.sandbox.web_api.arguments import Arguments, Method, page


def _list(state: StandInState, args: Arguments) -> Json:
    kinds = {kind.strip() for kind in args.text("types", "public_channel").split(",")}
    unknown = kinds - {"public_channel", "private_channel", "im", "mpim"}
    if unknown:
        raise SlackError("invalid_types")
    listed = [
        state.workspace.channel_json(channel)
        for channel in state.workspace.channels.values()
        if ("im" if channel.is_im else "public_channel") in kinds
        and not (args.flag("exclude_archived") and channel.is_archived)
    ]
    shown, cursor = page(listed, args, 100)
    return {"channels": shown, "response_metadata": {"next_cursor": cursor}}


def _info(state: StandInState, args: Arguments) -> Json:
    channel = state.workspace.channel(args.required("channel"))
    return {"channel": state.workspace.channel_json(channel)}


def _members(state: StandInState, args: Arguments) -> Json:
    channel = state.workspace.channel(args.required("channel"))
    shown, cursor = page(sorted(channel.members), args, 100)
    return {"members": shown, "response_metadata": {"next_cursor": cursor}}


def _open(state: StandInState, args: Arguments) -> Json:
    if args.has("channel"):
        channel = state.workspace.channel(args.required("channel"))
    else:
        user = args.required("users")
        if "," in user:
            raise SlackError("not_supported", ["[ERROR] the stand-in has no group messages"])
        if state.workspace.person(user).deleted:
            raise SlackError("user_disabled")
        channel = state.workspace.direct_channel(user)
    if not args.flag("return_im"):
        return {"channel": {"id": channel.id}, "no_op": True, "already_open": True}
    return {"channel": state.workspace.channel_json(channel), "already_open": True}


def _join(state: StandInState, args: Arguments) -> Json:
    channel = state.workspace.channel(args.required("channel"))
    if channel.is_im:
        raise SlackError("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise SlackError("is_archived")
    channel.members.add(BOT_USER_ID)
    state.changes.bump()
    return {"channel": state.workspace.channel_json(channel)}


def _history(state: StandInState, args: Arguments) -> Json:
    channel = state.workspace.readable(args.required("channel"))
    return _messages_page(state.messages.history(channel.id), args)


def _replies(state: StandInState, args: Arguments) -> Json:
    channel = state.workspace.readable(args.required("channel"))
    return _messages_page(state.messages.thread(channel.id, args.required("ts")), args)


def _messages_page(messages: list[Json], args: Arguments) -> Json:
    within = [message for message in messages if _in_range(str(message["ts"]), args)]
    shown, cursor = page(within, args, 100)
    if not args.flag("include_all_metadata"):
        shown = [
            {key: value for key, value in message.items() if key != "metadata"} for message in shown
        ]
    body: Json = {"messages": shown, "has_more": bool(cursor)}
    return {**body, "response_metadata": {"next_cursor": cursor}}


def _in_range(ts: str, args: Arguments) -> bool:
    oldest, latest = args.text("oldest", "0"), args.text("latest")
    try:
        least, most = float(oldest or 0), float(latest) if latest else float("inf")
    except ValueError:
        raise SlackError("invalid_ts_oldest") from None
    instant = float(ts)
    if args.flag("inclusive"):
        return least <= instant <= most
    return least < instant < most


METHODS: dict[str, Method] = {
    "conversations.history": _history,
    "conversations.info": _info,
    "conversations.join": _join,
    "conversations.list": _list,
    "conversations.members": _members,
    "conversations.open": _open,
    "conversations.replies": _replies,
}

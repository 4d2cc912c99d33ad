"""api.*, auth.*, apps.*, bots.*, reactions.*."""

from __future__ import annotations

from bot.sandbox.errors import Json, SlackError
from bot.sandbox.options import APP_ID, BOT_ID, BOT_USER_ID, TEAM_ID
from bot.sandbox.state import StandInState
from bot.sandbox.web_api.arguments import Arguments, Method


def _api_test(_state: StandInState, args: Arguments) -> Json:
    if args.has("error"):
        raise SlackError(args.text("error"))
    return {"args": args.raw}


def _auth_test(state: StandInState, _args: Arguments) -> Json:
    return {
        "url": f"{state.base_url}/",
        "team": "Berth",
        "user": "berth",
        "team_id": TEAM_ID,
        "user_id": BOT_USER_ID,
        "bot_id": BOT_ID,
        "app_id": APP_ID,
        "is_enterprise_install": False,
    }


def _connections_open(state: StandInState, _args: Arguments) -> Json:
    websocket_url = state.base_url.replace("http://", "ws://", 1)
    ticket = state.issue_socket_ticket()
    return {"url": f"{websocket_url}/link/?ticket={ticket}&app_id={APP_ID}"}


def _bots_info(_state: StandInState, args: Arguments) -> Json:
    if args.text("bot", BOT_ID) != BOT_ID:
        raise SlackError("bot_not_found")
    bot = {"id": BOT_ID, "app_id": APP_ID, "user_id": BOT_USER_ID, "name": "berth"}
    return {"bot": {**bot, "deleted": False, "updated": 0, "icons": {}}}


def _reactions_add(state: StandInState, args: Arguments) -> Json:
    channel = state.workspace.readable(args.required("channel"))
    message = state.messages.get(channel.id, args.required("timestamp"))
    name = args.required("name")
    reactions = message.setdefault("reactions", [])
    if any(reaction["name"] == name for reaction in reactions):
        raise SlackError("already_reacted")
    reactions.append({"name": name, "users": [BOT_USER_ID], "count": 1})
    state.messages.touch()
    return {}


METHODS: dict[str, Method] = {
    "api.test": _api_test,
    "apps.connections.open": _connections_open,
    "auth.test": _auth_test,
    "bots.info": _bots_info,
    "reactions.add": _reactions_add,
}

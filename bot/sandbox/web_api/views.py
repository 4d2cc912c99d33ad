"""views.*: modals and home tabs.

https://docs.slack.dev/surfaces/modals
"""

from __future__ import annotations

from collections.abc import Collection

from bot.sandbox.block_kit_rules import view_problems
from bot.sandbox.errors import Json, SlackError
from bot.sandbox.state import StandInState
from bot.sandbox.web_api.arguments import Arguments, Method


def checked_view(state: StandInState, view: object, kinds: Collection[str]) -> Json:
    """Return a view that Slack would accept.

    Raises:
        SlackError: `invalid_arguments`, with every fault and its place.
    """
    problems = view_problems(view, kinds, state.file_ids())
    if problems or not isinstance(view, dict):
        raise SlackError("invalid_arguments", problems)
    return view


def _view(state: StandInState, args: Arguments, kinds: Collection[str]) -> Json:
    return checked_view(state, args.structure("view", "invalid_arguments"), kinds)


def _trigger(args: Arguments) -> str:
    return args.text("trigger_id") or args.required("interactivity_pointer")


def _open(state: StandInState, args: Arguments) -> Json:
    trigger_id = _trigger(args)
    view = _view(state, args, {"modal"})
    user = state.triggers.check(trigger_id)
    opened = state.views.open(user, view)
    state.triggers.spend(trigger_id)
    return {"view": opened}


def _push(state: StandInState, args: Arguments) -> Json:
    trigger_id = _trigger(args)
    view = _view(state, args, {"modal"})
    user = state.triggers.check(trigger_id)
    pushed = state.views.push(user, view)
    state.triggers.spend(trigger_id)
    return {"view": pushed}


def _update(state: StandInState, args: Arguments) -> Json:
    if not args.text("view_id") and not args.text("external_id"):
        args.required("view_id")
    view = _view(state, args, {"modal", "home"})
    old = state.views.get(args.text("view_id"), args.text("external_id"))
    if old["type"] != view["type"]:
        raise SlackError("invalid_arguments", ["[ERROR] a view cannot change its type"])
    return {"view": state.views.update(old, view, args.text("hash"))}


def _publish(state: StandInState, args: Arguments) -> Json:
    user = state.workspace.person(args.required("user_id"))
    view = _view(state, args, {"home"})
    return {"view": state.views.publish(user.id, view, args.text("hash"))}


METHODS: dict[str, Method] = {
    "views.open": _open,
    "views.publish": _publish,
    "views.push": _push,
    "views.update": _update,
}

"""users.* and usergroups.*."""

from __future__ import annotations

from bot.sandbox.errors import Json, SlackError
from bot.sandbox.state import StandInState
from bot.sandbox.web_api.arguments import Arguments, Method, page


def _info(state: StandInState, args: Arguments) -> Json:
    return {"user": state.workspace.person_json(args.required("user"))}


def _list(state: StandInState, args: Arguments) -> Json:
    members = [state.workspace.person_json(user) for user in state.workspace.people]
    shown, cursor = page(members, args, 200)
    return {"members": shown, "response_metadata": {"next_cursor": cursor}}


def _lookup_by_email(state: StandInState, args: Arguments) -> Json:
    email = args.required("email").lower()
    for user, person in state.workspace.people.items():
        body = state.workspace.person_json(user)
        if body["profile"].get("email") == email and not person.deleted:
            return {"user": body}
    raise SlackError("users_not_found")


def _groups_list(state: StandInState, args: Arguments) -> Json:
    include_users = args.flag("include_users")
    groups = state.workspace.groups
    listed = [state.workspace.group_json(group, include_users=include_users) for group in groups]
    return {"usergroups": listed}


def _group_users(state: StandInState, args: Arguments) -> Json:
    wanted = args.required("usergroup")
    for group in state.workspace.groups:
        if group.id == wanted:
            people = state.workspace.people
            return {"users": [user for user in group.users if not people[user].deleted]}
    raise SlackError("no_such_subteam")


METHODS: dict[str, Method] = {
    "usergroups.list": _groups_list,
    "usergroups.users.list": _group_users,
    "users.info": _info,
    "users.list": _list,
    "users.lookupByEmail": _lookup_by_email,
}

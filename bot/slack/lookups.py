"""Finds in Slack what people have typed by name, and who is in a user group.

Outside any transaction: what is found here is handed to a service afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.errors import NotAllowed, Unavailable, UnknownPerson, UnreadableRequest
from bot.domain.teams import GroupPerson
from bot.slack.admin_grammar import Mention
from bot.slack.identity import Directory

PAGE, MOST_PAGES = 200, 25
MOST_IN_GROUP = 1000

Json = Mapping[str, Any]


async def find_person(client: AsyncWebClient, mention: Mention) -> str:
    """Return the id of a person, looked up by name where that is all there is.

    https://docs.slack.dev/reference/methods/users.list (scope ``users:read``)

    Raises:
        UnknownPerson: nobody, or more than one, has that name.
        Unavailable: Slack does not answer.
    """
    if mention.slack_id:
        return mention.slack_id
    found: set[str] = set()
    cursor = ""
    for _ in range(MOST_PAGES):
        try:
            answer = await client.users_list(limit=PAGE, cursor=cursor)
        except (SlackApiError, OSError, TimeoutError) as error:
            raise Unavailable from error
        found |= {str(user["id"]) for user in answer["members"] if _goes_by(user, mention.name)}
        cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
        if not cursor:
            break
    if len(found) != 1:
        raise UnknownPerson(mention.name)
    return found.pop()


def _goes_by(user: Json, name: str) -> bool:
    if user.get("deleted") or user.get("is_bot"):
        return False
    profile = user.get("profile") or {}
    names = (user.get("name"), profile.get("display_name"), profile.get("real_name"))
    return name in {str(one).lower() for one in names if one}


async def find_channel(client: AsyncWebClient, mention: Mention) -> str:
    """Return the id of a channel; a private one has to be chosen from Slack's list, or by its id.

    https://docs.slack.dev/reference/methods/conversations.list (scope ``channels:read``)

    Raises:
        UnreadableRequest: there is no such public channel.
        Unavailable: Slack does not answer.
    """
    if mention.slack_id:
        return mention.slack_id
    cursor = ""
    for _ in range(MOST_PAGES):
        try:
            answer = await client.conversations_list(
                types="public_channel", exclude_archived=True, limit=PAGE, cursor=cursor
            )
        except (SlackApiError, OSError, TimeoutError) as error:
            raise Unavailable from error
        if found := _named(answer["channels"], "name", mention.name):
            return found
        cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
        if not cursor:
            break
    raise UnreadableRequest(mention.name, "a public channel, or the id of a private one")


async def find_group(client: AsyncWebClient, mention: Mention) -> str:
    """Return the id of a user group.

    https://docs.slack.dev/reference/methods/usergroups.list (scope ``usergroups:read``)

    Raises:
        UnreadableRequest: there is no such user group.
        Unavailable: Slack does not answer.
    """
    if mention.slack_id:
        return mention.slack_id
    try:
        answer = await client.usergroups_list()
    except (SlackApiError, OSError, TimeoutError) as error:
        raise Unavailable from error
    if found := _named(answer["usergroups"], "handle", mention.name):
        return found
    raise UnreadableRequest(mention.name, "a user group of this workspace, by its handle")


def _named(things: Iterable[Json], key: str, name: str) -> str:
    return next((str(one["id"]) for one in things if str(one.get(key)).lower() == name), "")


async def group_people(
    client: AsyncWebClient, directory: Directory, group_id: str
) -> tuple[GroupPerson, ...]:
    """Return the people of a user group, without bots and deactivated accounts.

    https://docs.slack.dev/reference/methods/usergroups.users.list (scope ``usergroups:read``)

    Raises:
        Unavailable: Slack does not answer, or knows no such group any more.
    """
    try:
        answer = await client.usergroups_users_list(usergroup=group_id)
    except (SlackApiError, OSError, TimeoutError) as error:
        raise Unavailable from error
    people = []
    for user_id in answer["users"][:MOST_IN_GROUP]:
        try:
            person = await directory.person(str(user_id))
        except NotAllowed:
            continue  # gone since the group was read
        if person.may_act:
            people.append(
                GroupPerson(person.slack_user_id, person.name, person.time_zone, person.is_admin)
            )
    return tuple(people)

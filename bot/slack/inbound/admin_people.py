"""``/gpu role @bob lead``, ``/gpu member @bob vision`` and ``/gpu member @bob unix=bob``."""

from __future__ import annotations

from bot.domain.people import Member
from bot.services import roles, unix_users
from bot.slack.admin_grammar import parse_member, parse_role
from bot.slack.asked import Asked
from bot.slack.blocks.admin import role_card
from bot.slack.blocks.card import Card
from bot.slack.blocks.process_words import unix_users_card
from bot.slack.desk import Desk
from bot.slack.lookups import find_person

UNIX = "unix="


async def role(desk: Desk, asked: Asked, rest: str) -> None:
    """Give a person a role.

    Raises:
        UnknownPerson, UnreadableRequest, NotPermitted, LastAdmin: told where the person stands.
    """
    mention, wanted = parse_role(rest)
    member, _ = await desk.member(asked)
    other = await desk.directory.member(await find_person(desk.client, mention))
    changed = await desk.run(roles.set_role, member, other.slack_user_id, wanted)
    await desk.answering.tell(asked, role_card(changed))


async def move_member(desk: Desk, asked: Asked, rest: str) -> None:
    """Let a person belong to a team, or processes of a Unix user be a person's.

    Raises:
        UnknownPerson, UnreadableRequest, UnknownTeam, NotPermitted: told where the person stands.
        AdminsOnly, InvalidUnixUser: the same.
    """
    mention, team_name = parse_member(rest)
    member, _ = await desk.member(asked)
    other = await desk.directory.member(await find_person(desk.client, mention))
    if team_name.lower().startswith(UNIX):
        card = await _unix_user(desk, member, other.slack_user_id, team_name[len(UNIX) :])
        await desk.answering.tell(asked, card)
        return
    moved = await desk.run(roles.move, member, other.slack_user_id, team_name)
    await desk.answering.tell(asked, role_card(moved))


async def _unix_user(desk: Desk, member: Member, slack_user_id: str, name: str) -> Card:
    if name.lower() == "none":
        await desk.run(unix_users.take_away, member, slack_user_id)
    else:
        await desk.run(unix_users.give, member, slack_user_id, name)
    return unix_users_card(slack_user_id, await desk.run(unix_users.of_member, slack_user_id))

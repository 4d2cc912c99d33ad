"""``/gpu role @bob lead`` and ``/gpu member @bob vision``."""

from __future__ import annotations

from bot.services import roles
from bot.slack.admin_grammar import parse_member, parse_role
from bot.slack.asked import Asked
from bot.slack.blocks.admin import role_card
from bot.slack.desk import Desk
from bot.slack.lookups import find_person


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
    """Let a person belong to a team.

    Raises:
        UnknownPerson, UnreadableRequest, UnknownTeam, NotPermitted: told where the person stands.
    """
    mention, team_name = parse_member(rest)
    member, _ = await desk.member(asked)
    other = await desk.directory.member(await find_person(desk.client, mention))
    moved = await desk.run(roles.move, member, other.slack_user_id, team_name)
    await desk.answering.tell(asked, role_card(moved))

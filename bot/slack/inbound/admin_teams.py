"""``/gpu teams`` and ``/gpu team create | set | sync``."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.people import Member
from bot.domain.teams import TeamChange
from bot.services import teams
from bot.slack.admin_grammar import TeamWish, parse_team
from bot.slack.asked import Asked
from bot.slack.blocks.admin import synced_card, team_card, teams_card
from bot.slack.blocks.card import Card
from bot.slack.blocks.text import safe
from bot.slack.desk import Desk
from bot.slack.lookups import find_channel, find_group, group_people


async def show_teams(desk: Desk, asked: Asked, _rest: str) -> None:
    """List the teams with their people and limits."""
    await desk.answering.tell(asked, teams_card(await desk.run(teams.list_teams)))


async def team(desk: Desk, asked: Asked, rest: str) -> None:
    """Make, change or fill a team; without a word, list them.

    Raises:
        UnreadableRequest, NotPermitted, UnknownTeam, TeamExists, NoUserGroup, Unavailable: told.
    """
    if not rest:
        await show_teams(desk, asked, rest)
        return
    wish = parse_team(rest)
    member, _ = await desk.member(asked)
    await desk.answering.tell(asked, await _done(desk, member, wish))


async def _done(desk: Desk, member: Member, wish: TeamWish) -> Card:
    name = safe(wish.name, 60)
    if wish.verb == "sync":
        group_id = await desk.run(teams.group_of, member, wish.name)
        people = await group_people(desk.client, desk.directory, group_id)
        return synced_card(await desk.run(teams.sync, member, wish.name, group_id, people))
    # Before anything is looked up: who may not change teams should not learn what there is.
    teams.require_admin(member, "teams")
    change = await _looked_up(desk, wish)
    if wish.verb == "create":
        return team_card(
            f"*{name}* is made.", await desk.run(teams.create, member, wish.name, change)
        )
    return team_card(
        f"*{name}* is changed.", await desk.run(teams.change, member, wish.name, change)
    )


async def _looked_up(desk: Desk, wish: TeamWish) -> TeamChange:
    change = wish.change
    if channel := wish.mentions.get("channel"):
        change = replace(change, channel_id=await find_channel(desk.client, channel))
    if approvals := wish.mentions.get("approvals"):
        change = replace(change, approval_channel_id=await find_channel(desk.client, approvals))
    if group := wish.mentions.get("group"):
        change = replace(change, usergroup_id=await find_group(desk.client, group))
    return change

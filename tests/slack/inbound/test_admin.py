"""Teams, roles and hosts, as administrators write them in Slack."""

from __future__ import annotations

import json

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.priority import Priority
from bot.services import teams
from bot.services.transaction import UseCases
from bot.slack.blocks.admin import DRAIN_ACTION, UNDRAIN_ACTION
from bot.slack.team_sync import TeamSync
from tests.slack.inbound.office import Office, text_of
from tests.support.clock import SetClock


def people_of(berth: UseCases, name: str) -> list[str]:
    for team in berth.read(teams.list_teams):
        if team.name == name:
            return [one.slack_user_id for one in team.members]
    return []


async def test_a_team_is_made_filled_and_shown(any_office: Office) -> None:
    office = any_office
    made = await office.say("/gpu team create vision channel=#vision group=@vision-team gpus=8")
    assert "*vision* is made" in text_of(made)
    assert "<#C0VISION>" in text_of(made)
    assert "at most 8 GPUs at once" in text_of(made)
    synced = await office.say("/gpu team sync vision")
    assert "Came: <@U0ALICE>, <@U0BOB>" in text_of(synced)
    assert people_of(office.berth, "vision") == ["U0ALICE", "U0BOB"]
    shown = text_of(await office.say("/gpu teams"))
    assert "*vision*" in shown
    assert "*everyone*" in shown
    changed = await office.say("/gpu team set vision gpus=none hours=400 colour=green")
    assert "400 GPU-hours a week" in text_of(changed)
    assert "at once" not in text_of(changed)


async def test_a_team_has_a_usual_priority(any_office: Office) -> None:
    office = any_office
    changed = await office.say("/gpu team set everyone priority=p1 preemptible=no")
    assert "books P1, protected, unless said otherwise" in text_of(changed)
    assert "P1" in text_of(await office.say("/gpu reserve 1 now 2h"))
    await office.say("/gpu reserve 1 now 2h p2")
    usual, named = office.reservations("U0ALICE")
    assert (usual.priority, usual.preemptible) == (Priority.P1, False)
    assert (named.priority, named.preemptible) == (Priority.P2, True)
    refused = text_of(await office.say("/gpu team set everyone priority=p0"))
    assert "P0 is asked for by name" in refused


async def test_roles_and_members_by_name_and_by_mention(office: Office) -> None:
    await office.say("/gpu team create nlp")
    assert "<@U0BOB> is a *lead*" in text_of(await office.say("/gpu role @bob lead"))
    moved = text_of(await office.say("/gpu member <@U0CAROL|carol> nlp"))
    assert "in nlp now" in moved
    assert people_of(office.berth, "nlp") == ["U0CAROL"]
    refused = text_of(await office.say("/gpu member @carol nlp", user="U0BOB"))
    assert "Only admins may move people" in refused


async def test_a_viewer_is_told_why_nothing_is_booked(office: Office) -> None:
    await office.say("/gpu role @bob viewer")
    refused = text_of(await office.say("/gpu reserve 1 now 2h", user="U0BOB"))
    assert "Viewers may look, but not book GPUs" in refused
    assert office.reservations("U0BOB") == ()


async def test_what_cannot_be_done_is_said_kindly(office: Office) -> None:
    for text, says in (
        ("/gpu role @alice member", "no admin left"),
        ("/gpu role @nobody lead", "I cannot tell who"),
        ("/gpu role @bob king", "a person and a role"),
        ("/gpu member @bob audio", "There is no team “audio”"),
        ("/gpu team sync everyone", "do not come from a Slack user group"),
        ("/gpu team create everyone", "already"),
        ("/gpu team create x channel=#nowhere", "a public channel"),
        ("/gpu team create x group=@nobody", "a user group of this workspace"),
        ("/gpu team destroy x", "`create`, `set` or `sync`"),
    ):
        answer = text_of(await office.say(text))
        assert says in answer, text
        assert "went wrong" not in answer
    refused = text_of(await office.say("/gpu team create x", user="U0BOB"))
    assert "Only admins may change teams" in refused


async def test_hosts_are_listed(office: Office) -> None:
    shown = text_of(await office.say("/gpu hosts", user="U0BOB"))
    assert "*host1* · :large_green_circle: answers" in shown
    assert "4 GPUs (A100) · agent test" in shown


async def test_an_admin_drains_a_host_in_the_list_and_takes_it_back(office: Office) -> None:
    listed = await office.say("/gpu hosts")

    def shows(says: str, user: str = "U0ALICE") -> bool:
        return any(says in text_of(one) for one in office.ephemerals(user))

    await office.click(listed, DRAIN_ACTION, "host1")
    assert await office.eventually(lambda: shows("host1 is drained"))
    assert shows("drained since")
    await office.click(listed, UNDRAIN_ACTION, "host1")
    assert await office.eventually(lambda: shows("host1 can be booked again"))
    assert not shows("drained since"), "the list stands once, as it is now"


async def test_who_is_no_admin_finds_no_button_to_drain(office: Office) -> None:
    listed = await office.say("/gpu hosts", user="U0BOB")
    assert DRAIN_ACTION not in json.dumps(listed)


async def test_groups_are_brought_in_once_a_day(office: Office, clock: SetClock) -> None:
    await office.say("/gpu team create nlp group=@nlp-team")
    await office.say("/gpu team create gone group=S0GONE")
    client = AsyncWebClient(office.slack.options.bot_token, base_url=office.slack.api_url)
    team_sync = TeamSync(client, office.obstacles)
    assert await team_sync.sync_due() == 1, "a group that Slack does not know stops no other"
    assert people_of(office.berth, "nlp") == ["U0CAROL", "U0DAVE"]
    calls = len(await office.calls("usergroups.users.list"))
    await team_sync.sync_due()
    again = await office.calls("usergroups.users.list")
    assert len(again) == calls + 1, "only the one that did not work is tried again"
    clock.advance(hours=24)
    assert await team_sync.sync_due() == 1
    team_sync.start()
    await team_sync.stop()
    await team_sync.stop()

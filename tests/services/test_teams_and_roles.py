"""Teams and roles: who may change what, and what is written down of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.domain.errors import (
    BerthError,
    LastAdmin,
    NotPermitted,
    NoUserGroup,
    TeamExists,
    UnknownPerson,
    UnknownTeam,
)
from bot.domain.people import Role
from bot.domain.requests import ReserveRequest
from bot.domain.teams import PALETTE, GroupPerson, TeamChange
from bot.services import booking, host_list, roles, teams, waitlist
from bot.services.transaction import Tx, UseCases, reads_only
from bot.store.tables import AuditEventRow
from tests.support.clock import SetClock
from tests.support.rival import all_at_once
from tests.support.world import a_host, a_member


@reads_only
def audited(tx: Tx) -> list[str]:
    rows = tx.session.scalars(select(AuditEventRow.action).order_by(AuditEventRow.id))
    return [action for action in rows if action.startswith(("team.", "member."))]


def a_person(name: str) -> GroupPerson:
    return GroupPerson(f"U0{name.upper()}", name.title(), "UTC", False)


def test_an_admin_makes_and_changes_a_team(berth: UseCases) -> None:
    alice = a_member(berth, admin=True)
    made = berth.write(teams.create, alice, "vision", TeamChange(channel_id="C0VISION"))
    assert (made.channel_id, made.colour) == ("C0VISION", PALETTE["blue"])
    second = berth.write(teams.create, alice, "nlp", TeamChange())
    assert (second.channel_id, second.colour) == ("C0GPU", PALETTE["orange"])
    change = TeamChange(gpus_at_once=8, gpu_hours_per_week=400, approval_channel_id="C0LEADS")
    changed = berth.write(teams.change, alice, "Vision", change)
    assert (changed.gpus_at_once, changed.gpu_hours_per_week) == (8, 400)
    before = len(berth.read(audited))
    berth.write(teams.change, alice, "vision", change)
    assert len(berth.read(audited)) == before, "nothing was changed, so nothing is told"
    assert (
        berth.write(teams.change, alice, "vision", TeamChange(gpus_at_once=0)).gpus_at_once is None
    )
    with pytest.raises(TeamExists):
        berth.write(teams.create, alice, "VISION", TeamChange())
    with pytest.raises(UnknownTeam) as caught:
        berth.write(teams.change, alice, "audio", change)
    assert caught.value.known == ("everyone", "nlp", "vision")
    assert [team.name for team in berth.read(teams.list_teams)] == ["everyone", "nlp", "vision"]


def test_only_admins_change_teams_and_roles(berth: UseCases) -> None:
    alice, bob = a_member(berth, admin=True), a_member(berth, "U0BOB")
    berth.write(teams.create, alice, "vision", TeamChange())
    for act in (
        lambda: berth.write(teams.create, bob, "x", TeamChange()),
        lambda: berth.write(teams.change, bob, "vision", TeamChange(colour="#0072b2")),
        lambda: berth.write(teams.sync, bob, "vision", "S1", [a_person("bob")]),
        lambda: berth.write(roles.set_role, bob, "U0BOB", Role.ADMIN),
        lambda: berth.write(roles.move, bob, "U0BOB", "vision"),
    ):
        with pytest.raises(NotPermitted):
            act()


def test_a_lead_brings_people_into_their_own_team_only(berth: UseCases) -> None:
    alice, bob, carol = a_member(berth, admin=True), a_member(berth, "U0BOB"), "U0CAROL"
    a_member(berth, carol)
    berth.write(teams.create, alice, "vision", TeamChange())
    berth.write(teams.create, alice, "nlp", TeamChange())
    berth.write(roles.move, alice, "U0BOB", "vision")
    lead = berth.write(roles.set_role, alice, "U0BOB", Role.LEAD)
    assert (lead.role, lead.team_name, lead.member_id) == (Role.LEAD, "vision", bob.member_id)
    assert berth.write(roles.move, lead, carol, "vision").team_name == "vision"
    with pytest.raises(NotPermitted):
        berth.write(roles.move, lead, carol, "nlp")
    with pytest.raises(UnknownPerson):
        berth.write(roles.move, lead, "U0NOBODY", "vision")


def test_the_last_admin_stays_one(berth: UseCases) -> None:
    alice = a_member(berth, admin=True)
    with pytest.raises(LastAdmin):
        berth.write(roles.set_role, alice, "U0ALICE", Role.MEMBER)
    a_member(berth, "U0BOB")
    berth.write(roles.set_role, alice, "U0BOB", Role.ADMIN)
    berth.write(roles.set_role, alice, "U0ALICE", Role.MEMBER)
    with pytest.raises(NotPermitted):
        berth.write(roles.set_role, alice, "U0ALICE", Role.ADMIN)


def test_admins_who_dismiss_each_other_at_once_leave_one(berth: UseCases) -> None:
    admins = [a_member(berth, f"U0ADMIN{number}", admin=True) for number in range(16)]

    def dismiss_the_next(number: int) -> str:
        try:
            berth.write(
                roles.set_role,
                admins[number],
                admins[(number + 1) % 16].slack_user_id,
                Role.MEMBER,
            )
        except BerthError as error:
            return error.code
        return "done"

    outcomes = all_at_once(dismiss_the_next)
    left = [one for team in berth.read(teams.list_teams) for one in team.members]
    still = sum(one.role is Role.ADMIN for one in left)
    assert still >= 1
    assert outcomes.count("done") == 16 - still
    assert set(outcomes) <= {"done", "not_permitted", "last_admin"}


def test_a_viewer_may_look_but_not_book(berth: UseCases) -> None:
    a_host(berth)
    alice = a_member(berth, admin=True)
    a_member(berth, "U0BOB")
    viewer = berth.write(roles.set_role, alice, "U0BOB", Role.VIEWER)
    with pytest.raises(NotPermitted) as caught:
        berth.write(booking.reserve, viewer, ReserveRequest(timedelta(hours=2)))
    assert caught.value.action == "book"
    berth.write(booking.reserve, alice, ReserveRequest(timedelta(hours=2), gpu_count=4))
    with pytest.raises(NotPermitted):
        berth.write(waitlist.join, viewer, ReserveRequest(timedelta(hours=2)))


def test_a_user_group_fills_its_team(berth: UseCases, clock: SetClock) -> None:
    alice = a_member(berth, admin=True)
    a_member(berth, "U0DAVE")
    berth.write(teams.create, alice, "nlp", TeamChange())
    with pytest.raises(NoUserGroup):
        berth.read(teams.group_of, alice, "nlp")
    berth.write(teams.create, alice, "vision", TeamChange(usergroup_id="S1"))
    berth.write(roles.move, alice, "U0DAVE", "vision")
    assert berth.read(teams.due_for_sync) == (("vision", "S1"),)
    people = [a_person("bob"), a_person("carol")]
    outcome = berth.write(teams.sync, alice, "vision", "S1", people)
    assert (outcome.joined, outcome.left) == (("U0BOB", "U0CAROL"), ("U0DAVE",))
    assert [one.slack_user_id for one in outcome.team.members] == ["U0BOB", "U0CAROL"]
    again = berth.write(teams.sync, None, "vision", "S1", people)
    assert (again.joined, again.left) == ((), ())
    assert berth.read(teams.due_for_sync) == ()
    clock.advance(hours=24)
    assert berth.read(teams.due_for_sync) == (("vision", "S1"),)
    emptied = berth.write(teams.sync, None, "vision", "S1", [])
    assert len(emptied.team.members) == 2, "a group that was disabled takes nobody away"
    other = berth.write(teams.sync, None, "vision", "S2", [a_person("eve")])
    assert len(other.team.members) == 2, "the group was changed meanwhile"


def test_who_is_in_two_groups_stays_where_they_are(berth: UseCases) -> None:
    alice = a_member(berth, admin=True)
    for name, group in (("vision", "S1"), ("nlp", "S2")):
        berth.write(teams.create, alice, name, TeamChange(usergroup_id=group))
    berth.write(teams.sync, alice, "vision", "S1", [a_person("bob")])
    outcome = berth.write(teams.sync, alice, "nlp", "S2", [a_person("bob"), a_person("eve")])
    assert (outcome.joined, outcome.stayed) == (("U0EVE",), ("U0BOB",))


def test_every_change_is_written_down(berth: UseCases) -> None:
    alice = a_member(berth, admin=True)
    a_member(berth, "U0BOB")
    berth.write(teams.create, alice, "vision", TeamChange(usergroup_id="S1"))
    berth.write(teams.change, alice, "vision", TeamChange(gpus_at_once=2))
    berth.write(roles.set_role, alice, "U0BOB", Role.LEAD)
    berth.write(roles.move, alice, "U0BOB", "vision")
    berth.write(teams.sync, alice, "vision", "S1", [a_person("eve")])
    assert berth.read(audited)[-7:] == [
        "team.changed",
        "member.role_changed",
        "member.moved",
        "member.joined",
        "member.moved",
        "member.moved",
        "team.synced",
    ]


def test_hosts_are_listed(berth: UseCases) -> None:
    a_host(berth, gpus=3)
    (host,) = berth.read(host_list.list_hosts)
    assert (host.name, host.online, host.gpu_count, host.models) == ("host1", True, 3, ("A100",))
    assert (host.agent_version, host.drained_at, host.broken_count) == ("test", None, 0)

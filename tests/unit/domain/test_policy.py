from datetime import timedelta

import pytest

from bot.domain.people import Member, Role
from bot.domain.policy import Policy
from bot.domain.priority import Priority


def test_a_run_is_asked_to_stop_early_enough_to_be_gone_at_the_end() -> None:
    policy = Policy()
    assert policy.stop_lead > policy.kill_after
    demo = Policy(slot=timedelta(minutes=2))
    assert demo.stop_lead == timedelta(minutes=1), "half of a short slot is left to the run"


def test_the_numbers_are_those_of_the_design() -> None:
    policy = Policy()
    assert policy.slot == timedelta(hours=2)
    assert policy.horizon == timedelta(days=30)
    assert policy.longest_reservation == timedelta(days=7)
    assert policy.end_notices == (timedelta(minutes=60), timedelta(minutes=30))
    assert policy.progress_edit_interval == timedelta(seconds=45)
    assert (policy.heartbeat, policy.host_lost_after) == (
        timedelta(seconds=5),
        timedelta(minutes=1),
    )


def test_research_is_preemptible_unless_said_otherwise() -> None:
    assert [each for each in Priority if each.preemptible_by_default] == [Priority.P2]


@pytest.mark.parametrize(
    ("role", "own", "own_team", "allowed"),
    [
        (Role.MEMBER, True, True, True),
        (Role.MEMBER, False, True, False),
        (Role.VIEWER, False, True, False),
        (Role.LEAD, False, True, True),
        (Role.LEAD, False, False, False),
        (Role.ADMIN, False, False, True),
    ],
)
def test_who_may_change_a_reservation(role: Role, own: bool, own_team: bool, allowed: bool) -> None:
    member = Member(1, "U1", "Ann", 7, "vision", role, "UTC")
    assert (
        member.may_change(holder_member_id=1 if own else 2, team_id=7 if own_team else 8) is allowed
    )

"""What a booking gets that names no priority: what its team has decided."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.domain.errors import MayNotPreempt
from bot.domain.people import Member, Role
from bot.domain.priority import Priority
from bot.domain.recurrence import EVERY_DAY, Recurrence
from bot.domain.requests import ReserveRequest
from bot.domain.teams import TeamChange, TeamDefaults
from bot.domain.time_window import TimeWindow
from bot.services import booking, holding, preemption_plans, series, teams, waitlist
from bot.services.transaction import Tx, UseCases, reads_only
from bot.store.tables import AuditEventRow
from tests.support.clock import SetClock
from tests.support.teams import a_member_of, a_team
from tests.support.world import a_host, a_member

HOUR = timedelta(hours=1)
WISH = ReserveRequest(2 * HOUR)


@reads_only
def changes(tx: Tx) -> list[dict[str, object]]:
    rows = tx.session.scalars(
        select(AuditEventRow)
        .where(AuditEventRow.action == "team.changed")
        .order_by(AuditEventRow.id)
    )
    return [dict(row.data) for row in rows]


def decide(berth: UseCases, **wanted: object) -> TeamDefaults:
    alice = a_member(berth, admin=True)
    change = replace(TeamChange(), **wanted)  # type: ignore[arg-type]  # names of its fields
    return berth.write(teams.change, alice, "vision", change).defaults


@pytest.fixture
def bob(berth: UseCases) -> Member:
    a_member(berth, admin=True)
    a_host(berth)
    return a_member_of(berth, a_team(berth, "vision"), "U0BOB", Role.LEAD)


def booked(berth: UseCases, member: Member, wish: ReserveRequest) -> tuple[Priority, bool]:
    view = berth.write(booking.reserve, member, wish)
    return view.priority, view.preemptible


def test_without_a_decision_it_is_research(berth: UseCases, bob: Member) -> None:
    assert booked(berth, bob, WISH) == (Priority.P2, True)


def test_the_team_decides_where_nothing_is_named(berth: UseCases, bob: Member) -> None:
    decide(berth, priority=Priority.P1, preemptible=True)
    assert booked(berth, bob, WISH) == (Priority.P1, True)
    protected = replace(WISH, preemptible=False)
    assert booked(berth, bob, protected) == (Priority.P1, False)
    assert booked(berth, bob, replace(WISH, priority=Priority.P1)) == (Priority.P1, False)
    decide(berth, priority=Priority.P2, preemptible=False)
    assert booked(berth, bob, WISH) == (Priority.P2, False)


def test_a_team_decides_for_itself_alone(berth: UseCases, bob: Member) -> None:
    decide(berth, priority=Priority.P1)
    assert booked(berth, bob, WISH) == (Priority.P1, False)
    assert booked(berth, a_member(berth, "U0CAROL"), WISH) == (Priority.P2, True)


def test_a_priority_alone_brings_its_mark_and_a_mark_alone_leaves_the_priority(
    berth: UseCases, bob: Member
) -> None:
    assert decide(berth, priority=Priority.P1) == TeamDefaults(Priority.P1, False)
    assert decide(berth, preemptible=True) == TeamDefaults(Priority.P1, True)
    assert decide(berth, priority=Priority.P1) == TeamDefaults(Priority.P1, True)
    assert decide(berth, priority=Priority.P2) == TeamDefaults(Priority.P2, True)


def test_only_what_is_new_is_written_down(berth: UseCases, bob: Member) -> None:
    decide(berth, priority=Priority.P1, preemptible=False)
    decide(berth, priority=Priority.P1, preemptible=False)
    assert berth.read(changes) == [{"name": "vision", "priority": "p1", "preemptible": False}]
    shown = {one.name: one.defaults for one in berth.read(teams.list_teams)}
    assert shown == {"everyone": TeamDefaults(), "vision": TeamDefaults(Priority.P1, False)}


def test_what_is_booked_stays_when_the_team_decides_otherwise(berth: UseCases, bob: Member) -> None:
    first = berth.write(booking.reserve, bob, replace(WISH, request_key="a"))
    decide(berth, priority=Priority.P1)
    again = berth.write(booking.reserve, bob, replace(WISH, request_key="a"))
    assert (again.reservation_id, again.priority) == (first.reservation_id, Priority.P2)


def test_a_series_keeps_what_was_usual_when_it_was_made(
    berth: UseCases, clock: SetClock, bob: Member
) -> None:
    decide(berth, priority=Priority.P1)
    at = (clock.now() + 3 * HOUR).time().replace(tzinfo=None)
    today = clock.now().date()
    rule = Recurrence(EVERY_DAY, at, "UTC", today, 2 * HOUR)
    made = berth.write(series.create, bob, rule, WISH)
    assert made.request.priority is Priority.P1


def test_who_waits_gets_what_is_usual(berth: UseCases, clock: SetClock, bob: Member) -> None:
    decide(berth, priority=Priority.P1, preemptible=True)
    waits = berth.write(waitlist.join, bob, WISH)
    assert (waits.request.priority, waits.request.preemptible) == (Priority.P1, True)


def test_whoever_may_take_gpus_by_their_usual_priority_need_not_name_it(
    berth: UseCases, bob: Member
) -> None:
    may = berth.read(preemption_plans.may_preempt, bob, WISH)
    assert not may, "P2 takes nothing"
    decide(berth, priority=Priority.P1)
    with pytest.raises(MayNotPreempt) as caught:
        berth.write(preemption_plans.preview, bob, WISH)
    assert caught.value.priority == "p1"


def test_nothing_is_held_without_a_priority(berth: UseCases, clock: SetClock, bob: Member) -> None:
    decide(berth, priority=Priority.P1)
    window = TimeWindow(clock.now(), clock.now() + HOUR)
    held = berth.write(lambda tx: holding.hold(tx, bob, WISH, window, ()).priority)
    assert held == "p1"

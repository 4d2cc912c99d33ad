"""Cancel, release and extend: by whom, in which state, and what becomes free."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.domain.errors import (
    EndNotLater,
    NotTheHolder,
    ReservationOver,
    TooLong,
    UnknownReservation,
    WindowTaken,
)
from bot.domain.notices import ReservationReleased
from bot.domain.people import Member, Role
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState, RunState
from bot.domain.views import ReservationView
from bot.protocol.messages import StopReason
from bot.services import booking, hosts, people, queries
from bot.services.transaction import UseCases
from bot.store.tables import MemberRow, TimerRow
from tests.support.agent import FakeAgent
from tests.support.audit_trail import audited
from tests.support.clock import SetClock
from tests.support.clockwork import Postman, fire_due
from tests.support.world import TINY_RUN, a_host, a_member

HOUR = timedelta(hours=1)
TWO_HOURS = 2 * HOUR


def booked(berth: UseCases, *, later: bool = False, run: bool = False) -> ReservationView:
    start = berth.clock.now() + 4 * HOUR if later else None
    request = ReserveRequest(TWO_HOURS, start=start, run=TINY_RUN if run else None)
    return berth.run(booking.reserve, a_member(berth), request)


def free_now(berth: UseCases) -> int:
    return berth.run(queries.status).free_count


def a_lead(berth: UseCases, team_name: str) -> Member:
    member = a_member(berth, f"U0LEAD{team_name}")

    team_id = berth.write(people.ensure_team, team_name, "C0GPU")

    def promote(session: Session) -> None:
        row = session.get_one(MemberRow, member.member_id)
        row.role, row.team_id = Role.LEAD, team_id

    berth.database.write(promote)
    return a_member(berth, f"U0LEAD{team_name}")


def test_cancelled_before_its_start_it_never_was(berth: UseCases) -> None:
    a_host(berth, gpus=1)
    view = booked(berth, later=True, run=True)
    alice = a_member(berth)
    with audited(berth) as trail:
        after = berth.run(booking.cancel, alice, view.reservation_id, "changed my mind")
    assert after.state is ReservationState.CANCELLED
    assert after.run is not None
    assert after.run.state is RunState.CANCELLED
    assert (after.end_reason, after.ended_at) == ("changed my mind", berth.clock.now())
    assert after.version > view.version
    event = trail.only()
    assert (event.action, event.actor) == ("reservation.cancelled", "U0ALICE")
    assert event.reason == "changed my mind"
    assert berth.run(queries.mine, alice) == ()
    assert booked(berth, later=True).window == view.window, "its window can be booked again"
    pending = select(TimerRow.kind).where(
        TimerRow.done_at.is_(None), TimerRow.subject_id == view.reservation_id
    )
    kinds = set(berth.database.read(lambda s: s.scalars(pending).all()))
    assert not kinds & {"reservation_starts", "reservation_ends", "run_stops", "ends_soon:60"}


def test_released_without_a_run_it_is_free_at_once(berth: UseCases, clock: SetClock) -> None:
    a_host(berth, gpus=1)
    view = booked(berth)
    fire_due(berth)
    clock.advance(minutes=20)
    with audited(berth) as trail:
        after = berth.run(booking.cancel, a_member(berth), view.reservation_id, "done early")
    assert after.state is ReservationState.ENDED
    assert trail.only().action == "reservation.released"
    assert free_now(berth) == 1
    assert booked(berth).window.start == clock.now()
    postman = Postman()
    postman.deliver_all(berth)
    assert postman.threads == [
        ReservationReleased(view.reservation_id, "U0ALICE", "done early", was_running=True)
    ]


def test_released_in_the_instant_of_its_start(berth: UseCases) -> None:
    a_host(berth, gpus=1)
    view = booked(berth)
    fire_due(berth)
    after = berth.run(booking.cancel, a_member(berth), view.reservation_id, "oh")
    assert after.state is ReservationState.ENDED
    assert free_now(berth) == 1


def test_released_with_a_run_it_is_free_when_the_process_is_gone(
    berth: UseCases, clock: SetClock
) -> None:
    agent = FakeAgent(berth, a_host(berth, gpus=1))
    view = booked(berth, run=True)
    fire_due(berth)
    agent.look()
    agent.work()
    agent.report()
    revision = berth.run(hosts.desired_state, agent.host_id).revision
    alice = a_member(berth)
    with audited(berth) as trail:
        after = berth.run(booking.cancel, alice, view.reservation_id, "wrong data")
    assert trail.only().action == "reservation.released"
    assert after.state is ReservationState.RELEASING
    assert after.run is not None
    assert after.run.state is RunState.STOPPING
    assert free_now(berth) == 0, "released means seen free"
    wanted = berth.run(hosts.desired_state, agent.host_id)
    assert wanted.attempts[0].stop is StopReason.REQUESTED
    assert wanted.revision > revision, "the agent hears of it at once"
    with audited(berth) as trail:
        assert berth.run(booking.cancel, alice, view.reservation_id, "again") == after
    assert trail.actions == [], "giving back again changes nothing"
    with pytest.raises(ReservationOver):
        berth.run(booking.extend, alice, view.reservation_id, view.window.end + TWO_HOURS)
    clock.advance(seconds=40)
    agent.look()
    with audited(berth) as trail:
        agent.report()
    assert trail.actions == ["run.stopped", "reservation.ended"]
    ended = berth.run(queries.reservation, view.reservation_id)
    assert ended.state is ReservationState.ENDED
    assert ended.run is not None
    assert ended.run.state is RunState.STOPPED
    assert free_now(berth) == 1


def test_what_is_over_stays_as_it_is(berth: UseCases) -> None:
    a_host(berth, gpus=1)
    alice = a_member(berth)
    view = booked(berth, later=True)
    berth.run(booking.cancel, alice, view.reservation_id, "no")
    for change in (cancel, extend):
        with audited(berth) as trail, pytest.raises(ReservationOver) as refusal:
            change(berth, alice, view.reservation_id)
        assert refusal.value.state == "cancelled"
        assert trail.actions == []


def cancel(berth: UseCases, member: Member, reservation_id: int) -> ReservationView:
    return berth.run(booking.cancel, member, reservation_id, "by another")


def extend(berth: UseCases, member: Member, reservation_id: int) -> ReservationView:
    end = berth.run(queries.reservation, reservation_id).window.end
    return berth.run(booking.extend, member, reservation_id, end + TWO_HOURS)


@pytest.mark.parametrize("change", [cancel, extend])
def test_who_may_change_a_reservation(
    berth: UseCases, change: Callable[[UseCases, Member, int], ReservationView]
) -> None:
    a_host(berth, gpus=4)
    view = booked(berth, later=True)
    for stranger in (a_member(berth, "U0BOB"), a_lead(berth, "other team")):
        with audited(berth) as trail, pytest.raises(NotTheHolder) as refusal:
            change(berth, stranger, view.reservation_id)
        assert refusal.value.holder_slack_id == "U0ALICE"
        assert trail.actions == []
    assert berth.run(queries.reservation, view.reservation_id) == view
    for allowed in (a_lead(berth, "everyone"), a_member(berth, "U0ROOT", admin=True)):
        with audited(berth) as trail:
            change(berth, allowed, booked(berth, later=True).reservation_id)
        assert trail.events[-1].actor == allowed.slack_user_id, "who did it, not whose it was"
    with pytest.raises(UnknownReservation):
        berth.run(booking.cancel, a_member(berth), 9999, "what")


def test_extending_goes_to_the_next_slot(berth: UseCases, clock: SetClock) -> None:
    a_host(berth, gpus=1)
    view = booked(berth, later=True)
    alice, end = a_member(berth), view.window.end
    with audited(berth) as trail:
        after = berth.run(booking.extend, alice, view.reservation_id, end + timedelta(minutes=1))
    assert after.window.end == end + TWO_HOURS
    assert after.window.start == view.window.start
    assert after.version == view.version + 1
    event = trail.only()
    assert (event.action, event.actor) == ("reservation.extended", "U0ALICE")
    with audited(berth) as trail:
        assert berth.run(booking.extend, alice, view.reservation_id, after.window.end) == after
    assert trail.actions == [], "asking for what it has already changes nothing"
    with pytest.raises(WindowTaken):
        berth.run(booking.reserve, alice, ReserveRequest(TWO_HOURS, start=end))


def test_extending_what_runs_tells_the_host_and_moves_the_notices(
    berth: UseCases, clock: SetClock
) -> None:
    agent = FakeAgent(berth, a_host(berth, gpus=1))
    view = booked(berth, run=True)
    fire_due(berth)
    clock.move_to(view.window.end - timedelta(minutes=50))
    assert "ends_soon:60" in fire_due(berth)
    before = berth.run(hosts.desired_state, agent.host_id)
    after = berth.run(
        booking.extend, a_member(berth), view.reservation_id, view.window.end + TWO_HOURS
    )
    wanted = berth.run(hosts.desired_state, agent.host_id)
    assert wanted.revision > before.revision
    assert wanted.attempts[0].claim_ends_at == after.window.end
    clock.move_to(view.window.end + timedelta(minutes=1))
    agent.report()
    assert "reservation_ends" not in fire_due(berth)
    assert berth.run(queries.reservation, view.reservation_id).state is ReservationState.ACTIVE
    clock.move_to(after.window.end - timedelta(minutes=59))
    agent.report()
    assert "ends_soon:60" in fire_due(berth), "told again before the new end"


def test_extending_has_its_limits(berth: UseCases, clock: SetClock) -> None:
    a_host(berth, gpus=2)
    alice, bob = a_member(berth), a_member(berth, "U0BOB")
    request = ReserveRequest(TWO_HOURS, gpu_count=2, start=clock.now() + 4 * HOUR)
    view = berth.run(booking.reserve, alice, request)
    end = view.window.end

    def refuse(error: type[Exception], to: timedelta) -> None:
        with audited(berth) as trail, pytest.raises(error):
            berth.run(booking.extend, alice, view.reservation_id, end + to)
        assert trail.actions == []
        assert berth.run(queries.reservation, view.reservation_id) == view

    refuse(EndNotLater, -TWO_HOURS)
    refuse(TooLong, timedelta(days=7))
    next_one = berth.run(
        booking.reserve, bob, ReserveRequest(TWO_HOURS, start=end + TWO_HOURS, gpu_count=1)
    )
    with pytest.raises(WindowTaken) as refusal:
        berth.run(booking.extend, alice, view.reservation_id, end + 2 * TWO_HOURS)
    assert [each.reservation_id for each in refusal.value.holdings] == [next_one.reservation_id]
    assert (refusal.value.wanted_gpus, refusal.value.free_gpus) == (2, 1)
    after = berth.run(booking.extend, alice, view.reservation_id, end + TWO_HOURS)
    assert after.window.end == next_one.window.start, "up to the next holder it may go"

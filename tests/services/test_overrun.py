"""A late run goes over the end of its booking: how far, who waits for it, and what comes after."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.domain.maintenance import MaintenanceWish
from bot.domain.overrun_notices import RunGoesOver, StartWaits, StartWaitsNoMore
from bot.domain.people import Member
from bot.domain.policy import Policy
from bot.domain.priority import Priority
from bot.domain.requests import ReserveRequest
from bot.domain.run_spec import TrainingSpec
from bot.domain.states import ReservationState, RunState
from bot.domain.time_window import TimeWindow
from bot.domain.views import ReservationView
from bot.services import (
    booking,
    changing,
    continuing,
    finishing_early,
    hardware,
    maintenance,
    queries,
    shares,
)
from bot.services.transaction import UseCases
from tests.support.audit_trail import audited
from tests.support.clock import SetClock
from tests.support.clockwork import Postman, fire_due
from tests.support.training import Training
from tests.support.world import a_host, a_member

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
SPEC = TrainingSpec(model="tiny.yaml", data="shapes/data.yaml", epochs=20, imgsz=64, batch=8)
LEAD = timedelta(seconds=150)


@pytest.fixture
def policy(policy: Policy) -> Policy:
    return replace(policy, overrun_fraction=0.10)


@pytest.fixture
def alice(berth: UseCases, clock: SetClock) -> Member:
    clock.move_to(clock.now().replace(hour=14, minute=0))
    return a_member(berth)


@pytest.fixture
def bob(berth: UseCases) -> Member:
    return a_member(berth, "U0BOB")


def training(berth: UseCases, clock: SetClock, alice: Member, *, gpus: int = 1) -> Training:
    """A run of 20 epochs on gpu0 from 14:00 to 18:00; twelve minutes an epoch would just do."""
    host = a_host(berth, gpus=gpus)
    request = ReserveRequest(4 * HOUR, run=SPEC, gpu_names=("gpu0",))
    view = berth.run(booking.reserve, alice, request)
    run = Training(berth, clock, host, view.reservation_id)
    run.start()
    return run


def to_the_stop(
    berth: UseCases, clock: SetClock, run: Training, *, epochs: int, left: float
) -> None:
    """Train so many epochs up to the instant of the stop; what is left takes ``left`` minutes."""
    stop = shown(berth, run.reservation_id).window.end - LEAD
    each = left / (20 - epochs)
    pause = stop - clock.now() - epochs * each * MINUTE
    clock.advance(seconds=pause.total_seconds())
    run.epochs(epochs, minutes=each)
    clock.move_to(stop)
    run.agent.report()
    fire_due(berth)


def shown(berth: UseCases, reservation_id: int) -> ReservationView:
    return berth.run(queries.reservation, reservation_id)


def after(
    berth: UseCases, member: Member, run: Training, *, hours: int = 4, **more: Any
) -> ReservationView:
    start = shown(berth, run.reservation_id).window.end
    request = ReserveRequest(hours * HOUR, gpu_names=("gpu0",), start=start)
    return berth.run(booking.reserve, member, replace(request, **more))


def told(berth: UseCases, *kinds: type) -> list[tuple[str, object]]:
    postman = Postman()
    postman.deliver_all(berth)
    return [(to, notice) for to, notice in postman.directs if isinstance(notice, kinds)]


def at(clock: SetClock, hour: int, minute: int) -> datetime:
    return clock.now().replace(hour=hour, minute=minute, second=0, microsecond=0)


def test_a_run_a_little_late_goes_on_and_its_reservation_ends_with_it(
    berth: UseCases, clock: SetClock, alice: Member
) -> None:
    run = training(berth, clock, alice)
    with audited(berth) as trail:
        to_the_stop(berth, clock, run, epochs=19, left=6)
    assert "reservation.overrun" in trail.actions
    assert "run.stopping" not in trail.actions
    view = shown(berth, run.reservation_id)
    assert at(clock, 18, 3) <= view.window.end <= at(clock, 18, 24), "what it needs, not all"
    (wanted,) = run.agent.look()
    assert (wanted.stop, wanted.claim_ends_at) == (None, view.window.end), "its host is told"
    ((to, notice),) = told(berth, RunGoesOver)
    assert isinstance(notice, RunGoesOver)
    assert (to, notice.booked_until, notice.until) == ("U0ALICE", at(clock, 18, 0), view.window.end)

    run.epochs(1, minutes=5)
    assert clock.now() > notice.booked_until
    fire_due(berth)
    view = shown(berth, run.reservation_id)
    assert view.run is not None
    assert view.run.state is RunState.SUCCEEDED
    assert (view.state, view.ended_at) == (ReservationState.ENDED, clock.now())


def test_a_run_that_is_done_before_its_end_after_all_gives_the_rest_back_at_the_end(
    berth: UseCases, clock: SetClock, alice: Member
) -> None:
    run = training(berth, clock, alice)
    to_the_stop(berth, clock, run, epochs=19, left=6)
    run.epochs(1, minutes=1)
    assert clock.now() < at(clock, 18, 0)
    view = shown(berth, run.reservation_id)
    assert (view.state, view.window.end) == (ReservationState.ACTIVE, at(clock, 18, 0))


def test_a_run_that_is_too_late_stops_on_time(
    berth: UseCases, clock: SetClock, alice: Member
) -> None:
    run = training(berth, clock, alice)
    to_the_stop(berth, clock, run, epochs=10, left=40)
    assert run.stops
    assert shown(berth, run.reservation_id).window.end == at(clock, 18, 0)
    assert told(berth, RunGoesOver) == []


def test_a_run_of_which_nothing_is_known_goes_over_once(
    berth: UseCases, clock: SetClock, alice: Member
) -> None:
    run = training(berth, clock, alice)
    clock.move_to(at(clock, 18, 0) - LEAD)
    run.agent.report()
    fire_due(berth)
    assert shown(berth, run.reservation_id).window.end == at(clock, 18, 24), "a tenth of 4 h"
    clock.move_to(at(clock, 18, 24) - LEAD)
    run.agent.report()
    fire_due(berth)
    assert run.stops
    run.agent.report()
    clock.move_to(at(clock, 18, 24))
    run.agent.report()
    fire_due(berth)
    assert shown(berth, run.reservation_id).state is ReservationState.ENDED


def test_who_is_next_waits_a_little_and_gets_all_of_their_time(
    berth: UseCases, clock: SetClock, alice: Member, bob: Member
) -> None:
    run = training(berth, clock, alice)
    theirs = after(berth, bob, run)
    with audited(berth) as trail:
        to_the_stop(berth, clock, run, epochs=19, left=6)
    assert {"reservation.overrun", "reservation.delayed"} <= set(trail.actions)
    until = shown(berth, run.reservation_id).window.end
    moved = shown(berth, theirs.reservation_id).window
    assert moved == TimeWindow(until, theirs.window.end + (until - theirs.window.start))
    assert timedelta() < until - theirs.window.start <= 15 * MINUTE
    ((to, notice),) = told(berth, StartWaits)
    assert isinstance(notice, StartWaits)
    assert (to, notice.late_id) == ("U0BOB", run.reservation_id)

    run.epochs(1, minutes=4)
    fire_due(berth)
    theirs = shown(berth, theirs.reservation_id)
    assert (theirs.state, theirs.window.start) == (ReservationState.ACTIVE, clock.now())
    assert theirs.window.length == 4 * HOUR, "the end comes forward with the start"
    assert [to for to, _ in told(berth, StartWaitsNoMore)] == ["U0BOB"]


def test_who_is_next_ends_on_time_where_others_follow(
    berth: UseCases, clock: SetClock, alice: Member, bob: Member
) -> None:
    run = training(berth, clock, alice)
    theirs = after(berth, bob, run)
    request = ReserveRequest(2 * HOUR, gpu_names=("gpu0",), start=theirs.window.end)
    last = berth.run(booking.reserve, a_member(berth, "U0EVE"), request)
    to_the_stop(berth, clock, run, epochs=19, left=6)
    assert shown(berth, theirs.reservation_id).window.end == theirs.window.end
    assert shown(berth, last.reservation_id).window == last.window


def test_nobody_waits_twice(berth: UseCases, clock: SetClock, alice: Member, bob: Member) -> None:
    run = training(berth, clock, alice)
    theirs = after(berth, bob, run)
    to_the_stop(berth, clock, run, epochs=19, left=6)
    moved = shown(berth, theirs.reservation_id).window
    clock.move_to(moved.start - LEAD)
    run.agent.report()
    fire_due(berth)
    assert run.stops, "it is still not done"
    assert shown(berth, theirs.reservation_id).window == moved


def test_a_p0_and_maintenance_wait_for_nobody(
    berth: UseCases, clock: SetClock, alice: Member
) -> None:
    run = training(berth, clock, alice)
    ada = a_member(berth, "U0ADA", admin=True)
    urgent = after(berth, ada, run, priority=Priority.P0)
    assert urgent.state is ReservationState.BOOKED
    to_the_stop(berth, clock, run, epochs=19, left=6)
    assert run.stops
    assert shown(berth, urgent.reservation_id).window == urgent.window


def test_maintenance_waits_for_nobody(berth: UseCases, clock: SetClock, alice: Member) -> None:
    run = training(berth, clock, alice)
    ada = a_member(berth, "U0ADA", admin=True)
    wish = MaintenanceWish(("host1",), HOUR, start=at(clock, 18, 0), reason="fans")
    berth.run(maintenance.plan, ada, wish)
    to_the_stop(berth, clock, run, epochs=19, left=6)
    assert run.stops


def test_a_drained_host_keeps_nobody_longer(
    berth: UseCases, clock: SetClock, alice: Member
) -> None:
    run = training(berth, clock, alice)
    berth.run(hardware.drain, a_member(berth, "U0ADA", admin=True), "host1", "fans")
    to_the_stop(berth, clock, run, epochs=19, left=6)
    assert run.stops


def test_a_host_that_does_not_answer_keeps_the_end_that_it_knows(
    berth: UseCases, clock: SetClock, alice: Member
) -> None:
    run = training(berth, clock, alice)
    clock.move_to(at(clock, 17, 50))
    fire_due(berth)
    clock.move_to(at(clock, 18, 0) - LEAD)
    fire_due(berth)
    assert shown(berth, run.reservation_id).window.end == at(clock, 18, 0)


def test_a_run_that_goes_on_elsewhere_or_fits_itself_ends_on_time(
    berth: UseCases, clock: SetClock, alice: Member
) -> None:
    run = training(berth, clock, alice, gpus=2)
    run.epochs(2, minutes=5)
    berth.run(finishing_early.fit_to_slot, alice, run.reservation_id)
    clock.move_to(at(clock, 18, 0) - LEAD)
    run.agent.report()
    fire_due(berth)
    assert run.stops
    assert shown(berth, run.reservation_id).window.end == at(clock, 18, 0)


def test_a_planned_continuation_is_not_put_off(
    berth: UseCases, clock: SetClock, alice: Member
) -> None:
    run = training(berth, clock, alice)
    berth.run(continuing.stop_and_continue, alice, run.reservation_id)
    clock.move_to(at(clock, 18, 0) - LEAD)
    run.agent.report()
    fire_due(berth)
    assert run.stops


def test_stop_now_ends_it_and_lets_who_waits_start(
    berth: UseCases, clock: SetClock, alice: Member, bob: Member
) -> None:
    run = training(berth, clock, alice)
    theirs = after(berth, bob, run)
    to_the_stop(berth, clock, run, epochs=19, left=6)
    clock.advance(minutes=3)
    berth.run(booking.cancel, alice, run.reservation_id, "")
    run.agent.look()
    run.agent.report()
    fire_due(berth)
    view = shown(berth, theirs.reservation_id)
    assert (view.state, view.window.start) == (ReservationState.ACTIVE, clock.now())
    assert shown(berth, run.reservation_id).state is ReservationState.ENDED


def test_a_longer_booking_takes_the_place_of_the_overrun(
    berth: UseCases, clock: SetClock, alice: Member
) -> None:
    run = training(berth, clock, alice)
    to_the_stop(berth, clock, run, epochs=19, left=6)
    berth.run(changing.extend, alice, run.reservation_id, at(clock, 20, 0))
    fire_due(berth)
    run.epochs(1, minutes=5)
    fire_due(berth)
    view = shown(berth, run.reservation_id)
    assert (view.state, view.window.end) == (ReservationState.ACTIVE, at(clock, 20, 0))


def test_the_time_counts_as_held(berth: UseCases, clock: SetClock, alice: Member) -> None:
    run = training(berth, clock, alice)
    to_the_stop(berth, clock, run, epochs=19, left=6)
    held = shown(berth, run.reservation_id).window.length
    mine = berth.run(shares.shares, alice)
    assert mine.own_week_gpu_hours == pytest.approx(held / HOUR)
    assert held > 4 * HOUR

"""The queue: short jobs on idle GPUs, in turn, and never in anybody's way."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.domain.errors import NoSingleHost, NotAllowed, OfferOver, UnreadableRequest
from bot.domain.notices import WaitEnded
from bot.domain.requests import ReserveRequest
from bot.domain.run_spec import TrainingSpec
from bot.domain.states import ReservationKind, ReservationState, RunState
from bot.services import booking, direct_messages, hardware, queries, queue, waitlist
from bot.services.transaction import UseCases
from bot.store.tables import HostRow, OutboxRow, ReservationRow
from tests.support.audit_trail import audited
from tests.support.clock import SetClock
from tests.support.firing import fire_all
from tests.support.world import TINY_RUN, a_host, a_member

TWO_HOURS = timedelta(hours=2)
MINUTES_45 = timedelta(minutes=45)
STOP_LEAD = timedelta(seconds=150)


def a_job(gpus: int = 1, run: TrainingSpec | None = TINY_RUN) -> ReserveRequest:
    return ReserveRequest(MINUTES_45, gpu_count=gpus, run=run)


def queued(berth: UseCases) -> list[ReservationRow]:
    return berth.database.read(
        lambda s: list(
            s.scalars(
                select(ReservationRow)
                .where(ReservationRow.kind == ReservationKind.QUEUED)
                .order_by(ReservationRow.id)
            )
        )
    )


def test_a_job_starts_by_itself_on_idle_gpus_for_exactly_its_time(
    berth: UseCases, clock: SetClock
) -> None:
    a_host(berth, gpus=2)
    bob = a_member(berth, "U0BOB")
    view = berth.run(queue.join, bob, a_job())
    assert (view.place, view.expected_start) == (1, clock.now())
    fire_all(berth)
    (row,) = queued(berth)
    assert row.state == ReservationState.ACTIVE
    assert [(c.starts_at, c.ends_at) for c in row.claims] == [
        (clock.now(), clock.now() + MINUTES_45 + STOP_LEAD)
    ]
    assert row.run is not None
    assert row.run.state == RunState.STARTING
    assert berth.run(queue.line) == ()
    kinds = berth.database.read(
        lambda s: [r.payload["kind"] for r in s.scalars(select(OutboxRow)) if "dm:" in r.lane]
    )
    assert kinds == ["job_dispatched"]


def test_a_job_that_reaches_its_length_is_stopped_softly(berth: UseCases, clock: SetClock) -> None:
    a_host(berth, gpus=1)
    berth.run(queue.join, a_member(berth, "U0BOB"), a_job())
    fire_all(berth)
    clock.advance(minutes=45)
    fire_all(berth)
    (row,) = queued(berth)
    assert row.run is not None
    assert row.run.state == RunState.STOPPING
    assert row.run.attempts[-1].stop_reason == "expired"


def test_a_job_never_reaches_into_a_reservation(berth: UseCases, clock: SetClock) -> None:
    a_host(berth, gpus=1)
    alice, bob = a_member(berth), a_member(berth, "U0BOB")
    booked = berth.run(
        booking.reserve, alice, ReserveRequest(TWO_HOURS, start=clock.now() + timedelta(hours=2))
    )
    clock.move_to(booked.window.start - MINUTES_45)
    a_host(berth, gpus=1)  # it still answers
    view = berth.run(queue.join, bob, a_job())
    assert view.expected_start == booked.window.end, "45 min are there, but not the stop's time"
    fire_all(berth)
    assert queued(berth) == []
    berth.run(booking.cancel, alice, booked.reservation_id, "")
    fire_all(berth)
    assert len(queued(berth)) == 1


def test_jobs_start_in_turn_when_time_ends_by_itself(berth: UseCases, clock: SetClock) -> None:
    a_host(berth, gpus=2)
    alice = a_member(berth)
    booked = berth.run(booking.reserve, alice, ReserveRequest(TWO_HOURS, gpu_count=2))
    views = []
    for user in ("U0BOB", "U0CAROL", "U0DAVE"):
        views.append(berth.run(queue.join, a_member(berth, user), a_job()))
        clock.advance(seconds=1)
    assert [view.place for view in views] == [1, 2, 3]
    assert views[2].ahead == ("U0BOB", "U0CAROL")
    end = booked.window.end
    assert [view.expected_start for view in views] == [end, end, end + MINUTES_45 + STOP_LEAD]
    clock.move_to(end)
    a_host(berth, gpus=2)  # it still answers
    fire_all(berth)
    holders = [berth.run(queries.reservation, row.id).holder_slack_id for row in queued(berth)]
    assert holders == ["U0BOB", "U0CAROL"]


def test_the_waitlist_is_served_before_the_queue(berth: UseCases) -> None:
    a_host(berth, gpus=1)
    alice, bob, carol = (a_member(berth, u) for u in ("U0ALICE", "U0BOB", "U0CAROL"))
    booked = berth.run(booking.reserve, alice, ReserveRequest(TWO_HOURS))
    berth.run(queue.join, bob, a_job())
    place = berth.run(waitlist.join, carol, ReserveRequest(TWO_HOURS))
    berth.run(booking.cancel, alice, booked.reservation_id, "")
    fire_all(berth)
    assert queued(berth) == []
    berth.run(waitlist.decline, carol, place.wait_id)
    fire_all(berth)
    assert len(queued(berth)) == 1


def test_a_job_waits_for_a_host_that_answers(berth: UseCases) -> None:
    host_id = a_host(berth, gpus=1)
    berth.database.write(lambda s: setattr(s.get_one(HostRow, host_id), "online", False))
    view = berth.run(queue.join, a_member(berth, "U0BOB"), a_job())
    assert view.expected_start is None
    fire_all(berth)
    assert queued(berth) == []
    a_host(berth, gpus=1)
    fire_all(berth)
    assert len(queued(berth)) == 1


def test_a_booking_over_waiting_jobs_is_not_held_up_by_them(
    berth: UseCases, clock: SetClock
) -> None:
    a_host(berth, gpus=1)
    alice, bob = a_member(berth), a_member(berth, "U0BOB")
    booked = berth.run(booking.reserve, alice, ReserveRequest(TWO_HOURS))
    before = berth.run(queue.join, bob, a_job()).expected_start
    assert before == booked.window.end
    later = ReserveRequest(TWO_HOURS, start=booked.window.end)
    second = berth.run(booking.reserve, alice, later)
    (view,) = berth.run(queue.line)
    assert view.expected_start == second.window.end


def test_leaving_and_what_the_queue_is_not_for(berth: UseCases) -> None:
    a_host(berth, "host1", gpus=1)
    a_host(berth, "host2", gpus=1)
    alice, bob = a_member(berth), a_member(berth, "U0BOB")
    berth.run(booking.reserve, alice, ReserveRequest(TWO_HOURS, gpu_count=2))
    view = berth.run(queue.join, bob, a_job())
    assert berth.run(queue.join, bob, a_job()).wait_id == view.wait_id
    with pytest.raises(NotAllowed):
        berth.run(queue.leave, alice, view.wait_id)
    berth.run(queue.leave, bob, view.wait_id)
    berth.run(queue.leave, bob, view.wait_id)
    assert berth.run(queue.line) == ()
    with pytest.raises(NoSingleHost):
        berth.run(queue.join, bob, a_job(gpus=2))
    with pytest.raises(UnreadableRequest, match="training"):
        berth.run(queue.join, bob, a_job(run=None))
    with pytest.raises(UnreadableRequest, match="length"):
        berth.run(queue.join, bob, ReserveRequest(TWO_HOURS, run=TINY_RUN))


def test_a_job_that_has_started_cannot_be_taken_out(berth: UseCases) -> None:
    a_host(berth, gpus=1)
    bob = a_member(berth, "U0BOB")
    view = berth.run(queue.join, bob, a_job())
    fire_all(berth)
    with pytest.raises(OfferOver):
        berth.run(queue.leave, bob, view.wait_id)
    (started,) = berth.run(queries.mine, bob)
    assert started.state is ReservationState.ACTIVE


def test_a_job_that_waits_for_too_long_is_given_up_and_its_owner_told(
    berth: UseCases, clock: SetClock
) -> None:
    a_host(berth, gpus=1)
    bob = a_member(berth, "U0BOB")
    job = berth.run(queue.join, bob, a_job())
    assert job.expires_at == clock.now() + timedelta(days=7)
    berth.run(hardware.drain, a_member(berth, "U0ROOT", admin=True), "host1", "dust")
    fire_all(berth)
    clock.advance(days=7, seconds=-1)
    fire_all(berth)
    assert len(berth.run(queue.line)) == 1
    clock.advance(seconds=1)
    with audited(berth) as trail:
        fire_all(berth)
    assert trail.only().action == "queue.expired"
    assert berth.run(queue.line) == ()
    (letter,) = berth.write(direct_messages.claim_letters, "test")
    assert letter.notice == WaitEnded(0, job.wait_id, "queued", 1, waited_s=7 * 86400.0)
    with pytest.raises(OfferOver):
        berth.run(queue.leave, bob, job.wait_id)

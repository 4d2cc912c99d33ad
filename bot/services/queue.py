"""The queue: jobs shorter than a slot, on GPUs that are idle, where they delay no reservation."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from bot.domain.calendar import Calendar
from bot.domain.errors import BerthError, OfferOver, UnreadableRequest
from bot.domain.notices import JobDispatched
from bot.domain.offers import OfferState
from bot.domain.people import Member
from bot.domain.priority import Priority
from bot.domain.queueing import Job, expected_starts, idle_gpus
from bot.domain.requests import ReserveRequest, request_from_json
from bot.domain.states import ReservationKind, ReservationState
from bot.domain.time_window import TimeWindow
from bot.domain.waiting import WaitKind, WaitView
from bot.services import audit, due, holding, outbox, placing, waits
from bot.services.people import member_of
from bot.services.transaction import Tx, reads_only
from bot.store.claims import load_calendar, take_turns
from bot.store.offer_tables import WaitRow
from bot.store.tables import ClaimRow, GpuRow, HostRow, ReservationRow

SHORTEST = timedelta(minutes=1)


def join(tx: Tx, member: Member, request: ReserveRequest) -> WaitView:
    """Put a short job into the queue, and return its place and when it may start.

    It starts by itself as soon as enough GPUs of one host are idle for all of its length; what has
    waited for too long is given up.
    Joining again with the same job while it waits changes nothing.

    Raises:
        UnreadableRequest: it is no training, or too long or too short for the queue.
        InvalidGpuCount, UnknownGpu, UnknownGpuType, NoSingleHost: it could never be served.
        NotPermitted: viewers may not book, so they need not wait either.
    """
    take_turns(tx.session)
    if request.run is None:
        raise UnreadableRequest(
            "",
            "a training for the queue: add `train`, a model or `epochs=10`; only GPUs are booked",
        )
    if not SHORTEST <= request.length < tx.policy.slot:
        slot_min = round(tx.policy.slot.total_seconds() / 60)
        raise UnreadableRequest(
            "", f"a length from 1 to {slot_min - 1} min for the queue; book more"
        )
    request = replace(request, start=None, request_key=None, priority=Priority.P2, preemptible=None)
    window = TimeWindow(tx.now, tx.now + _whole_length(tx, request))
    placing.Wish.of(request, load_calendar(tx.session, window.start, window.end))
    expires_at = tx.now + tx.policy.longest_wait_in_queue
    row = waits.take_place(tx, member, WaitKind.QUEUE, request, None, expires_at)
    due.arm_serve_waiting(tx)
    return next(view for view in _views(tx) if view.wait_id == row.id)


def leave(tx: Tx, member: Member, wait_id: int) -> WaitView:
    """Take a job out of the queue before it starts. Idempotent.

    Raises:
        UnknownOffer: there is none of that number.
        NotAllowed: it is somebody else's.
        OfferOver: it has started already.
    """
    take_turns(tx.session)
    row = waits.own(tx, member, wait_id, WaitKind.QUEUE)
    if row.state == OfferState.WITHDRAWN:
        return waits.view(tx, row)
    if OfferState(row.state).is_over:
        raise OfferOver("place in the queue", row.state)
    waits.move(tx, row, OfferState.WITHDRAWN)
    audit.record(tx, audit.by_member(member), "queue.left", ("wait", row.id))
    return waits.view(tx, row)


@reads_only
def line(tx: Tx) -> tuple[WaitView, ...]:
    """Return everything in the queue, in turn, with when each may start."""
    return _views(tx)


def _views(tx: Tx) -> tuple[WaitView, ...]:
    rows = waits.rows_in_turn(tx, WaitKind.QUEUE)
    calendar = load_calendar(tx.session, tx.now, placing.last_end(tx))
    jobs = [job for job in (_job(tx, row, calendar) for row in rows) if job is not None]
    usable = _of_hosts_that_answer(tx, calendar)
    starts = expected_starts(jobs, usable.gpus, usable.busy, tx.now)
    return tuple(waits.view(tx, row, starts.get(row.id)) for row in rows)


def _job(tx: Tx, row: WaitRow, calendar: Calendar) -> Job | None:
    request = request_from_json(row.request)
    try:
        wish = placing.Wish.of(request, calendar)
    except BerthError:
        return None  # its GPUs are gone for now; they may come back
    usable = frozenset(gpu.gpu_id for gpu in wish.narrow(calendar).gpus)
    return Job(row.id, wish.count, _whole_length(tx, request), usable)


def _whole_length(tx: Tx, request: ReserveRequest) -> timedelta:
    """Return how long the GPUs are held: the job gets its time, and its soft stop comes after."""
    return request.length + tx.policy.stop_lead


def _of_hosts_that_answer(tx: Tx, calendar: Calendar) -> Calendar:
    online = frozenset(
        tx.session.scalars(
            select(GpuRow.id).join(HostRow, HostRow.id == GpuRow.host_id).where(HostRow.online)
        )
    )
    return calendar.only([gpu for gpu in calendar.gpus if gpu.gpu_id in online])


def dispatch(tx: Tx) -> None:
    """Start every job for which GPUs are idle now for all of its length. Idempotent.

    In turn, but a job that does not fit does not keep a smaller one behind it from starting: GPUs
    that are idle help nobody.  The caller has taken a turn.
    """
    for row in waits.rows_in_turn(tx, WaitKind.QUEUE):
        calendar = load_calendar(tx.session, tx.now, placing.last_end(tx))
        job = _job(tx, row, calendar)
        if job is None:
            continue
        window = TimeWindow(tx.now, tx.now + job.length)
        idle = _of_hosts_that_answer(tx, calendar)
        still_running = _not_seen_free(tx)
        idle = idle.only([gpu for gpu in idle.gpus if gpu.gpu_id not in still_running])
        gpus = idle_gpus(job, window, idle)
        if gpus is not None:
            _start(tx, row, window, [gpu.gpu_id for gpu in gpus], idle)


def _not_seen_free(tx: Tx) -> frozenset[int]:
    """Return the GPUs of reservations whose time is over, but whose process is not seen gone."""
    return frozenset(
        tx.session.scalars(
            select(ClaimRow.gpu_id)
            .join(ReservationRow, ReservationRow.id == ClaimRow.reservation_id)
            .where(ClaimRow.live, ReservationRow.state == ReservationState.RELEASING)
        )
    )


def expire(tx: Tx, wait_id: int) -> None:
    """Give a job up that has waited for too long, and say so. Idempotent.

    The caller has taken a turn.
    """
    row = tx.session.get(WaitRow, wait_id, populate_existing=True)
    if row is None or row.kind != WaitKind.QUEUE or row.state != OfferState.WAITING:
        return
    waits.move(tx, row, OfferState.EXPIRED)
    audit.record(tx, audit.CLOCKWORK, "queue.expired", ("wait", row.id), reason="long")
    waits.tell_end(tx, row, None, "queued")


def _start(
    tx: Tx, row: WaitRow, window: TimeWindow, gpu_ids: list[int], calendar: Calendar
) -> None:
    request = request_from_json(row.request)
    gpus = sorted(
        (gpu for gpu in calendar.gpus if gpu.gpu_id in gpu_ids), key=lambda gpu: gpu.gpu_id
    )
    held = holding.hold(
        tx, member_of(row.member), request, window, gpus, kind=ReservationKind.QUEUED
    )
    waits.move(tx, row, OfferState.ACCEPTED)
    row.held_reservation = held
    due.arm_reservation(tx, held)
    outbox.show(tx, held)
    outbox.tell_holder(
        tx,
        held,
        JobDispatched(
            held.id, row.id, tuple(gpu.name for gpu in gpus), window.end - tx.policy.stop_lead
        ),
    )
    audit.record(
        tx,
        audit.CLOCKWORK,
        "queue.dispatched",
        ("wait", row.id),
        reservation_id=held.id,
        starts_at=window.start,
        ends_at=window.end,
    )

"""Reservations: book, go on, give back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from bot.domain.calendar import Calendar
from bot.domain.errors import (
    BeyondHorizon,
    InvalidGpuCount,
    NoSingleHost,
    NotTheHolder,
    PastStart,
    ReservationOver,
    TooLong,
    TooShort,
    UnknownGpu,
    UnknownReservation,
    WindowTaken,
)
from bot.domain.holdings import Alternative, GpuOnHost
from bot.domain.notices import ReservationReleased
from bot.domain.people import Member
from bot.domain.placement import choose_gpus
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState, RunState, move_reservation, move_run
from bot.domain.time_window import TimeWindow
from bot.domain.views import ReservationView
from bot.protocol.messages import StopReason
from bot.services import audit, due, outbox, stopping
from bot.services.transaction import Tx
from bot.services.views import reservation_view, spec_to_json
from bot.store import reservations
from bot.store.claims import holdings_in, load_calendar, recent_gpu_ids, take_turns
from bot.store.tables import ClaimRow, ReservationRow, RunRow

ALTERNATIVES = 3


def reserve(tx: Tx, member: Member, request: ReserveRequest) -> ReservationView:
    """Book GPUs for a window, all or none, and return the reservation.

    The window covers the wish in whole slots (see `SlotGrid.cover`).  Asking again with the same
    ``request_key`` returns what was booked the first time and changes nothing.

    Raises:
        InvalidGpuCount: none, or more than there are.
        UnknownGpu: a GPU was named that does not exist.
        PastStart, TooShort, TooLong, BeyondHorizon: the window breaks a limit.
        NoSingleHost: a run needs its GPUs on one host, and no host has so many.
        WindowTaken: others hold the GPUs; carries who, and the nearest windows that fit.
        ClaimOverlap: another booking won the race every time.
    """
    take_turns(tx.session)
    earlier = _booked_before(tx, member, request.request_key)
    if earlier is not None:
        return reservation_view(earlier)
    window = _window(tx, request)
    calendar = load_calendar(tx.session, window.start, _last_end(tx))
    wish = _Wish.of(request, calendar)
    gpus = _choose(tx, member, wish, window, calendar)
    row = _insert(tx, member, request, window, gpus)
    due.arm_reservation(tx, row)
    outbox.show(tx, row)
    audit.record(
        tx,
        audit.by_member(member),
        "reservation.booked",
        ("reservation", row.id),
        reason=request.note,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        gpus=[gpu.name for gpu in gpus],
        priority=request.priority.value,
        run=row.run.spec if row.run else None,
    )
    return reservation_view(row)


def cancel(tx: Tx, member: Member, reservation_id: int, reason: str) -> ReservationView:
    """Give a reservation back: before its start it never was, later it ends now.

    A run on it is stopped softly first; until its process is seen gone the reservation is
    ``releasing`` and its GPUs are not free.  Giving back again what is already being released
    changes nothing.

    Raises:
        UnknownReservation: there is none of that number.
        NotTheHolder: only the holder, a lead of the team or an admin may.
        ReservationOver: it has ended or was cancelled already.
    """
    row = _lock_to_change(tx, member, reservation_id)
    state = ReservationState(row.state)
    if state is ReservationState.RELEASING:
        return reservation_view(row)
    row.end_reason = reason
    if state.is_ahead:
        _cancel_before_start(tx, row)
    else:
        stopping.release(tx, row, StopReason.REQUESTED)
    outbox.show(tx, row)
    outbox.tell_thread(
        tx,
        row,
        ReservationReleased(
            row.id, member.slack_user_id, reason, was_running=state is ReservationState.ACTIVE
        ),
    )
    action = "cancelled" if state.is_ahead else "released"
    audit.record(
        tx, audit.by_member(member), f"reservation.{action}", ("reservation", row.id), reason=reason
    )
    return reservation_view(row)


def extend(tx: Tx, member: Member, reservation_id: int, new_end: datetime) -> ReservationView:
    """Let a reservation go on until ``new_end``, on the GPUs that it has, and return it.

    The end goes forward to the next slot boundary.  Asking for the end that it has already
    changes nothing.

    Raises:
        UnknownReservation: there is none of that number.
        NotTheHolder: only the holder, a lead of the team or an admin may.
        ReservationOver: it has ended, was cancelled, or is being released.
        TooShort: the end is not later than now and than the end that it has.
        TooLong: it would be longer than the longest reservation.
        WindowTaken: others hold some of its GPUs after its end; carries who.
        ClaimOverlap: another booking won the race every time.
    """
    take_turns(tx.session)
    row = _lock_to_change(tx, member, reservation_id)
    if ReservationState(row.state) is ReservationState.RELEASING:
        raise ReservationOver(reservation_id, row.state)
    end, old_end = tx.policy.grid.ceil(new_end), row.ends_at
    if end == old_end:
        return reservation_view(row)
    _require_extendable(tx, row, end)
    row.ends_at = end
    row.version += 1
    for claim in row.claims:
        claim.ends_at = end
    due.arm_reservation(tx, row)
    attempt = stopping.live_attempt(row.run)
    if attempt is not None:
        stopping.bump_revision(tx, attempt.host_id)
    outbox.show(tx, row)
    audit.record(
        tx,
        audit.by_member(member),
        "reservation.extended",
        ("reservation", row.id),
        old_end=old_end,
        ends_at=end,
    )
    return reservation_view(row)


def _require_extendable(tx: Tx, row: ReservationRow, end: datetime) -> None:
    policy = tx.policy
    if end <= max(tx.now, row.ends_at):
        raise TooShort(end - max(tx.now, row.ends_at), policy.slot)
    if end - row.starts_at > policy.longest_reservation:
        raise TooLong(end - row.starts_at, policy.longest_reservation)
    added = TimeWindow(row.ends_at, end)
    gpu_ids = [claim.gpu_id for claim in row.claims]
    holdings = holdings_in(tx.session, added, gpu_ids)
    if holdings:
        calendar = load_calendar(tx.session, added.start, added.end)
        free = [gpu for gpu in calendar.free(added) if gpu.gpu_id in gpu_ids]
        raise WindowTaken(len(gpu_ids), len(free), holdings, ())


def _lock_to_change(tx: Tx, member: Member, reservation_id: int) -> ReservationRow:
    row = reservations.lock(tx.session, reservation_id)
    if row is None:
        raise UnknownReservation(reservation_id)
    if not member.may_change(holder_member_id=row.member_id, team_id=row.team_id):
        raise NotTheHolder(reservation_id, row.member.slack_user_id)
    state = ReservationState(row.state)
    if state.is_over:
        raise ReservationOver(reservation_id, state.value)
    return row


def _booked_before(tx: Tx, member: Member, request_key: str | None) -> ReservationRow | None:
    if request_key is None:
        return None
    return tx.session.scalar(
        select(ReservationRow).where(
            ReservationRow.request_key == request_key, ReservationRow.member_id == member.member_id
        )
    )


def _window(tx: Tx, request: ReserveRequest) -> TimeWindow:
    policy = tx.policy
    if request.length < policy.slot:
        raise TooShort(request.length, policy.slot)
    if request.length > policy.longest_reservation:
        raise TooLong(request.length, policy.longest_reservation)
    start = request.start or tx.now
    if start < tx.now - policy.past_start_tolerance:
        raise PastStart(start, tx.now)
    if start > tx.now + policy.horizon:
        raise BeyondHorizon(start, tx.now + policy.horizon)
    return policy.grid.cover(start, request.length, now=tx.now)


def _last_end(tx: Tx) -> datetime:
    """Return an instant after the end of whatever can be booked or offered now."""
    policy = tx.policy
    return tx.now + policy.horizon + policy.longest_reservation + 2 * policy.slot


@dataclass(frozen=True, slots=True)
class _Wish:
    """How many GPUs, or exactly which, for how long, and whether on one host."""

    length: timedelta
    count: int
    named: tuple[GpuOnHost, ...]
    one_host: bool

    @classmethod
    def of(cls, request: ReserveRequest, calendar: Calendar) -> _Wish:
        one_host = request.run is not None
        if request.gpu_names:
            named = _find_named(request.gpu_names, calendar.gpus)
            if one_host and len({gpu.host_id for gpu in named}) > 1:
                raise NoSingleHost(len(named), _largest_host(calendar))
            return cls(request.length, len(named), named, one_host)
        if not 1 <= request.gpu_count <= len(calendar.gpus):
            raise InvalidGpuCount(request.gpu_count, len(calendar.gpus))
        if one_host and request.gpu_count > _largest_host(calendar):
            raise NoSingleHost(request.gpu_count, _largest_host(calendar))
        return cls(request.length, request.gpu_count, (), one_host)

    def narrow(self, calendar: Calendar) -> Calendar:
        """Return the calendar of the GPUs that may serve this wish."""
        return calendar.only(self.named) if self.named else calendar


def _largest_host(calendar: Calendar) -> int:
    sizes: dict[int, int] = {}
    for gpu in calendar.gpus:
        sizes[gpu.host_id] = sizes.get(gpu.host_id, 0) + 1
    return max(sizes.values(), default=0)


def _find_named(names: Sequence[str], gpus: Sequence[GpuOnHost]) -> tuple[GpuOnHost, ...]:
    """Find GPUs by ``gpu3@host2``, or by ``gpu3`` where only one host has such a GPU."""
    found: dict[int, GpuOnHost] = {}
    for name in names:
        matches = [gpu for gpu in gpus if name.lower() in (gpu.name.lower(), f"gpu{gpu.index}")]
        if len(matches) != 1:
            raise UnknownGpu(name, [gpu.name for gpu in matches or gpus])
        found[matches[0].gpu_id] = matches[0]
    return tuple(found.values())


def _choose(
    tx: Tx, member: Member, wish: _Wish, window: TimeWindow, calendar: Calendar
) -> tuple[GpuOnHost, ...]:
    usable = wish.narrow(calendar)
    free = usable.free(window)
    chosen = choose_gpus(
        free,
        wish.count,
        one_host=wish.one_host,
        preferred_gpu_ids=recent_gpu_ids(tx.session, member.member_id),
    )
    if chosen is None:
        raise WindowTaken(
            wish.count,
            len(free),
            holdings_in(tx.session, window, [gpu.gpu_id for gpu in usable.gpus]),
            _alternatives(tx, wish, window, usable),
        )
    return tuple(sorted(chosen, key=lambda gpu: gpu.gpu_id))


def _alternatives(
    tx: Tx, wish: _Wish, window: TimeWindow, usable: Calendar
) -> tuple[Alternative, ...]:
    grid = tx.policy.grid
    # On the grid the wish needs no more than its own slots; off it, a part of another one.
    begin = grid.floor(window.start)
    later = usable.nearest_windows(
        wish.count,
        TimeWindow(begin, grid.ceil(begin + wish.length)),
        grid=grid,
        one_host=wish.one_host,
        last_start=tx.now + tx.policy.horizon,
        limit=ALTERNATIVES,
    )
    fewer = None if wish.named else usable.fewer_now(window, one_host=wish.one_host)
    return (*later, fewer) if fewer else later


def _insert(
    tx: Tx,
    member: Member,
    request: ReserveRequest,
    window: TimeWindow,
    gpus: Sequence[GpuOnHost],
) -> ReservationRow:
    preemptible = request.preemptible
    row = ReservationRow(
        team_id=member.team_id,
        member_id=member.member_id,
        priority=request.priority,
        preemptible=request.priority.preemptible_by_default if preemptible is None else preemptible,
        state=ReservationState.BOOKED,
        starts_at=window.start,
        ends_at=window.end,
        note=request.note,
        request_key=request.request_key,
        created_at=tx.now,
    )
    # In the order of their ids, so that two bookings that race for several never wait crosswise.
    row.claims = [
        ClaimRow(gpu_id=gpu.gpu_id, starts_at=window.start, ends_at=window.end) for gpu in gpus
    ]
    if request.run is not None:
        row.run = RunRow(spec=spec_to_json(request.run), state=RunState.WAITING, created_at=tx.now)
    tx.session.add(row)
    tx.session.flush()
    tx.session.refresh(row)
    return row


def _cancel_before_start(tx: Tx, row: ReservationRow) -> None:
    row.state = move_reservation(ReservationState(row.state), ReservationState.CANCELLED)
    row.ended_at = tx.now
    row.version += 1
    for claim in row.claims:
        claim.live = False
    if row.run is not None:
        row.run.state = move_run(RunState(row.run.state), RunState.CANCELLED)
        row.run.ended_at = tx.now
    due.disarm_reservation(tx, row)

"""Changing a reservation that is booked or runs: longer, shorter, at another time.

Every change names where it leads to, so that asking twice changes nothing twice.  Who can only say
"two hours more" gives a ``request_key``: the name of the asking, which is good for one change.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from bot.domain.changing_errors import (
    EndNotEarlier,
    EndNotLater,
    HostDoesNotAnswer,
    MaintenanceStays,
    NotBookedYet,
    NothingLeft,
    ReservationStarted,
)
from bot.domain.errors import (
    BeyondHorizon,
    OverQuota,
    PastStart,
    ReservationOver,
    TooLong,
    WindowTaken,
)
from bot.domain.holdings import GpuOnHost
from bot.domain.limits import Wish, may_approve
from bot.domain.notices import ReservationChanged
from bot.domain.people import Member
from bot.domain.placement import choose_gpus
from bot.domain.priority import Priority
from bot.domain.states import ReservationKind, ReservationState
from bot.domain.time_window import TimeWindow
from bot.domain.views import ReservationView
from bot.services import (
    audit,
    due,
    limits,
    moving,
    outbox,
    overrun_ends,
    placing,
    run_links,
    stopping,
    what_fits,
    windows,
)
from bot.services.access import lock_to_change
from bot.services.transaction import Tx
from bot.services.views import reservation_view
from bot.store.claims import gpu_on_host, holdings_in, load_calendar, take_turns
from bot.store.tables import AuditEventRow, GpuRow, ReservationRow

CHANGEABLE = (ReservationState.BOOKED, ReservationState.ACTIVE)


def extend(
    tx: Tx,
    member: Member,
    reservation_id: int,
    new_end: datetime,
    request_key: str | None = None,
) -> ReservationView:
    """Let a reservation go on until ``new_end``, on the GPUs that it has, and return it.

    The end goes forward to the next slot boundary.  Asking for the end that it has already
    changes nothing.

    Raises:
        UnknownReservation: there is none of that number.
        NotTheHolder: only the holder, a lead of the team or an admin may.
        ReservationOver: it has ended, was cancelled, or is being released.
        NotBookedYet: it waits for somebody's answer.
        MaintenanceStays: it is maintenance.
        EndNotLater: the end is not later than now and than the end that it has.
        TooLong: it would be longer than the longest reservation.
        OverQuota: the team would hold more than it may.
        OutOfOrder: its run goes on elsewhere before that end.
        WindowTaken: others hold some of its GPUs after its end; carries who, and what fits instead.
        ClaimOverlap: another booking won the race every time.
    """
    take_turns(tx.session)
    row = _lock_to_resize(tx, member, reservation_id)
    end = tx.policy.grid.ceil(new_end)
    if end == row.ends_at or _done_before(tx, row, request_key):
        return reservation_view(row)
    if end <= max(tx.now, row.ends_at):
        raise EndNotLater(row.id, new_end, row.ends_at)
    run_links.require_order(tx, row, starts_at=row.starts_at, ends_at=end)
    _require_extendable(tx, member, row, end)
    return set_window(tx, member, row, TimeWindow(row.starts_at, end), "extended", request_key)


def extend_by_a_slot(
    tx: Tx,
    member: Member,
    reservation_id: int,
    shown_end: datetime,
    request_key: str | None = None,
) -> ReservationView:
    """Extend by the slot after ``shown_end``, the end that the reader of a button saw.

    The same click delivered twice, or made by two people, extends once.

    Raises:
        BerthError: as `extend` does.
    """
    policy = tx.policy
    new_end = policy.grid.ceil(shown_end) + policy.slot
    return extend(tx, member, reservation_id, new_end, request_key)


def shorten(
    tx: Tx,
    member: Member,
    reservation_id: int,
    new_end: datetime,
    request_key: str | None = None,
) -> ReservationView:
    """Let a reservation end sooner, and return it; what becomes free goes to those who wait.

    The end goes forward to the next slot boundary: a slot that is begun is kept.  Asking for the
    end that it has already changes nothing.  A run is asked to stop in time for the new end.

    Raises:
        UnknownReservation: there is none of that number.
        NotTheHolder: only the holder, a lead of the team or an admin may.
        ReservationOver: it has ended, was cancelled, or is being released.
        NotBookedYet: it waits for somebody's answer.
        MaintenanceStays: it is maintenance.
        EndNotEarlier: the end is later than the one that it has.
        NothingLeft: the end is not after now and after its start.
        HostDoesNotAnswer: its run is on a host that cannot be told.
    """
    row = _lock_to_resize(tx, member, reservation_id)
    end = tx.policy.grid.ceil(new_end)
    if end == row.ends_at or _done_before(tx, row, request_key):
        return reservation_view(row)
    if end > row.ends_at:
        raise EndNotEarlier(row.id, new_end, row.ends_at)
    if end <= max(tx.now, row.starts_at):
        raise NothingLeft(row.id, new_end)
    attempt = stopping.live_attempt(row.run)
    if attempt is not None and not attempt.host.online:
        # Its agent would keep the old end, and the GPUs would be handed on while it still trains.
        raise HostDoesNotAnswer(row.id, attempt.host.name)
    view = set_window(tx, member, row, TimeWindow(row.starts_at, end), "shortened", request_key)
    due.arm_serve_waiting(tx)
    return view


def move(
    tx: Tx,
    member: Member,
    reservation_id: int,
    new_start: datetime,
    request_key: str | None = None,
) -> ReservationView:
    """Move a reservation to another start, as long as before, and return it.

    The start goes back to the beginning of its slot; within the slot that runs now it stays where
    it is.  The GPUs stay the same where they are free at that time; otherwise others of the same
    kind take their place, as many.  Asking for the start that it has already changes nothing.
    One whose run is under way stops at a checkpoint, and its run goes on in a new reservation at
    that start (`bot.services.moving`).

    Raises:
        UnknownReservation: there is none of that number.
        NotTheHolder: only the holder, a lead of the team or an admin may.
        ReservationOver: it has ended, was cancelled, or is being released.
        NotBookedYet: it waits for somebody's answer.
        MaintenanceStays: it is maintenance.
        ReservationStarted: it has started and nothing runs in it; its end alone can be changed.
        OutOfOrder: one run would be in two reservations at once.
        PastStart, BeyondHorizon: the new start breaks a limit.
        OverQuota: the team would hold more than it may at that time.
        WindowTaken: too few GPUs are free; carries who holds them, and where else it fits.
        ClaimOverlap: another booking won the race every time.
    """
    take_turns(tx.session)
    row = _lock_to_resize(tx, member, reservation_id)
    started = row.state == ReservationState.ACTIVE or row.starts_at <= tx.now
    grid = tx.policy.grid
    same_slot = grid.floor(new_start) == grid.floor(row.starts_at)
    if (started and same_slot) or _done_before(tx, row, request_key):
        return reservation_view(row)
    if started and stopping.live_attempt(row.run) is not None:
        return moving.move_running(tx, member, row, new_start, request_key)
    if started:
        raise ReservationStarted(row.id, row.starts_at)
    window = _moved_window(tx, row, new_start)
    if window == TimeWindow(row.starts_at, row.ends_at):
        return reservation_view(row)
    run_links.require_order(tx, row, starts_at=window.start, ends_at=window.end)
    _require_quota(tx, member, row, window)
    _take_gpus(tx, row, _choose_gpus(tx, row, window))
    view = set_window(tx, member, row, window, "moved", request_key)
    due.arm_serve_waiting(tx)
    return view


def _lock_to_resize(tx: Tx, member: Member, reservation_id: int) -> ReservationRow:
    row = lock_to_change(tx, member, reservation_id)
    if row.kind == ReservationKind.MAINTENANCE:
        raise MaintenanceStays(reservation_id)
    state = ReservationState(row.state)
    if state is ReservationState.RELEASING:
        raise ReservationOver(reservation_id, state.value)
    if state not in CHANGEABLE:
        raise NotBookedYet(reservation_id, state.value)
    return row


def _require_extendable(tx: Tx, member: Member, row: ReservationRow, end: datetime) -> None:
    whole = TimeWindow(row.starts_at, end)
    if whole.length > tx.policy.longest_reservation:
        raise TooLong(whole.length, tx.policy.longest_reservation)
    limits.check_extension(tx, member, row, whole)
    added = TimeWindow(row.ends_at, end)
    gpu_ids = [claim.gpu_id for claim in row.claims]
    holdings = holdings_in(tx.session, added, gpu_ids)
    if holdings:
        free = load_calendar(tx.session, added.start, added.end).free(added)
        raise WindowTaken(
            len(gpu_ids),
            sum(gpu.gpu_id in gpu_ids for gpu in free),
            holdings,
            what_fits.instead_of_extending(tx, row, added, holdings),
        )


def _moved_window(tx: Tx, row: ReservationRow, new_start: datetime) -> TimeWindow:
    policy = tx.policy
    if new_start < tx.now - policy.past_start_tolerance:
        raise PastStart(new_start, tx.now)
    wanted = max(new_start, tx.now)
    begin = policy.grid.floor(wanted)
    if begin < tx.now:
        begin = wanted
    if begin > tx.now + policy.horizon:
        raise BeyondHorizon(begin, tx.now + policy.horizon)
    return TimeWindow(begin, policy.grid.ceil(begin + (row.ends_at - row.starts_at)))


def _require_quota(tx: Tx, member: Member, row: ReservationRow, window: TimeWindow) -> None:
    """Refuse what the team may not hold at that time, but for who could approve it."""
    if may_approve(member, row.team_id):
        return
    wish = Wish(window, len(row.claims), Priority(row.priority))
    rules = limits.broken_quota(tx, row.team_id, wish, besides=[row.id])
    if rules:
        raise OverQuota(row.team.name, rules)


def _choose_gpus(tx: Tx, row: ReservationRow, window: TimeWindow) -> Sequence[GpuOnHost]:
    """Return its own GPUs where they are free in the window, else as many of the same kind."""
    calendar = load_calendar(tx.session, window.start, placing.last_end(tx), without=row.id)
    own = [claim.gpu_id for claim in row.claims]
    models = {claim.gpu.model for claim in row.claims}
    usable = calendar.only([gpu for gpu in calendar.gpus if gpu.model in models])
    free = usable.free(window)
    kept = [gpu for gpu in free if gpu.gpu_id in own]
    if len(kept) == len(own):
        return kept
    chosen = choose_gpus(
        free, len(own), one_host=run_links.carries_run(tx, row), preferred_gpu_ids=frozenset(own)
    )
    if chosen is not None:
        return chosen
    gpu_ids = [gpu.gpu_id for gpu in usable.gpus]
    raise WindowTaken(
        len(own),
        len(free),
        holdings_in(tx.session, window, gpu_ids, without=row.id),
        what_fits.instead_of_moving(tx, row, window, usable),
    )


def _take_gpus(tx: Tx, row: ReservationRow, gpus: Sequence[GpuOnHost]) -> None:
    """Put the claims onto those GPUs; a claim whose GPU is among them keeps it.

    A claim never goes to a GPU of another claim of the same reservation, so that the guard of the
    database sees no overlap halfway.  Nor may it see a new GPU at the old times, at which somebody
    else may hold it: all is read first, and the caller sets the window before anything is flushed.
    """
    wanted = {gpu.gpu_id for gpu in gpus}
    ids = sorted(wanted - {claim.gpu_id for claim in row.claims})
    new = iter([tx.session.get_one(GpuRow, gpu_id) for gpu_id in ids])
    for claim in row.claims:
        if claim.gpu_id not in wanted:
            claim.gpu = next(new)


def _done_before(tx: Tx, row: ReservationRow, request_key: str | None) -> bool:
    """Tell whether the same asking has changed the reservation already."""
    if request_key is None:
        return False
    events = tx.session.scalars(
        select(AuditEventRow).where(
            AuditEventRow.subject_type == "reservation", AuditEventRow.subject_id == row.id
        )
    )
    return any(event.data.get("request_key") == request_key for event in events)


def set_window(
    tx: Tx,
    member: Member,
    row: ReservationRow,
    window: TimeWindow,
    change: str,
    request_key: str | None,
) -> ReservationView:
    """Give a locked reservation its new window, and let its timers, its host and people know.

    Whoever calls has checked that it may have that window, and has made room on its GPUs.
    """
    old = TimeWindow(row.starts_at, row.ends_at)
    windows.place(tx, row, window)
    overrun_ends.close(tx, row)
    outbox.show(tx, row)
    outbox.tell_thread(
        tx,
        row,
        ReservationChanged(
            row.id,
            member.slack_user_id,
            change,
            row.starts_at,
            row.ends_at,
            old.start,
            old.end,
        ),
    )
    audit.record(
        tx,
        audit.by_member(member),
        f"reservation.{change}",
        ("reservation", row.id),
        old_start=old.start,
        old_end=old.end,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        gpus=[gpu_on_host(claim.gpu).name for claim in row.claims],
        request_key=request_key,
    )
    return reservation_view(row)

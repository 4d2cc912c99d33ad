"""Maintenance: admins keep everybody off hosts or GPUs for a window, and who is there makes room.

Maintenance is a reservation of its own kind with exact times and no quota.  Where a GPU still
belongs to somebody its claim waits, not live but respected by whoever books, and becomes live once
the GPU is free.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from bot.domain.errors import (
    AdminsOnly,
    BeyondHorizon,
    PastStart,
    TooLong,
    TooShort,
    UnknownHostName,
    WindowTaken,
)
from bot.domain.maintenance import Effects, MaintenancePlan, MaintenanceWish
from bot.domain.outage_notices import OutageOver
from bot.domain.people import Member, Role
from bot.domain.priority import Priority
from bot.domain.states import ReservationKind, ReservationState
from bot.domain.time_window import TimeWindow
from bot.services import audit, due, outages, outbox, stopping
from bot.services.due import TimerKind
from bot.services.outages import Cause
from bot.services.transaction import Tx
from bot.services.views import reservation_view
from bot.store import reservations, timers
from bot.store.claims import all_hosts, gpu_on_host, holdings_in, take_turns
from bot.store.tables import AuditEventRow, ClaimRow, GpuRow, ReservationRow

WHY = "maintenance"
LOOK_AGAIN = timedelta(seconds=15)
PLANNED = (ReservationState.BOOKED, ReservationState.ACTIVE)


def require_admin(member: Member, what: str) -> None:
    """Let admins pass.

    Raises:
        AdminsOnly: the member is none; carries ``what`` they wanted.
    """
    if member.role is not Role.ADMIN:
        raise AdminsOnly(what)


def plan(tx: Tx, member: Member, wish: MaintenanceWish) -> MaintenancePlan:
    """Plan maintenance, and let whoever is in the way know what becomes of them.

    What lies ahead is moved to other GPUs of the same models where there are any; otherwise its
    holder is offered other windows, until the maintenance begins.  What runs ends when the
    maintenance begins.  Asking again with the same ``request_key`` changes nothing.

    Raises:
        AdminsOnly: only admins may.
        UnknownHostName: a target is neither a host nor a GPU.
        PastStart, TooShort, TooLong, BeyondHorizon: the window breaks a limit.
        WindowTaken: there is other maintenance at that time.
        ClaimOverlap: somebody else won the race every time.
    """
    require_admin(member, "plan maintenance")
    take_turns(tx.session)
    earlier = _planned_before(tx, member, wish.request_key)
    if earlier is not None:
        return earlier
    gpus = find_gpus(tx, wish.targets)
    window = _window(tx, wish)
    cause = Cause(WHY, wish.reason, audit.by_member(member), frozenset(gpu.id for gpu in gpus))
    in_the_way = outages.lock_holders(tx, cause.gpu_ids, window)
    _require_no_other(tx, window, gpus)
    # First, so that the windows that are offered instead lie outside of it.
    row = _insert(tx, member, wish, window, gpus)
    effects = _make_room(tx, in_the_way, window, cause)
    _take_free(tx, row, window)
    due.arm_reservation(tx, row)
    timers.arm(tx.session, TimerKind.MAINTENANCE_BEGINS, row.id, row.starts_at)
    outbox.show(tx, row)
    audit.record(
        tx,
        cause.actor,
        "maintenance.planned",
        ("reservation", row.id),
        reason=wish.reason,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        gpus=[gpu_on_host(gpu).name for gpu in gpus],
        moved=effects.moved,
        asked=effects.asked,
        shortened=effects.shortened,
    )
    return MaintenancePlan(reservation_view(row), effects)


def _planned_before(tx: Tx, member: Member, request_key: str | None) -> MaintenancePlan | None:
    if request_key is None:
        return None
    row = tx.session.scalar(
        select(ReservationRow).where(
            ReservationRow.request_key == request_key, ReservationRow.member_id == member.member_id
        )
    )
    if row is None:
        return None
    told = tx.session.scalar(
        select(AuditEventRow.data).where(
            AuditEventRow.action == "maintenance.planned",
            AuditEventRow.subject_type == "reservation",
            AuditEventRow.subject_id == row.id,
        )
    )
    kinds = ("moved", "asked", "shortened")
    effects = Effects(**{kind: tuple((told or {}).get(kind, ())) for kind in kinds})
    return MaintenancePlan(reservation_view(row), effects)


def find_gpus(tx: Tx, targets: Sequence[str]) -> tuple[GpuRow, ...]:
    """Return the GPUs that names of hosts and GPUs stand for, by id.

    Those that are drained, broken or not reported count too.

    Raises:
        UnknownHostName: a name is neither; carries the names of the hosts.
    """
    hosts = all_hosts(tx.session)
    found: dict[int, GpuRow] = {}
    for target in targets:
        wanted = target.lower()
        matches = [gpu for host in hosts if host.name.lower() == wanted for gpu in host.gpus]
        if not matches:
            named = [
                gpu
                for host in hosts
                for gpu in host.gpus
                if wanted == gpu_on_host(gpu).name.lower()
                or (wanted == f"gpu{gpu.index}" and len(hosts) == 1)
            ]
            # A card that was taken out leaves its index to the next one.
            matches = [gpu for gpu in named if gpu.present] or named
        if not matches:
            raise UnknownHostName(target, [host.name for host in hosts])
        found |= {gpu.id: gpu for gpu in matches}
    return tuple(found[gpu_id] for gpu_id in sorted(found))


def _window(tx: Tx, wish: MaintenanceWish) -> TimeWindow:
    policy = tx.policy
    start = tx.now if wish.start is None else wish.start
    if start < tx.now - policy.past_start_tolerance:
        raise PastStart(start, tx.now)
    if start > tx.now + policy.horizon:
        raise BeyondHorizon(start, tx.now + policy.horizon)
    if wish.length <= timedelta():
        raise TooShort(wish.length, policy.slot)
    if wish.length > policy.horizon:
        raise TooLong(wish.length, policy.horizon)
    start = max(start, tx.now)
    return TimeWindow(start, start + wish.length)


def _require_no_other(tx: Tx, window: TimeWindow, gpus: Sequence[GpuRow]) -> None:
    gpu_ids = [gpu.id for gpu in gpus]
    others = set(
        tx.session.scalars(
            select(ReservationRow.id).where(
                ReservationRow.kind == ReservationKind.MAINTENANCE,
                ReservationRow.state.in_(PLANNED),
            )
        )
    )
    holdings = holdings_in(tx.session, window, gpu_ids)
    in_the_way = [holding for holding in holdings if holding.reservation_id in others]
    if in_the_way:
        free = len(gpu_ids) - sum(holding.gpu_count for holding in in_the_way)
        raise WindowTaken(len(gpu_ids), max(0, free), in_the_way, ())


def _make_room(
    tx: Tx, in_the_way: Sequence[ReservationRow], window: TimeWindow, cause: Cause
) -> Effects:
    moved, asked, shortened = [], [], []
    for row in sorted(in_the_way, key=lambda each: (each.starts_at, each.id)):
        state = ReservationState(row.state)
        if state.is_ahead and outages.move_elsewhere(tx, row, cause):
            moved.append(row.id)
        elif state.is_ahead:
            decides_at = _decides_at(tx, row, window.start, planned_at=tx.now)
            outages.ask_for_other_window(tx, row, cause, decides_at)
            asked.append(row.id)
        elif state is ReservationState.ACTIVE:
            outages.cut_short(tx, row, _end_for(tx, row, window.start), cause)
            shortened.append(row.id)
    tx.session.flush()
    return Effects(tuple(moved), tuple(asked), tuple(shortened))


def _decides_at(tx: Tx, row: ReservationRow, begins: datetime, *, planned_at: datetime) -> datetime:
    """Return until when a holder may choose another window: who is asked has time to answer."""
    if row.starts_at < begins:
        return begins
    return min(row.starts_at, max(begins, planned_at + tx.policy.outage_answer_within))


def _end_for(tx: Tx, row: ReservationRow, begins: datetime) -> datetime:
    """Return the end of what has started: a run still gets its time to stop softly."""
    if stopping.live_attempt(row.run) is None:
        return max(begins, tx.now)
    return max(begins, tx.now + tx.policy.stop_lead)


def _insert(
    tx: Tx, member: Member, wish: MaintenanceWish, window: TimeWindow, gpus: Sequence[GpuRow]
) -> ReservationRow:
    row = ReservationRow(
        team_id=member.team_id,
        member_id=member.member_id,
        priority=Priority.P0,
        preemptible=False,
        state=ReservationState.BOOKED,
        kind=ReservationKind.MAINTENANCE,
        starts_at=window.start,
        ends_at=window.end,
        note=wish.reason,
        request_key=wish.request_key,
        created_at=tx.now,
    )
    held = _held_by_others(tx, [gpu.id for gpu in gpus], window)
    row.claims = [
        ClaimRow(gpu_id=gpu.id, starts_at=window.start, ends_at=window.end, live=gpu.id not in held)
        for gpu in gpus
    ]
    tx.session.add(row)
    tx.session.flush()
    tx.session.refresh(row)
    return row


def _take_free(tx: Tx, row: ReservationRow, left: TimeWindow) -> None:
    """Let the claims become live that nobody stands in the way of any more."""
    waiting = [claim for claim in row.claims if not claim.live]
    held = _held_by_others(tx, [claim.gpu_id for claim in waiting], left)
    for claim in waiting:
        if claim.gpu_id not in held:
            claim.starts_at, claim.live = left.start, True
    tx.session.flush()


def _held_by_others(tx: Tx, gpu_ids: Sequence[int], window: TimeWindow) -> set[int]:
    return set(
        tx.session.scalars(
            select(ClaimRow.gpu_id).where(
                ClaimRow.live,
                ClaimRow.gpu_id.in_(gpu_ids),
                ClaimRow.starts_at < window.end,
                ClaimRow.ends_at > window.start,
            )
        )
    )


def lock_all(tx: Tx, reservation_id: int) -> None:
    """Take a turn, and lock maintenance with all that may be in its way."""
    take_turns(tx.session)
    row = tx.session.get(ReservationRow, reservation_id)
    if row is not None:
        window = TimeWindow(row.starts_at, row.ends_at)
        gpu_ids = [claim.gpu_id for claim in row.claims]
        outages.lock_holders(tx, gpu_ids, window, besides=row.id)
        reservations.lock(tx.session, row.id)


def begin(tx: Tx, reservation_id: int) -> None:
    """Take what is left: whoever has not chosen another window by now is cancelled.

    What still runs is cut short; the GPU's claim becomes live when it is seen free.  The caller has
    called `lock_all`.
    """
    row = tx.session.get(ReservationRow, reservation_id)
    if row is None or row.state not in PLANNED or tx.now >= row.ends_at:
        return
    waiting = [claim for claim in row.claims if not claim.live]
    if not waiting:
        return
    gpu_ids = frozenset(claim.gpu_id for claim in waiting)
    cause = Cause(WHY, row.note, audit.CLOCKWORK, gpu_ids)
    left = TimeWindow(max(row.starts_at, tx.now), row.ends_at)
    later: list[datetime] = []
    for other in outages.lock_holders(tx, gpu_ids, left, besides=row.id):
        until = _clear(tx, row, other, cause)
        if until is not None:
            later.append(max(until, tx.now + LOOK_AGAIN))
    tx.session.flush()
    _take_free(tx, row, left)
    if later:
        timers.arm(tx.session, TimerKind.MAINTENANCE_BEGINS, row.id, min(later))


def _clear(tx: Tx, row: ReservationRow, other: ReservationRow, cause: Cause) -> datetime | None:
    """Deal with one that is still in the way; return when to look again, or None when it is gone.

    One that starts later than this and may still choose is left alone until then.
    """
    state = ReservationState(other.state)
    if state.is_ahead:
        decides_at = _decides_at(tx, other, row.starts_at, planned_at=row.created_at)
        if tx.now < decides_at:
            return decides_at
        outages.cancel(tx, other, cause)
        return None
    if state is ReservationState.ACTIVE:
        outages.cut_short(tx, other, _end_for(tx, other, tx.now), cause)
        return other.ends_at if other.ends_at > tx.now else None
    return tx.now + LOOK_AGAIN


def may_start(tx: Tx, row: ReservationRow) -> bool:
    """Tell whether a reservation may start now that its time has come; if not, it is cancelled.

    One with a broken GPU gets another if there is one by now.  One that maintenance will need the
    GPUs of starts, and ends when that begins.  The caller has locked it.
    """
    out = [claim.gpu for claim in row.claims if _is_out_of_service(claim.gpu)]
    if out:
        cause = Cause("broken", "", audit.CLOCKWORK, frozenset(gpu.id for gpu in out))
        moved = outages.move_elsewhere(tx, row, cause)
        # One that is only absent may be back in a moment; one that is broken has been looked at.
        if not moved and any(gpu.broken_at is not None for gpu in out):
            outages.cancel(tx, row, cause)
            return False
    for other in _maintenance_that_waits(tx, row):
        gpu_ids = frozenset(claim.gpu_id for claim in other.claims)
        cause = Cause(WHY, other.note, audit.CLOCKWORK, gpu_ids)
        if other.starts_at <= tx.now:
            outages.cancel(tx, row, cause)
            return False
        outages.cut_short(tx, row, other.starts_at, cause)
    return True


def _is_out_of_service(gpu: GpuRow) -> bool:
    return gpu.broken_at is not None or (not gpu.present and gpu.host.online)


def _maintenance_that_waits(tx: Tx, row: ReservationRow) -> Sequence[ReservationRow]:
    """Return the maintenance that needs GPUs which a reservation still has, by start."""
    waits = select(ClaimRow.reservation_id).where(
        ClaimRow.live.is_(False),
        ClaimRow.gpu_id.in_([claim.gpu_id for claim in row.claims]),
        ClaimRow.starts_at < row.ends_at,
        ClaimRow.ends_at > tx.now,
    )
    return tx.session.scalars(
        select(ReservationRow)
        .where(
            ReservationRow.kind == ReservationKind.MAINTENANCE,
            ReservationRow.state.in_(PLANNED),
            ReservationRow.id.in_(waits),
            ReservationRow.id != row.id,
        )
        .order_by(ReservationRow.starts_at)
    ).all()


def called_off(tx: Tx, member: Member, row: ReservationRow) -> None:
    """Tell those who are in the way of maintenance that it will not be.

    Raises:
        AdminsOnly: only admins call maintenance off.
    """
    require_admin(member, "call off maintenance")
    waiting = [claim.gpu_id for claim in row.claims if not claim.live]
    window = TimeWindow(row.starts_at, max(row.ends_at, row.starts_at + LOOK_AGAIN))
    holders = set(
        tx.session.scalars(
            select(ClaimRow.reservation_id).where(
                ClaimRow.live,
                ClaimRow.gpu_id.in_(waiting),
                ClaimRow.starts_at < window.end,
                ClaimRow.ends_at > window.start,
            )
        )
    )
    for reservation_id in sorted(holders):
        other = tx.session.get_one(ReservationRow, reservation_id)
        if ReservationState(other.state).is_ahead:
            outbox.tell_holder(
                tx, other, OutageOver(other.id, other.member.slack_user_id, WHY, other.starts_at)
            )

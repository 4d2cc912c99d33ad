"""Queries over GPUs and claims."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from bot.domain.calendar import Busy, Calendar
from bot.domain.holdings import GpuOnHost, Holding
from bot.domain.states import ReservationKind, ReservationState
from bot.domain.time_window import TimeWindow
from bot.store.tables import ClaimRow, GpuRow, HostRow, ReservationRow

_TURN = 0x636C61696D73  # "claims"


def take_turns(session: Session) -> None:
    """Let those who want to claim GPUs look and write one after another.

    To be called before anything is read or locked.  The guard in the database keeps claims from
    overlapping whoever forgets this; but on PostgreSQL two that insert at once may each wait for
    the other, until one is thrown out after a second as a deadlock.  In turns, the loser reads who
    has won.  On SQLite writers take turns anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_TURN)))


def gpu_on_host(row: GpuRow) -> GpuOnHost:
    """Return the value of a GPU's row."""
    return GpuOnHost(row.id, row.host_id, row.index, row.host.name, row.model)


def bookable_gpus(session: Session) -> tuple[GpuOnHost, ...]:
    """Return every GPU that its host reported last and that is in service, by host and index.

    A host that is silent now can still be booked for later: it may be back by then.  A drained
    host or a broken GPU takes nothing new.
    """
    rows = session.scalars(
        select(GpuRow)
        .join(HostRow, HostRow.id == GpuRow.host_id)
        .where(GpuRow.present, GpuRow.broken_at.is_(None), HostRow.drained_at.is_(None))
        .order_by(GpuRow.host_id, GpuRow.index)
    )
    return tuple(gpu_on_host(row) for row in rows)


def _held() -> ColumnElement[bool]:
    """Tell which claims nobody else may book over.

    All that are live, and those of planned maintenance whose GPUs still belong to somebody: the
    guard would refuse them now, and they become live when the maintenance begins.
    """
    planned = select(ReservationRow.id).where(
        ReservationRow.kind == ReservationKind.MAINTENANCE,
        ReservationRow.state.in_((ReservationState.BOOKED, ReservationState.ACTIVE)),
    )
    return or_(ClaimRow.live, ClaimRow.reservation_id.in_(planned))


def load_calendar(
    session: Session, start: datetime, end: datetime, *, without: int | None = None
) -> Calendar:
    """Return the calendar of all bookable GPUs with every live claim that touches the window.

    ``without`` leaves out the claims of one reservation: it does not stand in its own way.
    """
    rows = session.execute(
        select(ClaimRow.gpu_id, ClaimRow.starts_at, ClaimRow.ends_at).where(
            _held(),
            ClaimRow.starts_at < end,
            ClaimRow.ends_at > start,
            ClaimRow.reservation_id != (0 if without is None else without),
        )
    )
    return Calendar(
        bookable_gpus(session),
        [Busy(gpu_id, TimeWindow(begins, ends)) for gpu_id, begins, ends in rows],
    )


def holdings_in(
    session: Session, window: TimeWindow, gpu_ids: Iterable[int], *, without: int | None = None
) -> tuple[Holding, ...]:
    """Return who holds any of the GPUs at any instant of the window, by start.

    ``without`` leaves out the claims of one reservation.
    """
    rows = session.scalars(
        select(ClaimRow)
        .where(
            _held(),
            ClaimRow.gpu_id.in_(list(gpu_ids)),
            ClaimRow.starts_at < window.end,
            ClaimRow.ends_at > window.start,
            ClaimRow.reservation_id != (0 if without is None else without),
        )
        .order_by(ClaimRow.starts_at, ClaimRow.reservation_id)
    )
    by_reservation: defaultdict[int, list[ClaimRow]] = defaultdict(list)
    for row in rows:
        by_reservation[row.reservation_id].append(row)
    return tuple(_holding(claims) for claims in by_reservation.values())


def _holding(claims: Sequence[ClaimRow]) -> Holding:
    reservation = claims[0].reservation
    return Holding(
        reservation_id=reservation.id,
        holder_slack_id=reservation.member.slack_user_id,
        holder_name=reservation.member.name,
        team_name=reservation.team.name,
        gpu_count=len(claims),
        window=TimeWindow(
            min(claim.starts_at for claim in claims), max(claim.ends_at for claim in claims)
        ),
    )


def holding_by_gpu(
    session: Session, now: datetime
) -> dict[int, tuple[Holding | None, Holding | None]]:
    """Return for each GPU that is or will be held: who holds it now, and who holds it next."""
    rows = session.scalars(
        select(ClaimRow).where(_held(), ClaimRow.ends_at > now).order_by(ClaimRow.starts_at)
    )
    found: dict[int, tuple[Holding | None, Holding | None]] = {}
    for row in rows:
        holding = _holding([row])
        current, following = found.get(row.gpu_id, (None, None))
        if row.starts_at <= now:
            current = holding
        elif following is None:
            following = holding
        found[row.gpu_id] = (current, following)
    return found


def recent_gpu_ids(session: Session, member_id: int, limit: int = 16) -> frozenset[int]:
    """Return the GPUs that a member had last."""
    return frozenset(
        session.scalars(
            select(ClaimRow.gpu_id)
            .join(ReservationRow, ReservationRow.id == ClaimRow.reservation_id)
            .where(ReservationRow.member_id == member_id, ClaimRow.live)
            .order_by(ClaimRow.starts_at.desc())
            .limit(limit)
        )
    )


def all_hosts(session: Session) -> tuple[HostRow, ...]:
    """Return every host with its GPUs, by name."""
    return tuple(session.scalars(select(HostRow).order_by(HostRow.name)))

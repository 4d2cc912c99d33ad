"""What people look at: reads only."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import select

from bot.domain.errors import UnknownReservation
from bot.domain.people import Member
from bot.domain.states import ReservationState
from bot.domain.views import BookingForm, GpuStatus, HostStatus, ReservationView, Status
from bot.services.transaction import Tx, reads_only
from bot.services.views import reservation_view
from bot.store.claims import all_hosts, bookable_gpus, gpu_on_host, holding_by_gpu
from bot.store.tables import CardRow, ReservationRow

OPEN_STATES = (
    ReservationState.PENDING,
    ReservationState.BOOKED,
    ReservationState.ACTIVE,
    ReservationState.RELEASING,
)


@reads_only
def status(tx: Tx) -> Status:
    """Return every host with its GPUs: who holds each now, and who next."""
    holdings = holding_by_gpu(tx.session, tx.now)
    hosts = []
    for host in all_hosts(tx.session):
        present = [gpu for gpu in host.gpus if gpu.present]
        hosts.append(
            HostStatus(
                host_id=host.id,
                name=host.name,
                online=host.online,
                simulated=any(gpu.simulated for gpu in present),
                drained=host.drained_at is not None,
                last_seen_at=host.last_seen_at,
                gpus=tuple(
                    GpuStatus(
                        gpu_on_host(gpu),
                        *holdings.get(gpu.id, (None, None)),
                        broken=gpu.broken_at is not None,
                    )
                    for gpu in present
                ),
            )
        )
    return Status(tx.now, tuple(hosts))


@reads_only
def mine(tx: Tx, member: Member) -> tuple[ReservationView, ...]:
    """Return the member's reservations that are not over, by start."""
    rows = tx.session.scalars(
        select(ReservationRow)
        .where(ReservationRow.member_id == member.member_id, ReservationRow.state.in_(OPEN_STATES))
        .order_by(ReservationRow.starts_at, ReservationRow.id)
    ).all()
    return tuple(reservation_view(row, tx.session.get(CardRow, row.id)) for row in rows)


@reads_only
def everybodys(tx: Tx, limit: int) -> tuple[ReservationView, ...]:
    """Return everybody's reservations that are not over, by start, at most ``limit``."""
    rows = tx.session.scalars(
        select(ReservationRow)
        .where(ReservationRow.state.in_(OPEN_STATES))
        .order_by(ReservationRow.starts_at, ReservationRow.id)
        .limit(limit)
    ).all()
    return tuple(reservation_view(row, tx.session.get(CardRow, row.id)) for row in rows)


@reads_only
def reservation(tx: Tx, reservation_id: int) -> ReservationView:
    """Return one reservation.

    Raises:
        UnknownReservation: there is none of that number.
    """
    row = tx.session.get(ReservationRow, reservation_id)
    if row is None:
        raise UnknownReservation(reservation_id)
    return reservation_view(row, tx.session.get(CardRow, row.id))


@reads_only
def booking_form(tx: Tx) -> BookingForm:
    """Return what the booking form needs to be drawn."""
    gpus = bookable_gpus(tx.session)
    by_host = Counter(gpu.host_id for gpu in gpus)
    return BookingForm(
        now=tx.now,
        slot=tx.policy.slot,
        longest=tx.policy.longest_reservation,
        gpu_count=len(gpus),
        largest_host_gpus=max(by_host.values(), default=0),
        run_defaults=tx.defaults.run,
        gpu_models=tuple(sorted({gpu.model for gpu in gpus})),
    )

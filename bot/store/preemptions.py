"""Queries over preemptions and those who give up GPUs for them."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.domain.preemption_views import PreemptionState, VictimState
from bot.store.preemption_tables import PreemptionRow, PreemptionVictimRow

OPEN_VICTIMS = (VictimState.CUT, VictimState.MOVED)


def of_reservation(session: Session, reservation_id: int) -> PreemptionRow | None:
    """Return what a reservation takes back from others, read anew; None if nothing."""
    return session.scalar(
        select(PreemptionRow)
        .where(PreemptionRow.reservation_id == reservation_id)
        .execution_options(populate_existing=True)
    )


def is_asked(session: Session, reservation_id: int) -> bool:
    """Tell whether a reservation waits for GPUs of others, or has just been granted them."""
    query = select(PreemptionRow.id).where(
        PreemptionRow.reservation_id == reservation_id,
        PreemptionRow.state.in_((PreemptionState.ASKED, PreemptionState.AGREED)),
    )
    return session.scalar(query) is not None


def victims_of(session: Session, preemption_id: int) -> tuple[PreemptionVictimRow, ...]:
    """Return everybody who gives something up for a preemption, by reservation, read anew."""
    return tuple(
        session.scalars(
            select(PreemptionVictimRow)
            .where(PreemptionVictimRow.preemption_id == preemption_id)
            .order_by(PreemptionVictimRow.reservation_id)
            .execution_options(populate_existing=True)
        )
    )


def open_victim(session: Session, reservation_id: int) -> PreemptionVictimRow | None:
    """Return what a reservation is about to give up, or None: agreed to, and not yet taken."""
    return session.scalar(
        select(PreemptionVictimRow)
        .join(PreemptionRow, PreemptionRow.id == PreemptionVictimRow.preemption_id)
        .where(
            PreemptionVictimRow.reservation_id == reservation_id,
            PreemptionVictimRow.state.in_(OPEN_VICTIMS),
            PreemptionRow.state == PreemptionState.AGREED,
        )
        .execution_options(populate_existing=True)
    )


def reservations_of(session: Session, preemption: PreemptionRow) -> tuple[int, ...]:
    """Return every reservation that a preemption is about, in the order of their ids."""
    found = {preemption.reservation_id}
    for victim in victims_of(session, preemption.id):
        found.update(
            number
            for number in (
                victim.reservation_id,
                victim.to_reservation_id,
                victim.kept_reservation_id,
            )
            if number is not None
        )
    return tuple(sorted(found))

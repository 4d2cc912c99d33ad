"""Who may change which reservation: it is found, locked and checked in one step."""

from __future__ import annotations

from bot.domain.errors import NotTheHolder, ReservationOver, UnknownReservation
from bot.domain.people import Member
from bot.domain.states import ReservationState
from bot.services.transaction import Tx
from bot.store import reservations
from bot.store.tables import ReservationRow


def lock_own(tx: Tx, member: Member, reservation_id: int) -> ReservationRow:
    """Lock a reservation that the member may change, over or not, and return it as it is now.

    Raises:
        UnknownReservation: there is none of that number.
        NotTheHolder: only the holder, a lead of the team or an admin may.
    """
    row = reservations.lock(tx.session, reservation_id)
    if row is None:
        raise UnknownReservation(reservation_id)
    if not member.may_change(holder_member_id=row.member_id, team_id=row.team_id):
        raise NotTheHolder(reservation_id, row.member.slack_user_id)
    return row


def lock_to_change(tx: Tx, member: Member, reservation_id: int) -> ReservationRow:
    """Lock a reservation that the member may change, and return it as it is now.

    Raises:
        UnknownReservation: there is none of that number.
        NotTheHolder: only the holder, a lead of the team or an admin may.
        ReservationOver: it has ended or was cancelled already.
    """
    row = lock_own(tx, member, reservation_id)
    state = ReservationState(row.state)
    if state.is_over:
        raise ReservationOver(reservation_id, state.value)
    return row

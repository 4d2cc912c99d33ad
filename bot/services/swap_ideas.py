"""Which holder could be asked to swap, where a window is taken."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from bot.domain.holdings import Holding
from bot.domain.people import Member
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState
from bot.domain.swap_ideas import SwapIdea
from bot.domain.time_window import TimeWindow
from bot.services import placing
from bot.services.transaction import Tx, reads_only
from bot.store.tables import ReservationRow

MOST = 2


@reads_only
def ideas(
    tx: Tx, member: Member, request: ReserveRequest, holdings: Sequence[Holding]
) -> tuple[SwapIdea, ...]:
    """Return swaps of as many GPUs for the wanted window, at most `MOST`.

    Both reservations are booked and have not started, and the other one covers all of the wish.
    Whether a swap is possible is checked again when it is proposed.

    Raises:
        PastStart, TooShort, TooLong, BeyondHorizon: the window breaks a limit.
    """
    window = placing.window_of(tx, request)
    count = len(request.gpu_names) or request.gpu_count
    covering = [
        held
        for held in holdings
        if held.gpu_count == count
        and held.holder_slack_id != member.slack_user_id
        and held.window.start <= window.start
        and held.window.end >= window.end
        and held.window.start > tx.now
    ]
    if not covering:
        return ()
    own = tx.session.scalars(
        select(ReservationRow)
        .where(
            ReservationRow.member_id == member.member_id,
            ReservationRow.state == ReservationState.BOOKED,
            ReservationRow.starts_at > tx.now,
        )
        .order_by(ReservationRow.starts_at, ReservationRow.id)
    ).all()
    mine = next((row for row in own if len(row.claims) == count), None)
    if mine is None:
        return ()
    booked = set(
        tx.session.scalars(
            select(ReservationRow.id).where(
                ReservationRow.id.in_([held.reservation_id for held in covering]),
                ReservationRow.state == ReservationState.BOOKED,
            )
        )
    )
    window_of_mine = TimeWindow(mine.starts_at, mine.ends_at)
    found = [
        SwapIdea(mine.id, window_of_mine, held)
        for held in covering
        if held.reservation_id in booked
    ]
    return tuple(found[:MOST])

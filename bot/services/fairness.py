"""Who has used how much lately."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import Row, Select, select

from bot.domain.fairness import decayed_hours
from bot.domain.states import ReservationKind, ReservationState
from bot.services.transaction import Tx
from bot.store.tables import ClaimRow, ReservationRow

HALF_LIVES_SEEN = 10
"""What ended longer ago counts less than a thousandth, and is not read."""

_NOT_HELD = (ReservationState.PENDING, ReservationState.OFFERED)


def recent_use_hours(tx: Tx, team_ids: Collection[int] | None = None) -> dict[int, float]:
    """Return the GPU-hours of each team with a half-life, from claims really held until now.

    ``team_ids`` None means every team that has held anything lately.  A team that has not is 0.0,
    or missing where nobody asked for it by number.
    """
    use: defaultdict[int, float] = defaultdict(float)
    use.update(dict.fromkeys(team_ids or (), 0.0))
    query = _held(tx)
    if team_ids is not None:
        query = query.where(ReservationRow.team_id.in_(list(team_ids)))
    for claim in tx.session.execute(query):
        use[claim.team_id] += _hours(tx, claim)
    return dict(use)


def recent_use_hours_of_member(tx: Tx, member_id: int) -> float:
    """Return the same for one member."""
    query = _held(tx).where(ReservationRow.member_id == member_id)
    return sum(_hours(tx, claim) for claim in tx.session.execute(query))


def _held(tx: Tx) -> Select[*tuple[object, ...]]:
    seen_from = tx.now - HALF_LIVES_SEEN * tx.policy.fairness_half_life
    return (
        select(ReservationRow.team_id, ClaimRow.starts_at, ClaimRow.ends_at)
        .join(ReservationRow, ReservationRow.id == ClaimRow.reservation_id)
        .where(
            ClaimRow.live,
            ClaimRow.starts_at < tx.now,
            ClaimRow.ends_at > seen_from,
            ReservationRow.kind != ReservationKind.MAINTENANCE,
            ReservationRow.state.not_in(_NOT_HELD),
        )
    )


def _hours(tx: Tx, claim: Row[*tuple[object, ...]]) -> float:
    half_life = tx.policy.fairness_half_life
    return decayed_hours(claim.starts_at, claim.ends_at, tx.now, half_life)

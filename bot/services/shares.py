"""What each team has had and may have, and the order in which they are served."""

from __future__ import annotations

from sqlalchemy import select

from bot.domain.fairness import places
from bot.domain.limits import gpu_hours, iso_week, most_at_once
from bot.domain.people import Member
from bot.domain.shares import Shares, TeamShare
from bot.domain.states import ReservationKind
from bot.domain.time_window import TimeWindow
from bot.services import fairness, limits
from bot.services.transaction import Tx, reads_only
from bot.store.tables import ClaimRow, ReservationRow, TeamRow


@reads_only
def shares(tx: Tx, member: Member) -> Shares:
    """Return every team's share, those who would be served first in front, and the member's own."""
    teams = tx.session.scalars(select(TeamRow).order_by(TeamRow.name)).all()
    use = fairness.recent_use_hours(tx, [team.id for team in teams])
    order, total = places(use), sum(use.values())
    shown = [_share(tx, team, use[team.id], total, order[team.id], len(teams)) for team in teams]
    return Shares(
        week=iso_week(tx.now),
        teams=tuple(sorted(shown, key=lambda team: team.place)),
        own_team_name=member.team_name,
        own_week_gpu_hours=_own_week(tx, member),
        own_recent_hours=fairness.recent_use_hours_of_member(tx, member.member_id),
    )


def _share(
    tx: Tx, team: TeamRow, recent_hours: float, total: float, place: int, teams: int
) -> TeamShare:
    week = iso_week(tx.now)
    ahead = TimeWindow(tx.now, tx.now + tx.policy.horizon + tx.policy.longest_reservation)
    return TeamShare(
        team_name=team.name,
        quota=limits.quota_of(tx, team),
        week_gpu_hours=gpu_hours(limits.held_in(tx, team.id, week), week),
        most_at_once=most_at_once(limits.held_in(tx, team.id, ahead), ahead),
        recent_hours=recent_hours,
        share=recent_hours / total if total else 0.0,
        place=place,
        places=teams,
    )


def _own_week(tx: Tx, member: Member) -> float:
    week = iso_week(tx.now)
    rows = tx.session.execute(
        select(ClaimRow.starts_at, ClaimRow.ends_at)
        .join(ReservationRow, ReservationRow.id == ClaimRow.reservation_id)
        .where(
            ClaimRow.live,
            ClaimRow.starts_at < week.end,
            ClaimRow.ends_at > week.start,
            ReservationRow.member_id == member.member_id,
            ReservationRow.kind != ReservationKind.MAINTENANCE,
        )
    )
    return gpu_hours([TimeWindow(start, end) for start, end in rows], week)

"""What a team holds against what it may: judged from its claims, whenever something is to grow."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select

from bot.domain.errors import OverQuota
from bot.domain.limits import (
    Quota,
    Rule,
    Wish,
    judge_quota,
    judge_wish,
    may_approve,
    weeks_of,
)
from bot.domain.people import Member
from bot.domain.priority import Priority
from bot.domain.states import ReservationKind
from bot.domain.time_window import TimeWindow
from bot.services.transaction import Tx
from bot.store.tables import ClaimRow, ReservationRow, TeamRow


def judge(
    tx: Tx,
    member: Member,
    window: TimeWindow,
    gpu_count: int,
    priority: Priority,
    *,
    besides: Collection[int] = (),
) -> tuple[Rule, ...]:
    """Return the rules that a wish of a member breaks; none means that it may simply be booked.

    Every live claim of the team counts, also of what waits for an answer; maintenance does not.
    What is true here stays true only for who has taken a turn (`bot.store.claims.take_turns`).

    Args:
        tx: the transaction.
        member: who asks; the quota is that of their team.
        window: the whole window that is asked for.
        gpu_count: how many GPUs.
        priority: the priority.
        besides: reservations that do not count, because the wish takes their place.
    """
    wish = Wish(window, gpu_count, priority)
    return (
        *judge_wish(wish, tx.policy.long_reservation),
        *broken_quota(tx, member.team_id, wish, besides=besides),
    )


def broken_quota(
    tx: Tx, team_id: int, wish: Wish, *, besides: Collection[int] = ()
) -> tuple[Rule, ...]:
    """Return the rules of a team's quota that a wish breaks."""
    quota = quota_of(tx, tx.session.get_one(TeamRow, team_id))
    if quota == Quota():
        return ()
    weeks = tuple(weeks_of(wish.window))
    span = TimeWindow(weeks[0].start, weeks[-1].end)
    return judge_quota(quota, held_in(tx, team_id, span, besides=besides), wish)


def quota_of(tx: Tx, team: TeamRow) -> Quota:
    """Return a team's quota: its own, or else what holds for all."""
    at_once, hours = team.quota_gpus_at_once, team.quota_gpu_hours_per_week
    return Quota(
        tx.policy.quota_gpus_at_once if at_once is None else at_once,
        tx.policy.quota_gpu_hours_per_week if hours is None else hours,
    )


def held_in(
    tx: Tx, team_id: int, span: TimeWindow, *, besides: Collection[int] = ()
) -> Sequence[TimeWindow]:
    """Return the team's live claims that touch a span, one window for each GPU."""
    rows = tx.session.execute(
        select(ClaimRow.starts_at, ClaimRow.ends_at)
        .join(ReservationRow, ReservationRow.id == ClaimRow.reservation_id)
        .where(
            ClaimRow.live,
            ClaimRow.starts_at < span.end,
            ClaimRow.ends_at > span.start,
            ReservationRow.team_id == team_id,
            ReservationRow.kind != ReservationKind.MAINTENANCE,
            ReservationRow.id.not_in(list(besides)),
        )
    )
    return [TimeWindow(start, end) for start, end in rows]


def check_extension(tx: Tx, member: Member, row: ReservationRow, window: TimeWindow) -> None:
    """Refuse that a reservation grows to ``window`` beyond what its team may hold.

    A lead of the team or an admin may let it grow all the same; nobody else gets by extending what
    would have needed approval at once.

    Raises:
        OverQuota: a limit would be passed; carries which, and the numbers.
    """
    if may_approve(member, row.team_id):
        return
    wish = Wish(window, len(row.claims), Priority(row.priority))
    rules = [
        *(rule for rule in judge_wish(wish, tx.policy.long_reservation) if rule.limit),
        *broken_quota(tx, row.team_id, wish, besides=[row.id]),
    ]
    if rules:
        raise OverQuota(row.team.name, rules)


def check_transfer(tx: Tx, new_member: Member, row: ReservationRow) -> None:
    """Refuse that a reservation goes to a member whose team would then hold more than it may.

    Within a team nothing changes, so nothing is refused.  To be called after
    `bot.store.claims.take_turns`.

    Raises:
        OverQuota: the receiving team would pass its quota; carries which, and the numbers.
    """
    if new_member.team_id == row.team_id:
        return
    left = TimeWindow(row.starts_at, row.ends_at)
    wish = Wish(left, len(row.claims), Priority(row.priority))
    rules = broken_quota(tx, new_member.team_id, wish, besides=[row.id])
    if rules:
        raise OverQuota(new_member.team_name, rules)

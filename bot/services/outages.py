"""What becomes of reservations whose GPUs go out of service: moved, asked, cut short, cancelled.

Whoever calls has taken a turn (`bot.store.claims.take_turns`) and locked the reservations.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from bot.domain.holdings import GpuOnHost
from bot.domain.outage_notices import CancelledByOutage, CutShort, MovedToOtherGpus, NeedsNewWindow
from bot.domain.relocation import equivalent_gpus
from bot.domain.states import ReservationState
from bot.domain.time_window import TimeWindow
from bot.services import (
    audit,
    due,
    holding,
    open_offers,
    outbox,
    placing,
    run_links,
    stopping,
)
from bot.services.audit import Actor
from bot.services.transaction import Tx
from bot.store.claims import gpu_on_host, load_calendar
from bot.store.tables import ClaimRow, GpuRow, ReservationRow

CHOICES = 3


@dataclass(frozen=True, slots=True)
class Cause:
    """Why GPUs are lost: ``maintenance`` or ``broken``, in whose words, by whom, and which."""

    why: str
    detail: str
    actor: Actor
    gpu_ids: frozenset[int]

    def lost_by(self, row: ReservationRow) -> tuple[GpuOnHost, ...]:
        """Return the GPUs of a reservation that it loses."""
        return tuple(gpu_on_host(claim.gpu) for claim in row.claims if claim.gpu_id in self.gpu_ids)


def lock_holders(
    tx: Tx, gpu_ids: Collection[int], window: TimeWindow | None = None, *, besides: int = 0
) -> tuple[ReservationRow, ...]:
    """Lock the reservations with live claims on those GPUs in the window, and return them.

    In the order of their ids; ``window`` None is all that is not over, ``besides`` one to leave
    out.
    """
    begin = tx.now if window is None else window.start
    holds = [ClaimRow.live, ClaimRow.gpu_id.in_(list(gpu_ids)), ClaimRow.ends_at > begin]
    if window is not None:
        holds.append(ClaimRow.starts_at < window.end)
    rows = tx.session.scalars(
        select(ReservationRow)
        .where(
            ReservationRow.id.in_(select(ClaimRow.reservation_id).where(*holds)),
            ReservationRow.id != besides,
        )
        .order_by(ReservationRow.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    return tuple(row for row in rows if not ReservationState(row.state).is_over)


def move_elsewhere(tx: Tx, row: ReservationRow, cause: Cause) -> bool:
    """Give a reservation that lies ahead other GPUs of the same models for the same window.

    Tells whether there were any; if so, its holder knows.
    """
    lost = cause.lost_by(row)
    own = [gpu_on_host(claim.gpu) for claim in row.claims]
    window = TimeWindow(row.starts_at, row.ends_at)
    calendar = load_calendar(tx.session, window.start, window.end, without=row.id)
    taken = {gpu.gpu_id for gpu in own} | cause.gpu_ids
    found = equivalent_gpus(
        [gpu for gpu in own if gpu not in lost],
        lost,
        [gpu for gpu in calendar.free(window) if gpu.gpu_id not in taken],
        one_host=run_links.carries_run(tx, row),
    )
    if found is None:
        return False
    _put_onto(tx, row, found)
    row.version += 1
    tx.session.flush()
    due.arm_serve_waiting(tx)  # what it leaves may be free before, after or beside the outage
    outbox.show(tx, row)
    notice = MovedToOtherGpus(
        row.id,
        row.member.slack_user_id,
        cause.why,
        cause.detail,
        tuple(gpu.name for gpu in own),
        tuple(gpu_on_host(claim.gpu).name for claim in row.claims),
        row.starts_at,
    )
    outbox.tell_holder(tx, row, notice)
    outbox.tell_thread(tx, row, notice)
    audit.record(
        tx,
        cause.actor,
        "reservation.moved",
        ("reservation", row.id),
        reason=f"{cause.why}: {cause.detail}",
        old_gpus=notice.old_gpus,
        gpus=notice.new_gpus,
    )
    return True


def _put_onto(tx: Tx, row: ReservationRow, gpus: Sequence[GpuOnHost]) -> None:
    wanted = {gpu.gpu_id for gpu in gpus}
    new = iter(sorted(wanted - {claim.gpu_id for claim in row.claims}))
    for claim in row.claims:
        if claim.gpu_id not in wanted:
            claim.gpu = tx.session.get_one(GpuRow, next(new))


def ask_for_other_window(tx: Tx, row: ReservationRow, cause: Cause, decides_at: datetime) -> None:
    """Let the holder choose another window; the reservation keeps what it has until then."""
    outbox.tell_holder(
        tx,
        row,
        NeedsNewWindow(
            row.id,
            row.member.slack_user_id,
            cause.why,
            cause.detail,
            _names(cause.lost_by(row)),
            row.starts_at,
            row.ends_at,
            decides_at,
            _choices(tx, row),
        ),
    )
    audit.record(
        tx,
        cause.actor,
        "reservation.in_the_way",
        ("reservation", row.id),
        reason=f"{cause.why}: {cause.detail}",
        decides_at=decides_at,
    )


def _choices(tx: Tx, row: ReservationRow) -> tuple[str, ...]:
    """Return the next starts at which as many GPUs of its models are free as long."""
    policy = tx.policy
    begin = max(row.starts_at, tx.now)
    wanted = TimeWindow(begin, begin + (row.ends_at - row.starts_at))
    calendar = load_calendar(tx.session, wanted.start, placing.last_end(tx), without=row.id)
    models = {claim.gpu.model for claim in row.claims}
    found = calendar.only([gpu for gpu in calendar.gpus if gpu.model in models]).nearest_windows(
        len(row.claims),
        wanted,
        grid=policy.grid,
        one_host=run_links.carries_run(tx, row),
        last_start=tx.now + policy.horizon,
        limit=CHOICES,
    )
    return tuple(each.window.start.isoformat() for each in found)


def cut_short(tx: Tx, row: ReservationRow, end: datetime, cause: Cause) -> None:
    """Let a reservation end at ``end``; a run is asked to stop in time by its timer.

    One that nothing of Berth's runs on may end at once.
    """
    if row.ends_at <= end:
        return
    old_end = row.ends_at
    if end <= tx.now:
        row.end_reason = f"{', '.join(_names(cause.lost_by(row)))} out of service ({cause.why})"
        stopping.finish(tx, row)
    else:
        _set_end(tx, row, end)
    outbox.show(tx, row)
    notice = CutShort(
        row.id,
        row.member.slack_user_id,
        cause.detail,
        _names(cause.lost_by(row)),
        old_end,
        end,
    )
    outbox.tell_holder(tx, row, notice)
    outbox.tell_thread(tx, row, notice)
    audit.record(
        tx,
        cause.actor,
        "reservation.shortened",
        ("reservation", row.id),
        reason=f"{cause.why}: {cause.detail}",
        old_end=old_end,
        ends_at=end,
    )
    due.arm_serve_waiting(tx)


def _set_end(tx: Tx, row: ReservationRow, end: datetime) -> None:
    row.ends_at = end
    row.version += 1
    for claim in row.claims:
        claim.ends_at = min(claim.ends_at, end)
    tx.session.flush()
    due.arm_reservation(tx, row)
    attempt = stopping.live_attempt(row.run)
    if attempt is not None:
        stopping.bump_revision(tx, attempt.host_id)


def cancel(tx: Tx, row: ReservationRow, cause: Cause) -> None:
    """Cancel a reservation that lies ahead and cannot be had; its holder is told."""
    lost = _names(cause.lost_by(row))
    reason = f"{', '.join(lost)} out of service ({cause.why})"
    row.end_reason = reason
    holding.give_up(tx, row)
    open_offers.withdraw_all(tx, row, cause.actor, reason)
    outbox.show(tx, row)
    notice = CancelledByOutage(
        row.id, row.member.slack_user_id, cause.why, cause.detail, lost, row.starts_at
    )
    outbox.tell_holder(tx, row, notice)
    outbox.tell_thread(tx, row, notice)
    audit.record(
        tx,
        cause.actor,
        "reservation.cancelled",
        ("reservation", row.id),
        reason=f"{reason}: {cause.detail}",
    )


def _names(gpus: Sequence[GpuOnHost]) -> tuple[str, ...]:
    return tuple(gpu.name for gpu in gpus)

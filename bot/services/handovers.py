"""Released means seen free: nothing starts on a GPU on which an attempt has not ended.

A calendar says whose time it is; whether the process of the one before is gone, only its agent
can tell, which reports the end of an attempt when it has seen the GPU free.  Until then the next
reservation waits, booked, and looks again every few seconds.
"""

from __future__ import annotations

from sqlalchemy import select

from bot.domain.run_notices import HandoverWaits
from bot.domain.states import ReservationKind, ReservationState
from bot.protocol.messages import AttemptState
from bot.services import audit, outbox
from bot.services.due import TimerKind
from bot.services.transaction import Tx
from bot.store import timers
from bot.store.claims import gpu_on_host
from bot.store.tables import AttemptRow, ClaimRow, GpuRow, ReservationRow


def blocking(tx: Tx, row: ReservationRow) -> AttemptRow | None:
    """Return an attempt of another run that has not ended on the GPUs of ``row``, or None."""
    gpus = {claim.gpu.uuid for claim in row.claims}
    attempts = tx.session.scalars(
        select(AttemptRow)
        .where(
            AttemptRow.host_id.in_({claim.gpu.host_id for claim in row.claims}),
            AttemptRow.state != AttemptState.ENDED,
        )
        .order_by(AttemptRow.id)
    )
    own = row.run.id if row.run is not None else None
    return next(
        (each for each in attempts if each.run_id != own and gpus & set(each.gpu_uuids)), None
    )


def may_start(tx: Tx, row: ReservationRow) -> bool:
    """Tell whether the GPUs of a reservation whose time has come are free; look again if not.

    The caller has locked it.
    """
    if row.kind == ReservationKind.MAINTENANCE:
        return True
    attempt = blocking(tx, row)
    if attempt is None:
        return True
    policy = tx.policy
    timers.arm(
        tx.session, TimerKind.RESERVATION_STARTS, row.id, tx.now + policy.handover_looks_every
    )
    for kind, after in (
        (TimerKind.HANDOVER_LATE, policy.handover_told_after),
        (TimerKind.HANDOVER_INCIDENT, policy.handover_incident_after),
    ):
        if not timers.is_known(tx.session, kind, row.id):
            timers.arm(tx.session, kind, row.id, row.starts_at + after)
    return False


def tell_late(tx: Tx, row: ReservationRow) -> None:
    """Tell the holder why their reservation has not started. The reservation is locked."""
    notice = _notice(tx, row, incident=False)
    if notice is not None:
        outbox.tell_holder(tx, row, notice)
        outbox.tell_thread(tx, row, notice)


def tell_incident(tx: Tx, row: ReservationRow) -> None:
    """Tell both holders and the channel that GPUs have not been handed over for too long."""
    attempt = blocking(tx, row)
    notice = _notice(tx, row, incident=True)
    if notice is None or attempt is None:
        return
    before = attempt.run.reservation
    outbox.tell_holder(tx, row, notice)
    outbox.tell_thread(tx, row, notice)
    if before.member_id != row.member_id:
        outbox.tell_holder(tx, before, notice)
    outbox.tell_channel(tx, row.team.channel_id, row, notice)
    audit.record(
        tx,
        audit.CLOCKWORK,
        "reservation.handover_late",
        ("reservation", row.id),
        reason=f"attempt {attempt.number} of R{before.id} has not ended on {attempt.host.name}",
        before=before.id,
        host=attempt.host.name,
        gpus=list(notice.gpu_names),
    )


def _notice(tx: Tx, row: ReservationRow, *, incident: bool) -> HandoverWaits | None:
    attempt = blocking(tx, row)
    if row.state != ReservationState.BOOKED or attempt is None:
        return None
    before = attempt.run.reservation
    held = set(attempt.gpu_uuids)
    names = tuple(gpu_on_host(claim.gpu).name for claim in row.claims if claim.gpu.uuid in held)
    return HandoverWaits(
        row.id,
        holder_slack_id=row.member.slack_user_id,
        before_id=before.id,
        before_holder_slack_id=before.member.slack_user_id,
        gpu_names=names,
        host_name=attempt.host.name,
        host_online=attempt.host.online,
        due_at=row.starts_at,
        incident=incident,
    )


def wake(tx: Tx, attempt: AttemptRow) -> None:
    """Let whoever waits for the GPUs of an attempt that has ended start at once. Idempotent."""
    waiting = tx.session.scalars(
        select(ReservationRow.id)
        .join(ClaimRow, ClaimRow.reservation_id == ReservationRow.id)
        .join(GpuRow, GpuRow.id == ClaimRow.gpu_id)
        .where(
            GpuRow.uuid.in_(attempt.gpu_uuids),
            ClaimRow.live,
            ReservationRow.state == ReservationState.BOOKED,
            ReservationRow.starts_at <= tx.now,
        )
        .distinct()
        .order_by(ReservationRow.id)
    )
    for reservation_id in waiting.all():
        timers.arm(tx.session, TimerKind.RESERVATION_STARTS, reservation_id, tx.now)

"""What whoever gives up GPUs can answer: yield now, finish the epoch, object; and what comes of it.

To move the rest to another window is an ordinary move (`bot.services.changing.move`) of the
reservation in which it is booked again.
"""

from __future__ import annotations

from bot.domain.errors import EpochDoesNotFit, PreemptionOver, UnknownPreemption
from bot.domain.people import Member
from bot.domain.preemption_notices import ObjectionAnswered, PreemptionObjected
from bot.domain.preemption_views import PreemptionState
from bot.domain.states import ReservationState
from bot.domain.views import ReservationView
from bot.protocol.messages import StopReason
from bot.services import audit, outbox, preemption_telling, preemptions, stopping
from bot.services.access import lock_own
from bot.services.transaction import Tx
from bot.services.views import reservation_view
from bot.store import preemptions as preemption_rows
from bot.store.claims import take_turns
from bot.store.preemption_tables import PreemptionRow, PreemptionVictimRow
from bot.store.tables import ReservationRow

__all__ = ["finish_epoch", "let_stand", "object_to", "stop_if_epoch_done", "yield_now"]


def yield_now(tx: Tx, member: Member, reservation_id: int) -> ReservationView:
    """Save a checkpoint, stop, and hand the GPUs over now; the run goes on where it is booked.

    What asked for them begins as soon as all of its GPUs are free.  Asking again changes nothing.

    Raises:
        UnknownReservation: there is none of that number.
        NotTheHolder: only the holder, a lead of the team or an admin may.
        PreemptionOver: nothing is taken back from it any more.
    """
    take_turns(tx.session)
    row, victim = _lock(tx, member, reservation_id)
    if victim is None:
        return reservation_view(row)
    if ReservationState(row.state) is ReservationState.ACTIVE:
        stopping.release(tx, row, StopReason.PREEMPTED)
    outbox.show(tx, row)
    _record(tx, member, "preemption.yielded", victim)
    return reservation_view(row)


def finish_epoch(tx: Tx, member: Member, reservation_id: int) -> ReservationView:
    """Let the run stop as soon as the epoch that runs is done, before the GPUs are taken.

    Asking again changes nothing.

    Raises:
        UnknownReservation: there is none of that number.
        NotTheHolder: only the holder, a lead of the team or an admin may.
        PreemptionOver: nothing is taken back from it any more.
        EpochDoesNotFit: by its pace the epoch will not be done in time.
    """
    row, victim = _lock(tx, member, reservation_id)
    if victim is None or victim.finish_epoch:
        return reservation_view(row)
    if not preemption_telling.epoch_fits(tx, victim):
        raise EpochDoesNotFit(row.id)
    assert row.run is not None  # noqa: S101 - what has an epoch has a run
    done = [epoch.epoch for attempt in row.run.attempts for epoch in attempt.epochs]
    victim.finish_epoch = max(done, default=0) + 1
    _record(tx, member, "preemption.finishes_epoch", victim, epoch=victim.finish_epoch)
    return reservation_view(row)


def stop_if_epoch_done(tx: Tx, row: ReservationRow, epoch: int) -> None:
    """Stop a run whose holder wanted its epoch finished, once it is. The row is locked."""
    victim = preemption_rows.open_victim(tx.session, row.id)
    if victim is None or victim.finish_epoch is None or epoch < victim.finish_epoch:
        return
    if ReservationState(row.state) is ReservationState.ACTIVE:
        stopping.release(tx, row, StopReason.PREEMPTED)
        outbox.show(tx, row)
        audit.record(
            tx,
            audit.CLOCKWORK,
            "run.stopping",
            ("run", row.run.id if row.run else 0),
            reason=StopReason.PREEMPTED.value,
            epoch=epoch,
        )


def object_to(tx: Tx, member: Member, reservation_id: int, reason: str) -> ReservationView:
    """Tell whoever approved why the GPUs should not be taken; they decide whether it stands.

    Raises:
        UnknownReservation: there is none of that number.
        NotTheHolder: only the holder, a lead of the team or an admin may.
        PreemptionOver: nothing is taken back from it any more.
    """
    row, victim = _lock(tx, member, reservation_id)
    if victim is None or victim.objection == reason:
        return reservation_view(row)
    victim.objection = reason
    preemption = victim.preemption
    assert preemption.takes_at is not None  # noqa: S101 - set when it was agreed to
    notice = PreemptionObjected(
        preemption.reservation_id,
        preemption_id=preemption.id,
        victim_id=row.id,
        by_slack_id=member.slack_user_id,
        reason=reason,
        takes_at=preemption.takes_at,
    )
    approver = preemption.decided_by.slack_user_id if preemption.decided_by else None
    for slack_id in {approver or preemption.reservation.member.slack_user_id}:
        outbox.tell_member(tx, slack_id, preemption.reservation, notice)
    _record(tx, member, "preemption.objected", victim, reason=reason)
    return reservation_view(row)


def let_stand(tx: Tx, member: Member, preemption_id: int, victim_id: int) -> None:
    """Tell a holder that their objection was read, and that the GPUs are taken all the same.

    Raises:
        UnknownPreemption: there is none of that number, or it is not about that reservation.
        MayNotApprove: only a lead of the team or an admin may.
        OwnPreemption: whoever asks does not decide about it.
        PreemptionOver: its GPUs have been taken, or it was called off.
    """
    preemption = tx.session.get(PreemptionRow, preemption_id)
    victim = preemption_rows.open_victim(tx.session, victim_id)
    if preemption is None:
        raise UnknownPreemption(preemption_id)
    preemptions.require_may_decide(tx, member, preemption)
    if preemption.state != PreemptionState.AGREED or victim is None:
        raise PreemptionOver(preemption_id, preemption.state)
    assert preemption.takes_at is not None  # noqa: S101 - set when it was agreed to
    notice = ObjectionAnswered(
        victim_id, preemption.reservation_id, member.slack_user_id, preemption.takes_at
    )
    outbox.tell_holder(tx, victim.reservation, notice)
    _record(tx, member, "preemption.stands", victim, reason=victim.objection)


def _lock(
    tx: Tx, member: Member, reservation_id: int
) -> tuple[ReservationRow, PreemptionVictimRow | None]:
    """Lock a reservation that gives up GPUs; None for the victim where it has yielded already.

    Raises:
        PreemptionOver: nothing is taken back from it.
    """
    row = lock_own(tx, member, reservation_id)
    victim = preemption_rows.open_victim(tx.session, row.id)
    if victim is None:
        raise PreemptionOver(0, PreemptionState.TAKEN)
    over = ReservationState(row.state) not in (ReservationState.BOOKED, ReservationState.ACTIVE)
    return row, None if over else victim


def _record(
    tx: Tx,
    member: Member,
    action: str,
    victim: PreemptionVictimRow,
    *,
    reason: str = "",
    **data: object,
) -> None:
    audit.record(
        tx,
        audit.by_member(member),
        action,
        ("reservation", victim.reservation_id),
        reason=reason,
        preemption=victim.preemption_id,
        **data,
    )

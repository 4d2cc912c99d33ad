"""A preemption that is cancelled in time: whoever was to give up GPUs has all of it back.

Below everything that cancels reservations (`bot.services.holding`).  It is done in two steps: first
all goes that was booked because of the preemption, then each reservation is what it was.  What a
holder has changed since, and a run that is being stopped already, stays as it is.
"""

from __future__ import annotations

from datetime import datetime

from bot.domain.continuations import ContinuationState
from bot.domain.preemption_notices import PreemptionUndone
from bot.domain.preemption_views import PreemptionState, VictimState
from bot.domain.states import ReservationState
from bot.protocol.messages import AttemptState
from bot.services import audit, due, outbox
from bot.services.due import TimerKind
from bot.services.transaction import Tx
from bot.store import continuations, preemptions, reservations, timers
from bot.store.preemption_tables import PreemptionRow, PreemptionVictimRow
from bot.store.tables import HostRow, ReservationRow

UNTOUCHED = (ReservationState.BOOKED, ReservationState.ACTIVE)


def lock_all(tx: Tx, reservation_id: int) -> None:
    """Lock a reservation with all that its preemption is about, in the order of their ids."""
    preemption = preemptions.of_reservation(tx.session, reservation_id)
    if preemption is not None and preemption.state == PreemptionState.AGREED:
        for number in preemptions.reservations_of(tx.session, preemption):
            reservations.lock(tx.session, number)


def close(tx: Tx, row: ReservationRow) -> tuple[ReservationRow, ...]:
    """Close the preemption of a reservation that is cancelled; return what goes with it.

    The caller gives those reservations up, and calls `restore` then.  Idempotent.
    """
    preemption = preemptions.of_reservation(tx.session, row.id)
    if preemption is None:
        return ()
    if preemption.state == PreemptionState.ASKED:
        preemption.state, preemption.decided_at = PreemptionState.CLOSED, tx.now
    if preemption.state != PreemptionState.AGREED or _too_late(tx, preemption):
        return ()
    preemption.state = PreemptionState.UNDONE
    _disarm(tx, preemption)
    victims = preemptions.victims_of(tx.session, preemption.id)
    found = [victim.kept for victim in victims if victim.kept is not None]
    for victim in victims:
        if _can_be_restored(victim):
            found += _unbook(tx, victim)
    tx.session.flush()
    ahead = [each for each in found if ReservationState(each.state).is_ahead]
    return tuple(sorted(ahead, key=lambda each: each.id))


def _unbook(tx: Tx, victim: PreemptionVictimRow) -> list[ReservationRow]:
    """Let go of where a victim was booked again, and return what is to be given up for that."""
    if victim.state == VictimState.MOVED:
        for claim in victim.reservation.claims:
            claim.live = False
    if victim.target is None:
        return []
    link = continuations.planned_to(tx.session, victim.target.id)
    if link is not None:
        link.state, link.decided_at = ContinuationState.DROPPED, tx.now
    return [victim.target]


def restore(tx: Tx, row: ReservationRow) -> None:
    """Give everybody back what they were to give up for ``row``, which is cancelled. Idempotent."""
    preemption = preemptions.of_reservation(tx.session, row.id)
    if preemption is None or preemption.state != PreemptionState.UNDONE:
        return
    tx.session.flush()
    for victim in preemptions.victims_of(tx.session, preemption.id):
        if victim.state not in preemptions.OPEN_VICTIMS:
            continue
        if not _can_be_restored(victim):
            victim.state = VictimState.GONE
            continue
        _give_back(tx, victim)
        victim.state = VictimState.RESTORED
        _tell(tx, victim.reservation, row)


def _too_late(tx: Tx, preemption: PreemptionRow) -> bool:
    return preemption.takes_at is None or tx.now >= preemption.takes_at


def _disarm(tx: Tx, preemption: PreemptionRow) -> None:
    kinds = (TimerKind.PREEMPTION_TAKES, TimerKind.PREEMPTION_REMINDS)
    timers.disarm(tx.session, preemption.id, kinds, tx.now)


def _can_be_restored(victim: PreemptionVictimRow) -> bool:
    row = victim.reservation
    if victim.state not in preemptions.OPEN_VICTIMS:
        return False
    if ReservationState(row.state) not in UNTOUCHED:
        return False
    after = (row.starts_at.isoformat(), row.ends_at.isoformat())
    if (victim.after["starts_at"], victim.after["ends_at"]) != after:
        return False
    attempts = row.run.attempts if row.run is not None else []
    last = attempts[-1] if attempts else None
    return last is None or last.state == AttemptState.ENDED or last.stop_reason is None


def _give_back(tx: Tx, victim: PreemptionVictimRow) -> None:
    row, before = victim.reservation, victim.before
    row.starts_at = datetime.fromisoformat(before["starts_at"])
    row.ends_at = datetime.fromisoformat(before["ends_at"])
    row.version += 1
    claims = sorted(row.claims, key=lambda claim: claim.id)
    for claim, kept in zip(claims, before["claims"], strict=True):
        claim.gpu_id = kept["gpu_id"]
        claim.starts_at = datetime.fromisoformat(kept["starts_at"])
        claim.ends_at = datetime.fromisoformat(kept["ends_at"])
        claim.live = kept["live"]
    tx.session.flush()
    for claim in claims:
        tx.session.expire(claim, ["gpu"])
    if victim.state == VictimState.MOVED:
        due.disarm_reservation(tx, row)
    due.arm_reservation(tx, row)
    for host_id in sorted({claim.gpu.host_id for claim in claims}):
        host = tx.session.get(HostRow, host_id)
        if host is not None and row.state == ReservationState.ACTIVE:
            host.desired_revision += 1


def _tell(tx: Tx, row: ReservationRow, for_row: ReservationRow) -> None:
    notice = PreemptionUndone(row.id, for_row.id, row.member.slack_user_id, row.ends_at)
    outbox.show(tx, row)
    outbox.tell_thread(tx, row, notice)
    outbox.tell_holder(tx, row, notice)
    audit.record(
        tx,
        audit.CLOCKWORK,
        "preemption.undone",
        ("reservation", row.id),
        reason=for_row.end_reason,
        for_reservation=for_row.id,
        ends_at=row.ends_at,
    )

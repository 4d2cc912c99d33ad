"""What is to happen when, in one place: the kinds of timers."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from bot.domain.states import ReservationState
from bot.services.transaction import Tx
from bot.store import timers
from bot.store.tables import ReservationRow

FILES_EXPIRE_EVERY = timedelta(days=1)


class TimerKind(StrEnum):
    """Every kind of timer; the subject is a reservation unless its name says otherwise.

    ``SERVE_WAITING`` has no subject (0): something became free, and those who wait are served.
    Nor has ``FILES_EXPIRE``: files whose time is over are deleted.
    Nor has ``AUDIT_SEALS``: the audit log is sealed.
    The subject of ``SERIES_EXTENDS`` is a series.
    The subject of ``WAIT_OFFER_ENDS`` and ``WAIT_EXPIRES`` is a place on the waitlist.
    That of ``TRANSFER_EXPIRES`` and ``SWAP_EXPIRES`` is a transfer or a swap.
    That of ``MINUTES_EXPIRE`` is a request for minutes.
    That of ``GPU_GONE`` is a GPU.
    That of ``OVERRUN_OVER`` is a reservation, over or not.
    That of ``PREEMPTION_TAKES`` and ``PREEMPTION_REMINDS`` is a preemption.
    """

    RESERVATION_STARTS = "reservation_starts"
    RUN_STOPS = "run_stops"
    RESERVATION_ENDS = "reservation_ends"
    RUN_RETRIES = "run_retries"
    START_CONFIRMED = "start_confirmed"
    HANDOVER_LATE = "handover_late"
    HANDOVER_INCIDENT = "handover_incident"
    HOST_LOST = "host_lost"
    ENDS_SOON = "ends_soon"
    USAGE_LOOKS = "usage_looks"
    USAGE_CHECK_EXPIRES = "usage_check_expires"
    MAINTENANCE_BEGINS = "maintenance_begins"
    GPU_GONE = "gpu_gone"
    SERVE_WAITING = "serve_waiting"
    AUDIT_SEALS = "audit_seals"
    SERIES_EXTENDS = "series_extends"
    APPROVAL_EXPIRES = "approval_expires"
    WAIT_OFFER_ENDS = "wait_offer_ends"
    WAIT_EXPIRES = "wait_expires"
    TRANSFER_EXPIRES = "transfer_expires"
    SWAP_EXPIRES = "swap_expires"
    MINUTES_EXPIRE = "minutes_expire"
    OVERRUN_OVER = "overrun_over"
    FILES_EXPIRE = "files_expire"
    PREEMPTION_TAKES = "preemption_takes"
    PREEMPTION_REMINDS = "preemption_reminds"


OF_A_RESERVATION = (
    TimerKind.RESERVATION_STARTS,
    TimerKind.RUN_STOPS,
    TimerKind.RESERVATION_ENDS,
    TimerKind.APPROVAL_EXPIRES,
    TimerKind.RUN_RETRIES,
    TimerKind.START_CONFIRMED,
    TimerKind.HANDOVER_LATE,
    TimerKind.HANDOVER_INCIDENT,
)


def notice_kind(minutes: int) -> str:
    """Return the timer kind of the notice that many minutes before the end."""
    return f"{TimerKind.ENDS_SOON}:{minutes}"


def arm_reservation(tx: Tx, row: ReservationRow) -> None:
    """Set all timers of a reservation by its window, new or changed. Idempotent."""
    if row.state == ReservationState.BOOKED:
        timers.arm(tx.session, TimerKind.RESERVATION_STARTS, row.id, row.starts_at)
    timers.arm(tx.session, TimerKind.RESERVATION_ENDS, row.id, row.ends_at)
    if row.run is not None:
        timers.arm(tx.session, TimerKind.RUN_STOPS, row.id, row.ends_at - tx.policy.stop_lead)
    for before in tx.policy.end_notices:
        if row.starts_at < row.ends_at - before and tx.now < row.ends_at - before:
            minutes = round(before.total_seconds() / 60)
            timers.arm(tx.session, notice_kind(minutes), row.id, row.ends_at - before)


def disarm_reservation(tx: Tx, row: ReservationRow) -> None:
    """Take back all timers of a reservation. Idempotent."""
    notices = tuple(
        notice_kind(round(before.total_seconds() / 60)) for before in tx.policy.end_notices
    )
    timers.disarm(tx.session, row.id, (*OF_A_RESERVATION, *notices), tx.now)


def arm_host_lost(tx: Tx, host_id: int) -> None:
    """Look at the host again when it has been silent for too long. Idempotent."""
    timers.arm(tx.session, TimerKind.HOST_LOST, host_id, tx.now + tx.policy.host_lost_after)


def arm_gpu_gone(tx: Tx, gpu_id: int) -> None:
    """Look at a GPU that is no longer reported once it cannot be a passing fault. Idempotent."""
    timers.arm(tx.session, TimerKind.GPU_GONE, gpu_id, tx.now + tx.policy.host_lost_after)


def arm_serve_waiting(tx: Tx) -> None:
    """Let those who wait be served, in a transaction of its own, at once. Idempotent."""
    timers.arm(tx.session, TimerKind.SERVE_WAITING, 0, tx.now)


def arm_preemption_looks(tx: Tx, preemption_id: int) -> None:
    """Look whether everybody has yielded, so that GPUs can be taken before their time."""
    timers.arm(tx.session, TimerKind.PREEMPTION_TAKES, preemption_id, tx.now)


def arm_files_expire(tx: Tx, *, at_once: bool = False) -> None:
    """Look for files whose time is over, within a day if that is not to be anyway. Idempotent."""
    if at_once or not timers.is_armed(tx.session, TimerKind.FILES_EXPIRE, 0):
        wait = timedelta(0) if at_once else FILES_EXPIRE_EVERY
        timers.arm(tx.session, TimerKind.FILES_EXPIRE, 0, tx.now + wait)

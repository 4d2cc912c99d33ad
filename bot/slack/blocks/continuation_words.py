"""What is said about runs that go on elsewhere, in their thread and on their card."""

from __future__ import annotations

from bot.domain.continuations import ContinuationReason, ContinuationState
from bot.domain.run_notices import ContinuationDropped, ContinuationPlanned, RunHandedOn
from bot.domain.time_window import TimeWindow
from bot.domain.views import ReservationView
from bot.slack.blocks.text import (
    count_text,
    gpu_names_text,
    person,
    safe,
    slack_date,
    window_text,
)

_WHY = {
    ContinuationReason.ASKED: "",
    ContinuationReason.MOVED: " It was moved.",
    ContinuationReason.SPLIT: " It was booked in two parts.",
    ContinuationReason.RETRIED: " It is tried again there.",
    ContinuationReason.PREEMPTED: " A higher priority takes its GPUs.",
    ContinuationReason.HOST_LOST: " Its host stopped answering.",
}


def planned(notice: ContinuationPlanned) -> str:
    """Return where and when the run goes on."""
    window = window_text(TimeWindow(notice.starts_at, notice.ends_at))
    place = gpu_names_text(notice.gpu_names)
    who = f"{person(notice.by_slack_id)} booked it. " if notice.by_slack_id else ""
    waits = "" if notice.approved else " Somebody has to approve R{0} first."
    return (
        f":arrow_right: The training of R{notice.reservation_id} goes on in"
        f" R{notice.to_reservation_id}: {window} on {place}. {who}It stops at a checkpoint here and"
        f" resumes there by itself.{_why(notice.reason)}{waits.format(notice.to_reservation_id)}"
    )


def dropped(notice: ContinuationDropped) -> str:
    """Return that the run does not go on there, and what that means for it."""
    number = f"R{notice.to_reservation_id}"
    why = safe(notice.why, 300)
    if notice.run_over:
        return f":heavy_minus_sign: {number} is free again: {why}, so it need not go on there."
    return (
        f":warning: The training of R{notice.reservation_id} does not go on in {number}: {why}."
        " It ends where it is, with a checkpoint at the end of its window;"
        f" `/gpu continue R{notice.reservation_id}` books the next free window."
    )


def handed_on(notice: RunHandedOn) -> str:
    """Return that the run has left one reservation for the next."""
    done = f"{notice.epochs_done} of {count_text(notice.epochs, 'epoch')} done"
    return (
        f":arrow_right: The training stopped in R{notice.from_reservation_id} with {done} and goes"
        f" on in R{notice.reservation_id} {slack_date(notice.starts_at)} on"
        f" {gpu_names_text(notice.gpu_names)}.{_why(notice.reason)}"
    )


def _why(reason: str) -> str:
    try:
        return _WHY[ContinuationReason(reason)]
    except ValueError:
        return ""


def continuation_lines(view: ReservationView) -> list[str]:
    """Return the lines of a card about where its run goes on, and where it came from."""
    lines = []
    after = view.goes_on
    if after is not None and after.state is ContinuationState.PLANNED:
        place = f" on {safe(', '.join(after.host_names), 100)}" if after.host_names else ""
        waits = "" if after.approved else " (waits for approval)"
        lines.append(
            f":arrow_right: Goes on in R{after.reservation_id}: {window_text(after.window)}"
            f"{place}{waits}"
        )
    before = view.carries_on
    if before is not None and before.state is ContinuationState.TAKEN:
        lines.append(f"Continues R{before.reservation_id}, from its checkpoint")
    return lines

"""What is said about runs that go on elsewhere, in their thread and on their card."""

from __future__ import annotations

from datetime import tzinfo

from bot.domain.continuations import ContinuationReason, ContinuationState
from bot.domain.run_notices import ContinuationDropped, ContinuationPlanned, RunHandedOn
from bot.domain.states import ReservationState
from bot.domain.time_window import TimeWindow
from bot.domain.views import ReservationView
from bot.slack.blocks.card import Card
from bot.slack.blocks.text import (
    clip,
    count_text,
    gpu_names_text,
    person,
    safe,
    section,
    slack_date,
    slack_time,
    window_text,
)

FALLBACK_CHARS = 1000
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
        return (
            f":heavy_minus_sign: {number} is free again: {why},"
            f" so R{notice.reservation_id} needs it no more."
        )
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
    back = view.taken_back
    if back is not None and view.state is ReservationState.ACTIVE:
        lines.append(
            f":rotating_light: Taken back at {slack_time(back.takes_at)} for"
            f" R{back.for_reservation_id} ({back.priority.value.upper()}), goes on"
            f" {slack_date(back.next_start)}"
        )
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


def going_on_card(view: ReservationView, tz: tzinfo) -> Card:
    """Return what came of letting a run go on elsewhere: when it stops, and where it goes on."""
    number, after = f"R{view.reservation_id}", view.goes_on
    if after is None:
        text = f":ok_hand: The training of {number} goes on nowhere else."
        return Card(clip(text, FALLBACK_CHARS), (section(text),))
    stopping = view.state is not ReservationState.ACTIVE
    stops = (
        "is being stopped at a checkpoint now"
        if stopping
        else (f"trains on until {slack_date(view.window.end, tz)} and stops there at a checkpoint")
    )
    waits = "" if after.approved else " Somebody has to approve that first."
    text = (
        f":arrow_right: *The training of {number} goes on in R{after.reservation_id}:*"
        f" {window_text(after.window, tz)} on {safe(', '.join(after.host_names), 100)}.\n"
        f"It {stops}, and resumes by itself.{waits}"
    )
    return Card(clip(text, FALLBACK_CHARS), (section(text),))

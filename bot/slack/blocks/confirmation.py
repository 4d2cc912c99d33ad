"""What the one who booked or cancelled is told: what was understood, and what came of it."""

from __future__ import annotations

from datetime import timedelta, tzinfo

from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState
from bot.domain.time_window import TimeWindow
from bot.domain.views import ReservationView
from bot.slack.blocks.approval import pending_words
from bot.slack.blocks.card import Card
from bot.slack.blocks.continuation_words import continuation_lines
from bot.slack.blocks.reservation_card import give_up_button
from bot.slack.blocks.run_words import spec_words
from bot.slack.blocks.text import (
    Block,
    actions,
    clip,
    count_text,
    duration_text,
    gpu_list,
    safe,
    section,
    slack_date,
    window_text,
)

FALLBACK_CHARS = 1000
_NOTICEABLE = timedelta(minutes=1)


def booked_card(
    view: ReservationView,
    request: ReserveRequest,
    tz: tzinfo,
    slot: timedelta,
    finish: str = "",
) -> Card:
    """Return the echo of a booking: GPUs, window, training, and why the window differs if it does.

    Args:
        view: what was booked.
        request: what was asked.
        tz: the reader's zone, for clients that cannot show dates.
        slot: the length of a slot.
        finish: when its training should be done, in words; empty where nobody knows.
    """
    head = _booked_line(view, tz)
    lines = [
        head,
        pending_words(view, tz),
        _snapped(view.window, request, tz, slot),
        _training(view),
        finish,
        _terms(view),
    ]
    blocks: list[Block] = [section("\n".join(line for line in lines if line))]
    click = give_up_button(view)
    if click is not None:
        blocks.append(actions([click]))
    return Card(clip(head, FALLBACK_CHARS), tuple(blocks))


def cancelled_card(view: ReservationView) -> Card:
    """Return the outcome of giving a reservation back."""
    number, gpus = f"R{view.reservation_id}", count_text(view.gpu_count, "GPU")
    if view.state is ReservationState.CANCELLED:
        text = f":heavy_minus_sign: *{number} is cancelled.* {_verb(gpus, view)} free again."
    elif view.state is ReservationState.RELEASING:
        text = (
            f":hourglass_flowing_sand: *{number} is being released.* Its training saves a "
            f"checkpoint and stops; then {gpus} become "
            "free."
        )
    else:
        text = f":white_check_mark: *{number} is released.* {_verb(gpus, view)} free now."
    if view.end_reason.strip():
        text += f"\nReason: {safe(view.end_reason, 300)}"
    return Card(clip(text, FALLBACK_CHARS), (section(text),))


def _verb(gpus: str, view: ReservationView) -> str:
    return f"{gpus} is" if view.gpu_count == 1 else f"{gpus} are"


def _booked_line(view: ReservationView, tz: tzinfo) -> str:
    noun = "simulated GPU" if view.simulated else "GPU"
    over = " (it is over already)" if view.state.is_over else ""
    pending = view.state is ReservationState.PENDING
    head = ":raised_hand: *Asked for approval of" if pending else ":calendar: *Booked"
    return (
        f"{head} R{view.reservation_id}*{over} · {count_text(view.gpu_count, noun)}: "
        f"{gpu_list(view.gpus)} · {window_text(view.window, tz)}"
    )


def _snapped(window: TimeWindow, request: ReserveRequest, tz: tzinfo, slot: timedelta) -> str:
    start = window.start if request.start is None else request.start
    end = start + request.length
    moved = abs(start - window.start) >= _NOTICEABLE or abs(end - window.end) >= _NOTICEABLE
    if not moved:
        return ""
    wish = window_text(TimeWindow(start, end), tz) if request.length else slack_date(start, tz)
    return (
        f"You asked for {wish}. Slots are {duration_text(slot)} on a fixed grid, and you get every "
        "slot that your wish touches."
    )


def _training(view: ReservationView) -> str:
    if view.run is None:
        return ""
    starts = (
        f"Training: {spec_words(view.run.spec)}; it starts by itself at the start of the window."
    )
    return "\n".join([starts, *continuation_lines(view)])


def _terms(view: ReservationView) -> str:
    kept = "preemptible" if view.preemptible else "protected"
    note = f" · “{safe(view.note, 300)}”" if view.note.strip() else ""
    return f"{view.priority.value.upper()}, {kept}{note}"

"""The reservations of one person, each with the button that gives it up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import tzinfo

from bot.domain.states import ReservationState, RunState
from bot.domain.views import ReservationView
from bot.slack.blocks.card import Card
from bot.slack.blocks.reservation_card import give_up_button
from bot.slack.blocks.run_words import spec_words
from bot.slack.blocks.series_mark import series_mark
from bot.slack.blocks.text import (
    Block,
    Style,
    actions,
    button,
    clip,
    context,
    count_text,
    duration_text,
    gpu_list,
    header,
    safe,
    section,
    window_text,
)

OPEN_ACTION = "reserve.open"
"""The ``action_id`` of every button that opens the booking form."""

MOST_SHOWN = 20
_STATE_WORDS = {
    ReservationState.PENDING: ":raised_hand: waits for approval",
    ReservationState.OFFERED: ":bell: held for an offer",
    ReservationState.BOOKED: ":calendar: booked",
    ReservationState.ACTIVE: ":large_green_circle: active",
    ReservationState.RELEASING: ":hourglass_flowing_sand: being released",
    ReservationState.ENDED: ":white_check_mark: over",
    ReservationState.CANCELLED: ":heavy_minus_sign: cancelled",
}


def reserve_button(label: str = "Reserve", style: Style | None = "primary") -> Block:
    """Return the button that opens the booking form."""
    return button(label, OPEN_ACTION, style=style)


def mine_card(views: Sequence[ReservationView], tz: tzinfo) -> Card:
    """Return the list of somebody's reservations that are not over."""
    if not views:
        text = "You have no reservation."
        return Card(text, (section(text), actions([reserve_button()])))
    text = f"You have {count_text(len(views), 'reservation')}."
    return Card(text, (header("My reservations"), *mine_blocks(views, tz)))


def mine_blocks(views: Sequence[ReservationView], tz: tzinfo) -> Iterator[Block]:
    """Yield one section per reservation, and how many more there are."""
    for view in views[:MOST_SHOWN]:
        yield section(_lines(view, tz), accessory=give_up_button(view))
    if len(views) > MOST_SHOWN:
        yield context(f"and {len(views) - MOST_SHOWN} more, later than these")


def _lines(view: ReservationView, tz: tzinfo) -> str:
    state = _STATE_WORDS[view.state]
    lines = [
        f"*R{view.reservation_id}* · {state} · {view.priority.value.upper()}",
        f"{count_text(view.gpu_count, 'GPU')}: {gpu_list(view.gpus)}",
        window_text(view.window, tz) + series_mark(view),
    ]
    if view.run is not None:
        lines.append(_run_line(view))
    if view.note.strip():
        lines.append(f"“{safe(view.note, 200)}”")
    return clip("\n".join(lines), 1500)


def _run_line(view: ReservationView) -> str:
    run = view.run
    if run is None:
        return ""
    line = spec_words(run.spec)
    progress = run.progress
    if run.state in (RunState.RUNNING, RunState.STOPPING) and progress.epochs:
        line += f" · epoch {progress.epoch}/{progress.epochs}"
        if progress.left is not None:
            line += f", about {duration_text(progress.left)} left"
    else:
        line += f" · {run.state.value.replace('_', ' ')}"
    return line

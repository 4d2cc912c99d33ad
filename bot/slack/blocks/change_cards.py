"""What came of extending, shortening or moving: the outcome, or why not and what instead."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo

from bot.domain.errors import BerthError, WindowTaken
from bot.domain.holdings import Alternative
from bot.domain.requests import ReserveRequest
from bot.domain.views import ReservationView
from bot.slack.blocks.card import Card
from bot.slack.blocks.change_buttons import EXTEND_ACTION, MOVE_ACTION
from bot.slack.blocks.continuation_words import going_on_card
from bot.slack.blocks.error_sentences import sentence
from bot.slack.blocks.refusal import ALTERNATIVE_ACTION, MOST_ALTERNATIVES, finish_words
from bot.slack.blocks.sentence_words import MrkdwnWords
from bot.slack.blocks.text import (
    Block,
    button,
    clip,
    count_text,
    gpu_list,
    section,
    slack_date,
    window_text,
)
from bot.slack.carried_change import CarriedChange, Change, change_to_value
from bot.slack.carried_request import VALUE_CHARS, request_to_value

FALLBACK_CHARS = 1000


def changed_card(before: ReservationView, after: ReservationView, tz: tzinfo) -> Card:
    """Return what came of a change: what it was before, and what it is now."""
    if after.goes_on is not None and after.goes_on != before.goes_on:
        return going_on_card(after, tz)  # its run was under way
    number = f"R{after.reservation_id}"
    old, new = before.window, after.window
    if new == old:
        text = f":ok_hand: *{number} stays as it is:* {window_text(new, tz)}."
        return Card(clip(text, FALLBACK_CHARS), (section(f"{text} {_SLOTS}"),))
    noun = "simulated GPU" if after.simulated else "GPU"
    gpus = f"{count_text(after.gpu_count, noun)}: {gpu_list(after.gpus)}"
    if new.start != old.start:
        lines = [f":calendar: *{number} is moved:* {window_text(new, tz)}", gpus]
        if {gpu.gpu_id for gpu in before.gpus} != {gpu.gpu_id for gpu in after.gpus}:
            lines.append(f"Its GPUs were taken at that time; before: {gpu_list(before.gpus)}.")
    elif new.end > old.end:
        lines = [f":calendar: *{number} goes on until {slack_date(new.end, tz)}.*", gpus]
    else:
        lines = [
            f":calendar: *{number} now ends {slack_date(new.end, tz)}.*",
            f"From then on {count_text(after.gpu_count, noun)} can be had by others.",
        ]
        if after.run is not None and not after.run.state.is_over:
            lines.append("Its training saves a checkpoint and stops before that.")
    return Card(clip(lines[0], FALLBACK_CHARS), (section("\n".join(lines)),))


_SLOTS = "You get whole slots, and a slot that is begun is kept."


def change_refusal_card(error: BerthError, view: ReservationView, tz: tzinfo) -> Card:
    """Return why a change cannot be, with a button for everything that fits instead."""
    words = sentence(error, MrkdwnWords(tz))
    blocks = [section(f":no_entry: {words.says}\n{words.next_step}")]
    if isinstance(error, WindowTaken):
        blocks += _offers(error, view, tz)
    return Card(clip(str(words), FALLBACK_CHARS), tuple(blocks))


def _offers(error: WindowTaken, view: ReservationView, tz: tzinfo) -> Iterator[Block]:
    for alternative in error.alternatives[:MOST_ALTERNATIVES]:
        gpus = count_text(alternative.gpu_count, "GPU")
        shown = window_text(alternative.window, tz)
        if alternative.reservation_id is None:
            text = f"A second reservation: {gpus}, {shown}"
            yield section(text, accessory=_book(alternative, view))
        elif alternative.window.start == view.window.start:
            text = f"R{view.reservation_id} until {slack_date(alternative.window.end, tz)}"
            text += finish_words(alternative, tz)
            value = _value(view, Change.END, alternative.window.end)
            yield section(text, accessory=button("Extend", EXTEND_ACTION, value, style="primary"))
        else:
            value = _value(view, Change.START, alternative.window.start)
            click = button("Move here", MOVE_ACTION, value, style="primary")
            text = f"R{view.reservation_id} {shown}{finish_words(alternative, tz)}"
            yield section(text, accessory=click)


def _value(view: ReservationView, change: Change, instant: datetime) -> str:
    return change_to_value(CarriedChange(view.reservation_id, change, instant))


def _book(alternative: Alternative, view: ReservationView) -> Block | None:
    """Return the button that books the time after the end; its training does not go with it."""
    request = ReserveRequest(
        length=alternative.window.length,
        gpu_count=alternative.gpu_count,
        start=alternative.window.start,
        priority=view.priority,
        preemptible=view.preemptible,
        note=view.note,
    )
    value = request_to_value(request)
    if len(value) > VALUE_CHARS:
        return None
    return button("Book this", ALTERNATIVE_ACTION, value, style="primary")

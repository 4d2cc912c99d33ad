"""How a refusal looks: why, and what instead; what fits instead is one click away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta, tzinfo

from bot.domain.errors import BerthError, TooShort, WindowTaken
from bot.domain.holdings import Alternative
from bot.domain.requests import ReserveRequest
from bot.slack.blocks.card import Card
from bot.slack.blocks.error_sentences import MrkdwnWords, sentence
from bot.slack.blocks.forecast_words import range_words
from bot.slack.blocks.text import (
    Block,
    actions,
    button,
    clip,
    count_text,
    duration_text,
    safe,
    section,
    slack_date,
    window_text,
)
from bot.slack.blocks.waiting import join_button, queue_button
from bot.slack.carried_request import VALUE_CHARS, request_to_value, with_alternative

ALTERNATIVE_ACTION = "reserve.alternative"
"""The ``action_id`` of a button that books what it shows; its value is the whole request."""

MOST_ALTERNATIVES = 6
FALLBACK_CHARS = 1000


def refusal_card(error: BerthError, tz: tzinfo, request: ReserveRequest | None = None) -> Card:
    """Return the words for an error, with buttons for what fits instead of ``request``."""
    words = sentence(error, MrkdwnWords(tz))
    blocks = [section(f":no_entry: {words.says}\n{words.next_step}")]
    if request is not None:
        blocks += _offers(error, request, tz)
    return Card(clip(str(words), FALLBACK_CHARS), tuple(blocks))


def problem_card(reference: str) -> Card:
    """Return the words for an error that nobody foresaw; the log has it under ``reference``."""
    text = (
        f":boom: Something went wrong on my side, and I wrote it down as `{reference}`. "
        "Please look at `/gpu mine` before you try again, and tell whoever runs Berth that number."
    )
    return Card(text, (section(text),))


def _offers(error: BerthError, request: ReserveRequest, tz: tzinfo) -> Iterator[Block]:
    if isinstance(error, TooShort):
        whole = _with_length(request, error.slot)
        label = f"Book one slot of {duration_text(error.slot)}"
        yield from _buttons([_offer(label, whole), queue_button(request)])
    elif isinstance(error, WindowTaken):
        for alternative in error.alternatives[:MOST_ALTERNATIVES]:
            offered = with_alternative(request, alternative)
            fewer = " instead" if alternative.gpu_count < error.wanted_gpus else ""
            where = f" on {safe(alternative.where, 100)}" if alternative.where else ""
            number = count_text(alternative.gpu_count, "GPU")
            text = (
                f"{number}{fewer}{where}, {_window(alternative, tz)}{finish_words(alternative, tz)}"
            )
            label = "Book this" if alternative.second is None else "Book both"
            yield section(text, accessory=_offer(label, offered))
        yield from _buttons([join_button(request.in_one)])


def _window(alternative: Alternative, tz: tzinfo) -> str:
    first = window_text(alternative.window, tz)
    if alternative.second is None:
        return first
    second = window_text(alternative.second, tz)
    return f"in two parts: {first}, then from its checkpoint {second}"


def finish_words(alternative: Alternative, tz: tzinfo) -> str:
    """Return when the run would be done in an alternative, or nothing while that is not known."""
    if alternative.finishes_at is None:
        return ""
    span = range_words(alternative.finishes_low_at, alternative.finishes_high_at)
    return f", done about {slack_date(alternative.finishes_at, tz)}{span}"


def _buttons(elements: list[Block | None]) -> Iterator[Block]:
    shown = [element for element in elements if element is not None]
    if shown:
        yield actions(shown)


def _offer(label: str, request: ReserveRequest) -> Block | None:
    value = request_to_value(request)
    if len(value) > VALUE_CHARS:
        return None  # hundreds of GPU names; the words still say what fits
    return button(label, ALTERNATIVE_ACTION, value, style="primary")


def _with_length(request: ReserveRequest, length: timedelta) -> ReserveRequest:
    return ReserveRequest(
        length=length,
        gpu_count=request.gpu_count,
        gpu_names=request.gpu_names,
        gpu_type=request.gpu_type,
        start=request.start,
        priority=request.priority,
        preemptible=request.preemptible,
        run=request.run,
        note=request.note,
    )

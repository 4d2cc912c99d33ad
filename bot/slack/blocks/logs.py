"""The log of a training in words: its last lines, and where the rest is."""

from __future__ import annotations

from bot.domain.run_logs import FullLog, FullLogAsked, LogView
from bot.slack.blocks.card import Card
from bot.slack.blocks.run_words import cause_words
from bot.slack.blocks.text import (
    Block,
    actions,
    button,
    clip,
    code_block,
    context,
    safe,
    section,
    slack_date,
)

FULL_ACTION = "log.full"
"""The ``action_id`` of "Full log"; its value is the reservation and the attempt."""

AGAIN_ACTION = "log.refresh"
"""The ``action_id`` of "Refresh"; its value is the reservation and the attempt."""

FALLBACK_CHARS = 1000
CODE_CHARS = 2900


def log_card(view: LogView) -> Card:
    """Return the last lines, with buttons for newer ones and for all of them."""
    number = f"R{view.reservation_id}"
    if not view.attempt:
        text = f":hourglass_flowing_sand: The training of {number} has not started: no log yet."
        return Card(text, (section(text),))
    which = f"attempt {view.attempt} of {view.attempts}" if view.attempts > 1 else "the training"
    headline = f"*Log of {number}* · {which} on {safe(view.host_name, 60)} · {_state(view)}"
    shown = code_block(view.lines, CODE_CHARS)
    lines = section(shown) if shown else section("Nothing has been logged yet.")
    blocks: list[Block] = [section(headline), lines]
    if view.at is not None:
        age = "as of" if view.running else "ended"
        blocks.append(context(f"{age} {slack_date(view.at, form='{time_secs}')}"))
    return Card(clip(headline, FALLBACK_CHARS), (*blocks, actions(_buttons(view))))


def _state(view: LogView) -> str:
    if view.running:
        return "running"
    cause = cause_words(view.end_cause)
    return f"over: {cause}" if cause else "over"


def _buttons(view: LogView) -> list[Block]:
    value = f"{view.reservation_id} {view.attempt}"
    buttons = [button("Refresh", AGAIN_ACTION, value)] if view.running else []
    if view.whole or view.running:
        buttons.append(button("Full log", FULL_ACTION, value))
    return buttons or [button("Refresh", AGAIN_ACTION, value)]


def full_log_card(asked: FullLogAsked) -> Card:
    """Return what came of asking for the whole log."""
    number = f"R{asked.reservation_id}"
    text = {
        FullLog.COMES: f":page_facing_up: The full log comes into the thread of {number}.",
        FullLog.ON_ITS_WAY: f":page_facing_up: The full log is on its way into {number}'s thread.",
        FullLog.THERE: f":page_facing_up: The full log is in the thread of {number} already.",
        FullLog.NOT_YET: (
            f":hourglass_flowing_sand: The full log of {number} can be had once this attempt is"
            f" over; `/gpu logs {number}` shows its last lines."
        ),
        FullLog.NONE: (
            f":grey_question: The full log of {number} is not kept (any more). Its last lines are"
            f" in the thread, and `/gpu logs {number}` shows them."
        ),
    }[asked.outcome]
    return Card(text, (section(text),))


def read_value(value: str) -> tuple[int, int] | None:
    """Return reservation and attempt that a button carries; None for another release's."""
    number, _, attempt = value.partition(" ")
    if not (number.isdecimal() and attempt.isdecimal()):
        return None
    return int(number), int(attempt)

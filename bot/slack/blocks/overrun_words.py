"""Runs that go over the end of their booking, and who waits for them, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.domain.notice_base import Notice
from bot.domain.overrun_notices import RunGoesOver, StartWaits, StartWaitsNoMore
from bot.domain.time_window import TimeWindow
from bot.slack.blocks.card import Card
from bot.slack.blocks.reservation_card import CANCEL_ACTION
from bot.slack.blocks.text import (
    Block,
    actions,
    button,
    clip,
    confirm_dialog,
    duration_text,
    person,
    section,
    slack_date,
    slack_time,
    window_text,
)

FALLBACK_CHARS = 1000


def overrun_message(notice: Notice) -> Card:
    """Return the message that tells a notice of `bot.domain.overrun_notices`."""
    return _WRITERS[type(notice)](notice)


def _message(*lines: str, clicks: list[Block] | None = None) -> Card:
    shown = [line for line in lines if line]
    blocks = [section("\n".join(shown)), *([actions(clicks)] if clicks else [])]
    return Card(clip(shown[0], FALLBACK_CHARS), tuple(blocks))


def _goes_over(notice: RunGoesOver) -> Card:
    number, over = f"R{notice.reservation_id}", notice.until - notice.booked_until
    head = (
        f":hourglass: {person(notice.holder_slack_id)}, the training of {number} is not done and"
        f" goes on up to {duration_text(over)} over, until {slack_time(notice.until)}; it was"
        f" booked until {slack_date(notice.booked_until)}."
    )
    done = "Nobody knows yet when it will be done."
    if notice.likely_at is not None:
        done = f"It should be done about {slack_time(notice.likely_at)}."
    after = "Then it ends by itself; if it is not done by then it saves a checkpoint and stops."
    waits = ", ".join(person(one) for one in dict.fromkeys(notice.waits_slack_ids))
    dialog = confirm_dialog(
        f"Stop {number} now?",
        "The training saves a checkpoint and stops. Its GPUs become free for others.",
        "Stop now",
        "Let it go on",
        style="danger",
    )
    stop = button(
        "Stop now", CANCEL_ACTION, str(notice.reservation_id), style="danger", confirm=dialog
    )
    return _message(
        head,
        f"{done} {after}",
        f"{waits} waits for it a little, and has been told." if waits else "",
        clicks=[stop],
    )


def _waits(notice: StartWaits) -> Card:
    mine, late = f"R{notice.reservation_id}", f"R{notice.late_id}"
    longer = duration_text(notice.starts_at - notice.old_starts_at)
    same = notice.ends_at - notice.starts_at == notice.old_ends_at - notice.old_starts_at
    end = f"Your end moves to {slack_date(notice.ends_at)}: you lose nothing."
    if not same:
        end = (
            f"Others hold the GPUs after you, so your end stays {slack_date(notice.ends_at)}. If"
            " that is too short, ask the next holder for minutes, or move it with `/gpu move`."
        )
    return _message(
        f":hourglass_flowing_sand: {person(notice.holder_slack_id)}, {mine} starts at"
        f" {slack_time(notice.starts_at)} instead of {slack_time(notice.old_starts_at)}, because"
        f" the training of {late} ({person(notice.late_slack_id)}) needs {longer} more.",
        f"{end} This happens to a reservation at most once.",
    )


def _waits_no_more(notice: StartWaitsNoMore) -> Card:
    window = TimeWindow(notice.starts_at, notice.ends_at)
    return _message(
        f":white_check_mark: {person(notice.holder_slack_id)}, R{notice.late_id} is off the GPUs"
        f" sooner than was thought: R{notice.reservation_id} is {window_text(window)} now."
    )


_WRITERS: Mapping[type[Notice], Callable[[Any], Card]] = {
    RunGoesOver: _goes_over,
    StartWaits: _waits,
    StartWaitsNoMore: _waits_no_more,
}

"""Are you still using it? The question, its buttons, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import singledispatch

from bot.domain.notice_base import Notice
from bot.domain.usage import UsageQuestion
from bot.domain.usage_notices import UsageAsked, UsageReleased, UsageSeen
from bot.domain.views import ReservationView
from bot.slack.blocks.card import Card
from bot.slack.blocks.mine import reserve_button
from bot.slack.blocks.text import (
    Block,
    actions,
    button,
    clip,
    duration_text,
    gpu_names_text,
    person,
    plain,
    section,
    slack_date,
)
from bot.slack.blocks.usage_buttons import KEEP_ACTION, RELEASE_ACTION, RELEASE_AT_ACTION
from bot.slack.times import zone

FALLBACK_CHARS = 1000


def usage_message(notice: Notice) -> Card:
    """Return the words for a notice about use.

    Raises:
        TypeError: it is none.
    """
    return _words(notice)


@singledispatch
def _words(notice: Notice) -> Card:
    raise TypeError(f"no words for notice {notice.kind!r}")


@_words.register
def _asked(notice: UsageAsked) -> Card:
    number, gpus = f"R{notice.reservation_id}", gpu_names_text(notice.gpu_names)
    lines = [
        f":eyes: {person(notice.holder_slack_id)}, do you still need {number} ({gpus})?",
        f"{_seen(notice.question, notice.since)} Without an answer it is released"
        f" {slack_date(notice.expires_at)}, so that others can use it.",
    ]
    if notice.kept_for_s is not None:
        kept_for = duration_text(timedelta(seconds=notice.kept_for_s))
        lines.append(f"Keep is good for {kept_for}.")
    return _card(*lines, more=[actions(_buttons(notice))])


@_words.register
def _released(notice: UsageReleased) -> Card:
    number, gpus = f"R{notice.reservation_id}", gpu_names_text(notice.gpu_names)
    return _card(
        f":unlock: {number} is released: {gpus} can be used by others now.",
        f"{_seen(notice.question, notice.since)} {person(notice.holder_slack_id)} was asked and did"
        " not answer. If you need GPUs again, book them with the button.",
        more=[actions([reserve_button()])],
    )


@_words.register
def _in_use(notice: UsageSeen) -> Card:
    return _card(
        f":white_check_mark: The GPUs of R{notice.reservation_id} are used again. It stays yours;"
        " the question before is settled."
    )


def _seen(question: str, since: datetime) -> str:
    if question == UsageQuestion.NO_SHOW:
        return f"No process has been on its GPUs since it started {slack_date(since)}."
    return f"Its GPUs have been idle (under 5 %) since {slack_date(since)}."


def _buttons(notice: UsageAsked) -> list[Block]:
    value = str(notice.check_id)
    given = [
        button("Keep", KEEP_ACTION, value, style="primary"),
        button("Release", RELEASE_ACTION, value, style="danger"),
    ]
    return [*given, _menu(notice)] if notice.ends else given


def _menu(notice: UsageAsked) -> Block:
    """Return the menu of ends, in the holder's zone: the text of an option knows no dates."""
    tz = zone(notice.time_zone)
    options = [
        {
            "text": plain(f"{datetime.fromisoformat(end).astimezone(tz):%a %d %b %H:%M}", 75),
            "value": f"{notice.check_id} {end}",
        }
        for end in notice.ends[:10]
    ]
    return {
        "type": "static_select",
        "action_id": RELEASE_AT_ACTION,
        "placeholder": plain("Release at …", 150),
        "options": options,
    }


def read_end(value: str) -> tuple[int, datetime] | None:
    """Return the question and the end that an option carries, or None for another release's."""
    number, _, end = value.partition(" ")
    try:
        return int(number), datetime.fromisoformat(end)
    except ValueError:
        return None


def kept_card(view: ReservationView, kept_for: timedelta) -> Card:
    """Return the outcome of Keep."""
    return _card(
        f":white_check_mark: R{view.reservation_id} stays yours. I will not ask again for"
        f" {duration_text(kept_for)}."
    )


def released_card(view: ReservationView) -> Card:
    """Return the outcome of Release."""
    return _card(f":unlock: R{view.reservation_id} is released. Thank you: others can use it now.")


def released_at_card(view: ReservationView) -> Card:
    """Return the outcome of Release at …."""
    return _card(
        f":white_check_mark: R{view.reservation_id} ends {slack_date(view.window.end)}. Thank you:"
        " what comes after that is free for others."
    )


def _card(*lines: str, more: Sequence[Block] = ()) -> Card:
    return Card(clip(lines[0], FALLBACK_CHARS), (section("\n".join(lines)), *more))

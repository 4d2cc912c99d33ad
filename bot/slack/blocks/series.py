"""Series in words: what was booked, what could not be, what goes on, and how to stop it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import tzinfo

from bot.domain.recurrence import Missed, Recurrence, WallEnd, rule_words
from bot.domain.requests import ReserveRequest, request_from_json
from bot.domain.series_notices import OccurrenceMissed
from bot.domain.series_views import SeriesView
from bot.domain.states import ReservationState
from bot.domain.time_window import TimeWindow
from bot.slack.blocks.card import Card
from bot.slack.blocks.run_words import spec_words
from bot.slack.blocks.sentence_words import MrkdwnWords
from bot.slack.blocks.series_sentences import missed_words
from bot.slack.blocks.text import (
    Block,
    actions,
    button,
    clip,
    confirm_dialog,
    context,
    count_text,
    duration_text,
    gpu_names_text,
    header,
    person,
    safe,
    section,
    window_text,
)
from bot.slack.blocks.waiting import join_button
from bot.slack.carried_series import series_to_value
from bot.slack.recurrence_grammar import SeriesWish
from bot.slack.times import zone

CONFIRM_ACTION = "series.confirm"
DISMISS_ACTION = "series.dismiss"
SKIP_ACTION = "series.skip"
CANCEL_ACTION = "series.cancel"

MOST_SERIES = 10
MOST_DATES = 5
MOST_MISSED = 10
FALLBACK_CHARS = 1000


def created_card(view: SeriesView, tz: tzinfo) -> Card:
    """Return the answer to who has booked a series: the rule, what is booked, what is not."""
    booked = count_text(len(view.upcoming), "reservation")
    head = f":repeat: *{_title(view)}* · {booked} so far"
    lines = [head, _what(view), f"Next: {_dates(view, tz)}", *_waiting(view)]
    blocks: list[Block] = [section("\n".join(lines))]
    if view.missed:
        blocks.append(section(_missed_list(view.missed, tz)))
    blocks.append(
        context(
            "More are booked day by day as the calendar moves on. Each has its card in the channel"
            " a day before it starts."
        )
    )
    return Card(clip(head, FALLBACK_CHARS), (*blocks, actions(list(_buttons(view)))))


def confirm_card(wish: SeriesWish) -> Card | None:
    """Return the question whether a series is meant like this; None where no button can ask it."""
    value = series_to_value(wish.rule, wish.request)
    if value is None:
        return None
    head = f":repeat: *Is this what you mean?* {_rule(wish.rule)}, {_gpus(wish.request)}"
    doubts = "\n".join(f"• {safe(doubt, 200)}" for doubt in wish.doubts)
    buttons = [
        button("Book the series", CONFIRM_ACTION, value, style="primary"),
        button("No", DISMISS_ACTION),
    ]
    return Card(clip(head, FALLBACK_CHARS), (section(f"{head}\n{doubts}"), actions(buttons)))


def dismissed_card() -> Card:
    """Return the answer to who did not mean it like that."""
    text = (
        ":wave: Nothing was booked. Say it another way, for example"
        " `/gpu reserve 2 every weekday 20:00 12h until 2026-12-31`."
    )
    return Card(text, (section(text),))


def cancelled_card(view: SeriesView, reason: str) -> Card:
    """Return the outcome of ending a series."""
    text = f":heavy_minus_sign: *{_title(view)} is cancelled.* What it had ahead is free again."
    running = [one for one in view.upcoming if not one.state.is_ahead]
    if running:
        names = ", ".join(f"R{one.reservation_id}" for one in running)
        text += f" {names} goes on until its end."
    if reason.strip():
        text += f"\nReason: {safe(reason, 300)}"
    return Card(clip(text, FALLBACK_CHARS), (section(text),))


def series_list_card(views: Sequence[SeriesView], tz: tzinfo, notice: str = "") -> Card:
    """Return somebody's series, each with its next dates and the buttons that change it."""
    if not views:
        text = (
            "You have no series. `/gpu reserve 2 every weekday 20:00 12h` books one; the booking"
            " form can repeat too."
        )
        return Card(text, (section(" ".join(part for part in (notice, text) if part)),))
    blocks: list[Block] = [section(notice)] if notice else []
    blocks.append(header("My series"))
    for view in views[:MOST_SERIES]:
        lines = [f"*{_title(view)}*", _what(view), f"Next: {_dates(view, tz)}", *_waiting(view)]
        if view.missed:
            lines.append(f"Left out: {count_text(len(view.missed), 'day')}")
        blocks += [section("\n".join(lines)), actions(list(_buttons(view)))]
    if len(views) > MOST_SERIES:
        blocks.append(context(f"and {len(views) - MOST_SERIES} more"))
    return Card(notice or f"You have {len(views)} series.", tuple(blocks))


def skipped_words(reservation_id: int) -> str:
    """Return what is said on top of the list after one occurrence was skipped."""
    return f":heavy_minus_sign: *R{reservation_id} is skipped.* The series goes on."


def occurrence_missed(notice: OccurrenceMissed) -> Card:
    """Return what the holder is told when an occurrence could not be booked."""
    window = TimeWindow(notice.starts_at, notice.ends_at)
    holders = [
        f"{person(who)} has {safe(number, 20)}"
        for who, number in zip(notice.holder_slack_ids, notice.in_the_way, strict=False)
    ]
    why = f"taken: {', '.join(holders[:5])}" if holders else safe(notice.code, 60).replace("_", " ")
    text = (
        f":warning: *{safe(notice.rule, 100)} (S{notice.series_id}) has a gap:*"
        f" {window_text(window)} could not be booked, {why}. R{notice.reservation_id} is the last"
        " that is booked."
    )
    click = _join(notice.request)
    more = [actions([click])] if click is not None else []
    return Card(clip(text, FALLBACK_CHARS), (section(text), *more))


def _join(request: str) -> Block | None:
    try:
        return join_button(request_from_json(json.loads(request)))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # written by another release; the words still say what is missing


def _title(view: SeriesView) -> str:
    return f"S{view.series_id} · {_rule(view.rule)}"


def _rule(rule: Recurrence) -> str:
    lasts = rule.lasts
    if isinstance(lasts, WallEnd):
        later = {0: "", 1: " the next day"}.get(lasts.days_later, f" {lasts.days_later} days later")
        length = f"until {lasts.at:%H:%M}{later}"
    else:
        length = f"for {duration_text(lasts)}"
    end = f", last on {rule.ends_on:%a %d %b %Y}" if rule.ends_on else ""
    return f"{rule_words(rule)} {length} ({safe(rule.time_zone, 60)}){end}"


def _what(view: SeriesView) -> str:
    request = view.request
    parts = [_gpus(request), request.rank.value.upper()]
    if request.run is not None:
        parts.append(spec_words(request.run))
    if request.note.strip():
        parts.append(f"“{safe(request.note, 200)}”")
    return " · ".join(parts)


def _gpus(request: ReserveRequest) -> str:
    if request.gpu_names:
        return gpu_names_text(request.gpu_names)
    return count_text(request.gpu_count, "GPU")


def _dates(view: SeriesView, tz: tzinfo) -> str:
    shown = [
        f"{window_text(one.window, tz)} R{one.reservation_id}" for one in view.upcoming[:MOST_DATES]
    ]
    more = len(view.upcoming) - len(shown)
    if more > 0:
        shown.append(f"and {more} more")
    return "; ".join(shown) or "nothing is booked now"


def _waiting(view: SeriesView) -> Iterator[str]:
    pending = sum(one.state is ReservationState.PENDING for one in view.upcoming)
    if pending:
        yield f":raised_hand: Waiting for approval: {pending} of them"


def _missed_list(missed: Sequence[Missed], tz: tzinfo) -> str:
    words = MrkdwnWords(tz)
    lines = [f"• {missed_words(one, words)}" for one in missed[:MOST_MISSED]]
    if len(missed) > MOST_MISSED:
        lines.append(f"• and {len(missed) - MOST_MISSED} more")
    title = f":warning: *{count_text(len(missed), 'time')} could not be booked* and left out:"
    return "\n".join([title, *lines])


def _buttons(view: SeriesView) -> Iterator[Block]:
    number = f"S{view.series_id}"
    following = next((one for one in view.upcoming if one.state.is_ahead), None)
    if following is not None:
        day = following.window.start.astimezone(zone(view.rule.time_zone))
        number_of_next = f"R{following.reservation_id} on {day:%a %d %b}"
        effect = f"{number_of_next} is given back; the series goes on."
        dialog = confirm_dialog(f"Skip the next of {number}?", effect, "Skip it", "Keep it")
        yield button("Skip next", SKIP_ACTION, str(following.reservation_id), confirm=dialog)
    effect = "Everything that it has ahead is given back. What runs now goes on."
    dialog = confirm_dialog(f"Cancel {number}?", effect, "Cancel all", "Keep it", style="danger")
    yield button("Cancel all", CANCEL_ACTION, str(view.series_id), style="danger", confirm=dialog)

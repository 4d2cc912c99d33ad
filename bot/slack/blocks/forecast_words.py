"""The end of runs in words: late, early, in time after all, and minutes of the next holder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

from bot.domain.forecast_notices import (
    MinutesAsked,
    MinutesDecided,
    MinutesOff,
    RunEarly,
    RunFinishesEarly,
    RunInTime,
    RunLate,
)
from bot.domain.notice_base import Notice
from bot.domain.offers import OfferState
from bot.domain.time_window import TimeWindow
from bot.domain.views import ReservationView, RunView
from bot.services.minutes import MinutesView
from bot.slack.blocks.card import Card
from bot.slack.blocks.change_buttons import EXTEND_ACTION, extend_button
from bot.slack.blocks.text import (
    Block,
    Style,
    actions,
    button,
    clip,
    confirm_dialog,
    count_text,
    duration_text,
    person,
    safe,
    section,
    slack_date,
    slack_time,
    window_text,
)
from bot.slack.carried_change import CarriedChange, Change, change_to_value

ASK_ACTION = "minutes.ask"
GIVE_ACTION = "minutes.give"
KEEP_ACTION = "minutes.keep"
CONTINUE_ACTION = "forecast.continue"
FIT_ACTION = "forecast.fit"
SHORTEN_ACTION = "forecast.shorten"
"""The ``action_id`` of each button; their values are numbers, or say to which instant."""

VERSION = 1
FALLBACK_CHARS = 1000


def ask_to_value(reservation_id: int, minutes: int, shown_end: datetime) -> str:
    """Return what the button carries that asks the next holder for minutes."""
    value = {"v": VERSION, "id": reservation_id, "min": minutes, "end": shown_end.timestamp()}
    return json.dumps(value, separators=(",", ":"))


def ask_from_value(value: str) -> tuple[int, int, datetime]:
    """Return the reservation, the minutes and the end that was shown.

    Raises:
        ValueError: it is the value of another release.
    """
    try:
        carried = json.loads(value)
        if carried["v"] != VERSION:
            raise ValueError(value)
        end = datetime.fromtimestamp(float(carried["end"]), UTC)
        return int(carried["id"]), int(carried["min"]), end
    except (KeyError, TypeError, AttributeError, OverflowError, OSError) as error:
        raise ValueError(value) from error


def finish_words(run: RunView) -> str:
    """Return "done 17:40 (17:25 - 18:05)" of a run that trains, or nothing while nobody knows."""
    if run.finishes_at is None:
        return ""
    done = f"done {slack_date(run.finishes_at)}"
    return f"{done}{range_words(run.finishes_low_at, run.finishes_high_at)}"


def range_words(low: datetime | None, high: datetime | None) -> str:
    """Return " (17:25 - 18:05)", or nothing where both ends lie within the same minute or so."""
    if low is None or high is None or (high - low).total_seconds() < 90:
        return ""
    far = (high - low).total_seconds() > 20 * 3600 or low.date() != high.date()
    show = slack_date if far else slack_time
    return f" ({show(low)}–{show(high)})"  # noqa: RUF001 - an en dash


def forecast_message(notice: Notice) -> Card:
    """Return the message that tells a notice of `bot.domain.forecast_notices`."""
    return _WRITERS[type(notice)](notice)


def _message(*lines: str, clicks: list[Block] | None = None) -> Card:
    shown = [line for line in lines if line]
    blocks = [section("\n".join(shown)), *([actions(clicks)] if clicks else [])]
    return Card(clip(shown[0], FALLBACK_CHARS), tuple(blocks))


def _late(notice: RunLate) -> Card:
    number, late = f"R{notice.reservation_id}", notice.likely_at - notice.ends_at
    done = f"epoch {notice.epoch} of {notice.epochs}"
    likely = f"{slack_date(notice.likely_at)}"
    span = range_words(notice.low_at, notice.high_at)
    worse = "now " if notice.again else ""
    how_late = f"{duration_text(late)} after" if late.total_seconds() > 0 else "just before"
    ends = f"{number} ends {slack_date(notice.ends_at)}"
    if notice.minutes:
        ends = f"{number} ends in {count_text(notice.minutes, 'minute')}"
    head = (
        f":warning: {person(notice.holder_slack_id)}, {ends}, and its training will {worse}be done"
        f" about {likely}{span}: {how_late} that."
    )
    return _message(
        head,
        f"It is at {done}. {_outcome(notice)}",
        *_choices(notice),
        clicks=list(_late_buttons(notice)),
    )


def _outcome(notice: RunLate) -> str:
    if notice.continues_in:
        return (
            f"It saves a checkpoint at the end, and goes on in R{notice.continues_in} by itself:"
            " nothing is lost."
        )
    if notice.finishes_early:
        return "It stops after the last epoch that fits; the best weights are kept."
    return "If nothing changes it saves a checkpoint at the end of the window and stops."


def _choices(notice: RunLate) -> Iterator[str]:
    """Yield a line for each thing that can be done, and why the first one is not enough."""
    if notice.extend_to is not None:
        enough = "which is enough" if notice.extend_enough else "which is not enough"
        yield f"• Its GPUs are free until {slack_date(notice.extend_to)}, {enough}."
    elif notice.next_slack_id:
        yield (
            f"• {person(notice.next_slack_id)} holds the GPUs next (R{notice.next_reservation_id})"
            f" and can be asked for {count_text(notice.ask_minutes, 'minute')}."
        )
    else:
        yield "• Others hold its GPUs right after it."
    if notice.continue_start is not None and notice.continue_end is not None:
        window = TimeWindow(notice.continue_start, notice.continue_end)
        yield f"• The rest fits into {window_text(window)}."
    if 0 < notice.fits_epochs < notice.epochs and not notice.finishes_early:
        yield f"• About {notice.fits_epochs} of {count_text(notice.epochs, 'epoch')} fit."


def _late_buttons(notice: RunLate) -> Iterator[Block]:
    number = notice.reservation_id
    if notice.extend_to is not None:
        value = change_to_value(CarriedChange(number, Change.END, notice.extend_to))
        label = f"Extend by {duration_text(notice.extend_to - notice.ends_at)}"
        style: Style | None = "primary" if notice.extend_enough else None
        yield button(label, EXTEND_ACTION, value, style=style)
    if notice.next_slack_id:
        minutes = count_text(notice.ask_minutes, "minute")
        value = ask_to_value(number, notice.ask_minutes, notice.ends_at)
        dialog = confirm_dialog(
            f"Ask for {minutes}?",
            f"The next holder gets a direct message. Their R{notice.next_reservation_id}"
            f" would start {minutes} later, and end later too where that is free.",
            "Ask",
            "Not now",
        )
        yield button(f"Ask for {notice.ask_minutes} min", ASK_ACTION, value, confirm=dialog)
    if notice.continue_start is not None:
        dialog = confirm_dialog(
            "Continue later?",
            "The next free window is booked now. The training goes on until the end of this one,"
            " saves a checkpoint, and continues there by itself.",
            "Book and continue",
            "Not now",
        )
        yield button(
            "Continue in the next free window", CONTINUE_ACTION, str(number), confirm=dialog
        )
    if 0 < notice.fits_epochs < notice.epochs and not notice.finishes_early:
        dialog = confirm_dialog(
            f"Finish early, at about epoch {notice.fits_epochs}?",
            f"It stops after the last epoch that fits, about {notice.fits_epochs} of"
            f" {notice.epochs}, and its best weights are the result. The learning rate was planned"
            " for all epochs, so the figures may stay a little below those of a whole run.",
            "Finish early",
            "Not now",
        )
        yield button("Fit to the slot", FIT_ACTION, str(number), confirm=dialog)


def _in_time(notice: RunInTime) -> Card:
    likely = f"{slack_date(notice.likely_at)}"
    latest = slack_time(notice.high_at)
    return _message(
        f":relieved: {person(notice.holder_slack_id)}, the training of R{notice.reservation_id}"
        f" will be done in time after all: about {likely}, at the latest {latest}; the reservation"
        f" ends {slack_date(notice.ends_at)}."
    )


def _early(notice: RunEarly) -> Card:
    number, gpus = f"R{notice.reservation_id}", count_text(notice.gpu_count, "GPU")
    free = duration_text(notice.ends_at - notice.could_end_at)
    dialog = confirm_dialog(
        f"Give back {free} of {number}?",
        f"{number} ends earlier then, and {gpus} can be had by others for {free}. If the training"
        " is slower than it looks, you can extend it again as long as nobody has booked them.",
        "Give back",
        "Keep it",
    )
    value = change_to_value(CarriedChange(notice.reservation_id, Change.END, notice.could_end_at))
    return _message(
        f":hourglass: {person(notice.holder_slack_id)}, the training of {number} will be done about"
        f" {slack_date(notice.likely_at)}, at the latest {slack_time(notice.high_at)};"
        f" {number} is booked until {slack_date(notice.ends_at)}.",
        f"If it ended {slack_date(notice.could_end_at)}, {gpus} would be free for others for"
        f" {free}. This is asked once.",
        clicks=[button(f"Give back the last {free}", SHORTEN_ACTION, value, confirm=dialog)],
    )


def _finishes_early(notice: RunFinishesEarly) -> Card:
    epochs = count_text(notice.epochs, "epoch")
    return _message(
        f":scissors: {person(notice.by_slack_id)} lets the training of R{notice.reservation_id}"
        f" finish early: it stops after the last epoch that fits before"
        f" {slack_date(notice.ends_at)}, about {notice.fits_epochs} of {epochs}. The best weights"
        " are its result."
    )


def _asked(notice: MinutesAsked) -> Card:
    minutes, mine = count_text(notice.minutes, "minute"), f"R{notice.reservation_id}"
    run = f" ({safe(notice.model, 100)}, epoch {notice.epoch}/{notice.epochs})"
    now = TimeWindow(notice.starts_at, notice.ends_at)
    then = TimeWindow(notice.new_starts_at, notice.new_ends_at)
    same = then.length == now.length
    cost = "as long as before" if same else f"{duration_text(now.length - then.length)} shorter"
    clicks = [
        button(f"Give {notice.minutes} min", GIVE_ACTION, str(notice.ask_id), style="primary"),
        button("No", KEEP_ACTION, str(notice.ask_id)),
    ]
    return _message(
        f":hourglass_flowing_sand: {person(notice.from_slack_id)} asks you for {minutes}: the"
        f" training of R{notice.from_reservation_id}{run if notice.model else ''} on the same GPUs"
        " will not be done in time.",
        f"Your {mine} is {window_text(now)}. With it, {mine} would be {window_text(then)}, {cost}.",
        f"Without an answer by {slack_date(notice.expires_at)} everything stays as it is.",
        clicks=clicks,
    )


_ENDS: Mapping[str, str] = {
    OfferState.DECLINED: "needs the time and said no",
    OfferState.EXPIRED: "did not answer in time",
    OfferState.WITHDRAWN: "was asked, but that is off now",
}


def _decided(notice: MinutesDecided) -> Card:
    who, number = person(notice.asked_slack_id), f"R{notice.reservation_id}"
    minutes = count_text(notice.minutes, "minute")
    if notice.state == OfferState.ACCEPTED:
        return _message(
            f":handshake: {who} gave you {minutes}: {number} now ends"
            f" {slack_date(notice.ends_at)}. A word of thanks does not hurt."
        )
    if notice.state == OfferState.WITHDRAWN:
        why = f": {safe(notice.reason, 300)}" if notice.reason.strip() else ""
        return _message(
            f":information_source: R{notice.next_reservation_id} of {who} is not in the way of"
            f" {number} as it was{why}. Its GPUs may be free now.",
            clicks=[extend_button(notice.reservation_id, notice.ends_at)],
        )
    reason = f" “{safe(notice.reason, 300)}”" if notice.reason.strip() else ""
    dialog = confirm_dialog(
        "Continue later?",
        "The next free window is booked now; the training saves a checkpoint and continues there.",
        "Book and continue",
        "Not now",
    )
    return _message(
        f":heavy_minus_sign: {who} {_ENDS.get(notice.state, 'did not give the minutes')}.{reason}"
        f" {number} ends {slack_date(notice.ends_at)} as before.",
        "The training can still continue in the next free window.",
        clicks=[
            button(
                "Continue in the next free window",
                CONTINUE_ACTION,
                str(notice.reservation_id),
                confirm=dialog,
            )
        ],
    )


def _off(notice: MinutesOff) -> Card:
    return _message(
        f":ok_hand: {person(notice.from_slack_id)}'s R{notice.from_reservation_id} needs no minutes"
        f" of your R{notice.reservation_id} any more. R{notice.reservation_id} stays as it is."
    )


def minutes_outcome(view: MinutesView, reader_slack_id: str) -> Card:
    """Return what is to stand where the buttons of a request for minutes stood."""
    asks, asked = person(view.from_slack_id), person(view.asked_slack_id)
    mine = reader_slack_id == view.from_slack_id
    minutes = count_text(view.minutes, "minute")
    if view.state is OfferState.OPEN:
        text = (
            f":speech_balloon: {asked} is asked for {minutes} and has until"
            f" {slack_date(view.expires_at)} to answer. You are told what comes of it."
        )
    elif view.state is OfferState.ACCEPTED:
        told = "gave you" if mine else f"gave {asks}"
        text = (
            f":handshake: {asked} {told} {minutes}: R{view.reservation_id} goes on until"
            f" {slack_date(view.ends_at)}, R{view.next_reservation_id} starts then."
        )
    else:
        text = (
            f":heavy_minus_sign: No minutes for R{view.reservation_id}: {asked}"
            f" {_ENDS.get(view.state, 'did not give them')}. R{view.next_reservation_id} stays as"
            " it is."
        )
    return Card(clip(text, FALLBACK_CHARS), (section(text),))


def continued_card(view: ReservationView, tz: tzinfo) -> Card:
    """Return where a training goes on that was asked to continue later."""
    number, after = f"R{view.reservation_id}", view.goes_on
    if after is None:
        text = f":ok_hand: The training of {number} needs no other window any more."
        return Card(text, (section(text),))
    waits = "" if after.approved else " Somebody has to approve that first."
    text = (
        f":arrow_right: *The training of {number} goes on in R{after.reservation_id}:*"
        f" {window_text(after.window, tz)}.{waits} It trains to the end of {number}, saves a"
        " checkpoint and continues there by itself."
    )
    return Card(clip(text, FALLBACK_CHARS), (section(text),))


def fitted_card(view: ReservationView, tz: tzinfo) -> Card:
    """Return what becomes of a training that is to fit."""
    text = (
        f":scissors: *The training of R{view.reservation_id} finishes early:* it stops after the"
        f" last epoch that fits before {slack_date(view.window.end, tz)}. The best weights are its"
        " result."
    )
    return Card(clip(text, FALLBACK_CHARS), (section(text),))


_WRITERS: Mapping[type[Notice], Callable[[Any], Card]] = {
    RunLate: _late,
    RunInTime: _in_time,
    RunEarly: _early,
    RunFinishesEarly: _finishes_early,
    MinutesAsked: _asked,
    MinutesDecided: _decided,
    MinutesOff: _off,
}

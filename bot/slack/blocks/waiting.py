"""Waiting in words: the waitlist, the queue, and what is offered to those who wait."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta, tzinfo

from bot.domain.notices import JobDispatched, WaitEnded, WindowOffered
from bot.domain.offers import OfferState
from bot.domain.requests import ReserveRequest
from bot.domain.time_window import TimeWindow
from bot.domain.views import ReservationView
from bot.domain.waiting import WaitView
from bot.slack.blocks.card import Card
from bot.slack.blocks.mine import reserve_button
from bot.slack.blocks.reservation_card import give_up_button
from bot.slack.blocks.run_words import spec_words
from bot.slack.blocks.text import (
    Block,
    actions,
    button,
    clip,
    confirm_dialog,
    context,
    count_text,
    duration_text,
    gpu_list,
    gpu_names_text,
    header,
    person,
    safe,
    section,
    slack_date,
    slack_time,
    window_text,
)
from bot.slack.carried_request import VALUE_CHARS, request_to_value

JOIN_ACTION = "waitlist.join"
LEAVE_ACTION = "waitlist.leave"
ACCEPT_ACTION = "waitlist.accept"
DECLINE_ACTION = "waitlist.decline"
QUEUE_ACTION = "queue.join"
DEQUEUE_ACTION = "queue.leave"

MOST_SHOWN = 20
NAMES_SHOWN = 3
FALLBACK_CHARS = 1000


def join_button(request: ReserveRequest) -> Block | None:
    """Return the button that puts a refused wish onto the waitlist; None where it is too long."""
    value = request_to_value(request)
    return button("Join the waitlist", JOIN_ACTION, value) if len(value) <= VALUE_CHARS else None


def queue_button(request: ReserveRequest) -> Block | None:
    """Return the button that queues a job that is shorter than a slot; None without a training."""
    if request.run is None:
        return None
    value = request_to_value(request)
    return button("Join the queue", QUEUE_ACTION, value) if len(value) <= VALUE_CHARS else None


def joined_card(view: WaitView, tz: tzinfo) -> Card:
    """Return the answer to who has joined the waitlist, or has given up a place."""
    if view.state.is_over:
        text = (
            ":wave: You have left the waitlist; nothing is held for you."
            if view.state is OfferState.WITHDRAWN
            else ":wave: Declined: the window goes to the next in line, and your place is given up."
        )
        return _card(text)
    text = (
        f":hourglass: *You are on the waitlist* for {_wish(view, tz)}. {_standing(view)}\n"
        "When the time becomes free I offer it to you by direct message; it is held for you while"
        " you decide."
    )
    return _card(text, actions([_leave_button(view)]))


def taken_card(view: ReservationView, tz: tzinfo) -> Card:
    """Return the answer to who has taken a window that was offered."""
    training = " Your training starts by itself." if view.run is not None else ""
    text = (
        f":white_check_mark: *It is yours: R{view.reservation_id}* ·"
        f" {count_text(view.gpu_count, 'GPU')}: {gpu_list(view.gpus)} ·"
        f" {window_text(view.window, tz)}.{training}"
    )
    click = give_up_button(view)
    return _card(text, *([actions([click])] if click else []))


def waitlist_card(views: Sequence[WaitView], tz: tzinfo) -> Card:
    """Return somebody's places on the waitlist, each with the button that gives it up."""
    if not views:
        return _card(
            "You are not on the waitlist. Where a window is full, the refusal has a button for it;"
            " or write `/gpu waitlist join 2 tomorrow 18:00 8h`."
        )
    text = f"You wait for {count_text(len(views), 'window')}."
    blocks: list[Block] = [header("My waitlist")]
    for view in views[:MOST_SHOWN]:
        line = f"*{_wish(view, tz)}*\n{_standing(view)}"
        if view.state is OfferState.OPEN:
            blocks += [section(line), _offer_buttons(view.wait_id)]
        else:
            blocks.append(section(line, accessory=_leave_button(view)))
    return Card(text, tuple(blocks))


def queued_card(view: WaitView) -> Card:
    """Return the answer to who has joined the queue, or has left it."""
    if view.state.is_over:
        return _card(":wave: Your job is taken out of the queue; it will not start.")
    text = f":hourglass: *Your job is in the queue:* {_job(view)}. {_queue_standing(view)}"
    if view.expires_at is not None:
        end = slack_date(view.expires_at)
        text += f" If it has not started by {end}, I give it up and tell you."
    return _card(text, actions([_dequeue_button(view)]))


def queue_card(views: Sequence[WaitView], reader_slack_id: str) -> Card:
    """Return everything in the queue, in turn; the reader's own jobs can be taken out."""
    if not views:
        return _card(
            "The queue is empty. It is for trainings shorter than a slot:"
            " `/gpu queue 1 45m train epochs=10` starts as soon as GPUs are idle."
        )
    text = f"{count_text(len(views), 'job')} in the queue."
    blocks: list[Block] = [header("Queue")]
    for view in views[:MOST_SHOWN]:
        own = view.slack_user_id == reader_slack_id
        line = f"{view.place}. {person(view.slack_user_id)} · {_job(view)} · {_start(view)}"
        blocks.append(section(line, accessory=_dequeue_button(view) if own else None))
    if len(views) > MOST_SHOWN:
        blocks.append(context(f"and {len(views) - MOST_SHOWN} more, after these"))
    return Card(text, tuple(blocks))


def window_offered(notice: WindowOffered) -> Card:
    """Return the offer of a window that became free."""
    window = TimeWindow(notice.starts_at, notice.ends_at)
    count = count_text(len(notice.gpu_names), "GPU")
    training = " Your training starts by itself then." if notice.trains else ""
    text = (
        f":bell: *It is your turn: {count} free {window_text(window)}* on"
        f" {gpu_names_text(notice.gpu_names)}.{training}\nIt is held for you as"
        f" R{notice.reservation_id} until {slack_time(notice.answer_by)}; after that the next in"
        " line is asked."
    )
    return _card(text, _offer_buttons(notice.wait_id))


_HELD_BY_NOBODY = (
    "although nobody holds them I could not offer them: GPUs are out of service"
    " (`/gpu maintenance`), or your team is at its quota (`/gpu share`)"
)


def wait_ended(notice: WaitEnded) -> Card:
    """Return why a place on the waitlist or in the queue is over."""
    what = count_text(notice.gpu_count, "GPU")
    if notice.starts_at is not None and notice.ends_at is not None:
        what += f" {window_text(TimeWindow(notice.starts_at, notice.ends_at))}"
    held = f"R{notice.reservation_id}" if notice.reservation_id else ""
    if notice.why == "queued":
        return _card(f":hourglass: {_queued_too_long(notice)}", actions([reserve_button()]))
    if notice.why == "silence":
        text = (
            f":bell: You did not answer in time, so {what} ({held or 'offered to you'}) went to the"
            " next in line, and your place on the waitlist is over."
        )
    elif notice.why == "begun":
        why = f"{held} still has GPUs of it" if held else _HELD_BY_NOBODY
        text = (
            f":hourglass: {what}: the window begins now, and {why}. Your place on the waitlist is"
            " over."
        )
    else:
        who = f"{held} and others have them" if held else _HELD_BY_NOBODY
        text = (
            f":hourglass: {what} did not become free{_for_how_long(notice)}; {who}. Your place on"
            " the waitlist is over."
        )
    return _card(f"{text} Book another time, or join again.", actions([reserve_button()]))


def _queued_too_long(notice: WaitEnded) -> str:
    return (
        f"Your job for {count_text(notice.gpu_count, 'GPU')} waited in the queue"
        f"{_for_how_long(notice)} and never found them idle for as long as it takes, so I gave"
        " it up. Book GPUs for it: what is booked is kept for you."
    )


def _for_how_long(notice: WaitEnded) -> str:
    if not notice.waited_s:
        return " for too long"
    return f" for {duration_text(timedelta(seconds=notice.waited_s))}"


def job_dispatched(notice: JobDispatched) -> Card:
    """Return that a job of the queue starts."""
    return _card(
        f":rocket: Your job leaves the queue and starts as R{notice.reservation_id} on"
        f" {gpu_names_text(notice.gpu_names)}. If it is not done by {slack_time(notice.stops_at)}"
        " it saves a checkpoint and stops."
    )


def _card(text: str, *more: Block) -> Card:
    return Card(clip(text, FALLBACK_CHARS), (section(text), *more))


def _wish(view: WaitView, tz: tzinfo) -> str:
    request = view.request
    gpus = gpu_names_text(request.gpu_names) if request.gpu_names else ""
    what = gpus or count_text(request.gpu_count, "GPU")
    if request.start is None or view.window is None:
        when = f"for {duration_text(request.length)} as soon as possible"
    else:
        when = window_text(view.window, tz)
    run = f", {spec_words(request.run)}" if request.run else ""
    note = f" “{safe(request.note, 100)}”" if request.note else ""
    return f"{what} {when}{run}{note}"


def _standing(view: WaitView) -> str:
    if view.state is OfferState.OPEN and view.offered_until is not None:
        return f"It is held for you until {slack_time(view.offered_until)}: take it?"
    if not view.ahead:
        return "You are first in line."
    return f"You are number {view.place} in line, behind {_names(view)}."


def _names(view: WaitView) -> str:
    shown = ", ".join(person(one) for one in view.ahead[:NAMES_SHOWN])
    more = len(view.ahead) - NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _queue_standing(view: WaitView) -> str:
    place = "You are first in line" if not view.ahead else f"Number {view.place}, behind "
    names = _names(view) if view.ahead else ""
    return f"{place}{names}; {_start(view)}."


def _start(view: WaitView) -> str:
    if view.expected_start is None:
        return "no start in sight: the GPUs that it needs are not there now"
    if view.expected_start - view.since < timedelta(minutes=1):
        return "starts as soon as its host takes it"
    return f"starts about {slack_date(view.expected_start)} if nothing changes"


def _job(view: WaitView) -> str:
    run = f", {spec_words(view.request.run)}" if view.request.run else ""
    what = count_text(view.request.gpu_count, "GPU")
    return f"{what} for {duration_text(view.request.length)}{run}"


def _offer_buttons(wait_id: int) -> Block:
    value = str(wait_id)
    return actions(
        [
            button("Accept", ACCEPT_ACTION, value, style="primary"),
            button("Decline", DECLINE_ACTION, value),
        ]
    )


def _leave_button(view: WaitView) -> Block:
    effect = "Your place goes to those behind you."
    dialog = confirm_dialog("Leave the waitlist?", effect, "Leave", "Stay", style="danger")
    return button("Leave", LEAVE_ACTION, str(view.wait_id), confirm=dialog)


def _dequeue_button(view: WaitView) -> Block:
    dialog = confirm_dialog(
        "Take it out of the queue?", "The job will not start.", "Take out", "Keep", style="danger"
    )
    return button("Cancel", DEQUEUE_ACTION, str(view.wait_id), confirm=dialog)

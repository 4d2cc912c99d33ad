"""Clicks of those who wait: join, leave, accept and decline."""

from __future__ import annotations

from bot.domain.errors import BerthError, UnreadableRequest
from bot.services import queue, waitlist
from bot.slack.asked import Asked
from bot.slack.blocks.card import Card
from bot.slack.blocks.refusal import refusal_card
from bot.slack.blocks.waiting import joined_card, queued_card, taken_card
from bot.slack.carried_request import request_from_value
from bot.slack.desk import Desk
from bot.slack.inbound.home_opened import refresh_home, show_home


async def join_waitlist(desk: Desk, asked: Asked) -> None:
    """Put the refused wish that the button carries onto the waitlist.

    Raises:
        BerthError: the button is from another release, or the wish cannot be served any more.
    """
    request = request_from_value(asked.value, request_key=None)
    member, tz = await desk.member(asked)
    view = await desk.run(waitlist.join, member, request)
    await desk.answering.tell(asked, joined_card(view, tz))


async def leave_waitlist(desk: Desk, asked: Asked) -> None:
    """Give up a place; the answer stands where the button stood."""
    member, tz = await desk.member(asked)
    try:
        card = joined_card(await desk.run(waitlist.leave, member, _number(asked)), tz)
    except BerthError as error:
        card = refusal_card(error, tz)
    await _show(desk, asked, card)


async def accept_window(desk: Desk, asked: Asked) -> None:
    """Take the window that is offered; the outcome stands where the offer stood."""
    member, tz = await desk.member(asked)
    try:
        card = taken_card(await desk.run(waitlist.accept, member, _number(asked)), tz)
    except BerthError as error:
        card = refusal_card(error, tz)
    await _show(desk, asked, card)


async def decline_window(desk: Desk, asked: Asked) -> None:
    """Say no to a window; the outcome stands where the offer stood."""
    member, tz = await desk.member(asked)
    try:
        card = joined_card(await desk.run(waitlist.decline, member, _number(asked)), tz)
    except BerthError as error:
        card = refusal_card(error, tz)
    await _show(desk, asked, card)


async def join_queue(desk: Desk, asked: Asked) -> None:
    """Put the short training that the button carries into the queue.

    Raises:
        BerthError: the button is from another release, or the job could never be served.
    """
    request = request_from_value(asked.value, request_key=None)
    member, _ = await desk.member(asked)
    view = await desk.run(queue.join, member, request)
    await desk.answering.tell(asked, queued_card(view), replace=True)


async def leave_queue(desk: Desk, asked: Asked) -> None:
    """Take a job out of the queue; the answer stands where the button stood."""
    member, tz = await desk.member(asked)
    try:
        card = queued_card(await desk.run(queue.leave, member, _number(asked)))
    except BerthError as error:
        card = refusal_card(error, tz)
    await _show(desk, asked, card)


async def _show(desk: Desk, asked: Asked, card: Card) -> None:
    """Put the outcome in the place of what was clicked, or on top of the home tab as it is now."""
    if asked.in_home:
        await show_home(desk, asked, notice=card)
        return
    await desk.answering.tell(asked, card, replace=True)
    await refresh_home(desk, asked)


def _number(asked: Asked) -> int:
    if not asked.value.isdecimal():
        raise UnreadableRequest("", "a fresh list: this button is from another release of Berth")
    return int(asked.value)

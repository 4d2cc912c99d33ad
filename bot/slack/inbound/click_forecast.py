"""Clicks below what is told about the end of a run."""

from __future__ import annotations

from bot.domain.errors import BerthError, OfferOver, UnreadableRequest
from bot.services import changing, continuing, finishing_early, minutes, queries
from bot.slack.asked import Asked
from bot.slack.blocks.card import Card
from bot.slack.blocks.change_cards import change_refusal_card, changed_card
from bot.slack.blocks.forecast_words import (
    ask_from_value,
    continued_card,
    fitted_card,
    minutes_outcome,
)
from bot.slack.carried_change import change_from_value
from bot.slack.desk import Desk
from bot.slack.inbound.home_opened import refresh_home

_OUTDATED = "a fresh message: this button is from another release of Berth"


async def ask_minutes(desk: Desk, asked: Asked) -> None:
    """Ask the next holder; the other choices stay where they are.

    Raises:
        UnreadableRequest: the button is from another release.
        BerthError: nobody can be asked as things stand now.
    """
    try:
        number, wanted, shown_end = ask_from_value(asked.value)
    except ValueError as error:
        raise UnreadableRequest("", _OUTDATED) from error
    member, _ = await desk.member(asked)
    view = await desk.run(minutes.ask, member, number, wanted, shown_end)
    await desk.answering.tell(asked, minutes_outcome(view, asked.user_id))


async def give_minutes(desk: Desk, asked: Asked) -> None:
    """Give the minutes; the outcome stands where the buttons stood.

    Raises:
        BerthError: they cannot be given as things stand now; the buttons stay.
    """
    member, _ = await desk.member(asked)
    ask_id = _number(asked)
    try:
        view = await desk.run(minutes.give, member, ask_id)
    except OfferOver:
        view = await desk.run(minutes.look_up, ask_id)
    await _done(desk, asked, minutes_outcome(view, asked.user_id))


async def keep_minutes(desk: Desk, asked: Asked) -> None:
    """Keep one's time.

    Raises:
        BerthError: there is no such request, or it went to somebody else.
    """
    member, _ = await desk.member(asked)
    ask_id = _number(asked)
    try:
        view = await desk.run(minutes.keep, member, ask_id)
    except OfferOver:
        view = await desk.run(minutes.look_up, ask_id)
    await _done(desk, asked, minutes_outcome(view, asked.user_id))


async def continue_later(desk: Desk, asked: Asked) -> None:
    """Book the next free window for the rest of the training.

    Raises:
        BerthError: it cannot be continued as things stand now; the buttons stay.
    """
    member, tz = await desk.member(asked)
    number = _number(asked)
    before = await desk.run(queries.reservation, number)
    try:
        view = await desk.run(continuing.stop_and_continue, member, number, asked.key)
    except BerthError as error:
        await desk.answering.tell(asked, change_refusal_card(error, before, tz))
        return
    await _done(desk, asked, continued_card(view, tz))


async def fit_to_slot(desk: Desk, asked: Asked) -> None:
    """Let the training finish early.

    Raises:
        BerthError: nothing trains there any more, or it is not theirs.
    """
    member, tz = await desk.member(asked)
    view = await desk.run(finishing_early.fit_to_slot, member, _number(asked))
    await _done(desk, asked, fitted_card(view, tz))


async def give_back_the_rest(desk: Desk, asked: Asked) -> None:
    """End the reservation where the button says.

    Raises:
        UnreadableRequest: the button is from another release.
        UnknownReservation: there is none of that number.
    """
    wish = change_from_value(asked.value)
    member, tz = await desk.member(asked)
    before = await desk.run(queries.reservation, wish.reservation_id)
    try:
        after = await desk.run(changing.shorten, member, wish.reservation_id, wish.instant)
    except BerthError as error:
        await desk.answering.tell(asked, change_refusal_card(error, before, tz))
        return
    await _done(desk, asked, changed_card(before, after, tz))


async def _done(desk: Desk, asked: Asked, card: Card) -> None:
    await desk.answering.tell(asked, card, replace=asked.in_direct)
    await refresh_home(desk, asked)


def _number(asked: Asked) -> int:
    if not asked.value.isdecimal():
        raise UnreadableRequest("", _OUTDATED)
    return int(asked.value)

"""Series: booked from a line or the form, listed, skipped and cancelled."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.errors import BerthError
from bot.domain.people import Member
from bot.domain.recurrence import Recurrence
from bot.domain.requests import ReserveRequest
from bot.services import series
from bot.slack.asked import Asked
from bot.slack.blocks.refusal import refusal_card
from bot.slack.blocks.series import (
    cancelled_card,
    confirm_card,
    created_card,
    dismissed_card,
    series_list_card,
    skipped_words,
)
from bot.slack.carried_series import series_from_value
from bot.slack.desk import Desk
from bot.slack.grammar import parse_cancel
from bot.slack.inbound.book import BookingOutcome
from bot.slack.inbound.home_opened import refresh_home
from bot.slack.recurrence_grammar import SeriesWish
from bot.slack.times import zone


async def book_series(
    desk: Desk, member: Member, rule: Recurrence, request: ReserveRequest
) -> BookingOutcome:
    """Book a series, and return what is booked and what is not, or why nothing is."""
    tz = zone(member.time_zone)
    try:
        view = await desk.run(series.create, member, rule, request)
    except BerthError as error:
        return BookingOutcome(refusal_card(error, tz), error)
    return BookingOutcome(created_card(view, tz))


async def reserve_series(desk: Desk, asked: Asked, member: Member, wish: SeriesWish) -> None:
    """Book a series that was written in one line; ask first where it could be meant otherwise."""
    question = confirm_card(wish) if wish.doubts else None
    if question is not None:
        await desk.answering.tell(asked, question)
        return
    request = replace(wish.request, request_key=asked.key)
    outcome = await book_series(desk, member, wish.rule, request)
    await desk.answering.tell(asked, outcome.card)
    await refresh_home(desk, asked)


async def confirm_series(desk: Desk, asked: Asked) -> None:
    """Book the series that was asked back about; the outcome stands in place of the question.

    Raises:
        UnreadableRequest: the button is from another release.
    """
    rule, request = series_from_value(asked.value, request_key=asked.key)
    member, _ = await desk.member(asked)
    outcome = await book_series(desk, member, rule, request)
    await desk.answering.tell(asked, outcome.card, replace=True)
    await refresh_home(desk, asked)


async def dismiss_series(desk: Desk, asked: Asked) -> None:
    """Take the question away; nothing is booked."""
    await desk.answering.tell(asked, dismissed_card(), replace=True)


async def show_series(desk: Desk, asked: Asked, _rest: str = "") -> None:
    """List the series of the one who asks, each with its next dates and its buttons."""
    member, tz = await desk.member(asked)
    views = await desk.run(series.mine, member)
    await desk.answering.tell(asked, series_list_card(views, tz))


async def skip_next(desk: Desk, asked: Asked) -> None:
    """Give back the occurrence that the button names, and show what is left.

    Raises:
        UnknownReservation, NotTheHolder, ReservationOver: told where the person stands.
    """
    member, tz = await desk.member(asked)
    number = parse_cancel(asked.value).reservation_id or 0
    await desk.run(series.skip, member, number)
    views = await desk.run(series.mine, member)
    card = series_list_card(views, tz, notice=skipped_words(number))
    await desk.answering.tell(asked, card, replace=True)
    await refresh_home(desk, asked)


async def cancel_series(
    desk: Desk, asked: Asked, series_id: int, reason: str, *, in_place: bool = False
) -> None:
    """End a series and say so.

    Raises:
        UnknownSeries, NotTheSeriesHolder, SeriesOver: told where the person stands.
    """
    member, _ = await desk.member(asked)
    view = await desk.run(series.cancel_all, member, series_id, reason)
    await desk.answering.tell(asked, cancelled_card(view, reason), replace=in_place)
    await refresh_home(desk, asked)


async def click_cancel_series(desk: Desk, asked: Asked) -> None:
    """End the series that the button names; the outcome stands in its place.

    Raises:
        UnknownSeries, NotTheSeriesHolder, SeriesOver: told where the person stands.
    """
    number = parse_cancel(asked.value).reservation_id or 0
    await cancel_series(desk, asked, number, "", in_place=True)

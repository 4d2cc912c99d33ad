"""The booking itself, the same from a line, a form and a button."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bot.domain.errors import BerthError, WindowTaken
from bot.domain.people import Member
from bot.domain.requests import ReserveRequest
from bot.services import booking, plans, swap_ideas
from bot.slack.blocks.card import Card
from bot.slack.blocks.confirmation import booked_card
from bot.slack.blocks.plan import finish_line
from bot.slack.blocks.refusal import refusal_card
from bot.slack.blocks.swap_ideas import with_swaps
from bot.slack.desk import Desk
from bot.slack.inbound.preemption_offer import with_preemption
from bot.slack.times import zone


@dataclass(frozen=True, slots=True)
class BookingOutcome:
    """What came of a booking: words either way, and the error if it was refused."""

    card: Card
    error: BerthError | None = None


async def book(
    desk: Desk, member: Member, request: ReserveRequest, slot: timedelta
) -> BookingOutcome:
    """Book, and return the confirmation or the refusal with what fits instead."""
    tz = zone(member.time_zone)
    try:
        view = await desk.run(booking.reserve, member, request)
    except BerthError as error:
        card = refusal_card(error, tz, request)
        if isinstance(error, WindowTaken):
            found = await desk.run(swap_ideas.ideas, member, request, error.holdings)
            card = with_swaps(card, found, tz)
            card = await with_preemption(desk, member, request, card, error)
        return BookingOutcome(card, error)
    finish = await desk.run(plans.expected_finish, view.reservation_id) if view.run else None
    words = "" if finish is None else finish_line(finish, tz)
    return BookingOutcome(booked_card(view, request, tz, slot, words))

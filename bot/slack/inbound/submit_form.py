"""The booking form is submitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from bot.domain.errors import BerthError
from bot.domain.people import Member
from bot.domain.views import BookingForm
from bot.services import queries
from bot.slack.asked import Asked, metadata
from bot.slack.blocks.booking_modal import (
    booking_modal,
    fields_of_error,
    message_modal,
    read_state,
    request_from_state,
)
from bot.slack.blocks.card import Card
from bot.slack.blocks.error_sentences import PlainWords, sentence
from bot.slack.blocks.refusal import refusal_card
from bot.slack.blocks.text import Block
from bot.slack.desk import Desk
from bot.slack.inbound.book import BookingOutcome, book
from bot.slack.inbound.series import book_series
from bot.slack.repeat_choice import rule_of_choice
from bot.slack.times import zone

FIELD_CHARS = 1000


@dataclass(frozen=True, slots=True)
class Submitted:
    """What the form turns into.

    ``ack`` is how Slack is answered in time; ``late_view`` what the modal shows when the answer
    came too late for that; ``tell`` what is told in the channel once the modal is closed.
    """

    ack: Mapping[str, Any]
    late_view: Block
    tell: Card | None = None


async def submit_form(desk: Desk, asked: Asked) -> Submitted:
    """Book what the form says; faults come back at their fields, a full window with its offers.

    Raises:
        NotAllowed, Unavailable: who this is could not be told.
    """
    member, tz = await desk.member(asked)
    form = await desk.run(queries.booking_form)
    outcome = await _book(desk, member, form, asked)
    if outcome.error is not None:
        return _refused(asked, form, outcome.card, outcome.error, tz)
    done = message_modal("Booked", outcome.card, metadata(asked.channel_id))
    return Submitted({"response_action": "clear"}, done, tell=outcome.card)


async def _book(desk: Desk, member: Member, form: BookingForm, asked: Asked) -> BookingOutcome:
    try:
        state = read_state(asked.view)
        request = request_from_state(state, form, request_key=asked.key)
    except BerthError as error:
        return BookingOutcome(refusal_card(error, ZoneInfo(member.time_zone)), error)
    rule = rule_of_choice(
        state.repeat,
        start=request.start or form.now,
        length=request.length,
        tz=zone(member.time_zone),
    )
    if rule is not None:
        return await book_series(desk, member, rule, request)
    return await book(desk, member, request, form.slot)


def _refused(
    asked: Asked, form: BookingForm, card: Card, error: BerthError, tz: ZoneInfo
) -> Submitted:
    again = booking_modal(form, read_state(asked.view), metadata(asked.channel_id), notice=card)
    words = str(sentence(error, PlainWords(tz)))
    faults = {
        block_id: (fault or words)[:FIELD_CHARS]
        for block_id, fault in fields_of_error(error, asked.view)
    }
    if faults:
        return Submitted({"response_action": "errors", "errors": faults}, again)
    return Submitted({"response_action": "update", "view": again}, again)

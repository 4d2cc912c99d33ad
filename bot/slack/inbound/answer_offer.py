"""Clicks on what somebody was offered: accept, decline, withdraw."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.errors import OfferOver, UnreadableRequest
from bot.domain.offers import OfferState
from bot.services import swaps, transfers
from bot.slack.asked import Asked
from bot.slack.blocks.card import Card
from bot.slack.blocks.handover_modals import Declining, decline_modal
from bot.slack.blocks.handovers import swap_from_value, swap_outcome, transfer_outcome
from bot.slack.desk import Desk
from bot.slack.inbound.home_opened import refresh_home
from bot.slack.inbound.open_view import open_view

_OUTDATED = "a fresh message: this button is from another release of Berth"


async def accept_transfer(desk: Desk, asked: Asked) -> None:
    """Take the reservation over; the outcome stands where the buttons stood.

    Raises:
        BerthError: it cannot be taken over as things stand now; the buttons stay.
    """
    member, _ = await desk.member(asked)
    number = _number(asked)
    try:
        view = await desk.run(transfers.accept, member, number)
        card = transfer_outcome(view, asked.user_id)
    except OfferOver as over:
        card = await outcome_of(desk, transfers.OFFER, number, asked.user_id, over)
    await _done(desk, asked, card)


async def withdraw_transfer(desk: Desk, asked: Asked) -> None:
    """Take the offer back.

    Raises:
        BerthError: it is not theirs.
    """
    member, _ = await desk.member(asked)
    number = _number(asked)
    try:
        view = await desk.run(transfers.withdraw, member, number)
        card = transfer_outcome(view, asked.user_id)
    except OfferOver as over:
        card = await outcome_of(desk, transfers.OFFER, number, "", over)
    await _done(desk, asked, card)


async def accept_swap(desk: Desk, asked: Asked) -> None:
    """Exchange the two as they were shown.

    Raises:
        BerthError: it cannot be done as things stand now; the buttons stay.
    """
    member, _ = await desk.member(asked)
    number, seen = _swap(asked)
    try:
        card = swap_outcome(await desk.run(swaps.accept, member, number, seen))
    except OfferOver as over:
        card = await outcome_of(desk, swaps.OFFER, number, asked.user_id, over)
    await _done(desk, asked, card)


async def withdraw_swap(desk: Desk, asked: Asked) -> None:
    """Take the proposal back.

    Raises:
        BerthError: it is not theirs.
    """
    member, _ = await desk.member(asked)
    number, _seen = _swap(asked)
    try:
        card = swap_outcome(await desk.run(swaps.withdraw, member, number))
    except OfferOver as over:
        card = await outcome_of(desk, swaps.OFFER, number, asked.user_id, over)
    await _done(desk, asked, card)


async def decline_transfer(desk: Desk, asked: Asked) -> None:
    """Ask why, or tell that it is over already.

    Raises:
        BerthError: there is no such offer.
    """
    number = _number(asked)
    view = await desk.run(transfers.look_up, number)
    await _ask_why(desk, asked, transfers.OFFER, number, view.state)


async def decline_swap(desk: Desk, asked: Asked) -> None:
    """Ask why, or tell that it is over already.

    Raises:
        BerthError: there is no such proposal.
    """
    number, _seen = _swap(asked)
    view = await desk.run(swaps.look_up, number)
    await _ask_why(desk, asked, swaps.OFFER, number, view.state)


async def outcome_of(
    desk: Desk, offer: str, number: int, reader_slack_id: str, over: OfferOver | None = None
) -> Card:
    """Return what is to stand where the buttons of an offer stood."""
    if offer == swaps.OFFER:
        swap = await desk.run(swaps.look_up, number)
        return swap_outcome(replace(swap, state=OfferState(over.state)) if over else swap)
    found = await desk.run(transfers.look_up, number)
    found = replace(found, state=OfferState(over.state)) if over else found
    if found.state is OfferState.ACCEPTED and found.to_slack_id != reader_slack_id:
        return transfer_outcome(found, found.reservation.holder_slack_id)
    return transfer_outcome(found, reader_slack_id)


async def _ask_why(desk: Desk, asked: Asked, offer: str, number: int, state: OfferState) -> None:
    if state.is_over:
        await _done(desk, asked, await outcome_of(desk, offer, number, asked.user_id))
        return
    declining = Declining(offer, number, asked.channel_id, asked.message_ts)
    await open_view(desk, asked, decline_modal(declining))


async def _done(desk: Desk, asked: Asked, card: Card) -> None:
    await desk.answering.tell(asked, card, replace=True)
    await refresh_home(desk, asked)


def _number(asked: Asked) -> int:
    if not asked.value.isdecimal():
        raise UnreadableRequest("", _OUTDATED)
    return int(asked.value)


def _swap(asked: Asked) -> tuple[int, tuple[int, int] | None]:
    try:
        return swap_from_value(asked.value)
    except ValueError as error:
        raise UnreadableRequest("", _OUTDATED) from error

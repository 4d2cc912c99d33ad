"""The small forms of handing over are submitted."""

from __future__ import annotations

from datetime import tzinfo

from slack_sdk.errors import SlackApiError

from bot.domain.errors import BerthError, CannotHandOver, CannotReceive, OfferOver, OverQuota
from bot.services import swaps, transfers
from bot.slack.asked import Asked, metadata
from bot.slack.blocks.booking_modal import message_modal
from bot.slack.blocks.card import Card
from bot.slack.blocks.error_sentences import PlainWords, sentence
from bot.slack.blocks.handover_modals import PERSON, Declining, read_decline, read_transfer
from bot.slack.blocks.handovers import transfer_asked
from bot.slack.blocks.refusal import refusal_card
from bot.slack.desk import Desk
from bot.slack.inbound.answer_offer import outcome_of
from bot.slack.inbound.submit_form import FIELD_CHARS, Submitted
from bot.slack.inbound.transfer_command import receiver
from bot.slack.mentions import Mentioned

_ABOUT_THE_PERSON = (CannotReceive, CannotHandOver, OverQuota)


async def submit_transfer(desk: Desk, asked: Asked) -> Submitted:
    """Offer the reservation to the person chosen; what is wrong with them stands at the field.

    Raises:
        NotAllowed, Unavailable: who this is could not be told.
    """
    member, tz = await desk.member(asked)
    try:
        reservation_id, person, reason = read_transfer(asked.view)
        to = await receiver(desk, Mentioned(person))
        view = await desk.run(transfers.offer, member, reservation_id, to, reason)
    except BerthError as error:
        return _refused(asked, error, tz)
    card = transfer_asked(view)
    return Submitted({"response_action": "clear"}, _told(asked, "Transfer", card), tell=card)


async def submit_decline(desk: Desk, asked: Asked) -> Submitted:
    """Decline with the reason; the outcome stands where the buttons stood.

    Raises:
        NotAllowed, Unavailable: who this is could not be told.
    """
    member, tz = await desk.member(asked)
    try:
        declining, reason = read_decline(asked.view)
        decline = swaps.decline if declining.offer == swaps.OFFER else transfers.decline
        over = None
        try:
            await desk.run(decline, member, declining.offer_id, reason)
        except OfferOver as error:
            over = error
        card = await outcome_of(desk, declining.offer, declining.offer_id, asked.user_id, over)
    except BerthError as error:
        return _refused(asked, error, tz)
    desk.answering.start(_replace(desk, declining, card), asked, "decline")
    return Submitted({"response_action": "clear"}, _told(asked, "Decline", card))


async def _replace(desk: Desk, declining: Declining, card: Card) -> None:
    """Put the outcome where the buttons stood; an ephemeral message cannot be edited that way."""
    if not declining.channel_id or not declining.message_ts:
        return
    try:
        await desk.client.chat_update(
            channel=declining.channel_id,
            ts=declining.message_ts,
            text=card.text,
            blocks=list(card.blocks),
        )
    except SlackApiError as error:
        if error.response.get("error") not in ("message_not_found", "cant_update_message"):
            raise


def _refused(asked: Asked, error: BerthError, tz: tzinfo) -> Submitted:
    card = _told(asked, "Transfer", refusal_card(error, tz))
    if isinstance(error, _ABOUT_THE_PERSON):
        words = str(sentence(error, PlainWords(tz)))[:FIELD_CHARS]
        return Submitted({"response_action": "errors", "errors": {PERSON: words}}, card)
    return Submitted({"response_action": "update", "view": card}, card)


def _told(asked: Asked, title: str, card: Card) -> dict[str, object]:
    return message_modal(title, card, metadata(asked.channel_id))

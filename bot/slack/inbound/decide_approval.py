"""Approve and Decline, on a card or in the approval channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError

from bot.domain.errors import OfferOver, Unavailable
from bot.services import approvals
from bot.slack.asked import Asked
from bot.slack.blocks.approval import (
    REASON_BLOCK,
    carried_approval,
    decline_modal,
    metadata_of,
    outcome_card,
    read_value,
)
from bot.slack.blocks.booking_modal import message_modal
from bot.slack.blocks.card import Card
from bot.slack.blocks.refusal import refusal_card
from bot.slack.desk import Desk
from bot.slack.inbound.submit_form import Submitted

log = structlog.get_logger(__name__)


async def click_approve(desk: Desk, asked: Asked) -> None:
    """Approve a request; a message that is about it alone shows the outcome instead.

    Raises:
        UnknownApproval, MayNotApprove: told where the person stands.
    """
    member, tz = await desk.member(asked)
    number, in_notice = read_value(asked.value)
    try:
        card = outcome_card(await desk.run(approvals.approve, member, number))
    except OfferOver as over:
        card = refusal_card(over, tz)
    await desk.answering.tell(asked, card, replace=in_notice)


async def click_decline(desk: Desk, asked: Asked) -> None:
    """Open the form that asks for the reason, for who may decline.

    Raises:
        UnknownApproval, MayNotApprove: told where the person stands.
        Unavailable: three seconds were over before the form could be opened.
        SlackApiError: Slack did not open it.
    """
    member, tz = await desk.member(asked)
    number, in_notice = read_value(asked.value)
    try:
        view = await desk.run(approvals.require_open, member, number)
    except OfferOver as over:
        await desk.answering.tell(asked, refusal_card(over, tz), replace=in_notice)
        return
    private = metadata_of(asked.channel_id, number, asked.message_ts if in_notice else None)
    try:
        await desk.client.views_open(
            trigger_id=asked.trigger_id or "", view=decline_modal(view, private)
        )
    except SlackApiError as error:
        code = error.response.get("error")
        if code == "exchanged_trigger_id":
            return  # the same click delivered twice: the form is open already
        if code in ("expired_trigger_id", "trigger_expired"):
            raise Unavailable from error
        raise


async def submit_decline(desk: Desk, asked: Asked) -> Submitted:
    """Decline with the reason of the form; a message that asked shows the outcome instead.

    Raises:
        UnknownApproval, MayNotApprove, OfferOver: told in the form.
    """
    member, _ = await desk.member(asked)
    private = str(asked.view.get("private_metadata") or "")
    number, notice_ts = carried_approval(private)
    view = await desk.run(approvals.decline, member, number, _reason(asked.view))
    card = outcome_card(view)
    if notice_ts and asked.channel_id:
        work = _replace_notice(desk, asked.channel_id, notice_ts, card)
        desk.answering.start(work, asked, "approval_notice")
    done = message_modal("Declined", card, private)
    return Submitted({"response_action": "clear"}, done, tell=card)


def _reason(view: Mapping[str, Any]) -> str:
    values = (view.get("state") or {}).get("values") or {}
    return str((values.get(REASON_BLOCK) or {}).get(REASON_BLOCK, {}).get("value") or "").strip()


async def _replace_notice(desk: Desk, channel_id: str, ts: str, card: Card) -> None:
    try:
        await desk.client.chat_update(
            channel=channel_id, ts=ts, text=card.text, blocks=list(card.blocks)
        )
    except SlackApiError as error:
        # Its buttons stay, and answer that it has been decided.
        log.info("slack_notice_not_replaced", channel=channel_id, reason=str(error))

"""What a form shows while its answer takes longer than Slack waits, and when it cannot be taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.slack.blocks import (
    approval,
    booking_modal,
    handover_modals,
    plan_modal,
    preemption,
    templates,
    train_modal,
)
from bot.slack.blocks.booking_modal import form_with_notice
from bot.slack.blocks.card import Card
from bot.slack.blocks.text import Block, divider, plain, section

_ANY = ("Berth", "Working on it; what comes of it stands here in a moment.")
_DOING: Mapping[str, tuple[str, str]] = {
    booking_modal.CALLBACK: ("Book GPUs", "Booking… what comes of it stands here in a moment."),
    approval.DECLINE_CALLBACK: ("Decline", "Declining, and giving the GPUs back…"),
    handover_modals.TRANSFER_CALLBACK: ("Transfer", "Offering the reservation…"),
    plan_modal.CALLBACK: ("Plan", "Working out which windows fit…"),
    train_modal.CALLBACK: ("Train", "Booking the training… what comes of it stands here soon."),
    templates.SAVE_CALLBACK: ("Template", "Keeping the template…"),
    preemption.OBJECT_CALLBACK: ("Objecting", "Telling whoever approved it…"),
    handover_modals.DECLINE_CALLBACK: ("Decline", "Declining, and telling who asked…"),
}
"""Title and words of each form by its ``callback_id``; one that is not named works all the same."""

_NOTICE_BLOCKS = 20
_TITLE_CHARS = 24


def doing_modal(view: Mapping[str, Any], private_metadata: str) -> Block:
    """Return what stands in place of a submitted form until it is done: what is being done."""
    title, words = _DOING.get(str(view.get("callback_id") or ""), _ANY)
    return {
        "type": "modal",
        "title": plain(title, _TITLE_CHARS),
        "close": plain("Close", _TITLE_CHARS),
        "private_metadata": private_metadata,
        "blocks": [section(f":hourglass_flowing_sand: {words}")],
    }


def form_again(view: Mapping[str, Any], notice: Card) -> Block:
    """Return a form as Slack sent it, with a notice on top; it can be submitted again.

    Slack keeps what was entered in inputs of the same ids.
    """
    if view.get("callback_id") == booking_modal.CALLBACK:
        return form_with_notice(view, notice)
    kept = [block for block in view.get("blocks") or [] if block.get("type") == "input"]
    form: Block = {
        "type": "modal",
        "callback_id": view.get("callback_id"),
        "title": view.get("title") or plain(_ANY[0], _TITLE_CHARS),
        "close": view.get("close") or plain("Close", _TITLE_CHARS),
        "private_metadata": str(view.get("private_metadata") or ""),
        "blocks": [*notice.blocks[:_NOTICE_BLOCKS], *([divider()] if kept else []), *kept],
    }
    if view.get("submit"):
        form["submit"] = view["submit"]
    return form

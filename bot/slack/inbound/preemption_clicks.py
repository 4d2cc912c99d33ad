"""Preemption in Slack: asked for, approved, answered by whoever gives up GPUs."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.errors import OfferOver, UnreadableRequest
from bot.services import preemption_answers, preemptions
from bot.slack.asked import Asked
from bot.slack.blocks.booking_modal import message_modal
from bot.slack.blocks.preemption import (
    REASON_BLOCK,
    approve_from_value,
    asked_card,
    decided_card,
    object_modal,
    said_card,
    stand_from_value,
    yielded_card,
)
from bot.slack.blocks.refusal import refusal_card
from bot.slack.carried_request import request_from_value
from bot.slack.desk import Desk
from bot.slack.inbound.home_opened import refresh_home
from bot.slack.inbound.open_view import open_view
from bot.slack.inbound.submit_form import Submitted

_OUTDATED = "a fresh message: this button is from another release of Berth"


async def click_ask(desk: Desk, asked: Asked) -> None:
    """Ask for the GPUs that the button names; nothing happens until it is approved.

    Raises:
        UnreadableRequest: the button is from another release.
        BerthError: it cannot be asked for as things stand now.
    """
    request = request_from_value(asked.value, request_key=asked.key)
    member, _ = await desk.member(asked)
    view = await desk.run(preemptions.ask, member, replace(request, request_key=asked.key))
    await desk.answering.tell(asked, asked_card(view))
    await refresh_home(desk, asked)


async def click_approve(desk: Desk, asked: Asked) -> None:
    """Approve the plan that was seen; another one is shown instead.

    Raises:
        UnreadableRequest: the button is from another release.
        BerthError: this person may not, or it cannot be had any more.
    """
    try:
        number, digest = approve_from_value(asked.value)
    except ValueError as error:
        raise UnreadableRequest("", _OUTDATED) from error
    member, tz = await desk.member(asked)
    try:
        card = decided_card(await desk.run(preemptions.approve, member, number, digest))
    except OfferOver as over:
        card = refusal_card(over, tz)
    await desk.answering.tell(asked, card, replace=True)


async def click_yield(desk: Desk, asked: Asked) -> None:
    """Stop at a checkpoint now.

    Raises:
        BerthError: it is not theirs, or nothing is taken back any more.
    """
    member, _ = await desk.member(asked)
    view = await desk.run(preemption_answers.yield_now, member, _number(asked))
    await desk.answering.tell(asked, yielded_card(view, after_epoch=False))


async def click_epoch(desk: Desk, asked: Asked) -> None:
    """Stop as soon as the epoch that runs is done.

    Raises:
        BerthError: it is not theirs, it does not fit, or nothing is taken back any more.
    """
    member, _ = await desk.member(asked)
    view = await desk.run(preemption_answers.finish_epoch, member, _number(asked))
    await desk.answering.tell(asked, yielded_card(view, after_epoch=True))


async def click_object(desk: Desk, asked: Asked) -> None:
    """Open the form that asks why.

    Raises:
        Unavailable: three seconds were over before it could be opened.
        SlackApiError: Slack did not open it.
    """
    await open_view(desk, asked, object_modal(_number(asked)))


async def submit_objection(desk: Desk, asked: Asked) -> Submitted:
    """Tell the reason to whoever approved.

    Raises:
        BerthError: it is not theirs, or nothing is taken back any more.
    """
    member, _ = await desk.member(asked)
    private = str(asked.view.get("private_metadata") or "")
    values = (asked.view.get("state") or {}).get("values") or {}
    reason = str((values.get(REASON_BLOCK) or {}).get(REASON_BLOCK, {}).get("value") or "").strip()
    number = int(private) if private.isdecimal() else 0
    await desk.run(preemption_answers.object_to, member, number, reason)
    card = said_card(":speech_balloon: Whoever approved it reads your reason now and decides.")
    done = message_modal("Sent", card, private)
    return Submitted({"response_action": "clear"}, done, tell=card)


async def click_withdraw(desk: Desk, asked: Asked) -> None:
    """Call it off: everybody keeps their GPUs.

    Raises:
        UnreadableRequest: the button is from another release.
        BerthError: this person may not, or the GPUs have been taken.
    """
    number, victim = _pair(asked)
    member, _ = await desk.member(asked)
    reason = f"the holder of R{victim} objected" if victim else "called off"
    view = await desk.run(preemptions.withdraw, member, number, reason)
    text = f":relieved: R{view.reservation_id} is called off; everybody keeps their GPUs."
    await desk.answering.tell(asked, said_card(text), replace=True)


async def click_stand(desk: Desk, asked: Asked) -> None:
    """Let it stand, and tell whoever objected.

    Raises:
        UnreadableRequest: the button is from another release.
        BerthError: this person may not, or it is settled.
    """
    number, victim = _pair(asked)
    member, _ = await desk.member(asked)
    await desk.run(preemption_answers.let_stand, member, number, victim)
    text = f"It stands; the holder of R{victim} is told that you have read their objection."
    await desk.answering.tell(asked, said_card(text), replace=True)


def _pair(asked: Asked) -> tuple[int, int]:
    try:
        return stand_from_value(asked.value)
    except ValueError as error:
        raise UnreadableRequest("", _OUTDATED) from error


def _number(asked: Asked) -> int:
    return int(asked.value) if asked.value.isdecimal() else 0

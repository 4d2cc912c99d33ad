"""Clicks on Keep, Release and Release at …, in the question or on the card."""

from __future__ import annotations

from collections.abc import Awaitable

from bot.domain.errors import BerthError, OfferOver, ReservationOver, UnreadableRequest
from bot.services import usage
from bot.slack.asked import Asked
from bot.slack.blocks.card import Card
from bot.slack.blocks.refusal import refusal_card
from bot.slack.blocks.usage_words import kept_card, read_end, released_at_card, released_card
from bot.slack.desk import Desk
from bot.slack.inbound.home_opened import refresh_home

_OUTDATED = "the question as it stands now: this button is from another release of Berth"


async def click_keep(desk: Desk, asked: Asked) -> None:
    """Keep the GPUs."""
    await _answer(desk, asked, _keep(desk, asked))


async def click_release(desk: Desk, asked: Asked) -> None:
    """Release the GPUs now."""
    await _answer(desk, asked, _release(desk, asked))


async def choose_end(desk: Desk, asked: Asked) -> None:
    """Release the GPUs at the end that was chosen."""
    await _answer(desk, asked, _release_at(desk, asked))


async def _answer(desk: Desk, asked: Asked, outcome: Awaitable[Card]) -> None:
    """Let the outcome take the place of the question; the card in the channel follows by itself."""
    _, tz = await desk.member(asked)
    try:
        card, settled = await outcome, True
    except BerthError as error:
        card = refusal_card(error, tz)
        settled = isinstance(error, OfferOver | ReservationOver)
    await desk.answering.tell(asked, card, replace=settled and asked.in_direct)
    await refresh_home(desk, asked)


async def _keep(desk: Desk, asked: Asked) -> Card:
    member, _ = await desk.member(asked)
    kept = await desk.run(usage.keep, member, _number(asked.value))
    return kept_card(kept.view, kept.kept_for)


async def _release(desk: Desk, asked: Asked) -> Card:
    member, _ = await desk.member(asked)
    return released_card(await desk.run(usage.release, member, _number(asked.value)))


async def _release_at(desk: Desk, asked: Asked) -> Card:
    chosen = read_end(asked.value)
    if chosen is None:
        raise UnreadableRequest("", _OUTDATED)
    member, _ = await desk.member(asked)
    return released_at_card(await desk.run(usage.release_at, member, *chosen))


def _number(value: str) -> int:
    if not value.isdecimal():
        raise UnreadableRequest("", _OUTDATED)
    return int(value)

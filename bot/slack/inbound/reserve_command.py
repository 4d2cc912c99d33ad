"""``/gpu reserve [one line]``."""

from __future__ import annotations

from dataclasses import replace

from bot.services import queries
from bot.slack.asked import Asked
from bot.slack.blocks.understood import understood_card
from bot.slack.desk import Desk
from bot.slack.grammar import read_reserve
from bot.slack.inbound.book import book
from bot.slack.inbound.home_opened import refresh_home
from bot.slack.inbound.open_form import open_form
from bot.slack.inbound.series import reserve_series
from bot.slack.recurrence_grammar import parse_series


async def reserve(desk: Desk, asked: Asked, rest: str) -> None:
    """Book in one line, or open the form; what may be meant otherwise is asked first.

    Raises:
        UnreadableTime, UnreadableRequest, InvalidRunSpec: the line cannot be read.
    """
    if not rest:
        await open_form(desk, asked)
        return
    member, tz = await desk.member(asked)
    form = await desk.run(queries.booking_form)
    wish = parse_series(
        rest, now=form.now, tz=tz, run_defaults=form.run_defaults, gpu_models=form.gpu_models
    )
    if wish is not None:
        await reserve_series(desk, asked, member, wish)
        return
    understood = read_reserve(
        rest, now=form.now, tz=tz, run_defaults=form.run_defaults, gpu_models=form.gpu_models
    )
    if understood.doubts:
        await desk.answering.tell(asked, understood_card(understood, form.now, tz))
        return
    request = replace(understood.request, request_key=asked.key)
    outcome = await book(desk, member, request, form.slot)
    await desk.answering.tell(asked, outcome.card)
    await refresh_home(desk, asked)

"""``/gpu processes``, and the clicks on a process: mine, not mine, stop it."""

from __future__ import annotations

from bot.domain.errors import UnreadableRequest
from bot.services import process_answers, process_views
from bot.slack.asked import Asked
from bot.slack.blocks.process_words import (
    adopted_card,
    denied_card,
    processes_card,
    stopping_card,
)
from bot.slack.desk import Desk
from bot.slack.inbound.home_opened import refresh_home

_OUTDATED = "a fresh message: this button is from another release of Berth"


async def show_processes(desk: Desk, asked: Asked, _rest: str) -> None:
    """List the processes that no booking explains now."""
    await desk.answering.tell(asked, processes_card(await desk.run(process_views.open_ones)))


async def click_adopt(desk: Desk, asked: Asked) -> None:
    """Take the process on.

    Raises:
        BerthError: why not, told where the person stands.
    """
    member, _ = await desk.member(asked)
    adopted = await desk.run(process_answers.adopt, member, _number(asked))
    await desk.answering.tell(asked, adopted_card(adopted.view, adopted.reservation_id))
    await refresh_home(desk, asked)


async def click_deny(desk: Desk, asked: Asked) -> None:
    """Note that it is not theirs.

    Raises:
        BerthError: why not, told where the person stands.
    """
    member, _ = await desk.member(asked)
    view = await desk.run(process_answers.deny, member, _number(asked))
    await desk.answering.tell(asked, denied_card(view))


async def click_stop(desk: Desk, asked: Asked) -> None:
    """Let its host stop it.

    Raises:
        BerthError: why not, told where the person stands.
    """
    member, _ = await desk.member(asked)
    view = await desk.run(process_answers.stop, member, _number(asked))
    await desk.answering.tell(asked, stopping_card(view))


def _number(asked: Asked) -> int:
    if not asked.value.isdecimal():
        raise UnreadableRequest("", _OUTDATED)
    return int(asked.value)

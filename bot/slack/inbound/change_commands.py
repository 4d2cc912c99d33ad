"""``/gpu extend``, ``/gpu shorten`` and ``/gpu move``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.domain.errors import BerthError
from bot.domain.people import Member
from bot.domain.views import ReservationView
from bot.services import changing, queries
from bot.services.transaction import Tx
from bot.slack.asked import Asked
from bot.slack.blocks.change_cards import change_refusal_card, changed_card
from bot.slack.change_grammar import parse_number, read_longer, read_shorter, read_start
from bot.slack.desk import Desk
from bot.slack.inbound.home_opened import refresh_home
from bot.slack.inbound.mine_command import show_mine

UseCase = Callable[[Tx, Member, int, datetime, str | None], ReservationView]
Reader = Callable[[str, ReservationView, datetime, ZoneInfo], datetime | None]


async def extend(desk: Desk, asked: Asked, rest: str) -> None:
    """Let a reservation go on: by a length, until a time, or by a slot when nothing is said.

    Raises:
        BerthError: the words cannot be read, or there is no such reservation.
    """

    def read(text: str, view: ReservationView, now: datetime, tz: ZoneInfo) -> datetime | None:
        return read_longer(text, view.window, now, tz)

    await _change(desk, asked, rest, "extend", read, changing.extend)


async def shorten(desk: Desk, asked: Asked, rest: str) -> None:
    """Let a reservation end sooner.

    Raises:
        BerthError: the words cannot be read, or there is no such reservation.
    """

    def read(text: str, view: ReservationView, now: datetime, tz: ZoneInfo) -> datetime:
        return read_shorter(text, view.window, now, tz)

    await _change(desk, asked, rest, "shorten", read, changing.shorten)


async def move(desk: Desk, asked: Asked, rest: str) -> None:
    """Move a reservation that has not started to another start.

    Raises:
        BerthError: the words cannot be read, or there is no such reservation.
    """

    def read(text: str, _view: ReservationView, now: datetime, tz: ZoneInfo) -> datetime:
        return read_start(text, now, tz)

    await _change(desk, asked, rest, "move", read, changing.move)


async def _change(
    desk: Desk, asked: Asked, rest: str, command: str, read: Reader, use_case: UseCase
) -> None:
    if not rest:
        await show_mine(desk, asked)
        return
    number, words = parse_number(rest, command)
    member, tz = await desk.member(asked)
    before = await desk.run(queries.reservation, number)
    instant = read(words, before, desk.clock.now(), tz)
    try:
        if instant is None:
            instant = before.window.end
            use_case = changing.extend_by_a_slot
        after = await desk.run(use_case, member, number, instant, asked.key)
    except BerthError as error:
        await desk.answering.tell(asked, change_refusal_card(error, before, tz))
        return
    await desk.answering.tell(asked, changed_card(before, after, tz))
    await refresh_home(desk, asked)

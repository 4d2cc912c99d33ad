"""``/gpu continue`` and ``/gpu retry``, and the button that tries a run again."""

from __future__ import annotations

from bot.domain.errors import BerthError, UnreadableRequest
from bot.services import continuing, queries, retries
from bot.slack.asked import Asked
from bot.slack.blocks.change_cards import change_refusal_card
from bot.slack.blocks.continuation_words import going_on_card
from bot.slack.blocks.retry_words import retried_card, retry_from_value
from bot.slack.change_grammar import parse_number
from bot.slack.desk import Desk
from bot.slack.inbound.home_opened import refresh_home
from bot.slack.inbound.mine_command import show_mine

_OUTDATED = "a fresh message: this button is from another release of Berth"


async def continue_run(desk: Desk, asked: Asked, rest: str) -> None:
    """Let a run go on in the next free window: after its end, or after ``now``.

    Raises:
        UnreadableRequest: something else than ``now`` is said.
        UnknownReservation: there is none of that number.
    """
    if not rest:
        await show_mine(desk, asked)
        return
    number, words = parse_number(rest, "continue")
    if words.lower() not in ("", "now"):
        raise UnreadableRequest(words[:40], "only `now`, to stop at once, or nothing")
    member, tz = await desk.member(asked)
    before = await desk.run(queries.reservation, number)
    try:
        view = await desk.run(
            continuing.stop_and_continue, member, number, asked.key, now=bool(words)
        )
    except BerthError as error:
        await desk.answering.tell(asked, change_refusal_card(error, before, tz))
        return
    await desk.answering.tell(asked, going_on_card(view, tz))
    await refresh_home(desk, asked)


async def retry(desk: Desk, asked: Asked, rest: str) -> None:
    """Try a run again, with ``batch 8`` if it is to have another one.

    Raises:
        UnreadableRequest: what follows the number is no batch.
        UnknownReservation: there is none of that number.
    """
    if not rest:
        await show_mine(desk, asked)
        return
    number, words = parse_number(rest, "retry")
    await _retry(desk, asked, number, _batch(words))


async def click_retry(desk: Desk, asked: Asked) -> None:
    """Try a run again as the button says.

    Raises:
        UnreadableRequest: the button is from another release.
        UnknownReservation: there is none of that number.
    """
    found = retry_from_value(asked.value)
    if found is None:
        raise UnreadableRequest("", _OUTDATED)
    await _retry(desk, asked, *found)


async def _retry(desk: Desk, asked: Asked, number: int, batch: int | None) -> None:
    member, tz = await desk.member(asked)
    before = await desk.run(queries.reservation, number)
    try:
        view = await desk.run(retries.retry, member, number, batch)
    except BerthError as error:
        await desk.answering.tell(asked, change_refusal_card(error, before, tz))
        return
    await desk.answering.tell(asked, retried_card(before, view, tz))
    await refresh_home(desk, asked)


def _batch(words: str) -> int | None:
    """Read ``batch 8``, ``with batch 8`` or ``batch=8``; nothing is no batch."""
    parts = words.lower().replace("=", " ").split()
    if parts[:1] == ["with"]:
        parts = parts[1:]
    if not parts:
        return None
    if len(parts) == 2 and parts[0] == "batch" and parts[1].isdecimal():
        return int(parts[1][:9])
    raise UnreadableRequest(words[:40], "only a batch, such as `batch 8`, or nothing")

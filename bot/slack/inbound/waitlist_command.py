"""``/gpu waitlist`` and ``/gpu queue``."""

from __future__ import annotations

from bot.domain.errors import UnreadableRequest
from bot.services import queries, queue, waitlist
from bot.slack.asked import Asked
from bot.slack.blocks.waiting import joined_card, queue_card, queued_card, waitlist_card
from bot.slack.desk import Desk
from bot.slack.grammar import parse_reserve


async def show_or_join_waitlist(desk: Desk, asked: Asked, rest: str) -> None:
    """List the places of the one who asks, or take another: ``join 2 tomorrow 18:00 8h``.

    Raises:
        UnreadableRequest: it is neither.
        BerthError: the wish cannot be read, or could never be served.
    """
    member, tz = await desk.member(asked)
    word, _, wish = rest.partition(" ")
    if not word:
        views = await desk.run(waitlist.mine, member)
        await desk.answering.tell(asked, waitlist_card(views, tz))
        return
    if word.lower() != "join":
        raise UnreadableRequest(word, "`join` and the window to wait for, or nothing")
    form = await desk.run(queries.booking_form)
    request = parse_reserve(wish, now=form.now, tz=tz, run_defaults=form.run_defaults)
    view = await desk.run(waitlist.join, member, request)
    await desk.answering.tell(asked, joined_card(view, tz))


async def show_or_join_queue(desk: Desk, asked: Asked, rest: str) -> None:
    """List the queue, or put a short training into it: ``1 45m train``.

    Raises:
        BerthError: the job cannot be read, or could never be served.
    """
    member, tz = await desk.member(asked)
    if not rest:
        views = await desk.run(queue.line)
        await desk.answering.tell(asked, queue_card(views, member.slack_user_id))
        return
    form = await desk.run(queries.booking_form)
    text = rest if "now" in rest.lower().split() else f"now {rest}"
    request = parse_reserve(text, now=form.now, tz=tz, run_defaults=form.run_defaults)
    view = await desk.run(queue.join, member, request)
    await desk.answering.tell(asked, queued_card(view))

"""``/gpu audit``."""

from __future__ import annotations

from bot.domain.audit_views import AuditFilter
from bot.services import audit_search
from bot.slack.asked import Asked
from bot.slack.audit_grammar import from_value, parse_audit, to_value
from bot.slack.blocks.audit import LINES_SHOWN, audit_card
from bot.slack.desk import Desk
from bot.slack.inbound.unknown_click import unknown_click


async def show_audit(desk: Desk, asked: Asked, rest: str) -> None:
    """Tell who did what, as far as the one who asks may see it.

    Raises:
        UnreadableRequest: it was asked for in words that are not understood.
    """
    _, zone = await desk.member(asked)
    await _show(desk, asked, parse_audit(rest, desk.clock.now(), zone))


async def show_older(desk: Desk, asked: Asked) -> None:
    """Tell what was done before what a message shows, in a message of its own."""
    carried = from_value(asked.value)
    if carried is None:
        await unknown_click(desk, asked)
        return
    await _show(desk, asked, *carried)


async def _show(desk: Desk, asked: Asked, wanted: AuditFilter, cursor: int | None = None) -> None:
    member, _ = await desk.member(asked)
    page = await desk.run(audit_search.search, member, wanted, cursor, LINES_SHOWN)
    older = "" if page.cursor is None else to_value(wanted, page.cursor)
    await desk.answering.tell(asked, audit_card(page, older, desk.public_url))

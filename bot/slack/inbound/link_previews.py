"""Somebody has written a link to one of Berth's pages: it gets a preview."""

from __future__ import annotations

import re
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError

from bot.domain.errors import BerthError
from bot.services import queries, run_reports
from bot.slack.asked import Asked
from bot.slack.blocks.link_preview import reservation_preview, timeline_preview
from bot.slack.blocks.text import Block
from bot.slack.desk import Desk

log = structlog.get_logger(__name__)

EVENT = "link_shared"
MOST_PREVIEWS = 5
_PAGE = re.compile(r"/(?P<page>reservations|runs|timeline)(?:/(?P<number>\d{1,9}))?(?:[?#].*)?\Z")


async def preview_links(desk: Desk, asked: Asked) -> None:
    """Give each link to a reservation, a run or the timeline its preview.

    Only links that a member of Berth has written, and only those of Berth's own address.  What is
    previewed is what the card shows, without its buttons.  Nobody has asked for anything, so
    nobody is told of what fails. https://docs.slack.dev/messaging/unfurling-links-in-messages
    """
    if not (asked.channel_id and asked.message_ts) or asked.channel_id == "COMPOSER":
        return
    try:
        await desk.member(asked)
        unfurls = await _previews(desk, asked)
        if unfurls:
            await desk.client.chat_unfurl(
                channel=asked.channel_id, ts=asked.message_ts, unfurls=unfurls
            )
    except (BerthError, SlackApiError, OSError, TimeoutError) as error:
        log.info("slack_link_not_previewed", user=asked.user_id, reason=str(error))


async def _previews(desk: Desk, asked: Asked) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for url in asked.links[:MOST_PREVIEWS]:
        blocks = await _preview(desk, url)
        if blocks:
            found[url] = {"blocks": blocks}
    return found


async def _preview(desk: Desk, url: str) -> list[Block]:
    """Return the preview of one link; nothing for what is no page of Berth's, or is gone."""
    ours = url.startswith(f"{desk.public_url}/")
    page = _PAGE.match(url.removeprefix(desk.public_url)) if ours else None
    if page is None:
        return []
    number = int(page["number"] or 0)
    try:
        if page["page"] == "timeline":
            status = await desk.run(queries.status)
            return timeline_preview(status, url)
        if page["page"] == "runs" and number:
            report = await desk.run(run_reports.report, number)
            number = report.summary.reservation_id
        if not number:
            return []
        view = await desk.run(queries.reservation, number)
    except BerthError:
        return []
    return reservation_preview(view, desk.clock.now(), url)

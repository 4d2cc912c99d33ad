"""The App Home is opened, or something in it has changed."""

from __future__ import annotations

import structlog
from slack_sdk.errors import SlackApiError

from bot.domain.errors import BerthError
from bot.services import queries, queue, shares, waitlist
from bot.slack.asked import Asked
from bot.slack.blocks.card import Card
from bot.slack.blocks.home import Waiting, home_view
from bot.slack.desk import Desk

log = structlog.get_logger(__name__)

EVENT = "app_home_opened"


async def show_home(desk: Desk, asked: Asked, notice: Card | None = None) -> None:
    """Publish the person's home tab as it is now, with the outcome of a click on top.

    Raises:
        NotAllowed, Unavailable: who this is could not be told.
        SlackApiError: Slack refused the view.
    """
    member, tz = await desk.member(asked)
    status = await desk.run(queries.status)
    mine = await desk.run(queries.mine, member)
    line = await desk.run(queue.line)
    own_jobs = tuple(job for job in line if job.slack_user_id == member.slack_user_id)
    view = home_view(
        status,
        mine,
        tz,
        notice,
        waiting=Waiting(await desk.run(waitlist.mine, member), own_jobs),
        shares=await desk.run(shares.shares, member),
        timeline_url=f"{desk.public_url}/timeline",
    )
    desk.homes.is_new(asked.user_id)
    await desk.client.views_publish(user_id=asked.user_id, view=view)


async def refresh_home(desk: Desk, asked: Asked) -> None:
    """Publish the home tab again after a change, for someone who may be looking at it.

    What was asked has been answered already, so a failure here is only logged.
    """
    if asked.user_id not in desk.homes or asked.in_home:
        return
    try:
        await show_home(desk, asked)
    except (SlackApiError, BerthError, OSError, TimeoutError) as error:
        log.info("slack_home_not_refreshed", user=asked.user_id, reason=str(error))


async def home_opened(desk: Desk, asked: Asked) -> None:
    """Publish the home tab when it, and not the messages tab, is opened.

    Raises:
        NotAllowed, Unavailable, SlackApiError: see `show_home`.
    """
    if asked.in_home:
        await show_home(desk, asked)

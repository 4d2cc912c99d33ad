"""The App Home: what I have, what is free now, and how to book."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from bot.domain.shares import Shares
from bot.domain.views import ReservationView, Status
from bot.domain.waiting import WaitView
from bot.slack.blocks.card import Card
from bot.slack.blocks.mine import mine_blocks, reserve_button
from bot.slack.blocks.share import own_team_words
from bot.slack.blocks.status import host_blocks, summary_text
from bot.slack.blocks.text import (
    Block,
    actions,
    button,
    context,
    divider,
    header,
    section,
    slack_date,
)
from bot.slack.blocks.waiting import queue_card, waitlist_card
from bot.slack.blocks.web_link import OPEN_ACTION

NOTICE_BLOCK = "home_notice"
MOST_BLOCKS = 100
"""https://docs.slack.dev/reference/views/home-tab-views"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What somebody waits for: windows that are full, and jobs in the queue of all."""

    windows: tuple[WaitView, ...] = ()
    jobs: tuple[WaitView, ...] = ()


def home_view(
    status: Status,
    mine: Sequence[ReservationView],
    tz: tzinfo,
    notice: Card | None = None,
    *,
    waiting: Waiting | None = None,
    shares: Shares | None = None,
    timeline_url: str = "",
) -> Block:
    """Return the home tab, with the outcome of the last click on top if there is one."""
    link = [button("Timeline", OPEN_ACTION, url=timeline_url)] if timeline_url else []
    quota = [section(own_team_words(shares))] if shares is not None and shares.teams else []
    blocks: list[Block] = [
        actions([reserve_button("Reserve GPUs"), *link]),
        section(summary_text(status)),
        header("My reservations and runs"),
        *(mine_blocks(mine, tz) if mine else [section("You have none.")]),
        *(_waiting(waiting, tz) if waiting is not None else []),
        *([header("My team"), *quota] if quota else []),
        divider(),
        header("GPUs now"),
        *host_blocks(status, tz),
        context(f"As of {slack_date(status.now, tz)}. Open this tab again for the latest."),
    ]
    return _home([*_notice(notice), *blocks])


def _waiting(waiting: Waiting, tz: tzinfo) -> list[Block]:
    """Return the places of one person, each with the button that gives it up."""
    blocks: list[Block] = []
    if waiting.windows:
        blocks += waitlist_card(waiting.windows, tz).blocks
    if waiting.jobs:
        reader = waiting.jobs[0].slack_user_id
        blocks += [header("My jobs in the queue"), *queue_card(waiting.jobs, reader).blocks[1:]]
    return blocks


def with_notice(view: dict[str, Any], notice: Card) -> Block:
    """Return a home tab as it is, with an outcome on top in place of an earlier one."""
    kept = [
        block
        for block in view.get("blocks") or []
        if not str(block.get("block_id", "")).startswith(NOTICE_BLOCK)
    ]
    return _home([*_notice(notice), *kept])


def _notice(notice: Card | None) -> list[Block]:
    if notice is None:
        return []
    named = [
        {**block, "block_id": f"{NOTICE_BLOCK}_{number}"}
        for number, block in enumerate(notice.blocks[:10])
    ]
    return [*named, {**divider(), "block_id": f"{NOTICE_BLOCK}_end"}]


def _home(blocks: list[Block]) -> Block:
    return {"type": "home", "blocks": blocks[:MOST_BLOCKS]}

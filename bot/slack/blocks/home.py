"""The App Home: what I have, what is free now, and how to book."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import Any

from bot.domain.views import ReservationView, Status
from bot.slack.blocks.card import Card
from bot.slack.blocks.mine import mine_blocks, reserve_button
from bot.slack.blocks.status import host_blocks, summary_text
from bot.slack.blocks.text import Block, actions, context, divider, header, section, slack_date

NOTICE_BLOCK = "home_notice"
MOST_BLOCKS = 100
"""https://docs.slack.dev/reference/views/home-tab-views"""


def home_view(
    status: Status, mine: Sequence[ReservationView], tz: tzinfo, notice: Card | None = None
) -> Block:
    """Return the home tab, with the outcome of the last click on top if there is one."""
    blocks: list[Block] = [
        actions([reserve_button("Reserve GPUs")]),
        section(summary_text(status)),
        header("My reservations and runs"),
        *(mine_blocks(mine, tz) if mine else [section("You have none.")]),
        divider(),
        header("GPUs now"),
        *host_blocks(status, tz),
        context(f"As of {slack_date(status.now, tz)}. Open this tab again for the latest."),
    ]
    return _home([*_notice(notice), *blocks])


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

"""The offer, beside a refusal, to ask a holder to swap."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import tzinfo

from bot.domain.errors import UnreadableRequest
from bot.domain.swap_ideas import SwapIdea
from bot.slack.blocks.card import Card
from bot.slack.blocks.text import Block, button, person, safe, section, window_text

ASK_ACTION = "swap.ask"
"""The ``action_id`` of a button that proposes a swap; its value names both reservations."""


def with_swaps(card: Card, ideas: Sequence[SwapIdea], tz: tzinfo) -> Card:
    """Return a refusal with the swaps that would help, after all that can be booked."""
    return Card(card.text, (*card.blocks, *_ideas(ideas, tz)))


def _ideas(ideas: Sequence[SwapIdea], tz: tzinfo) -> Iterator[Block]:
    for idea in ideas:
        held = idea.theirs
        who = person(held.holder_slack_id) if held.holder_slack_id else safe(held.holder_name, 60)
        text = (
            f"Or ask {who} to swap: R{held.reservation_id} ({window_text(held.window, tz)}) for"
            f" your R{idea.my_reservation_id} ({window_text(idea.my_window, tz)})"
        )
        pair = json.dumps([idea.my_reservation_id, held.reservation_id])
        yield section(text, accessory=button("Ask to swap", ASK_ACTION, pair))


def read_pair(value: str) -> tuple[int, int]:
    """Return the own reservation and the other one that a button names.

    Raises:
        UnreadableRequest: the button is from another release.
    """
    try:
        mine, theirs = json.loads(value)
        return int(mine), int(theirs)
    except (ValueError, TypeError) as error:
        raise UnreadableRequest("", "a fresh list: this button is from another release") from error

"""A message ready to be sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.slack.blocks.text import Block, context

MOST_BLOCKS = 50
"""https://docs.slack.dev/reference/block-kit/blocks"""
MOST_TEXT_CHARS = 13_200
"""What all texts of a message's blocks may hold together. Slack documents no figure and answers
``msg_blocks_too_long``; this one was found in practice: https://github.com/slackapi/bolt-js/issues/2509"""
CUT = "There is more than fits into one message."


@dataclass(frozen=True, slots=True)
class Card:
    """Blocks and the text beside them, for notifications and screen readers.

    A card always fits into one message: what is too much is left out at its end.

    https://docs.slack.dev/reference/methods/chat.postMessage#text_blocks_attachments
    """

    text: str
    blocks: tuple[Block, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "blocks", _fitted(self.blocks))

    def without_images(self) -> Card:
        """Return the card without its image blocks."""
        return Card(self.text, tuple(block for block in self.blocks if block["type"] != "image"))

    @property
    def has_image(self) -> bool:
        """Tell whether the card shows an image."""
        return any(block["type"] == "image" for block in self.blocks)


def _fitted(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """Return as many of the blocks as Slack takes in one message, and a line where some are left.

    What is left out is at the end, but a row of buttons that ends the message stays: it is what
    can be done next.
    """
    if len(blocks) <= MOST_BLOCKS and sum(map(_text_chars, blocks)) <= MOST_TEXT_CHARS:
        return tuple(blocks)
    ending = [context(CUT), *(blocks[-1:] if blocks[-1]["type"] == "actions" else ())]
    room = MOST_TEXT_CHARS - sum(map(_text_chars, ending))
    kept: list[Block] = []
    for block in blocks[: MOST_BLOCKS - len(ending)]:
        room -= _text_chars(block)
        if room < 0:
            break
        kept.append(block)
    return (*kept, *ending)


def _text_chars(value: Any) -> int:
    if isinstance(value, list):
        return sum(map(_text_chars, value))
    if not isinstance(value, dict):
        return 0
    own = value.get("text")
    return (len(own) if isinstance(own, str) else 0) + sum(map(_text_chars, value.values()))

"""A message ready to be sent."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from bot.slack.blocks.text import Block


@dataclass(frozen=True, slots=True)
class Card:
    """Blocks and the text beside them, for notifications and screen readers.

    https://docs.slack.dev/reference/methods/chat.postMessage#text_blocks_attachments
    """

    text: str
    blocks: tuple[Block, ...]

    def without_images(self) -> Card:
        """Return the card without its image blocks."""
        return Card(self.text, tuple(block for block in self.blocks if block["type"] != "image"))

    @property
    def has_image(self) -> bool:
        """Tell whether the card shows an image."""
        return any(block["type"] == "image" for block in self.blocks)


def card_hash(card: Card) -> str:
    """Return a digest of all that the card shows: an edit with the same one can be left out."""
    shown = json.dumps([card.text, card.blocks], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(shown.encode()).hexdigest()

"""The button that opens the form of a training with an earlier one."""

from __future__ import annotations

from bot.slack.blocks.text import Block, button

AGAIN_ACTION = "train.again"
"""The ``action_id`` of "Same as last time"; its value is the reservation, or ``last``."""


def again_button(reservation_id: int | None = None) -> Block:
    """Return the button that opens the form with a past training; None: the last one."""
    value = "last" if reservation_id is None else str(reservation_id)
    return button("Same as last time", AGAIN_ACTION, value)

"""The buttons that extend and move a reservation."""

from __future__ import annotations

from datetime import datetime

from bot.slack.blocks.text import Block, button, confirm_dialog, count_text
from bot.slack.carried_change import CarriedChange, Change, change_to_value

EXTEND_ACTION = "reservation.extend"
"""The ``action_id`` of every button that lets a reservation go on; its value says until when."""

MOVE_ACTION = "reservation.move"
"""The ``action_id`` of a button that moves a reservation; its value says to which start."""


def extend_button(reservation_id: int, ends_at: datetime, gpu_count: int | None = None) -> Block:
    """Return the button that adds a slot after the end that is shown beside it."""
    gpus = "its GPUs" if gpu_count is None else count_text(gpu_count, "GPU")
    effect = (
        f"R{reservation_id} keeps {gpus} for one slot more. If somebody else holds them then,"
        " nothing changes and you are told what fits instead."
    )
    dialog = confirm_dialog(f"Extend R{reservation_id} by a slot?", effect, "Extend", "Not now")
    value = change_to_value(CarriedChange(reservation_id, Change.SLOT_AFTER, ends_at))
    return button("Extend by a slot", EXTEND_ACTION, value, confirm=dialog)

"""The menu on the card of a training, and what its entries carry."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.domain.states import RunState
from bot.domain.views import ReservationView
from bot.slack.blocks.again_button import again_button
from bot.slack.blocks.text import Block, plain

MENU_ACTION = "run.menu"
"""The ``action_id`` of the menu; a value is what is chosen and the number of the reservation."""


class MenuChoice(StrEnum):
    """What can be chosen from the menu."""

    LOGS = "logs"
    FULL_LOG = "full"
    SAVE = "save"
    AGAIN = "again"


_WORDS = {
    MenuChoice.LOGS: "Last log lines",
    MenuChoice.FULL_LOG: "Full log into the thread",
    MenuChoice.SAVE: "Save as template…",
    MenuChoice.AGAIN: "Same as last time…",
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """An entry of the menu of one reservation."""

    choice: MenuChoice
    reservation_id: int


def run_menu(view: ReservationView) -> Block | None:
    """Return the menu for a card; none where there is no training."""
    run = view.run
    if run is None:
        return None
    choices = [MenuChoice.SAVE, MenuChoice.AGAIN]
    if run.state not in (RunState.WAITING, RunState.CANCELLED) or run.started_at is not None:
        choices = [MenuChoice.LOGS, MenuChoice.FULL_LOG, *choices]
    return {
        "type": "overflow",
        "action_id": MENU_ACTION,
        "options": [
            {"text": plain(_WORDS[choice], 75), "value": f"{choice} {view.reservation_id}"}
            for choice in choices
        ],
    }


def again_on_card(view: ReservationView) -> Block | None:
    """Return "Same as last time" for the card of a training that is over."""
    run = view.run
    over = run is not None and run.state.is_over and run.state is not RunState.CANCELLED
    return again_button(view.reservation_id) if over else None


def read_choice(value: str) -> Chosen | None:
    """Return what was chosen, or None for an entry of another release."""
    word, _, number = value.partition(" ")
    if word not in tuple(MenuChoice) or not number.isdecimal():
        return None
    return Chosen(MenuChoice(word), int(number))

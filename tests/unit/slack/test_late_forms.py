"""Forms whose answer is late say what is being done, and a failure leaves the same form."""

from __future__ import annotations

import pytest

from bot.slack import registered
from bot.slack.blocks import handover_modals
from bot.slack.blocks.card import Card
from bot.slack.blocks.late_forms import doing_modal, form_again
from bot.slack.blocks.text import plain, section

NOTICE = Card("No", (section("No"),))
ANOTHER = {
    "type": "modal",
    "callback_id": handover_modals.TRANSFER_CALLBACK,
    "title": plain("Transfer R12", 24),
    "submit": plain("Offer", 24),
    "private_metadata": "kept",
    "blocks": [
        section("Who shall have it?"),
        {
            "type": "input",
            "block_id": "person",
            "label": plain("To", 24),
            "element": {"type": "users_select", "action_id": "person"},
        },
    ],
}


@pytest.mark.parametrize("callback", sorted(registered.VIEWS))
def test_every_form_says_what_is_being_done(callback: str) -> None:
    view = doing_modal({"callback_id": callback}, "{}")
    words = view["blocks"][0]["text"]["text"]
    assert "Working on it" not in words, "say in late_forms what this form does"
    assert view["title"]["text"] != "Berth"


def test_a_form_of_another_release_says_something_too() -> None:
    assert "Working on it" in doing_modal({}, "{}")["blocks"][0]["text"]["text"]


def test_a_form_that_cannot_be_taken_stays_the_form_that_it_is() -> None:
    again = form_again(ANOTHER, NOTICE)
    assert again["callback_id"] == handover_modals.TRANSFER_CALLBACK
    assert (again["title"], again["submit"], again["private_metadata"]) == (
        ANOTHER["title"],
        ANOTHER["submit"],
        "kept",
    )
    assert again["blocks"][0] == NOTICE.blocks[0]
    assert again["blocks"][-1]["block_id"] == "person"

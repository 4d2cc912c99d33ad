"""Templates in words: what a team keeps, and the small form that keeps one more."""

from __future__ import annotations

import json
from collections.abc import Sequence

from bot.domain.templates import NAME_CHARS, TemplateView
from bot.slack.blocks.card import Card
from bot.slack.blocks.run_words import spec_words
from bot.slack.blocks.text import (
    Block,
    button,
    clip,
    confirm_dialog,
    context,
    count_text,
    person,
    plain,
    safe,
    section,
)

SAVE_CALLBACK = "template_modal"
DELETE_ACTION = "template.delete"
"""The ``action_id`` of the button that deletes a template; its value is the name."""

NAME = "name"
MOST_SHOWN = 20
FALLBACK_CHARS = 1000


def template_line(view: TemplateView) -> str:
    """Return a template in one line, as it is listed."""
    extra = ", ".join(f"{name}={value}" for name, value in sorted(view.spec.extra.items()))
    more = f" · {safe(extra, 200)}" if extra else ""
    return (
        f"*@{safe(view.name, 64)}* · {spec_words(view.spec)}{more}"
        f" · {count_text(view.gpu_count, 'GPU')} · {person(view.by_slack_id)}"
    )


def list_card(views: Sequence[TemplateView], team_name: str) -> Card:
    """Return the templates of a team, each with the button that deletes it."""
    team = safe(team_name, 60)
    if not views:
        text = (
            f"{team} keeps no template yet. `/gpu template save yolo-release R12` keeps the"
            " training of R12; so does the menu on its card."
        )
        return Card(text, (section(text),))
    title = f"Templates of {team}"
    how = "`/gpu train @name on 4 tomorrow 18:00 8h` starts one; more words change what they name."
    blocks = [
        section(template_line(view), accessory=_delete_button(view)) for view in views[:MOST_SHOWN]
    ]
    if len(views) > MOST_SHOWN:
        blocks.append(context(f"and {len(views) - MOST_SHOWN} more"))
    return Card(title, (section(f"*{title}*"), *blocks, context(how)))


def _delete_button(view: TemplateView) -> Block:
    dialog = confirm_dialog(
        f"Delete @{view.name}?",
        "Nobody can start from it any more. Trainings that were booked with it stay.",
        "Delete",
        "Keep it",
        style="danger",
    )
    return button("Delete", DELETE_ACTION, view.name, confirm=dialog)


def saved_card(view: TemplateView) -> Card:
    """Return what came of saving."""
    text = (
        f":bookmark: {template_line(view)}\n"
        f"Start it with `/gpu train @{view.name} tomorrow 18:00 8h`, or from the form."
    )
    return Card(clip(f"Kept as @{view.name}", FALLBACK_CHARS), (section(text),))


def deleted_card(view: TemplateView) -> Card:
    """Return what came of deleting, with what it was, so that it can be made again."""
    return Card(
        f"@{view.name} is deleted",
        (section(f":wastebasket: Deleted: {template_line(view)}"),),
    )


def save_modal(reservation_id: int, channel_id: str | None) -> Block:
    """Return the small form that asks for the name."""
    carried = {"v": 1, "channel": channel_id, "reservation": reservation_id}
    return {
        "type": "modal",
        "title": plain("Save as template", 24),
        "submit": plain("Save", 24),
        "close": plain("Close", 24),
        "callback_id": SAVE_CALLBACK,
        "private_metadata": json.dumps(carried, separators=(",", ":")),
        "blocks": [
            {
                "type": "input",
                "block_id": NAME,
                "label": plain(f"Name for the training of R{reservation_id}"),
                "hint": plain("Your team starts it with /gpu train @name.", 200),
                "element": {
                    "type": "plain_text_input",
                    "action_id": NAME,
                    "max_length": NAME_CHARS + 1,
                    "placeholder": plain("yolo-release", 150),
                },
            }
        ],
    }


def carried_reservation(private_metadata: str) -> int | None:
    """Return the reservation that a form of `save_modal` is about; None for another release's."""
    try:
        number = json.loads(private_metadata or "{}").get("reservation")
    except (ValueError, AttributeError):
        return None
    return number if isinstance(number, int) else None

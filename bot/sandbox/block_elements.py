"""What block elements are called and where their values live."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bot.sandbox.errors import Json


@dataclass(frozen=True)
class ValueKeys:
    """Where an element keeps its value.

    Attributes:
        state: the key in `view.state.values` and in an action.
        initial: the element's key for the initial value.
        many: whether the value is a list.
    """

    state: str
    initial: str
    many: bool = False


_TEXT = ValueKeys("value", "initial_value")
_ONE = ValueKeys("selected_option", "initial_option")
_MANY = ValueKeys("selected_options", "initial_options", many=True)

VALUE_KEYS: dict[str, ValueKeys] = {
    "plain_text_input": _TEXT,
    "number_input": _TEXT,
    "email_text_input": _TEXT,
    "url_text_input": _TEXT,
    "rich_text_input": ValueKeys("rich_text_value", "initial_value"),
    "static_select": _ONE,
    "external_select": _ONE,
    "radio_buttons": _ONE,
    "multi_static_select": _MANY,
    "multi_external_select": _MANY,
    "checkboxes": _MANY,
    "datepicker": ValueKeys("selected_date", "initial_date"),
    "timepicker": ValueKeys("selected_time", "initial_time"),
    "datetimepicker": ValueKeys("selected_date_time", "initial_date_time"),
    "users_select": ValueKeys("selected_user", "initial_user"),
    "multi_users_select": ValueKeys("selected_users", "initial_users", many=True),
    "channels_select": ValueKeys("selected_channel", "initial_channel"),
    "multi_channels_select": ValueKeys("selected_channels", "initial_channels", many=True),
    "conversations_select": ValueKeys("selected_conversation", "initial_conversation"),
    "multi_conversations_select": ValueKeys(
        "selected_conversations", "initial_conversations", many=True
    ),
    "file_input": ValueKeys("files", "initial_files", many=True),
}
"""The elements that have a state. Buttons and overflow menus have none."""


def interactive_elements(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Yield (block, element) for every element that a person can act on."""
    for block in blocks:
        candidates = [block.get("element"), block.get("accessory")]
        if block.get("type") == "actions":
            candidates.extend(_objects(block.get("elements")))
        for element in candidates:
            if isinstance(element, dict) and element.get("type") != "image":
                yield block, element


def all_options(element: Json) -> list[Json]:
    """Return an element's options, those within groups too."""
    holders = [element, *_objects(element.get("option_groups"))]
    return [option for holder in holders for option in _objects(holder.get("options"))]


def _objects(value: Any) -> list[Json]:
    # The rules ask about payloads that may be anything, so whatever is no object is passed over.
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def find_element(
    blocks: list[Json], action_id: str, block_id: str | None = None, value: Any = None
) -> tuple[Json, Json] | None:
    """Return the first (block, element) with this action_id.

    Args:
        blocks: where to look.
        action_id: the element's action_id.
        block_id: if given, only in this block.
        value: if given, only a button with this value.
    """
    for block, element in interactive_elements(blocks):
        if element.get("action_id") != action_id:
            continue
        if block_id is not None and block.get("block_id") != block_id:
            continue
        if value is None or element.get("value") == value:
            return block, element
    return None

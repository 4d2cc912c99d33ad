"""Turns plain Python values into what Slack's inputs hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.sandbox.block_elements import VALUE_KEYS, all_options, interactive_elements
from bot.sandbox.errors import Json


class NotThere(LookupError):
    """What a person wanted to click or fill in is not on their screen."""


def state_from_values(blocks: list[Json], values: Mapping[str, Any]) -> Json:
    """Return `state.values` for what a person filled in.

    Args:
        blocks: the view's blocks.
        values: Python values by block_id or action_id.

    Raises:
        NotThere: if a name belongs to no input, or a value to no option.
    """
    given: Json = {}
    unknown = set(values)
    for block, element in interactive_elements(blocks):
        for name in (block["block_id"], element["action_id"]):
            if name not in values or element["type"] not in VALUE_KEYS:
                continue
            unknown.discard(name)
            entry = {"type": element["type"], **action_value(element, values[name])}
            given.setdefault(block["block_id"], {})[element["action_id"]] = entry
    if unknown:
        raise NotThere(f"no such inputs: {sorted(unknown)}")
    return given


def action_value(element: Json, value: Any) -> Json:
    """Return what an element holds, or a button carries, for a Python value.

    Raises:
        NotThere: if no option has this value.
    """
    if element["type"] == "button":
        return {"value": element["value"]} if "value" in element else {}
    if element["type"] == "overflow":
        return {"selected_option": _option(element, value)}
    keys = VALUE_KEYS[element["type"]]
    if value is None:
        return {keys.state: [] if keys.many else None}
    chosen = list(value) if keys.many else [value]
    if keys.state.startswith("selected_option"):
        chosen = [_option(element, one) for one in chosen]
    elif keys.state == "value":
        chosen = [str(one) for one in chosen]
    return {keys.state: chosen if keys.many else chosen[0]}


def _option(element: Json, value: Any) -> Json:
    if isinstance(value, dict):
        return value
    for option in all_options(element):
        if option["value"] == str(value):
            return option
    offered = [option["value"] for option in all_options(element)]
    raise NotThere(f"no option {value!r} among {offered}")

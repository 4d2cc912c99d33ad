"""What a modal's inputs hold when a person submits it, and what Slack's client refuses."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from bot.sandbox.block_elements import VALUE_KEYS, all_options, interactive_elements
from bot.sandbox.errors import Json

REQUIRED = "Please complete this required field."


def initial_entry(element: Json) -> Json:
    """Return the state of an element that nobody touched."""
    keys = VALUE_KEYS[element["type"]]
    empty: Any = [] if keys.many else None
    return {"type": element["type"], keys.state: element.get(keys.initial, empty)}


def full_state(blocks: list[Json], given: Json) -> Json:
    """Return `state.values` for all stateful elements.

    Args:
        blocks: the view's (or message's) blocks.
        given: what the person touched, as {block_id: {action_id: entry}}; the rest keeps its
            initial value, as in Slack.
    """
    values: Json = {}
    for block, element in interactive_elements(blocks):
        if element["type"] not in VALUE_KEYS:
            continue
        block_id, action_id = block["block_id"], element["action_id"]
        touched = (given.get(block_id) or {}).get(action_id)
        entry = initial_entry(element) if touched is None else _entry(element, touched)
        values.setdefault(block_id, {})[action_id] = entry
    return values


def _entry(element: Json, touched: Json) -> Json:
    keys = VALUE_KEYS[element["type"]]
    value: Any = touched.get(keys.state)
    if value in ("", None):
        value = [] if keys.many else None
    if keys.state == "selected_option" and value is not None:
        value = _own_option(element, value)
    if keys.state == "selected_options":
        value = [_own_option(element, option) for option in value]
    return {"type": element["type"], keys.state: value}


def _own_option(element: Json, option: Json) -> Json:
    for own in all_options(element):
        if own["value"] == option.get("value"):
            return own
    return option


def refusals(blocks: list[Json], values: Json) -> dict[str, str]:
    """Return what the client itself would say under each field before sending anything.

    Args:
        blocks: the modal's blocks.
        values: the full state.

    Returns:
        Text by block_id; empty if the modal may be submitted.
    """
    refused: dict[str, str] = {}
    for block in blocks:
        if block["type"] != "input":
            continue
        element = block["element"]
        value = values[block["block_id"]][element["action_id"]][VALUE_KEYS[element["type"]].state]
        if value in (None, []):
            problem = None if block.get("optional") else REQUIRED
        else:
            problem = _problem(element, value)
        if problem:
            refused[block["block_id"]] = problem
    return refused


def _problem(element: Json, value: Any) -> str | None:
    kind = element["type"]
    if kind == "plain_text_input":
        return _length_problem(element, str(value))
    if kind == "number_input":
        return _number_problem(element, str(value))
    if kind == "email_text_input" and "@" not in str(value):
        return "Enter a valid email address."
    if kind == "url_text_input" and "://" not in str(value):
        return "Enter a valid URL."
    return _choice_problem(element, value if isinstance(value, list) else [value])


def _choice_problem(element: Json, chosen: list[Any]) -> str | None:
    if element["type"] in {"static_select", "radio_buttons", "multi_static_select", "checkboxes"}:
        options = all_options(element)
        if any(option not in options for option in chosen):
            return "Choose among the options."
    most = element.get("max_selected_items")
    if most is not None and len(chosen) > most:
        return f"Choose at most {most}."
    return None


def _length_problem(element: Json, text: str) -> str | None:
    shortest, longest = element.get("min_length") or 0, element.get("max_length") or 3000
    if len(text) < shortest:
        return f"Enter at least {shortest} characters."
    if len(text) > longest:
        return f"Enter at most {longest} characters."
    return None


def _number_problem(element: Json, text: str) -> str | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return "Enter a valid number."
    if not number.is_finite():
        return "Enter a valid number."
    if not element.get("is_decimal_allowed") and number != number.to_integral_value():
        return "Enter a whole number."
    least, most = element.get("min_value"), element.get("max_value")
    if least is not None and number < Decimal(least):
        return f"Enter a number of at least {least}."
    if most is not None and number > Decimal(most):
        return f"Enter a number of at most {most}."
    return None

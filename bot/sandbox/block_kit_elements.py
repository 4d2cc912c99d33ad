"""The rules of Block Kit's interactive elements.

https://docs.slack.dev/reference/block-kit/block-elements
"""

from __future__ import annotations

from typing import Any

from bot.sandbox.block_elements import all_options
from bot.sandbox.block_kit_objects import (
    ID_MAX,
    URL_MAX,
    Findings,
    check_confirm,
    check_image,
    check_option,
    check_style,
)
from bot.sandbox.errors import Json

INPUT_TEXT_MAX = 3000
DATE = (r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", "YYYY-MM-DD")
TIME = (r"([01]\d|2[0-3]):[0-5]\d", "HH:mm")

_COMMON = {"action_id", "confirm", "focus_on_load"}
_PICK = _COMMON | {"placeholder"}
_WRITE = {"action_id", "focus_on_load", "placeholder", "initial_value", "dispatch_action_config"}
_CONVERSATIONS = _PICK | {"default_to_current_conversation", "filter"}
_STATIC = {"options", "option_groups"}

SHAPES: dict[str, tuple[set[str], set[str]]] = {
    "button": ({"text"}, {"action_id", "url", "value", "style", "confirm", "accessibility_label"}),
    "overflow": ({"options"}, {"action_id", "confirm"}),
    "checkboxes": ({"options"}, _COMMON | {"initial_options"}),
    "radio_buttons": ({"options"}, _COMMON | {"initial_option"}),
    "static_select": (set(), _PICK | _STATIC | {"initial_option"}),
    "multi_static_select": (set(), _PICK | _STATIC | {"initial_options", "max_selected_items"}),
    "external_select": (set(), _PICK | {"initial_option", "min_query_length"}),
    "multi_external_select": (
        set(),
        _PICK | {"initial_options", "min_query_length", "max_selected_items"},
    ),
    "users_select": (set(), _PICK | {"initial_user"}),
    "multi_users_select": (set(), _PICK | {"initial_users", "max_selected_items"}),
    "channels_select": (set(), _PICK | {"initial_channel", "response_url_enabled"}),
    "multi_channels_select": (set(), _PICK | {"initial_channels", "max_selected_items"}),
    "conversations_select": (
        set(),
        _CONVERSATIONS | {"initial_conversation", "response_url_enabled"},
    ),
    "multi_conversations_select": (
        set(),
        _CONVERSATIONS | {"initial_conversations", "max_selected_items"},
    ),
    "datepicker": (set(), _PICK | {"initial_date"}),
    "timepicker": (set(), _PICK | {"initial_time", "timezone"}),
    "datetimepicker": (set(), _COMMON | {"initial_date_time"}),
    "plain_text_input": (set(), _WRITE | {"multiline", "min_length", "max_length"}),
    "email_text_input": (set(), _WRITE),
    "url_text_input": (set(), _WRITE),
    "rich_text_input": (set(), _WRITE),
    "number_input": ({"is_decimal_allowed"}, _WRITE | {"min_value", "max_value"}),
    "file_input": (set(), {"action_id", "filetypes", "max_files"}),
    "image": ({"alt_text"}, {"image_url", "slack_file"}),
}
"""Required and optional keys per element type."""

_SELECTS = {kind for kind in SHAPES if kind.endswith("_select")}
_PICKERS = {"datepicker", "timepicker"}
_CHOICES = {"checkboxes", "radio_buttons"}
IN_ACTIONS = _SELECTS | _PICKERS | _CHOICES | {"button", "overflow", "datetimepicker"}
IN_SECTION = _SELECTS | _PICKERS | _CHOICES | {"button", "overflow", "image"}
IN_INPUT = set(SHAPES) - {"button", "overflow", "image"}

OPTION_LIMITS = {"overflow": 5, "checkboxes": 10, "radio_buttons": 10}
SELECT_OPTIONS_MAX = 100


def check_element(found: Findings, element: Any, at: str, allowed: set[str]) -> None:
    """Note everything wrong with one element in a place that takes the `allowed` types."""
    if not isinstance(element, dict):
        found.add("must be a block element", at)
        return
    kind = element.get("type")
    if not isinstance(kind, str) or kind not in allowed:
        found.add(f"unsupported type: {kind}", f"{at}/type")
        return
    required, optional = SHAPES[kind]
    found.keys(element, required, optional, at)
    found.string(element.get("action_id"), ID_MAX, f"{at}/action_id")
    found.text(element.get("placeholder"), 150, f"{at}/placeholder", plain=True)
    check_confirm(found, element.get("confirm"), f"{at}/confirm")
    if kind == "button":
        _check_button(found, element, at)
    elif kind == "image":
        check_image(found, element, at, None)
    elif kind in OPTION_LIMITS:
        _check_few_options(found, element, at)
    elif kind in _SELECTS:
        _check_select(found, element, at)
    else:
        _check_field(found, element, at)


def _check_button(found: Findings, button: Json, at: str) -> None:
    found.text(button.get("text"), 75, f"{at}/text", plain=True)
    found.string(button.get("value"), 2000, f"{at}/value", shortest=0)
    found.string(button.get("url"), URL_MAX, f"{at}/url")
    found.string(button.get("accessibility_label"), 75, f"{at}/accessibility_label")
    check_style(found, button.get("style"), f"{at}/style")


def _check_few_options(found: Findings, element: Json, at: str) -> None:
    kind = element["type"]
    options = found.items(element.get("options"), 1, OPTION_LIMITS[kind], f"{at}/options")
    for index, option in enumerate(options):
        place = f"{at}/options/{index}"
        is_menu = kind == "overflow"
        check_option(found, option, place, plain=is_menu, url=is_menu)
    _check_initial_options(found, element, at)


def _check_select(found: Findings, select: Json, at: str) -> None:
    if select["type"] in {"static_select", "multi_static_select"}:
        if (select.get("options") is None) == (select.get("option_groups") is None):
            found.add("must have exactly one of options, option_groups", at)
        _check_options(found, select.get("options"), f"{at}/options")
        _check_groups(found, select.get("option_groups"), f"{at}/option_groups")
        _check_initial_options(found, select, at)
    found.whole_number(select.get("min_query_length"), 0, 150, f"{at}/min_query_length")
    most = select.get("max_selected_items")
    found.whole_number(most, 1, 10_000, f"{at}/max_selected_items")


def _check_options(found: Findings, options: Any, at: str) -> None:
    for index, option in enumerate(found.items(options, 1, SELECT_OPTIONS_MAX, at)):
        check_option(found, option, f"{at}/{index}", plain=True)


def _check_groups(found: Findings, groups: Any, at: str) -> None:
    for index, group in enumerate(found.items(groups, 1, SELECT_OPTIONS_MAX, at)):
        place = f"{at}/{index}"
        if not isinstance(group, dict):
            found.add("must be an option group", place)
            continue
        found.keys(group, {"label", "options"}, set(), place)
        found.text(group.get("label"), 75, f"{place}/label", plain=True)
        _check_options(found, group.get("options"), f"{place}/options")


def _check_initial_options(found: Findings, element: Json, at: str) -> None:
    one = element.get("initial_option")
    chosen = element.get("initial_options")
    if chosen is not None and not found.items(chosen, 1, 100, f"{at}/initial_options"):
        return
    for option in [*([one] if one is not None else []), *(chosen or [])]:
        if option not in all_options(element):
            name = "initial_option" if one is not None else "initial_options"
            found.add(f"{name} must exactly match one of the options", f"{at}/{name}")


def _check_field(found: Findings, field: Json, at: str) -> None:
    found.pattern(field.get("initial_date"), *DATE, f"{at}/initial_date")
    found.pattern(field.get("initial_time"), *TIME, f"{at}/initial_time")
    when = field.get("initial_date_time")
    found.whole_number(when, 10**9, 10**10 - 1, f"{at}/initial_date_time")
    found.whole_number(field.get("max_files"), 1, 10, f"{at}/max_files")
    if field["type"] == "number_input":
        _check_number(found, field, at)
    if field["type"] == "plain_text_input":
        _check_text_input(found, field, at)


def _check_text_input(found: Findings, field: Json, at: str) -> None:
    shortest, longest = field.get("min_length"), field.get("max_length")
    found.whole_number(shortest, 0, INPUT_TEXT_MAX, f"{at}/min_length")
    found.whole_number(longest, 1, INPUT_TEXT_MAX, f"{at}/max_length")
    if isinstance(shortest, int) and isinstance(longest, int) and shortest > longest:
        found.add("must not be more than max_length", f"{at}/min_length")
    found.string(field.get("initial_value"), INPUT_TEXT_MAX, f"{at}/initial_value", shortest=0)


def _check_number(found: Findings, field: Json, at: str) -> None:
    numbers: dict[str, float] = {}
    for key in ("min_value", "max_value", "initial_value"):
        value = field.get(key)
        found.pattern(value, r"-?\d+(\.\d+)?", "of a number in a string", f"{at}/{key}")
        if isinstance(value, str) and as_number(value) is not None:
            numbers[key] = float(value)
    least, most = numbers.get("min_value"), numbers.get("max_value")
    if least is not None and most is not None and least > most:
        found.add("must not be more than max_value", f"{at}/min_value")
    first = numbers.get("initial_value")
    if first is None:
        return
    if (least is not None and first < least) or (most is not None and first > most):
        found.add("must be between min_value and max_value", f"{at}/initial_value")


def as_number(text: str) -> float | None:
    """Return the number in a text, or None."""
    try:
        return float(text)
    except ValueError:
        return None

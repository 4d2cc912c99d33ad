"""Everything that Slack refuses about blocks and views, with the place of each fault.

Sources: https://docs.slack.dev/reference/block-kit/blocks and
https://docs.slack.dev/reference/views, and the limits kept as constants in slack_sdk.models.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any

from bot.sandbox.block_elements import interactive_elements
from bot.sandbox.block_kit_elements import IN_ACTIONS, IN_INPUT, IN_SECTION, check_element
from bot.sandbox.block_kit_objects import ID_MAX, Findings, check_image
from bot.sandbox.errors import Json

MESSAGE_BLOCKS_MAX = 50
VIEW_BLOCKS_MAX = 100
MESSAGE_TEXT_IN_BLOCKS_MAX = 13_200
"""All text in the blocks of one message; found in practice (slackapi/bolt-js issue 2509)."""
VIEW_BYTES_MAX = 250_000

_Check = Callable[[Findings, Json, str], None]

SHAPES: dict[str, tuple[set[str], set[str]]] = {
    "section": (set(), {"text", "fields", "accessory", "expand"}),
    "divider": (set(), set()),
    "header": ({"text"}, {"level"}),
    "image": ({"alt_text"}, {"title", "image_url", "slack_file"}),
    "actions": ({"elements"}, set()),
    "context": ({"elements"}, set()),
    "input": ({"label", "element"}, {"hint", "optional", "dispatch_action"}),
    "rich_text": ({"elements"}, set()),
    "markdown": ({"text"}, set()),
    "table": ({"rows"}, {"column_settings"}),
}
"""Required and optional keys per block type; block_id goes everywhere."""

MESSAGE_ONLY = {"markdown", "table"}


def message_problems(blocks: Any, file_ids: Collection[str] | None = None) -> list[str]:
    """Return what Slack would refuse about a message's blocks.

    Args:
        blocks: the `blocks` argument as it came.
        file_ids: ids of the files that exist, for images by `slack_file`; None skips that check.
    """
    found = Findings()
    listed = found.items(blocks, 0, MESSAGE_BLOCKS_MAX, "/blocks")
    _check_blocks(found, listed, "/blocks", set(SHAPES), file_ids)
    if sum(1 for block in listed if _kind(block) == "table") > 1:
        found.add("only one table allowed", "/blocks")
    return found.messages


def view_problems(
    view: Any, kinds: Collection[str], file_ids: Collection[str] | None = None
) -> list[str]:
    """Return what Slack would refuse about a view.

    Args:
        view: the `view` argument as it came.
        kinds: the types that the method takes, of `modal` and `home`.
        file_ids: ids of the files that exist, for images by `slack_file`; None skips that check.
    """
    found = Findings()
    if not isinstance(view, dict):
        found.add("must be an object", "/view")
        return found.messages
    if _kind(view) not in kinds:
        found.add(f"must be one of {', '.join(sorted(kinds))}", "/view/type")
    _check_frame(found, view)
    blocks = found.items(view.get("blocks"), 1, VIEW_BLOCKS_MAX, "/view/blocks")
    _check_blocks(found, blocks, "/view/blocks", set(SHAPES) - MESSAGE_ONLY, file_ids)
    _check_inputs(found, view, blocks)
    if len(json.dumps(view)) > VIEW_BYTES_MAX:
        found.add(f"must be at most {VIEW_BYTES_MAX} bytes", "/view")
    return found.messages


def text_in_blocks(blocks: Any) -> int:
    """Return how many characters of text a message's blocks hold together."""
    if isinstance(blocks, list):
        return sum(text_in_blocks(item) for item in blocks)
    if not isinstance(blocks, dict):
        return 0
    own = blocks.get("text")
    inner = sum(text_in_blocks(value) for value in blocks.values())
    return inner + (len(own) if isinstance(own, str) else 0)


def _kind(block: Any) -> str | None:
    kind = block.get("type") if isinstance(block, dict) else None
    return kind if isinstance(kind, str) else None


def _check_frame(found: Findings, view: Json) -> None:
    ids = {"callback_id", "external_id", "private_metadata"}
    extras = {"title", "submit", "close", "clear_on_close", "notify_on_close", "submit_disabled"}
    is_modal = view.get("type") == "modal"
    required = {"blocks", "title"} if is_modal else {"blocks"}
    found.keys(view, required, ids | extras if is_modal else ids, "/view")
    for key in ("title", "submit", "close"):
        found.text(view.get(key), 24, f"/view/{key}", plain=True)
    found.string(view.get("callback_id"), ID_MAX, "/view/callback_id", shortest=0)
    found.string(view.get("external_id"), ID_MAX, "/view/external_id", shortest=0)
    found.string(view.get("private_metadata"), 3000, "/view/private_metadata", shortest=0)


def _check_inputs(found: Findings, view: Json, blocks: list[Any]) -> None:
    has_input = any(_kind(block) == "input" for block in blocks)
    if view.get("type") == "modal" and has_input and view.get("submit") is None:
        found.add("missing required field: submit (there are input blocks)", "/view")
    listed = [block for block in blocks if isinstance(block, dict)]
    elements = [element for _, element in interactive_elements(listed)]
    if sum(1 for element in elements if element.get("focus_on_load")) > 1:
        found.add("focus_on_load may be set for one element only", "/view/blocks")


def _check_blocks(
    found: Findings,
    blocks: list[Any],
    at: str,
    allowed: set[str],
    file_ids: Collection[str] | None,
) -> None:
    seen: set[str] = set()
    for index, block in enumerate(blocks):
        place = f"{at}/{index}"
        if _kind(block) not in allowed:
            found.add(f"unsupported type: {_kind(block)}", f"{place}/type")
            continue
        _check_block(found, block, place, file_ids)
        block_id = block.get("block_id")
        if isinstance(block_id, str) and block_id in seen:
            found.add("block_id must be unique", f"{place}/block_id")
        seen.add(str(block_id) if block_id else "")


def _check_block(found: Findings, block: Json, at: str, file_ids: Collection[str] | None) -> None:
    required, optional = SHAPES[block["type"]]
    found.keys(block, required, optional | {"block_id"}, at)
    found.string(block.get("block_id"), ID_MAX, f"{at}/block_id", shortest=0)
    CHECKS[block["type"]](found, block, at)
    if block["type"] == "image":
        check_image(found, block, at, file_ids)


def _check_section(found: Findings, block: Json, at: str) -> None:
    if block.get("text") is None and block.get("fields") is None:
        found.add("missing required field: text or fields", at)
    found.text(block.get("text"), 3000, f"{at}/text")
    for index, field in enumerate(found.items(block.get("fields"), 1, 10, f"{at}/fields")):
        found.text(field, 2000, f"{at}/fields/{index}")
    if block.get("accessory") is not None:
        check_element(found, block["accessory"], f"{at}/accessory", IN_SECTION)


def _check_header(found: Findings, block: Json, at: str) -> None:
    found.text(block.get("text"), 150, f"{at}/text", plain=True)


def _check_image_block(found: Findings, block: Json, at: str) -> None:
    found.text(block.get("title"), 2000, f"{at}/title", plain=True)


def _check_actions(found: Findings, block: Json, at: str) -> None:
    elements = found.items(block.get("elements"), 1, 25, f"{at}/elements")
    seen: set[str] = set()
    for index, element in enumerate(elements):
        place = f"{at}/elements/{index}"
        check_element(found, element, place, IN_ACTIONS)
        action_id = element.get("action_id") if isinstance(element, dict) else None
        if isinstance(action_id, str) and action_id in seen:
            found.add("action_id must be unique in its block", f"{place}/action_id")
        seen.add(str(action_id) if action_id else "")


def _check_context(found: Findings, block: Json, at: str) -> None:
    for index, element in enumerate(found.items(block.get("elements"), 1, 10, f"{at}/elements")):
        place = f"{at}/elements/{index}"
        if _kind(element) == "image":
            check_element(found, element, place, {"image"})
        else:
            found.text(element, 3000, place)
            if element is None:
                found.add("must be a text or an image", place)


def _check_input(found: Findings, block: Json, at: str) -> None:
    found.text(block.get("label"), 2000, f"{at}/label", plain=True)
    found.text(block.get("hint"), 2000, f"{at}/hint", plain=True)
    if block.get("element") is not None:
        check_element(found, block["element"], f"{at}/element", IN_INPUT)


def _check_rich_text(found: Findings, block: Json, at: str) -> None:
    kinds = {f"rich_text_{name}" for name in ("section", "list", "preformatted", "quote")}
    for index, part in enumerate(found.items(block.get("elements"), 1, 1000, f"{at}/elements")):
        if _kind(part) not in kinds:
            found.add(f"unsupported type: {_kind(part)}", f"{at}/elements/{index}/type")


def _check_markdown(found: Findings, block: Json, at: str) -> None:
    found.string(block.get("text"), 12_000, f"{at}/text")


def _check_table(found: Findings, block: Json, at: str) -> None:
    for index, row in enumerate(found.items(block.get("rows"), 1, 100, f"{at}/rows")):
        found.items(row, 1, 20, f"{at}/rows/{index}")


def _nothing_more(_found: Findings, _block: Json, _at: str) -> None:
    """A divider has no content."""


CHECKS: dict[str, _Check] = {
    "section": _check_section,
    "divider": _nothing_more,
    "header": _check_header,
    "image": _check_image_block,
    "actions": _check_actions,
    "context": _check_context,
    "input": _check_input,
    "rich_text": _check_rich_text,
    "markdown": _check_markdown,
    "table": _check_table,
}

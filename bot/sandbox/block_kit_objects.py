"""Block Kit's composition objects: texts, options, confirmations, and how findings are noted.

https://docs.slack.dev/reference/block-kit/composition-objects
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from bot.sandbox.errors import Json

OPTION_TEXT_MAX = 75
OPTION_VALUE_MAX = 150
URL_MAX = 3000
ID_MAX = 255


class Findings:
    """What is wrong with a payload, each with the JSON pointer of the place."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def add(self, problem: str, at: str) -> None:
        """Note a problem at a JSON pointer."""
        self.messages.append(f"[ERROR] {problem} [json-pointer:{at}]")

    def keys(
        self, obj: Json, required: Collection[str], optional: Collection[str], at: str
    ) -> None:
        """Note missing and unknown keys. A key whose value is null counts as missing."""
        for key in sorted(required):
            if obj.get(key) is None:
                self.add(f"missing required field: {key}", at)
        for key in obj:
            if key not in required and key not in optional and key != "type":
                self.add(f"invalid additional property: {key}", at)

    def string(self, value: Any, longest: int, at: str, *, shortest: int = 1) -> None:
        """Note a value that is no string of `shortest` to `longest` characters. None passes."""
        if value is None:
            return
        if not isinstance(value, str):
            self.add("must be a string", at)
        elif len(value) < shortest:
            self.add(f"must be more than {shortest - 1} characters", at)
        elif len(value) > longest:
            self.add(f"must be less than {longest + 1} characters", at)

    def text(self, value: Any, longest: int, at: str, *, plain: bool = False) -> None:
        """Note a bad text object. None passes.

        Args:
            value: the text object.
            longest: most characters.
            at: its JSON pointer.
            plain: whether only plain_text will do.
        """
        if value is None:
            return
        if not isinstance(value, dict):
            self.add("must be a text object", at)
            return
        kind = value.get("type")
        if kind not in ("plain_text", "mrkdwn") or (plain and kind != "plain_text"):
            wanted = "plain_text" if plain else "plain_text or mrkdwn"
            self.add(f"must be of type {wanted}", f"{at}/type")
        self.keys(value, {"text"}, {"emoji"} if kind == "plain_text" else {"verbatim"}, at)
        self.string(value.get("text"), longest, f"{at}/text")

    def items(self, value: Any, fewest: int, most: int, at: str) -> list[Any]:
        """Return a list's items, after noting a bad count; an empty list for anything else."""
        if not isinstance(value, list):
            if value is not None:
                self.add("must be an array", at)
            return []
        if len(value) < fewest:
            self.add(f"must have at least {fewest} items", at)
        if len(value) > most:
            self.add(f"no more than {most} items allowed", at)
        return value

    def pattern(self, value: Any, expression: str, shape: str, at: str) -> None:
        """Note a value that does not look like `shape`. None passes."""
        if value is not None and not (isinstance(value, str) and re.fullmatch(expression, value)):
            self.add(f"must be in the format {shape}", at)

    def whole_number(self, value: Any, least: int, most: int, at: str) -> None:
        """Note a value that is no whole number in the range. None passes."""
        if value is None:
            return
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.add(f"must be a whole number from {least} to {most}", at)


def check_option(found: Findings, option: Any, at: str, *, plain: bool, url: bool = False) -> None:
    """Note what is wrong with one option."""
    if not isinstance(option, dict):
        found.add("must be an option object", at)
        return
    found.keys(option, {"text", "value"}, {"description", "url"} if url else {"description"}, at)
    found.text(option.get("text"), OPTION_TEXT_MAX, f"{at}/text", plain=plain)
    found.string(option.get("value"), OPTION_VALUE_MAX, f"{at}/value")
    found.text(option.get("description"), OPTION_TEXT_MAX, f"{at}/description", plain=plain)
    found.string(option.get("url"), URL_MAX, f"{at}/url")


def check_confirm(found: Findings, confirm: Any, at: str) -> None:
    """Note what is wrong with a confirmation dialog."""
    if confirm is None:
        return
    if not isinstance(confirm, dict):
        found.add("must be a confirmation object", at)
        return
    found.keys(confirm, {"title", "text", "confirm", "deny"}, {"style"}, at)
    found.text(confirm.get("title"), 100, f"{at}/title", plain=True)
    found.text(confirm.get("text"), 300, f"{at}/text")
    found.text(confirm.get("confirm"), 30, f"{at}/confirm", plain=True)
    found.text(confirm.get("deny"), 30, f"{at}/deny", plain=True)
    check_style(found, confirm.get("style"), f"{at}/style")


def check_style(found: Findings, style: Any, at: str) -> None:
    """Note a style that is neither absent, primary nor danger."""
    if style not in (None, "primary", "danger"):
        found.add("must be one of primary, danger", at)


def check_image(found: Findings, image: Json, at: str, file_ids: Collection[str] | None) -> None:
    """Note what is wrong with where an image comes from, and with its description.

    Args:
        found: takes the findings.
        image: an image block or element.
        at: its JSON pointer.
        file_ids: the files that exist; None leaves that unchecked.
    """
    sources = [key for key in ("image_url", "slack_file") if image.get(key) is not None]
    if len(sources) != 1:
        found.add("must have exactly one of image_url, slack_file", at)
    found.string(image.get("image_url"), URL_MAX, f"{at}/image_url")
    found.string(image.get("alt_text"), 2000, f"{at}/alt_text")
    stored = image.get("slack_file")
    if stored is None:
        return
    if not isinstance(stored, dict) or len({"id", "url"} & set(stored)) != 1:
        found.add("must have exactly one of id, url", f"{at}/slack_file")
    elif file_ids is not None and "id" in stored and str(stored["id"]) not in file_ids:
        found.add("invalid slack file", f"{at}/slack_file")

"""Everything that Berth can send to Slack is something that Slack takes, whatever people wrote.

Every public function of `bot.slack.blocks` that returns a card, a view, a block or an element is
called with drawn values.  A new one is found by itself; where its arguments cannot be drawn, the
test fails until `GIVEN` says how.  A builder for some notices only is reached through the one that
is for all of them.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC
from typing import Any, get_type_hints

import pytest
from slack_sdk.models.blocks import Block as SdkBlock
from slack_sdk.models.views import View

from bot.domain.errors import BerthError
from bot.domain.notices import ALL_NOTICES, Notice
from bot.domain.templates import TemplateView, template_name
from bot.sandbox.block_kit_rules import (
    MESSAGE_TEXT_IN_BLOCKS_MAX,
    SHAPES,
    message_problems,
    text_in_blocks,
    view_problems,
)
from bot.slack import blocks as block_modules
from bot.slack.blocks import text as words
from bot.slack.blocks.booking_modal import booking_modal
from bot.slack.blocks.card import Card
from bot.slack.blocks.error_sentences import has_own_words
from bot.slack.blocks.notices import notice_message
from bot.slack.blocks.refusal import refusal_card
from tests.support.samples import GROUP, VICTIM, Draw

DRAWS = 12
TEXT_CHARS = 40_000
"""https://docs.slack.dev/reference/methods/chat.postMessage: longer text is cut off."""

BUTTON = words.button("Go on", "sample.go", "1")
SAMPLE = Card("A sample", (words.section("A sample"), words.actions([BUTTON])))

PAYLOADS = {
    str(kind)
    for kind in (
        Card,
        Card | None,
        words.Block,
        words.Block | None,
        list[words.Block],
        tuple[words.Block, ...],
        Iterator[words.Block],
    )
}
"""What a builder returns."""


def _view_of(draw: Draw, _name: str) -> Mapping[str, Any]:
    return booking_modal(**draw.arguments(booking_modal))


GIVEN: Mapping[Any, Callable[[Draw, str], Any]] = {
    Card: lambda _draw, _name: SAMPLE,
    words.Block: lambda _draw, name: BUTTON if name == "reserve" else _view_of(_draw, name),
    Mapping[str, Any]: _view_of,
    TemplateView: lambda draw, _name: replace(
        draw.instance(TemplateView), name=template_name("@yolo-nightly")
    ),
    BerthError: lambda draw, _name: an_error(draw, draw.one_of(sorted_kinds(BerthError))),
}
WRITTEN_BY_BERTH = {
    "admin.hosts_card.notice",
    "booking_modal.message_modal.title",
    "booking_modal.waiting_modal.text",
    "confirmation.booked_card.finish",
    "mine.reserve_button.label",
    "retry_words.retry_button.label",
    "series.series_list_card.notice",
    "refusal.problem_card.reference",
}
"""Texts of Berth's own, already made safe where something foreign is in them, as is `says`."""


def builders() -> dict[str, Callable[..., Any]]:
    found: dict[str, Callable[..., Any]] = {}
    for module_info in pkgutil.iter_modules(block_modules.__path__):
        module = importlib.import_module(f"{block_modules.__name__}.{module_info.name}")
        if module is words:  # the constructors; what they make is in every payload
            continue
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ != module.__name__ or name.startswith("_"):
                continue
            hints = get_type_hints(function)
            of_some = hints.get("notice") is Notice and function is not notice_message
            if str(hints.get("return")) in PAYLOADS and not of_some:
                found[f"{module_info.name}.{name}"] = function
    return found


BUILDERS = builders()


def sorted_kinds(root: type) -> list[type]:
    below: set[type] = {root}
    children: list[type] = root.__subclasses__()
    for child in children:
        below |= set(sorted_kinds(child))
    return sorted(below, key=lambda kind: (kind.__module__, kind.__qualname__))


def an_error(draw: Draw, kind: type[BerthError]) -> BerthError:
    return kind(**draw.arguments(kind))


def payload_of(built: Any) -> Card | words.Block | None:
    """Return what a builder made, put into a message where it is a part of one."""
    if built is None or isinstance(built, Card):
        return built
    if not isinstance(built, dict):
        parts = list(built)
        elements = [part for part in parts if part["type"] not in SHAPES]
        return Card("x", (words.actions(elements),) if elements else tuple(parts))
    if built["type"] in ("modal", "home"):
        return built
    return Card("x", (built if built["type"] in SHAPES else words.actions([built]),))


def texts(value: Any) -> Iterator[str]:
    """Yield every mrkdwn text; what is plain_text mentions and links to nobody."""
    if isinstance(value, dict):
        if value.get("type") == "mrkdwn":
            yield value["text"]
        yield from (text for inner in value.values() for text in texts(inner))
    elif isinstance(value, list | tuple):
        yield from (text for inner in value for text in texts(inner))


def assert_nobody_is_disturbed(text: str) -> None:
    assert VICTIM not in re.findall(r"<@(\w+)", text)
    assert f"<!subteam^{GROUP}" not in text
    assert not re.search(r"<!(?!date\^|subteam\^S0VISION)", text), text[:300]
    assert not re.search(r"<https?://evil", text)
    # In a code block a name stays as it was written: without `parse` Slack makes nothing of it.
    spoken = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    assert not re.search(r"(?<!\w)@(?:channel|here|everyone)\b", spoken), spoken[:300]
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", text)


def assert_slack_takes(payload: Card | words.Block) -> None:
    if isinstance(payload, Card):
        blocks = list(payload.blocks)
        assert message_problems(blocks) == []
        assert text_in_blocks(blocks) <= MESSAGE_TEXT_IN_BLOCKS_MAX
        assert [block.to_dict() for block in SdkBlock.parse_all(blocks)] == blocks
        assert 0 < len(payload.text.strip()) <= TEXT_CHARS
        for text in (payload.text, *texts(blocks)):
            assert_nobody_is_disturbed(text)
        return
    assert view_problems(payload, {"modal", "home"}) == []
    View(**payload).validate_json()
    assert [block.to_dict() for block in SdkBlock.parse_all(payload["blocks"])] == payload["blocks"]
    for text in texts(payload):
        assert_nobody_is_disturbed(text)


def arguments(name: str, builder: Callable[..., Any], draw: Draw) -> dict[str, Any]:
    drawn = draw.arguments(builder)
    return drawn | {
        key: "Berth's own words"
        for key in drawn
        if key == "says" or name.endswith(".said_card") or f"{name}.{key}" in WRITTEN_BY_BERTH
    }


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_slack_takes_every_payload(name: str) -> None:
    for number in range(DRAWS):
        draw = Draw(f"{name}:{number}", {**GIVEN, Notice: a_notice})
        payload = payload_of(BUILDERS[name](**arguments(name, BUILDERS[name], draw)))
        if payload is not None:
            assert_slack_takes(payload)


def a_notice(draw: Draw, _name: str) -> Notice:
    notice: Notice = draw.instance(draw.one_of(ALL_NOTICES))
    return notice


@pytest.mark.parametrize("kind", ALL_NOTICES, ids=lambda kind: kind.__name__)
def test_slack_takes_every_notice(kind: type[Notice]) -> None:
    for number in range(DRAWS):
        notice = Draw(f"{kind.__name__}:{number}", GIVEN).instance(kind)
        assert_slack_takes(notice_message(notice))


def test_slack_takes_every_refusal() -> None:
    for kind in sorted_kinds(BerthError):
        if has_own_words(kind):
            for number in range(DRAWS // 2):
                draw = Draw(f"{kind.__name__}:{number}", GIVEN)
                assert_slack_takes(refusal_card(an_error(draw, kind), UTC))


def test_what_is_said_about_builders_is_true() -> None:
    parameters = {
        f"{name}.{parameter}"
        for name, builder in BUILDERS.items()
        for parameter in inspect.signature(builder).parameters
    }
    assert parameters >= WRITTEN_BY_BERTH
    assert len(BUILDERS) > 80, "the builders are found"

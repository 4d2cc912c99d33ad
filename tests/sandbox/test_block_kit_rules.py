"""Block Kit's limits: at the edge it passes, one over is refused at the right place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sandbox.block_kit_rules import message_problems, text_in_blocks, view_problems
from tests.sandbox.example_app import MODAL, card

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def section(**more: Any) -> Json:
    return {"type": "section", "text": mrkdwn("x"), **more}


def button(**more: Any) -> Json:
    return {"type": "button", "text": plain("x"), **more}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def options(count: int, **more: Any) -> list[Json]:
    return [{"text": plain(f"o{n}"), "value": f"v{n}", **more} for n in range(count)]


def select(count: int = 2, **more: Any) -> Json:
    return {"type": "static_select", "options": options(count), **more}


def field(element: Json, **more: Any) -> Json:
    return {"type": "input", "label": plain("x"), "element": element, **more}


def image(**more: Any) -> Json:
    return {"type": "image", "alt_text": "x", "image_url": "https://x.example/a.png", **more}


def confirm(**more: Any) -> Json:
    parts = {"title": plain("x"), "text": plain("x"), "confirm": plain("x"), "deny": plain("x")}
    return {**parts, **more}


def text_input(**more: Any) -> Json:
    return {"type": "plain_text_input", **more}


def number_input(**more: Any) -> Json:
    return {"type": "number_input", "is_decimal_allowed": False, **more}


def modal(*blocks: Json, **more: Any) -> Json:
    frame = {"type": "modal", "title": plain("x"), "submit": plain("x")}
    return {**frame, "blocks": list(blocks) or [section()], **more}


# What may be n big, how big, and where the fault is reported.
EDGES: dict[str, tuple[Callable[[int], Json], int, str]] = {
    "section text": (lambda n: section(text=mrkdwn("x" * n)), 3000, "/text/text"),
    "fields": (lambda n: section(fields=[mrkdwn("x")] * n), 10, "/fields"),
    "field text": (lambda n: section(fields=[mrkdwn("x" * n)]), 2000, "/fields/0/text"),
    "header": (lambda n: {"type": "header", "text": plain("x" * n)}, 150, "/text/text"),
    "context": (lambda n: {"type": "context", "elements": [mrkdwn("x")] * n}, 10, "/elements"),
    "actions": (lambda n: actions(*[button()] * n), 25, "/elements"),
    "button text": (lambda n: actions(button(text=plain("x" * n))), 75, "/elements/0/text/text"),
    "button value": (lambda n: actions(button(value="x" * n)), 2000, "/elements/0/value"),
    "button url": (lambda n: actions(button(url="x" * n)), 3000, "/elements/0/url"),
    "button label": (
        lambda n: actions(button(accessibility_label="x" * n)),
        75,
        "/elements/0/accessibility_label",
    ),
    "confirm title": (
        lambda n: actions(button(confirm=confirm(title=plain("x" * n)))),
        100,
        "/elements/0/confirm/title/text",
    ),
    "confirm text": (
        lambda n: actions(button(confirm=confirm(text=mrkdwn("x" * n)))),
        300,
        "/elements/0/confirm/text/text",
    ),
    "confirm yes": (
        lambda n: actions(button(confirm=confirm(confirm=plain("x" * n)))),
        30,
        "/elements/0/confirm/confirm/text",
    ),
    "confirm no": (
        lambda n: actions(button(confirm=confirm(deny=plain("x" * n)))),
        30,
        "/elements/0/confirm/deny/text",
    ),
    "action_id": (lambda n: actions(button(action_id="x" * n)), 255, "/elements/0/action_id"),
    "block_id": (lambda n: section(block_id="x" * n), 255, "/block_id"),
    "select options": (lambda n: actions(select(n)), 100, "/elements/0/options"),
    "option text": (
        lambda n: actions(select(options=options(1, text=plain("x" * n)))),
        75,
        "/elements/0/options/0/text/text",
    ),
    "option value": (
        lambda n: actions(select(options=options(1, value="x" * n))),
        150,
        "/elements/0/options/0/value",
    ),
    "option description": (
        lambda n: actions(select(options=options(1, description=plain("x" * n)))),
        75,
        "/elements/0/options/0/description/text",
    ),
    "option groups": (
        lambda n: actions(
            {
                "type": "static_select",
                "option_groups": [{"label": plain("x"), "options": options(1)}] * n,
            }
        ),
        100,
        "/elements/0/option_groups",
    ),
    "group label": (
        lambda n: actions(
            {
                "type": "static_select",
                "option_groups": [{"label": plain("x" * n), "options": options(1)}],
            }
        ),
        75,
        "/elements/0/option_groups/0/label/text",
    ),
    "placeholder": (
        lambda n: actions(select(placeholder=plain("x" * n))),
        150,
        "/elements/0/placeholder/text",
    ),
    "overflow": (
        lambda n: section(accessory={"type": "overflow", "options": options(n)}),
        5,
        "/accessory/options",
    ),
    "checkboxes": (
        lambda n: section(accessory={"type": "checkboxes", "options": options(n)}),
        10,
        "/accessory/options",
    ),
    "radio buttons": (
        lambda n: section(accessory={"type": "radio_buttons", "options": options(n)}),
        10,
        "/accessory/options",
    ),
    "label": (lambda n: field(select(), label=plain("x" * n)), 2000, "/label/text"),
    "hint": (lambda n: field(select(), hint=plain("x" * n)), 2000, "/hint/text"),
    "initial text": (
        lambda n: field(text_input(initial_value="x" * n)),
        3000,
        "/element/initial_value",
    ),
    "longest text": (lambda n: field(text_input(max_length=n)), 3000, "/element/max_length"),
    "image alt": (lambda n: image(alt_text="x" * n), 2000, "/alt_text"),
    "image title": (lambda n: image(title=plain("x" * n)), 2000, "/title/text"),
    "image url": (lambda n: image(image_url="x" * n), 3000, "/image_url"),
    "markdown": (lambda n: {"type": "markdown", "text": "x" * n}, 12_000, "/text"),
    "table rows": (lambda n: {"type": "table", "rows": [[{}]] * n}, 100, "/rows"),
    "table columns": (lambda n: {"type": "table", "rows": [[{}] * n]}, 20, "/rows/0"),
}


@pytest.mark.parametrize("name", EDGES)
def test_blocks_at_the_edge_and_one_over(name: str) -> None:
    make, most, place = EDGES[name]
    assert message_problems([make(most)]) == []
    problems = message_problems([make(most + 1)])
    assert [problem for problem in problems if f"[json-pointer:/blocks/0{place}]" in problem]


BROKEN: dict[str, tuple[Json, str]] = {
    "unknown type": ({"type": "marquee"}, "unsupported type: marquee"),
    "no type": ({"text": plain("x")}, "unsupported type: None"),
    "unknown key": (section(colour="red"), "invalid additional property: colour"),
    "empty section": ({"type": "section"}, "missing required field: text or fields"),
    "empty text": (section(text=mrkdwn("")), "must be more than 0 characters"),
    "no fields": (section(fields=[]), "must have at least 1 items"),
    "text is no object": (section(text="x"), "must be a text object"),
    "text of odd type": (section(text={"type": "html", "text": "x"}), "must be of type"),
    "emoji in mrkdwn": (section(text={**mrkdwn("x"), "emoji": True}), "additional property: emoji"),
    "header in mrkdwn": ({"type": "header", "text": mrkdwn("x")}, "must be of type plain_text"),
    "button in mrkdwn": (actions(button(text=mrkdwn("x"))), "must be of type plain_text"),
    "button style": (actions(button(style="default")), "must be one of primary, danger"),
    "button without text": (actions({"type": "button"}), "missing required field: text"),
    "no elements": (actions(), "must have at least 1 items"),
    "input among actions": (actions(text_input()), "unsupported type: plain_text_input"),
    "image among actions": (actions(image()), "unsupported type: image"),
    "button in context": (
        {"type": "context", "elements": [button()]},
        "must be of type plain_text or mrkdwn",
    ),
    "two action_ids alike": (
        actions(button(action_id="a"), button(action_id="a")),
        "action_id must be unique",
    ),
    "confirm without deny": (
        actions(button(confirm={k: v for k, v in confirm().items() if k != "deny"})),
        "missing required field: deny",
    ),
    "select without options": (actions({"type": "static_select"}), "exactly one of options"),
    "empty options": (actions(select(0)), "must have at least 1 items"),
    "options and groups": (
        actions(select(option_groups=[{"label": plain("x"), "options": options(1)}])),
        "exactly one of options",
    ),
    "option in mrkdwn": (
        actions(select(options=options(1, text=mrkdwn("x")))),
        "must be of type plain_text",
    ),
    "option without value": (
        actions(select(options=[{"text": plain("x")}])),
        "missing required field: value",
    ),
    "initial_option elsewhere": (
        actions(select(initial_option={"text": plain("z"), "value": "z"})),
        "must exactly match one of the options",
    ),
    "initial_options elsewhere": (
        actions(
            {
                "type": "checkboxes",
                "options": options(1),
                "initial_options": [{"text": plain("z"), "value": "z"}],
            }
        ),
        "must exactly match one of the options",
    ),
    "bad date": (actions({"type": "datepicker", "initial_date": "23.11.2026"}), "YYYY-MM-DD"),
    "bad month": (actions({"type": "datepicker", "initial_date": "2026-13-01"}), "YYYY-MM-DD"),
    "bad time": (actions({"type": "timepicker", "initial_time": "24:00"}), "HH:mm"),
    "bad date and time": (
        actions({"type": "datetimepicker", "initial_date_time": 12}),
        "must be a whole number",
    ),
    "datetimepicker in section": (
        section(accessory={"type": "datetimepicker"}),
        "unsupported type: datetimepicker",
    ),
    "image without alt": (
        {"type": "image", "image_url": "https://x.example"},
        "missing required field: alt_text",
    ),
    "image without source": ({"type": "image", "alt_text": "x"}, "exactly one of image_url"),
    "image with two sources": (image(slack_file={"id": "F1"}), "exactly one of image_url"),
    "input without label": (
        {"type": "input", "element": select()},
        "missing required field: label",
    ),
    "input without element": (
        {"type": "input", "label": plain("x")},
        "missing required field: element",
    ),
    "button as input": (field(button()), "unsupported type: button"),
    "label in mrkdwn": (field(select(), label=mrkdwn("x")), "must be of type plain_text"),
    "number without decimals rule": (
        field({"type": "number_input"}),
        "missing required field: is_decimal_allowed",
    ),
    "number as a number": (field(number_input(min_value=1)), "a number in a string"),
    "least over most": (
        field(number_input(min_value="3", max_value="2")),
        "must not be more than max_value",
    ),
    "initial number outside": (
        field(number_input(max_value="2", initial_value="3")),
        "between min_value and max_value",
    ),
    "shortest over longest": (
        field(text_input(min_length=3, max_length=2)),
        "must not be more than max_length",
    ),
    "no selected items": (
        field({"type": "multi_users_select", "max_selected_items": 0}),
        "must be a whole number from 1",
    ),
    "rich text of odd parts": (
        {"type": "rich_text", "elements": [{"type": "bold"}]},
        "unsupported type: bold",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_blocks_are_refused(name: str) -> None:
    block, problem = BROKEN[name]
    found = message_problems([block])
    assert [message for message in found if problem in message], found
    assert all("[json-pointer:/blocks/0" in message for message in found)


def test_counts_over_the_whole_message() -> None:
    assert message_problems([section()] * 50) == []
    assert message_problems([section()] * 51) == [
        "[ERROR] no more than 50 items allowed [json-pointer:/blocks]"
    ]
    assert message_problems([section(block_id="a"), section(block_id="a")]) == [
        "[ERROR] block_id must be unique [json-pointer:/blocks/1/block_id]"
    ]
    table = {"type": "table", "rows": [[{}]]}
    assert message_problems([table, table]) == [
        "[ERROR] only one table allowed [json-pointer:/blocks]"
    ]
    assert message_problems("blocks") == ["[ERROR] must be an array [json-pointer:/blocks]"]


def test_images_must_name_files_that_exist() -> None:
    stored = {"type": "image", "alt_text": "x", "slack_file": {"id": "F1"}}
    assert message_problems([stored], {"F1"}) == []
    assert message_problems([stored], {"F2"}) == [
        "[ERROR] invalid slack file [json-pointer:/blocks/0/slack_file]"
    ]


WORDS = ["type", "text", "blocks", "elements", "options", "option_groups", "element", "label"]
KINDS = ["modal", "section", "actions", "input", "static_select", "plain_text", "image", "button"]
NONSENSE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(KINDS),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*WORDS, "accessory", "confirm", "style"]), inner)
    ),
    max_leaves=20,
)


@given(NONSENSE)
def test_nonsense_is_refused_never_a_crash(payload: Any) -> None:
    message_problems(payload, {"F1"})
    message_problems([payload], {"F1"})
    assert view_problems(payload, {"modal"}, {"F1"})


def test_text_in_blocks_counts_every_text() -> None:
    blocks = [section(fields=[mrkdwn("ab"), plain("c")]), actions(button(text=plain("def")))]
    assert text_in_blocks(blocks) == 1 + 3 + 3


GOOD_ELEMENTS: list[Json] = [
    select(initial_option=options(1)[0]),
    {"type": "multi_static_select", "options": options(3), "initial_options": options(2)},
    {"type": "external_select", "min_query_length": 0},
    {"type": "multi_external_select", "max_selected_items": 2},
    {"type": "users_select", "initial_user": "U0ALICE"},
    {"type": "multi_users_select", "initial_users": ["U0ALICE"]},
    {"type": "channels_select"},
    {"type": "multi_channels_select"},
    {"type": "conversations_select", "default_to_current_conversation": True},
    {"type": "multi_conversations_select"},
    {"type": "datepicker", "initial_date": "2026-11-23", "confirm": confirm(style="danger")},
    {"type": "timepicker", "initial_time": "23:59", "timezone": "Europe/Paris"},
    {"type": "datetimepicker", "initial_date_time": 1_795_424_471},
    {"type": "checkboxes", "options": options(2, text=mrkdwn("*x*"))},
    {"type": "radio_buttons", "options": options(2), "focus_on_load": True},
    text_input(multiline=True, dispatch_action_config={"trigger_actions_on": ["on_enter_pressed"]}),
    number_input(min_value="-1.5", max_value="2", initial_value="0"),
    {"type": "email_text_input"},
    {"type": "url_text_input"},
    {"type": "rich_text_input"},
    {"type": "file_input", "filetypes": ["yaml"], "max_files": 1},
]


@pytest.mark.parametrize("element", GOOD_ELEMENTS, ids=lambda element: str(element["type"]))
def test_good_inputs_pass(element: Json) -> None:
    assert view_problems(modal(field(element, optional=True)), {"modal"}) == []


def test_good_payloads_pass() -> None:
    assert view_problems(MODAL, {"modal"}) == []
    assert message_problems(card("Booked")) == []
    assert view_problems({"type": "home", "blocks": card("Yours")}, {"home"}) == []
    rich = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": []}]}
    context = {"type": "context", "elements": [image(), mrkdwn("x"), plain("x")]}
    menu = {"type": "overflow", "options": options(2, url="https://x.example")}
    assert message_problems([rich, context, section(accessory=menu), image()]) == []


VIEW_EDGES: dict[str, tuple[Callable[[int], Json], int, str]] = {
    "title": (lambda n: modal(title=plain("x" * n)), 24, "/view/title/text"),
    "submit": (lambda n: modal(submit=plain("x" * n)), 24, "/view/submit/text"),
    "close": (lambda n: modal(close=plain("x" * n)), 24, "/view/close/text"),
    "callback_id": (lambda n: modal(callback_id="x" * n), 255, "/view/callback_id"),
    "external_id": (lambda n: modal(external_id="x" * n), 255, "/view/external_id"),
    "private_metadata": (lambda n: modal(private_metadata="x" * n), 3000, "/view/private_metadata"),
    "blocks": (lambda n: modal(*[section()] * n), 100, "/view/blocks"),
}


@pytest.mark.parametrize("name", VIEW_EDGES)
def test_views_at_the_edge_and_one_over(name: str) -> None:
    make, most, place = VIEW_EDGES[name]
    assert view_problems(make(most), {"modal"}) == []
    problems = view_problems(make(most + 1), {"modal"})
    assert [problem for problem in problems if f"[json-pointer:{place}]" in problem]


BROKEN_VIEWS: dict[str, tuple[Any, str]] = {
    "no object": ("view", "must be an object"),
    "no title": ({"type": "modal", "blocks": [section()]}, "missing required field: title"),
    "title in mrkdwn": (modal(title=mrkdwn("x")), "must be of type plain_text"),
    "empty title": (modal(title=plain("")), "must be more than 0 characters"),
    "inputs without submit": (
        {"type": "modal", "title": plain("x"), "blocks": [field(select())]},
        "missing required field: submit",
    ),
    "no blocks": ({**modal(), "blocks": []}, "must have at least 1 items"),
    "blocks missing": ({"type": "modal", "title": plain("x")}, "missing required field: blocks"),
    "wrong type": ({"type": "home", "blocks": [section()]}, "must be one of modal"),
    "unknown key": (modal(colour="red"), "invalid additional property: colour"),
    "message block": (modal({"type": "markdown", "text": "x"}), "unsupported type: markdown"),
    "two focuses": (
        modal(
            field(text_input(focus_on_load=True)),
            field(text_input(focus_on_load=True)),
        ),
        "focus_on_load may be set for one element only",
    ),
    "250 kB": (
        modal(*[section(text=mrkdwn("x" * 2990))] * 90),
        "must be at most 250000 bytes",
    ),
}


@pytest.mark.parametrize("name", BROKEN_VIEWS)
def test_broken_views_are_refused(name: str) -> None:
    view, problem = BROKEN_VIEWS[name]
    found = view_problems(view, {"modal"})
    assert [message for message in found if problem in message], found


@pytest.mark.parametrize("key", ["title", "submit", "close"])
def test_home_tabs_have_no_frame(key: str) -> None:
    view = {"type": "home", "blocks": [section()], key: plain("x")}
    assert view_problems(view, {"home"}) == [
        f"[ERROR] invalid additional property: {key} [json-pointer:/view]"
    ]

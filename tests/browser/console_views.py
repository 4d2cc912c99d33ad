"""The modals, home and messages of the app that the console's tests use."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

Json = dict[str, Any]

ANY_ACTION = re.compile(r".+")


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def option(text: str, value: str) -> Json:
    return {"text": plain(text), "value": value}


def mrkdwn(text: str) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def button(action_id: str, text: str, value: str = "", **extra: Any) -> Json:
    return {"type": "button", "action_id": action_id, "text": plain(text), "value": value, **extra}


def field(name: str, kind: str, **extra: Any) -> Json:
    """An input block ``b_<name>`` with the element ``a_<name>``."""
    block: Json = {
        key: extra.pop(key) for key in ("optional", "hint", "dispatch_action") if key in extra
    }
    return {
        "type": "input",
        "block_id": f"b_{name}",
        "label": plain(name.capitalize()),
        "element": {"type": kind, "action_id": f"a_{name}", **extra},
        **block,
    }


GPUS = [option("A100", "a100"), option("H100", "h100"), option("H200", "h200")]
FLAGS = [option("Mail me", "mail"), option("Keep the checkpoint", "keep")]


def inputs(moment: datetime) -> Json:
    """A modal with an input of every type; every one but the first has an initial value."""
    return {
        "type": "modal",
        "callback_id": "inputs",
        "title": plain("Book a GPU"),
        "submit": plain("Book"),
        "close": plain("Cancel"),
        "blocks": [
            field("text", "plain_text_input", hint=plain("Lower case, please")),
            field("note", "plain_text_input", multiline=True, initial_value="two\nlines"),
            field(
                "hours",
                "number_input",
                is_decimal_allowed=False,
                initial_value="4",
                min_value="1",
                max_value="24",
            ),
            field("mail", "email_text_input", initial_value="alice@example.com"),
            field("url", "url_text_input", initial_value="https://example.com/data.zip"),
            field("gpu", "static_select", options=GPUS, initial_option=GPUS[1]),
            field("more", "multi_static_select", options=GPUS, initial_options=GPUS[:2]),
            field("person", "users_select", initial_user="U0BOB"),
            field("people", "multi_users_select", initial_users=["U0BOB", "U0DAVE"]),
            field("channel", "channels_select", initial_channel="C0VISION"),
            field("place", "conversations_select", default_to_current_conversation=True),
            field("day", "datepicker", initial_date="2026-11-30"),
            field("time", "timepicker", initial_time="09:30"),
            field("moment", "datetimepicker", initial_date_time=int(moment.timestamp())),
            field("flags", "checkboxes", options=FLAGS, initial_options=FLAGS[1:]),
            field("urgency", "radio_buttons", options=GPUS, initial_option=GPUS[0]),
            field("external", "external_select", min_query_length=0, optional=True),
        ],
    }


def mini(depth: str, note: str = "Not checked yet") -> Json:
    """A small modal that can be pushed on itself and updated."""
    return {
        "type": "modal",
        "callback_id": "mini",
        "notify_on_close": True,
        "title": plain(f"Level {depth}"),
        "submit": plain("Save"),
        "blocks": [
            {**mrkdwn(note), "block_id": "note"},
            field("name", "plain_text_input"),
            {
                "type": "actions",
                "block_id": "buttons",
                "elements": [button("push", "Deeper", depth), button("update", "Check")],
            },
        ],
    }


def question() -> list[Json]:
    return [
        {**mrkdwn("Release *gpu-1*?"), "block_id": "question"},
        {
            "type": "actions",
            "block_id": "answers",
            "elements": [button("yes", "Yes", "r1", style="danger")],
        },
    ]


def controls() -> list[Json]:
    """A message with something to click, to choose and to type."""
    confirm = {
        "title": plain("Sure?"),
        "text": plain("The run stops."),
        "confirm": plain("Stop it"),
        "deny": plain("Keep it"),
    }
    menu = [option("Extend", "extend"), option("Give away", "give")]
    return [
        {
            **mrkdwn("*Run 7* on `gpu-1` for <@U0ALICE>"),
            "block_id": "run",
            "accessory": {"type": "overflow", "action_id": "menu", "options": menu},
        },
        {
            "type": "actions",
            "block_id": "controls",
            "elements": [
                button("stop", "Stop", "run-7", style="danger", confirm=confirm),
                {
                    "type": "static_select",
                    "action_id": "pick",
                    "placeholder": plain("GPU type"),
                    "options": GPUS,
                },
            ],
        },
        field("comment", "plain_text_input", dispatch_action=True),
    ]


def documents(file_id: str) -> list[Json]:
    """Blocks that only show something."""
    text = [{"type": "text", "text": "rich", "style": {"bold": True}}]
    section = {"type": "rich_text_section", "elements": text}
    item = {"type": "rich_text_section", "elements": [{"type": "user", "user_id": "U0BOB"}]}
    listed = {"type": "rich_text_list", "style": "bullet", "elements": [item]}
    rows = [["GPU", "Hours"], ["H100", "4"]]
    table = [[{"type": "raw_text", "text": text} for text in row] for row in rows]
    return [
        {"type": "image", "slack_file": {"id": file_id}, "alt_text": "the plan"},
        {"type": "rich_text", "elements": [section, listed]},
        {"type": "table", "rows": table},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": f"*F{i}*"} for i in range(2)]},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "as of _now_"}]},
        {"type": "divider"},
    ]


def pickers() -> list[Json]:
    """Elements outside of input blocks, which tell the app of every choice."""
    groups = [
        {"label": plain("Fast"), "options": GPUS[1:]},
        {"label": plain("Old"), "options": GPUS[:1]},
    ]
    elements = [
        {"type": "datepicker", "action_id": "on"},
        {"type": "datetimepicker", "action_id": "at"},
        {"type": "static_select", "action_id": "which", "option_groups": groups},
    ]
    return [{"type": "actions", "block_id": "pickers", "elements": elements}]


def home(greeting: str) -> Json:
    teams = [option("Vision", "vision"), option("NLP", "nlp")]
    return {
        "type": "home",
        "blocks": [
            {"type": "header", "text": plain("Your GPUs")},
            {**mrkdwn(greeting), "block_id": "greeting"},
            {
                "type": "actions",
                "block_id": "home",
                "elements": [
                    button("refresh", "Refresh", "now", style="primary"),
                    {
                        "type": "static_select",
                        "action_id": "team",
                        "options": teams,
                        "initial_option": teams[0],
                    },
                ],
            },
        ],
    }

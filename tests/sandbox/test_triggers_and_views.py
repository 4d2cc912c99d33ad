"""Triggers, modals and home tabs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bot.sandbox.options import StandInOptions
from bot.sandbox.server import SlackStandIn
from tests.sandbox.example_app import MODAL, plain

Api = Callable[..., Awaitable[dict[str, Any]]]
SIMPLE = {"type": "modal", "title": plain("Hi"), "blocks": [{"type": "divider"}]}
HOME = {"type": "home", "blocks": [{"type": "divider"}]}


async def test_a_trigger_works_once(api: Api, stand_in: SlackStandIn) -> None:
    trigger = stand_in.state.triggers.issue("U0ALICE")
    assert (await api("views.open", trigger_id=trigger, view=SIMPLE))["ok"]
    again = await api("views.open", trigger_id=trigger, view=SIMPLE)
    assert again["error"] == "exchanged_trigger_id"


class TestExpiry:
    @pytest.fixture
    def options(self) -> StandInOptions:
        return StandInOptions(trigger_life_s=0.0)

    async def test_a_trigger_expires(self, api: Api, stand_in: SlackStandIn) -> None:
        trigger = stand_in.state.triggers.issue("U0ALICE")
        late = await api("views.open", trigger_id=trigger, view=SIMPLE)
        assert late["error"] == "expired_trigger_id"


def test_a_trigger_lives_three_seconds_unless_told_otherwise() -> None:
    assert StandInOptions().trigger_life_s == 3.0
    assert StandInOptions().ack_deadline_s == 3.0


async def test_an_invented_or_missing_trigger(api: Api) -> None:
    invented = await api("views.open", trigger_id="1.2.3", view=SIMPLE)
    assert invented["error"] == "invalid_trigger_id"
    assert (await api("views.open", view=SIMPLE))["error"] == "invalid_arguments"


async def test_a_refused_view_does_not_use_the_trigger_up(api: Api, stand_in: SlackStandIn) -> None:
    trigger = stand_in.state.triggers.issue("U0ALICE")
    bad = {**SIMPLE, "title": plain("x" * 25)}
    refused = await api("views.open", trigger_id=trigger, view=bad)
    assert refused["error"] == "invalid_arguments"
    assert refused["response_metadata"]["messages"] == [
        "[ERROR] must be less than 25 characters [json-pointer:/view/title/text]"
    ]
    assert (await api("views.open", trigger_id=trigger, view=SIMPLE))["ok"]


async def test_three_views_fit_on_the_stack(api: Api, stand_in: SlackStandIn) -> None:
    issue = stand_in.state.triggers.issue
    early = await api("views.push", trigger_id=issue("U0ALICE"), view=SIMPLE)
    assert early["error"] == "not_found"
    root = await api("views.open", trigger_id=issue("U0ALICE"), view=SIMPLE)
    second = await api("views.push", trigger_id=issue("U0ALICE"), view=SIMPLE)
    assert second["view"]["previous_view_id"] == root["view"]["id"]
    assert (await api("views.push", trigger_id=issue("U0ALICE"), view=SIMPLE))["ok"]
    fourth = await api("views.push", trigger_id=issue("U0ALICE"), view=SIMPLE)
    assert fourth["error"] == "push_limit_reached"
    assert stand_in.state.views.stack("U0BOB") == []


async def test_updates_notice_a_stale_hash(api: Api, stand_in: SlackStandIn) -> None:
    trigger = stand_in.state.triggers.issue("U0ALICE")
    view = (await api("views.open", trigger_id=trigger, view=SIMPLE))["view"]
    seen = {"view_id": view["id"], "view": SIMPLE, "hash": view["hash"]}
    assert (await api("views.update", **seen))["view"]["id"] == view["id"]
    assert (await api("views.update", **seen))["error"] == "hash_conflict"
    assert (await api("views.update", view_id="V0", view=SIMPLE))["error"] == "not_found"
    assert (await api("views.update", view=SIMPLE))["error"] == "invalid_arguments"
    assert (await api("views.update", view_id=view["id"], view=HOME))["error"] == (
        "invalid_arguments"
    )


async def test_external_ids_name_one_view(api: Api, stand_in: SlackStandIn) -> None:
    named = {**SIMPLE, "external_id": "booking-1"}
    issue = stand_in.state.triggers.issue
    assert (await api("views.open", trigger_id=issue("U0ALICE"), view=named))["ok"]
    twice = await api("views.open", trigger_id=issue("U0BOB"), view=named)
    assert twice["error"] == "duplicate_external_id"
    assert (await api("views.update", external_id="booking-1", view=named))["ok"]


async def test_home_tabs(api: Api) -> None:
    first = (await api("views.publish", user_id="U0ALICE", view=HOME))["view"]
    second = (await api("views.publish", user_id="U0ALICE", view=HOME))["view"]
    assert second["id"] == first["id"]
    stale = await api("views.publish", user_id="U0ALICE", view=HOME, hash=first["hash"])
    assert stale["error"] == "hash_conflict"
    assert (await api("views.publish", user_id="U0X", view=HOME))["error"] == "user_not_found"
    wrong = await api("views.publish", user_id="U0ALICE", view=SIMPLE)
    assert wrong["error"] == "invalid_arguments"


async def test_absent_ids_are_filled_in(api: Api, stand_in: SlackStandIn) -> None:
    bare = {
        **SIMPLE,
        "submit": plain("Go"),
        "blocks": [
            {"type": "input", "label": plain("A"), "element": {"type": "plain_text_input"}},
            {
                "type": "actions",
                "elements": [{"type": "button", "text": plain("B")}],
            },
        ],
    }
    trigger = stand_in.state.triggers.issue("U0ALICE")
    view = (await api("views.open", trigger_id=trigger, view=bare))["view"]
    assert view["blocks"][0]["block_id"]
    assert view["blocks"][0]["element"]["action_id"]
    assert view["blocks"][1]["elements"][0]["action_id"]


async def _open(api: Api, stand_in: SlackStandIn, view: dict[str, Any]) -> str:
    trigger = stand_in.state.triggers.issue("U0ALICE")
    opened = await api("views.open", trigger_id=trigger, view=view)
    return str(opened["view"]["id"])


@pytest.mark.parametrize(
    ("hours", "problem"),
    [
        (None, "Please complete this required field."),
        ("", "Please complete this required field."),
        ("abc", "Enter a valid number."),
        ("NaN", "Enter a valid number."),
        ("1.5", "Enter a whole number."),
        ("0", "Enter a number of at least 1."),
        ("49", "Enter a number of at most 48."),
    ],
)
async def test_the_client_itself_refuses_bad_fields(
    api: Api, console: Api, stand_in: SlackStandIn, hours: str | None, problem: str
) -> None:
    view_id = await _open(api, stand_in, MODAL)
    state = {"hours": {"count": {"value": hours}}}
    answer = await console("submit", user="U0ALICE", view_id=view_id, state=state)
    assert answer == {"ok": False, "errors": {"hours": problem}, "ack_ms": 0.0, "error": None}


async def test_text_lengths_and_options_are_checked(
    api: Api, console: Api, stand_in: SlackStandIn
) -> None:
    blocks = [
        {
            "type": "input",
            "block_id": "name",
            "label": plain("Name"),
            "element": {"type": "plain_text_input", "min_length": 2, "max_length": 3},
        },
        {**MODAL["blocks"][0]},
    ]
    view = {**MODAL, "blocks": blocks}
    for text, problem in (("a", "Enter at least 2"), ("abcd", "Enter at most 3")):
        view_id = await _open(api, stand_in, view)
        action_id = stand_in.state.views.by_id[view_id]["blocks"][0]["element"]["action_id"]
        state = {
            "name": {action_id: {"value": text}},
            "gpu": {"kind": {"selected_option": {"value": "b200"}}},
        }
        answer = await console("submit", user="U0ALICE", view_id=view_id, state=state)
        assert answer["errors"]["name"].startswith(problem)
        assert answer["errors"]["gpu"] == "Choose among the options."


async def test_only_the_visible_view_can_be_submitted_or_closed(
    api: Api, console: Api, stand_in: SlackStandIn
) -> None:
    root = await _open(api, stand_in, SIMPLE)
    trigger = stand_in.state.triggers.issue("U0ALICE")
    top = (await api("views.push", trigger_id=trigger, view=SIMPLE))["view"]["id"]
    assert (await console("close", user="U0ALICE", view_id=root))["error"] == "not_found"
    assert (await console("close", user="U0BOB", view_id=top))["error"] == "not_found"
    assert (await console("close", user="U0ALICE", view_id=top))["ok"]
    assert [view["id"] for view in stand_in.state.views.stack("U0ALICE")] == [root]
    gone = await api("views.update", view_id=top, view=SIMPLE)
    assert gone["error"] == "not_found"

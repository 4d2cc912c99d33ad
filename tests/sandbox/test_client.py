"""The synchronous client against a stand-in in a thread, as scripts use them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from slack_sdk import WebClient

from bot.bootstrap.system_clock import SystemClock
from bot.sandbox.background import BackgroundStandIn
from bot.sandbox.client import SandboxClient
from bot.sandbox.client_values import NotThere, state_from_values
from bot.sandbox.messages import with_ids
from bot.sandbox.options import StandInOptions
from tests.sandbox.example_app import card, option, plain


@pytest.fixture
def background() -> Iterator[BackgroundStandIn]:
    with BackgroundStandIn(SystemClock(), StandInOptions(rate_limits=False)) as stand_in:
        yield stand_in


@pytest.fixture
def client(background: BackgroundStandIn) -> Iterator[SandboxClient]:
    with SandboxClient(background.base_url) as opened:
        yield opened


@pytest.fixture
def slack(background: BackgroundStandIn) -> WebClient:
    return WebClient(token="xoxb-local", base_url=background.api_url)


def test_what_was_written_is_read_back(client: SandboxClient, slack: WebClient) -> None:
    parent = client.say("U0ALICE", "C0GPU", "hello")["ts"]
    slack.chat_postMessage(channel="C0GPU", text="hi", thread_ts=parent)
    slack.chat_postEphemeral(channel="C0GPU", user="U0BOB", text="psst")
    slack.views_publish(user_id="U0BOB", view={"type": "home", "blocks": card("Yours")})
    assert [message["text"] for message in client.messages("C0GPU")] == ["hello", "hi"]
    assert [message["text"] for message in client.thread("C0GPU", parent)] == ["hello", "hi"]
    assert [message["text"] for message in client.ephemerals("U0BOB")] == ["psst"]
    home = client.home_view("U0BOB")
    assert home is not None
    assert home["type"] == "home"
    assert client.views("U0BOB") == []
    assert len(client.calls("chat.postMessage")) == 1


def test_what_is_not_on_the_screen_cannot_be_clicked(
    client: SandboxClient, slack: WebClient
) -> None:
    ts = str(slack.chat_postMessage(channel="C0GPU", text="x", blocks=card("x"))["ts"])
    with pytest.raises(NotThere, match="nowhere"):
        client.click("U0ALICE", "C0GPU", ts, "nowhere")
    with pytest.raises(NotThere, match="'43'"):
        client.click("U0ALICE", "C0GPU", ts, "release", "43")
    assert "app_not_connected" in client.click("U0ALICE", "C0GPU", ts, "release", "42")["error"]
    with pytest.raises(NotThere, match="no view"):
        client.submit("U0ALICE")


def test_waiting_ends_with_what_was_found_or_a_timeout(client: SandboxClient) -> None:
    client.say("U0ALICE", "C0GPU", "hello")
    found = client.wait_for(lambda: client.messages("C0GPU"), timeout_s=2)
    assert found[0]["text"] == "hello"
    with pytest.raises(TimeoutError):
        client.wait_for(lambda: client.messages("C0VISION"), timeout_s=0.05)


def _input(name: str, **element: Any) -> dict[str, Any]:
    element["action_id"] = f"{name}_action"
    return {"type": "input", "block_id": name, "label": plain(name), "element": element}


def test_python_values_become_what_inputs_hold() -> None:
    listed = [option("a"), option("b")]
    blocks = with_ids(
        [
            _input("text", type="plain_text_input"),
            _input("number", type="number_input"),
            _input("one", type="static_select", options=listed),
            _input("many", type="multi_static_select", options=listed),
            _input("users", type="multi_users_select"),
            _input("date", type="datepicker"),
            _input("instant", type="datetimepicker"),
            _input("cleared", type="timepicker"),
        ]
    )
    values = {
        "text": "hi",
        "number_action": 3,
        "one": "b",
        "many": ["a"],
        "users": ["U0BOB"],
        "date": "2026-11-23",
        "instant": 1_795_424_471,
        "cleared": None,
    }
    given = state_from_values(blocks, values)
    held = {block: next(iter(entries.values())) for block, entries in given.items()}
    assert held == {
        "text": {"type": "plain_text_input", "value": "hi"},
        "number": {"type": "number_input", "value": "3"},
        "one": {"type": "static_select", "selected_option": option("b")},
        "many": {"type": "multi_static_select", "selected_options": [option("a")]},
        "users": {"type": "multi_users_select", "selected_users": ["U0BOB"]},
        "date": {"type": "datepicker", "selected_date": "2026-11-23"},
        "instant": {"type": "datetimepicker", "selected_date_time": 1_795_424_471},
        "cleared": {"type": "timepicker", "selected_time": None},
    }
    with pytest.raises(NotThere, match="gpu"):
        state_from_values(blocks, {"gpu": 1})
    with pytest.raises(NotThere, match="'c'"):
        state_from_values(blocks, {"one": "c"})

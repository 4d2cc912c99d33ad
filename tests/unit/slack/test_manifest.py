"""The manifest, the documents and the code name the same things."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from bot.slack import registered
from bot.slack.blocks.help import COMMANDS as HELP
from bot.slack.grammar import SUB_COMMANDS, parse_command
from bot.slack.inbound.gpu_command import SUB_COMMANDS as DISPATCHED

REPOSITORY = Path(__file__).resolve().parents[3]
SCHEMA = REPOSITORY.parent / "shared" / "schemas" / "manifest.schema.json"

SCOPES = {
    "auth_test": set(),
    "chat_getPermalink": set(),
    "chat_postEphemeral": {"chat:write"},
    "chat_postMessage": {"chat:write", "chat:write.public"},
    "chat_unfurl": {"links:write"},
    "chat_update": {"chat:write"},
    "conversations_history": {"channels:history", "groups:history", "im:history"},
    "conversations_list": {"channels:read"},
    "conversations_open": {"im:write"},
    "conversations_replies": {"channels:history", "groups:history", "im:history"},
    "files_upload_v2": {"files:write"},
    "usergroups_list": {"usergroups:read"},
    "usergroups_users_list": {"usergroups:read"},
    "users_info": {"users:read"},
    "users_list": {"users:read"},
    "views_open": set(),
    "views_publish": set(),
    "views_update": set(),
}
"""What each method of the Web API that Berth calls needs: https://docs.slack.dev/reference/methods"""

EVENT_SCOPES = {"app_home_opened": set(), "link_shared": {"links:read"}}
"""What each event needs: https://docs.slack.dev/reference/events"""

CALL = re.compile(
    r"client\.((?:auth|chat|conversations|files|users|usergroups|views|reactions|pins)_\w+)"
)


def manifest() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((REPOSITORY / "app_manifest.yml").read_text())
    return loaded


def called_methods() -> set[str]:
    sources = (path.read_text() for path in (REPOSITORY / "bot" / "slack").rglob("*.py"))
    return {method for source in sources for method in CALL.findall(source)}


def test_the_manifest_is_valid() -> None:
    if not SCHEMA.exists():
        pytest.skip("Slack's manifest schema is not at hand")
    jsonschema.validate(manifest(), json.loads(SCHEMA.read_text()))


def test_the_scopes_are_exactly_those_of_the_methods_called() -> None:
    methods = called_methods()
    assert methods <= set(SCOPES), "say in SCOPES what a new method needs"
    needed = set().union(*(SCOPES[method] for method in methods)) | {"commands"}
    needed = needed.union(*(EVENT_SCOPES[event] for event in registered.EVENTS))
    assert set(manifest()["oauth_config"]["scopes"]["bot"]) == needed


def test_the_manifest_has_every_command_shortcut_and_event() -> None:
    features = manifest()["features"]
    assert {one["command"] for one in features["slash_commands"]} == set(registered.COMMANDS)
    assert {one["callback_id"] for one in features["shortcuts"]} == set(registered.SHORTCUTS)
    events = manifest()["settings"]["event_subscriptions"]["bot_events"]
    assert set(events) == set(registered.EVENTS)
    assert manifest()["settings"]["socket_mode_enabled"]


def test_the_manifests_limits() -> None:
    said = manifest()["display_information"]
    assert len(said["name"]) <= 35
    assert len(said["description"]) <= 140
    assert 174 < len(said["long_description"]) < 4000


def test_every_sub_command_is_documented_dispatched_and_in_the_help() -> None:
    text = (REPOSITORY / "docs" / "commands.md").read_text()
    documented = set(re.findall(r"^\| `/gpu ?(\w*)` \|", text, re.MULTILINE))
    assert documented == {"", *SUB_COMMANDS}
    assert set(DISPATCHED) == {"", *SUB_COMMANDS.values()}
    assert set(HELP) == set(SUB_COMMANDS.values())


def test_the_hint_beside_the_command_names_every_sub_command() -> None:
    (command,) = manifest()["features"]["slash_commands"]
    hint = command["usage_hint"]
    assert len(hint) <= 1000
    assert set(re.findall(r"\w+", hint)) >= set(DISPATCHED) - {""}


def test_every_documented_line_can_be_read() -> None:
    text = (REPOSITORY / "docs" / "commands.md").read_text()
    lines = re.findall(r"^/gpu (.*)$", text, re.MULTILINE)
    assert lines
    for line in lines:
        assert parse_command(line)[0] in DISPATCHED

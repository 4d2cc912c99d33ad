"""The Web API refuses in Slack's words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from bot.sandbox.server import SlackStandIn

Api = Callable[..., Awaitable[dict[str, Any]]]


@pytest.mark.parametrize(
    ("method", "token", "error"),
    [
        ("chat.postMessage", None, "not_authed"),
        ("chat.postMessage", "xoxb-other", "invalid_auth"),
        ("chat.postMessage", "xapp-local", "not_allowed_token_type"),
        ("apps.connections.open", "xoxb-local", "not_allowed_token_type"),
        ("chat.shout", "xoxb-local", "unknown_method"),
    ],
)
async def test_each_method_takes_its_own_kind_of_token(
    http: httpx.AsyncClient, method: str, token: str | None, error: str
) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = await http.post(f"/api/{method}", headers=headers)
    assert (answer.status_code, answer.json()["ok"], answer.json()["error"]) == (200, False, error)


async def test_a_token_may_come_in_the_form_and_structures_as_json_in_strings(
    http: httpx.AsyncClient,
) -> None:
    form = {
        "token": "xoxb-local",
        "channel": "C0GPU",
        "blocks": '[{"type": "divider"}]',
        "text": "x",
    }
    answer = (await http.post("/api/chat.postMessage", data=form)).json()
    assert answer["message"]["blocks"][0]["type"] == "divider"
    assert answer["message"]["blocks"][0]["block_id"]


@pytest.mark.parametrize(
    ("args", "error"),
    [
        ({"channel": "C0NONE", "text": "x"}, "channel_not_found"),
        ({"channel": "C0RANDOM", "text": "x"}, "not_in_channel"),
        ({"channel": "C0GPU"}, "no_text"),
        ({"channel": "C0GPU", "text": "x", "thread_ts": "soon"}, "invalid_thread_ts"),
        ({"channel": "C0GPU", "text": "x", "blocks": "{"}, "invalid_blocks_format"),
        ({"text": "x"}, "invalid_arguments"),
        (
            {"channel": "C0GPU", "text": "x", "metadata": {"event_type": "a"}},
            "invalid_metadata_format",
        ),
    ],
)
async def test_posting_is_refused(api: Api, args: dict[str, Any], error: str) -> None:
    assert (await api("chat.postMessage", **args))["error"] == error


async def test_an_archived_channel_takes_no_messages(api: Api, http: httpx.AsyncClient) -> None:
    await http.post("/control/archive", json={"channel": "C0GPU"})
    assert (await api("chat.postMessage", channel="C0GPU", text="x"))["error"] == "is_archived"


async def test_a_removed_bot_is_not_in_the_channel_until_it_joins(
    api: Api, http: httpx.AsyncClient
) -> None:
    await http.post("/control/remove_bot", json={"channel": "C0GPU"})
    assert (await api("chat.postMessage", channel="C0GPU", text="x"))["error"] == "not_in_channel"
    assert (await api("conversations.history", channel="C0GPU"))["error"] == "not_in_channel"
    assert (await api("conversations.join", channel="C0GPU"))["ok"]
    assert (await api("chat.postMessage", channel="C0GPU", text="x"))["ok"]


async def test_a_deactivated_person_cannot_be_reached(api: Api, http: httpx.AsyncClient) -> None:
    await http.post("/control/deactivate", json={"user": "U0DAVE"})
    assert (await api("users.info", user="U0DAVE"))["user"]["deleted"] is True
    refused = await api("chat.postMessage", channel="U0DAVE", text="x")
    assert refused["error"] == "account_inactive"
    assert (await api("conversations.open", users="U0DAVE"))["error"] == "user_disabled"


async def test_blocks_are_refused_with_the_place_of_each_fault(api: Api) -> None:
    blocks = [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}]
    answer = await api("chat.postMessage", channel="C0GPU", text="x", blocks=blocks)
    assert answer["error"] == "invalid_blocks"
    assert answer["response_metadata"]["messages"] == [
        "[ERROR] must be of type plain_text [json-pointer:/blocks/0/text/type]"
    ]


async def test_too_much_text_in_blocks(api: Api) -> None:
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2640}}
    fits = await api("chat.postMessage", channel="C0GPU", text="x", blocks=[section] * 5)
    assert fits["ok"]
    more = {"type": "section", "text": {"type": "mrkdwn", "text": "x"}}
    over = await api("chat.postMessage", channel="C0GPU", text="x", blocks=[section] * 5 + [more])
    assert over["error"] == "msg_blocks_too_long"


async def test_long_texts_are_cut_when_posted_and_refused_when_updated(api: Api) -> None:
    posted = await api("chat.postMessage", channel="C0GPU", text="x" * 40_001)
    assert len(posted["message"]["text"]) == 40_000
    update = {"channel": "C0GPU", "ts": posted["ts"]}
    assert (await api("chat.update", **update, text="x" * 4_000))["ok"]
    assert (await api("chat.update", **update, text="x" * 4_001))["error"] == "msg_too_long"
    ephemeral = {"channel": "C0GPU", "user": "U0ALICE", "text": "x" * 40_001}
    assert (await api("chat.postEphemeral", **ephemeral))["error"] == "msg_too_long"


async def test_only_own_messages_can_be_changed(
    api: Api, console: Api, stand_in: SlackStandIn
) -> None:
    said = await console("say", user="U0ALICE", channel="C0GPU", text="mine")
    theirs = {"channel": "C0GPU", "ts": said["ts"]}
    assert (await api("chat.update", **theirs, text="x"))["error"] == "cant_update_message"
    assert (await api("chat.delete", **theirs))["error"] == "cant_delete_message"
    gone = {"channel": "C0GPU", "ts": "1700000000.000000"}
    assert (await api("chat.update", **gone, text="x"))["error"] == "message_not_found"
    assert (await api("chat.delete", **gone))["error"] == "message_not_found"
    assert stand_in.state.messages.get("C0GPU", said["ts"])["text"] == "mine"


async def test_ephemerals_are_for_members_never_in_history_and_cannot_be_updated(api: Api) -> None:
    args = {"channel": "C0VISION", "text": "psst"}
    refused = await api("chat.postEphemeral", **args, user="U0CAROL")
    assert refused["error"] == "user_not_in_channel"
    sent = await api("chat.postEphemeral", **args, user="U0ALICE")
    assert (await api("conversations.history", channel="C0VISION"))["messages"] == []
    update = await api("chat.update", channel="C0VISION", ts=sent["message_ts"], text="x")
    assert update["error"] == "message_not_found"


async def test_an_update_without_blocks_keeps_them_and_an_empty_list_removes_them(
    api: Api,
) -> None:
    blocks = [{"type": "divider"}]
    ts = (await api("chat.postMessage", channel="C0GPU", text="x", blocks=blocks))["ts"]
    kept = await api("chat.update", channel="C0GPU", ts=ts, text="y")
    assert kept["message"]["blocks"]
    assert kept["message"]["edited"]
    removed = await api("chat.update", channel="C0GPU", ts=ts, text="y", blocks=[])
    assert "blocks" not in removed["message"]


async def test_metadata_is_told_only_when_asked_for(api: Api) -> None:
    metadata = {"event_type": "card", "event_payload": {"key": "1"}}
    await api("chat.postMessage", channel="C0GPU", text="x", metadata=metadata)
    plain = await api("conversations.history", channel="C0GPU")
    assert "metadata" not in plain["messages"][0]
    asked = await api("conversations.history", channel="C0GPU", include_all_metadata=True)
    assert asked["messages"][0]["metadata"] == metadata


async def test_history_is_newest_first_without_replies_and_pages(api: Api) -> None:
    stamps = [
        (await api("chat.postMessage", channel="C0GPU", text=str(number)))["ts"]
        for number in range(5)
    ]
    reply = {"channel": "C0GPU", "thread_ts": stamps[0]}
    await api("chat.postMessage", **reply, text="quiet")
    await api("chat.postMessage", **reply, text="loud", reply_broadcast=True)
    first = await api("conversations.history", channel="C0GPU", limit=4)
    assert [message["text"] for message in first["messages"]] == ["loud", "4", "3", "2"]
    assert first["has_more"]
    cursor = first["response_metadata"]["next_cursor"]
    rest = await api("conversations.history", channel="C0GPU", limit=4, cursor=cursor)
    assert [message["text"] for message in rest["messages"]] == ["1", "0"]
    assert rest["messages"][1]["reply_count"] == 2
    bad = await api("conversations.history", channel="C0GPU", cursor="elsewhere")
    assert bad["error"] == "invalid_cursor"
    span = {"channel": "C0GPU", "oldest": stamps[1], "latest": stamps[3]}
    inner = await api("conversations.history", **span)
    assert [message["text"] for message in inner["messages"]] == ["2"]
    whole = await api("conversations.history", **span, inclusive=True)
    assert [message["text"] for message in whole["messages"]] == ["3", "2", "1"]
    thread = await api("conversations.replies", channel="C0GPU", ts=stamps[0])
    assert [message["text"] for message in thread["messages"]] == ["0", "quiet", "loud"]
    none = await api("conversations.replies", channel="C0GPU", ts="1700000000.000000")
    assert none["error"] == "thread_not_found"


async def test_a_deleted_parent_leaves_a_tombstone(api: Api) -> None:
    ts = (await api("chat.postMessage", channel="C0GPU", text="parent"))["ts"]
    await api("chat.postMessage", channel="C0GPU", text="reply", thread_ts=ts)
    await api("chat.delete", channel="C0GPU", ts=ts)
    thread = await api("conversations.replies", channel="C0GPU", ts=ts)
    assert thread["messages"][0]["subtype"] == "tombstone"
    assert thread["messages"][1]["text"] == "reply"


async def test_people_and_groups(api: Api) -> None:
    alice = (await api("users.info", user="U0ALICE"))["user"]
    assert alice["tz"] == "Europe/Paris"
    assert alice["tz_offset"] in {3600, 7200}
    assert alice["tz_label"] in {"CET", "CEST"}
    assert (await api("users.info", user="U0NOBODY"))["error"] == "user_not_found"
    found = await api("users.lookupByEmail", email="bob@example.com")
    assert found["user"]["id"] == "U0BOB"
    assert (await api("users.lookupByEmail", email="x@example.com"))["error"] == "users_not_found"
    groups = (await api("usergroups.list", include_users=True))["usergroups"]
    assert {group["handle"]: group["users"] for group in groups} == {
        "vision-team": ["U0ALICE", "U0BOB"],
        "nlp-team": ["U0CAROL", "U0DAVE"],
    }
    members = await api("usergroups.users.list", usergroup="S0NLP")
    assert members["users"] == ["U0CAROL", "U0DAVE"]
    assert len((await api("users.list"))["members"]) == 5


async def test_channels(api: Api) -> None:
    listed = (await api("conversations.list"))["channels"]
    assert {channel["name"]: channel["is_member"] for channel in listed} == {
        "gpu": True,
        "vision": True,
        "random": False,
    }
    members = await api("conversations.members", channel="C0VISION")
    assert members["members"] == ["U0ALICE", "U0BOB", "UBERTHBOT"]
    opened = await api("conversations.open", users="U0BOB", return_im=True)
    assert opened["channel"]["user"] == "U0BOB"
    info = await api("conversations.info", channel=opened["channel"]["id"])
    assert info["channel"]["is_im"]


async def test_small_methods(api: Api, stand_in: SlackStandIn) -> None:
    assert (await api("auth.test"))["bot_id"] == "BBERTH"
    assert (await api("api.test", foo="bar"))["args"] == {"foo": "bar"}
    assert (await api("bots.info", bot="BBERTH"))["bot"]["user_id"] == "UBERTHBOT"
    ts = (await api("chat.postMessage", channel="C0GPU", text="x"))["ts"]
    reaction = {"channel": "C0GPU", "timestamp": ts, "name": "eyes"}
    assert (await api("reactions.add", **reaction))["ok"]
    assert (await api("reactions.add", **reaction))["error"] == "already_reacted"
    link = await api("chat.getPermalink", channel="C0GPU", message_ts=ts)
    assert link["permalink"].endswith(f"/archives/C0GPU/p{ts.replace('.', '')}")
    unfurls = {"https://berth.example/r/1": {"blocks": [{"type": "divider"}]}}
    assert (await api("chat.unfurl", channel="C0GPU", ts=ts, unfurls=unfurls))["ok"]
    assert stand_in.state.messages.get("C0GPU", ts)["unfurls"] == unfurls


async def test_files_must_be_uploaded_before_they_are_shown(
    api: Api, http: httpx.AsyncClient
) -> None:
    image = {"type": "image", "alt_text": "curve", "slack_file": {"id": "F0NONE"}}
    missing = await api("chat.postMessage", channel="C0GPU", text="x", blocks=[image])
    assert missing["error"] == "invalid_blocks"
    place = await api("files.getUploadURLExternal", filename="curve.png", length=3)
    early = await api("files.completeUploadExternal", files=[{"id": place["file_id"]}])
    assert early["error"] == "file_not_found"
    short = await http.post(place["upload_url"], content=b"ab")
    assert short.status_code == 400
    assert (await http.post(place["upload_url"], content=b"abc")).status_code == 200
    done = await api("files.completeUploadExternal", files=[{"id": place["file_id"]}])
    assert done["files"][0]["name"] == "curve.png"
    image["slack_file"] = {"id": place["file_id"]}
    posted = await api("chat.postMessage", channel="C0GPU", text="x", blocks=[image])
    assert posted["ok"]
    seen = (await http.get("/console/state", params={"user": "U0ALICE"})).json()
    address = seen["messages"]["C0GPU"][0]["blocks"][0]["image_url"]
    shown = await http.get(address)
    assert (shown.content, shown.headers["Content-Type"]) == (b"abc", "image/png")
    assert "sandbox" in shown.headers["Content-Security-Policy"]


async def test_calls_are_remembered(api: Api, http: httpx.AsyncClient) -> None:
    await api("chat.postMessage", channel="C0NONE", text="x")
    calls = (await http.get("/control/state")).json()["calls"]
    assert calls[0]["method"] == "chat.postMessage"
    assert calls[0]["args"] == {"channel": "C0NONE", "text": "x"}
    assert (calls[0]["status"], calls[0]["error"]) == (200, "channel_not_found")

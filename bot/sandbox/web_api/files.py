"""files.*: the external upload.

https://docs.slack.dev/messaging/working-with-files
"""

from __future__ import annotations

from typing import Any

from bot.sandbox.errors import Json, SlackError
from bot.sandbox.files import StoredFile
from bot.sandbox.state import StandInState
from bot.sandbox.web_api import chat
from bot.sandbox.web_api.arguments import Arguments, Method
from bot.sandbox.workspace import Channel


def _get_upload_url(state: StandInState, args: Arguments) -> Json:
    name = args.required("filename").replace("/", "_")
    length = args.number("length", 0)
    if length <= 0:
        raise SlackError("invalid_arguments", ["[ERROR] length must be more than 0"])
    stored = state.files.expect(name, length, int(state.clock.now().timestamp()))
    return {"upload_url": f"{state.base_url}/upload/v1/{stored.id}", "file_id": stored.id}


def _complete_upload(state: StandInState, args: Arguments) -> Json:
    listed: Any = args.structure("files", "invalid_arguments")
    if not isinstance(listed, list) or not listed:
        raise SlackError("invalid_arguments", ["[ERROR] missing required field: files"])
    channel = None
    if args.text("channel_id"):
        channel = state.workspace.destination(args.text("channel_id"))
    completed = [
        state.files.complete(str(entry.get("id", "")), str(entry.get("title") or ""))
        for entry in listed
        if isinstance(entry, dict)
    ]
    # Slack shares a moment later: the answer does not yet say in which message.
    answer = {"files": [stored.json(state.base_url) for stored in completed]}
    if channel is not None:
        _share(state, args, channel, completed)
    return answer


def _share(state: StandInState, args: Arguments, channel: Channel, files: list[StoredFile]) -> None:
    message = chat.bot_message(state, {"text": args.text("initial_comment")})
    for stored in files:
        stored.shares.setdefault(channel.id, []).append(message["ts"])
    message["files"] = [stored.json(state.base_url) for stored in files]
    message["upload"] = True
    if args.text("thread_ts"):
        message["thread_ts"] = args.text("thread_ts")
    chat.store(state, channel, message)


def _info(state: StandInState, args: Arguments) -> Json:
    stored = state.files.get(args.required("file"))
    return {"file": stored.json(state.base_url), "comments": []}


METHODS: dict[str, Method] = {
    "files.completeUploadExternal": _complete_upload,
    "files.getUploadURLExternal": _get_upload_url,
    "files.info": _info,
}

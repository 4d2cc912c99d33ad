"""What people do in channels: they write, run commands, click and choose."""

from __future__ import annotations

from dataclasses import replace

from bot.sandbox import payloads
from bot.sandbox.block_elements import VALUE_KEYS, find_element
from bot.sandbox.courier import Ack
from bot.sandbox.deliveries import Deliveries
from bot.sandbox.errors import Json, SlackError
from bot.sandbox.input_state import full_state
from bot.sandbox.options import BOT_USER_ID, TEAM_ID
from bot.sandbox.state import StandInState
from bot.sandbox.triggers import ResponseUrl
from bot.sandbox.web_api.response_urls import answer
from bot.sandbox.workspace import Channel

WHY = {
    "operation_timeout": "the app did not respond in time",
    "app_not_connected": "the app is not connected",
    "dispatch_failed": "the app answered with an error",
}


def failure_text(what: str, ack: Ack) -> str | None:
    """Return what the person reads if a delivery failed, else None.

    Args:
        what: what they did, for example the command.
        ack: how the delivery ended.
    """
    if ack.failure is None:
        return None
    return f"{what} failed because {WHY[ack.failure]} ({ack.failure})"


class People:
    """Acts as any person of the workspace."""

    def __init__(self, state: StandInState, deliveries: Deliveries) -> None:
        self._state = state
        self._deliveries = deliveries

    async def say(self, user: str, channel_id: str, text: str, thread_ts: str | None) -> Json:
        """Write a message, or run a slash command if the text starts with `/`.

        Raises:
            SlackError: `user_not_found`, `user_disabled`, `channel_not_found`, `not_in_channel`,
                `is_archived`, `no_text`.
        """
        channel = self._place(user, channel_id)
        if text.startswith("/"):
            return await self._command(user, channel, text, thread_ts)
        if channel.is_archived:
            raise SlackError("is_archived")
        if not text.strip():
            raise SlackError("no_text")
        return self._write(user, channel, text, thread_ts)

    async def act(self, user: str, container: Json, action: Json, given: Json) -> Json:
        """Click a button, or choose something, in a message or a view.

        Args:
            user: who acts.
            container: `{"type": "message", "channel", "ts"}` or `{"type": "view", "view_id"}`.
            action: the element's action_id and block_id, and what was chosen.
            given: the state of touched inputs, {block_id: {action_id: entry}}.

        Raises:
            SlackError: `user_not_found`, `user_disabled`, `channel_not_found`, `not_in_channel`,
                `message_not_found`, `not_found`, `action_not_found`.
        """
        blocks, part = self._where(user, container, given)
        payload = payloads.interaction(self._state, "block_actions", user)
        payload.update(part)
        payload["trigger_id"] = self._state.triggers.issue(user)
        payload["actions"] = [self._chosen(blocks, action)]
        ack = await self._deliveries.send("interactive", payload)
        return {"ok": ack.acked, "ack_ms": ack.ms, "error": failure_text("This action", ack)}

    async def open_home(self, user: str) -> Json:
        """Open the app's home tab.

        Raises:
            SlackError: `user_not_found`, `user_disabled`.
        """
        self._state.human(user)
        event: Json = {
            "type": "app_home_opened",
            "user": user,
            "channel": self._state.workspace.direct_channel(user).id,
            "tab": "home",
            "event_ts": self._state.messages.next_ts(),
        }
        home = self._state.views.home(user)
        if home is not None:
            event["view"] = home
        if "app_home_opened" not in self._state.options.subscribed_events:
            return {"ok": True, "error": None}
        ack = await self._deliveries.event(event)
        return {"ok": ack.acked, "error": failure_text("App Home", ack)}

    async def options(
        self, user: str, container: Json, block_id: str, action_id: str, typed: str
    ) -> Json:
        """Ask the app for an external select's options.

        Raises:
            SlackError: `user_not_found`, `not_found`, `message_not_found`, `action_not_found`.
        """
        blocks, part = self._where(user, container, {})
        if find_element(blocks, action_id, block_id) is None:
            raise SlackError("action_not_found")
        payload = payloads.interaction(self._state, "block_suggestion", user)
        part.pop("response_url", None)
        payload.update(part)
        payload.update({"block_id": block_id, "action_id": action_id, "value": typed})
        ack = await self._deliveries.send("interactive", payload)
        offered = ack.payload if isinstance(ack.payload, dict) else {}
        listed = list(offered.get("options") or [])
        for group in offered.get("option_groups") or []:
            listed.extend(group.get("options") or [])
        error = failure_text("Loading the options", ack)
        if len(listed) > 100:
            return {"options": [], "error": "The app offered more than 100 options"}
        return {"options": listed, "error": error}

    def _place(self, user: str, channel_id: str) -> Channel:
        self._state.human(user)
        channel = self._state.workspace.channel(channel_id)
        if user not in channel.members:
            raise SlackError("not_in_channel")
        return channel

    def _write(self, user: str, channel: Channel, text: str, thread_ts: str | None) -> Json:
        message: Json = {
            "type": "message",
            "ts": self._state.messages.next_ts(),
            "user": user,
            "text": text,
            "team": TEAM_ID,
        }
        message["client_msg_id"] = f"local-{message['ts']}"
        if thread_ts:
            message["thread_ts"] = thread_ts
        stored = self._state.messages.add(channel.id, message)
        if BOT_USER_ID in channel.members:
            event = payloads.message_event(channel, stored)
            self._deliveries.tell(event)
            links = payloads.links_in(text, self._state.options.unfurl_domains)
            if links:
                self._deliveries.tell(payloads.link_shared(channel, stored, links))
            if f"<@{BOT_USER_ID}>" in text and not channel.is_im:
                self._deliveries.tell({**event, "type": "app_mention"})
        return {"ok": True, "ts": stored["ts"]}

    async def _command(self, user: str, channel: Channel, text: str, thread_ts: str | None) -> Json:
        command, *more = text.split(maxsplit=1)
        rest = more[0] if more else ""
        refusal = None
        if command not in {known.command for known in self._state.options.commands}:
            refusal = f"{command} is not a valid command"
        elif thread_ts:
            refusal = f"{command} is not supported in threads. Sorry!"
        if refusal is not None:
            return {"ok": False, "ack_ms": 0.0, "error": refusal}
        payload = payloads.slash_command(self._state, user, channel, command, rest.strip())
        ack = await self._deliveries.send("slash_commands", payload)
        error = failure_text(command, ack)
        if ack.acked:
            error = self._show_answer(user, channel, command, ack)
        return {"ok": error is None, "ack_ms": ack.ms, "error": error}

    def _show_answer(self, user: str, channel: Channel, command: str, ack: Ack) -> str | None:
        body = ack.payload if isinstance(ack.payload, dict) else {}
        if not body.get("text") and not body.get("blocks"):
            return None
        place = ResponseUrl(channel.id, user, None, uses_left=1, expires_s=0.0)
        try:
            answer(self._state, replace(place), body)
        except SlackError as problem:
            details = " ".join(problem.messages)
            return f"{command} failed because its answer is refused ({problem.code}) {details}"
        return None

    def _where(self, user: str, container: Json, given: Json) -> tuple[list[Json], Json]:
        if container.get("type") == "view":
            self._state.human(user)
            view = self._state.views.seen_by(user, str(container.get("view_id")))
            return view["blocks"], payloads.in_view(view, full_state(view["blocks"], given))
        channel = self._place(user, str(container.get("channel")))
        message = self._message(user, channel, str(container.get("ts")))
        blocks: list[Json] = message.get("blocks") or []
        part = payloads.in_message(self._state, user, channel, message)
        return blocks, {**part, "state": {"values": full_state(blocks, given)}}

    def _message(self, user: str, channel: Channel, ts: str) -> Json:
        ephemeral = self._state.messages.ephemeral(channel.id, ts)
        if ephemeral is not None and ephemeral["to"] == user:
            return ephemeral
        return self._state.messages.get(channel.id, ts)

    def _chosen(self, blocks: list[Json], action: Json) -> Json:
        block_id = action.get("block_id")
        # Several buttons of a list may share an action_id in different blocks, so the value counts.
        wanted = action.get("value") if action.get("type") == "button" else None
        found = find_element(blocks, str(action.get("action_id")), block_id, wanted)
        if found is None:
            raise SlackError("action_not_found")
        block, element = found
        chosen: Json = {
            "type": element["type"],
            "action_id": element["action_id"],
            "block_id": block["block_id"],
            "action_ts": self._state.messages.next_ts(),
        }
        for key in ("text", "value", "style", "url", "placeholder"):
            if key in element:
                chosen[key] = element[key]
        keys = VALUE_KEYS.get(element["type"])
        for key in (keys.state if keys else "selected_option",):
            if key in action:
                chosen[key] = action[key]
        return chosen

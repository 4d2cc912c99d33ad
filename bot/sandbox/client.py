"""A person at the keyboard, for the story script and for tests."""

from __future__ import annotations

import time
import types
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeVar

import httpx

from bot.sandbox.block_elements import find_element
from bot.sandbox.client_values import NotThere, action_value, state_from_values
from bot.sandbox.errors import Json
from bot.sandbox.faults import FaultKind

T = TypeVar("T")
POLL_S = 0.02


class SandboxClient:
    """Acts as any person of the stand-in's workspace, and breaks things on purpose.

    Synchronous; usable as a context manager. Every method raises `httpx.HTTPError` if the
    stand-in cannot be reached or refuses the request as malformed.

    Args:
        base_url: the stand-in's `base_url`.
        timeout_s: how long one request may take.
    """

    def __init__(self, base_url: str, timeout_s: float = 15.0) -> None:
        self._http = httpx.Client(base_url=base_url, timeout=timeout_s, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the stand-in."""
        self._http.close()

    # ---- what people see

    def state(self, *parts: str) -> Json:
        """Return everything that the stand-in remembers, or only the parts named.

        Parts: version, users, channels, messages, ephemerals, views, stacks, homes, files, calls,
        acks, faults, connections, bot_connected (`GET /control/state`).
        """
        query = {"only": ",".join(parts)} if parts else {}
        return self._get("/control/state", **query)

    def console(self, user: str) -> Json:
        """Return what this person's console shows (`GET /console/state`)."""
        return self._get("/console/state", user=user)

    def messages(self, channel: str) -> list[Json]:
        """Return a channel's messages and replies, oldest first, without ephemerals."""
        found: list[Json] = self.state("messages")["messages"].get(channel, [])
        return found

    def thread(self, channel: str, ts: str) -> list[Json]:
        """Return a thread's parent and replies, oldest first."""
        return [
            message
            for message in self.messages(channel)
            if ts in {message["ts"], message.get("thread_ts")}
        ]

    def ephemerals(self, user: str) -> list[Json]:
        """Return the messages that only this person sees, oldest first, each with its channel."""
        return [
            message for message in self.state("ephemerals")["ephemerals"] if message["to"] == user
        ]

    def views(self, user: str) -> list[Json]:
        """Return the person's open modals, the visible one last."""
        state = self.state("views", "stacks")
        return [state["views"][view_id] for view_id in state["stacks"].get(user, [])]

    def home_view(self, user: str) -> Json | None:
        """Return what the person's home tab shows, if the app published one."""
        view: Json | None = self.state("homes")["homes"].get(user)
        return view

    def calls(self, method: str) -> list[Json]:
        """Return the app's calls of one Web API method, oldest first."""
        return [call for call in self.state("calls")["calls"] if call["method"] == method]

    def faults_waiting(self, method: str) -> int:
        """Return how many faults of a method no call has met yet."""
        waiting: int = self.state()["faults"].get(method, 0)
        return waiting

    # ---- what people do

    def say(self, user: str, channel: str, text: str, thread_ts: str | None = None) -> Json:
        """Write a message, or run a slash command if the text starts with `/`."""
        body: Json = {"user": user, "channel": channel, "text": text}
        return self._post("/console/say", {**body, "thread_ts": thread_ts} if thread_ts else body)

    def click(
        self,
        user: str,
        channel: str,
        ts: str,
        action_id: str,
        value: Any = None,
    ) -> Json:
        """Click a button, or choose something, in a message.

        Args:
            user: who acts.
            channel: where the message is.
            ts: the message; it may be an ephemeral one to this person.
            action_id: the element's action_id.
            value: for a button, which one if several share the action_id; for a menu, what is
                chosen (an option's value, a user id, a date, a list of those).

        Raises:
            NotThere: if this person sees no such element.
        """
        listed = self.console(user)["messages"].get(channel, [])
        blocks = next((m.get("blocks") or [] for m in listed if m["ts"] == ts), [])
        container = {"type": "message", "channel": channel, "ts": ts}
        return self._act(user, container, blocks, action_id, value)

    def click_in_view(
        self,
        user: str,
        action_id: str,
        value: Any = None,
        *,
        view_id: str | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> Json:
        """Click or choose in the visible modal, or in the view with this id (a home tab, say).

        Args:
            user: who acts.
            action_id: the element's action_id.
            value: as for `click`.
            view_id: which view; the visible modal if None.
            values: what the person has filled in so far, as for `submit`.

        Raises:
            NotThere: if this person sees no such view or element.
        """
        view = self._view(user, view_id)
        container = {"type": "view", "view_id": view["id"]}
        given = state_from_values(view["blocks"], values or {})
        return self._act(user, container, view["blocks"], action_id, value, given)

    def submit(
        self, user: str, view_id: str | None = None, values: Mapping[str, Any] | None = None
    ) -> Json:
        """Fill in a modal and submit it.

        Args:
            user: who submits.
            view_id: the modal; the visible one if None.
            values: what is filled in, by block_id or action_id: text, a number, an option's value
                (or a list of them), a user id, "2026-11-23", "09:30", seconds since the epoch,
                None to clear. Inputs not named keep their initial values.

        Returns:
            `{"ok", "errors", "ack_ms", "error"}`.

        Raises:
            NotThere: if there is no such modal, input or option.
        """
        view = self._view(user, view_id)
        given = state_from_values(view["blocks"], values or {})
        body: Json = {"user": user, "view_id": view["id"], "state": given}
        return self._post("/console/submit", body)

    def close_view(self, user: str, view_id: str | None = None, *, cleared: bool = False) -> Json:
        """Close the visible modal, or all of them.

        Raises:
            NotThere: if there is no such modal.
        """
        view = self._view(user, view_id)
        body: Json = {"user": user, "view_id": view["id"], "cleared": cleared}
        return self._post("/console/close", body)

    def home(self, user: str) -> Json:
        """Open the app's home tab."""
        return self._post("/console/home", {"user": user})

    def shortcut(self, user: str, callback_id: str, channel: str = "", ts: str = "") -> Json:
        """Run a global shortcut, or the one of a message if ``ts`` names it."""
        body = {"user": user, "callback_id": callback_id, "channel": channel, "ts": ts}
        return self._post("/console/shortcut", body)

    def options(
        self,
        user: str,
        action_id: str,
        block_id: str,
        typed: str,
        view_id: str | None = None,
    ) -> list[Json]:
        """Return what an external select of a modal offers for what was typed."""
        body: Json = {"user": user, "action_id": action_id, "block_id": block_id, "value": typed}
        answer = self._post(
            "/console/options", {**body, "view_id": self._view(user, view_id)["id"]}
        )
        listed: list[Json] = answer["options"]
        return listed

    # ---- how tests break things

    def faults(
        self,
        method: str,
        kind: FaultKind,
        times: int = 1,
        *,
        retry_after_s: int = 1,
        delay_s: float = 1.0,
    ) -> None:
        """Make the next calls of a Web API method go wrong (`response_url` counts as one)."""
        body: Json = {"method": method, "kind": kind, "times": times}
        more = {"retry_after_s": retry_after_s, "delay_s": delay_s}
        self._post("/control/faults", {**body, **more})

    def disconnect(self, reason: str = "refresh_requested") -> None:
        """Ask every Socket Mode connection to be replaced; none is used any more."""
        self._post("/control/disconnect", {"reason": reason})

    def drop(self, how: str) -> None:
        """Cut every Socket Mode connection: `close` (a close frame) or `abort` (a TCP reset)."""
        self._post("/control/drop", {"how": how})

    def redeliver(self) -> Json:
        """Deliver the last envelope again and return how that ended."""
        return self._post("/control/redeliver", {})

    def event(self, event: Json) -> Json:
        """Deliver an event and return how the first delivery ended."""
        return self._post("/control/event", {"event": event})

    def archive(self, channel: str) -> None:
        """Archive a channel."""
        self._post("/control/archive", {"channel": channel})

    def remove_bot(self, channel: str) -> None:
        """Remove the bot from a channel."""
        self._post("/control/remove_bot", {"channel": channel})

    def deactivate(self, user: str) -> None:
        """Deactivate a person's account."""
        self._post("/control/deactivate", {"user": user})

    # ---- waiting

    def wait_for(self, predicate: Callable[[], T | None], timeout_s: float = 10.0) -> T:
        """Poll until `predicate` returns something true, and return that.

        Raises:
            TimeoutError: after `timeout_s`.
        """
        deadline_s = time.monotonic() + timeout_s
        while True:
            found = predicate()
            if found:
                return found
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"not within {timeout_s} s: {predicate}")
            time.sleep(POLL_S)

    # ---- inside

    def _view(self, user: str, view_id: str | None) -> Json:
        state = self.state("views", "stacks")
        wanted = view_id or next(reversed(state["stacks"].get(user, [])), None)
        view: Json | None = state["views"].get(wanted)
        if view is None:
            raise NotThere(f"{user} has no view {wanted or 'open'}")
        return view

    def _act(
        self,
        user: str,
        container: Json,
        blocks: list[Json],
        action_id: str,
        value: Any,
        given: Json | None = None,
    ) -> Json:
        is_button = find_element(blocks, action_id, value=value)
        found = is_button or find_element(blocks, action_id)
        if found is None or (found[1]["type"] == "button" and not is_button):
            raise NotThere(f"{user} sees no element {action_id} with value {value!r}")
        block, element = found
        action = {"type": element["type"], "action_id": action_id, "block_id": block["block_id"]}
        action.update(action_value(element, value))
        body = {"user": user, "container": container, "action": action, "state": given or {}}
        return self._post("/console/action", body)

    def _get(self, path: str, **query: str) -> Json:
        answer: Json = self._http.get(path, params=query).raise_for_status().json()
        return answer

    def _post(self, path: str, body: Mapping[str, Any]) -> Json:
        answer: Json = self._http.post(path, json=dict(body)).raise_for_status().json()
        return answer

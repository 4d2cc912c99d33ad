"""What people do with modals: they submit and close them."""

from __future__ import annotations

from typing import Any

from bot.sandbox import payloads
from bot.sandbox.block_kit_rules import view_problems
from bot.sandbox.courier import Ack
from bot.sandbox.deliveries import Deliveries
from bot.sandbox.errors import Json, SlackError
from bot.sandbox.human import failure_text
from bot.sandbox.input_state import full_state, refusals
from bot.sandbox.state import StandInState


class ModalPeople:
    """Submits and closes the modals of any person."""

    def __init__(self, state: StandInState, deliveries: Deliveries) -> None:
        self._state = state
        self._deliveries = deliveries

    async def submit(self, user: str, view_id: str, given: Json) -> Json:
        """Submit the visible modal.

        Args:
            user: who submits.
            view_id: the modal on top of their stack.
            given: what they touched, {block_id: {action_id: entry}}.

        Raises:
            SlackError: `user_not_found`, `user_disabled`, `not_found` if it is not on top.
        """
        view = self._visible(user, view_id)
        values = full_state(view["blocks"], given)
        refused = refusals(view["blocks"], values)
        if refused:
            return {"ok": False, "errors": refused, "ack_ms": 0.0, "error": None}
        payload = payloads.interaction(self._state, "view_submission", user)
        payload["trigger_id"] = self._state.triggers.issue(user)
        payload["view"] = payloads.with_state(view, values)
        payload["response_urls"] = []
        ack = await self._deliveries.send("interactive", payload)
        errors: dict[str, str] | None = None
        error = failure_text("Submitting", ack)
        if ack.acked:
            errors, error = self._obey(user, view, ack)
        ok = ack.acked and errors is None and error is None
        return {"ok": ok, "errors": errors, "ack_ms": ack.ms, "error": error}

    async def close(self, user: str, view_id: str, *, cleared: bool) -> Json:
        """Close the visible modal, or with `cleared` the whole stack.

        The app hears of it for views with `notify_on_close`.

        Raises:
            SlackError: `user_not_found`, `user_disabled`, `not_found` if it is not on top.
        """
        view = self._visible(user, view_id)
        all_of_them = cleared or bool(view["clear_on_close"])
        closed = self._state.views.stack(user)[::-1] if all_of_them else [view]
        for _ in closed:
            self._state.views.pop(user)
        for gone in closed:
            if gone["notify_on_close"]:
                payload = payloads.interaction(self._state, "view_closed", user)
                payload["view"] = gone
                payload["is_cleared"] = all_of_them
                self._deliveries.in_background(self._deliveries.send("interactive", payload))
        return {"ok": True}

    def _visible(self, user: str, view_id: str) -> Json:
        self._state.human(user)
        stack = self._state.views.stack(user)
        if not stack or stack[-1]["id"] != view_id:
            raise SlackError("not_found")
        return stack[-1]

    def _obey(self, user: str, view: Json, ack: Ack) -> tuple[dict[str, str] | None, str | None]:
        answer = ack.payload if isinstance(ack.payload, dict) else {}
        action = answer.get("response_action")
        if action == "errors":
            return self._field_errors(view, answer.get("errors"))
        try:
            self._change_stack(user, view, action, answer.get("view"))
        except SlackError as problem:
            details = " ".join(problem.messages)
            return None, f"The app's answer is refused ({problem.code}) {details}".strip()
        return None, None

    def _field_errors(self, view: Json, errors: Any) -> tuple[dict[str, str] | None, str | None]:
        inputs = {block["block_id"] for block in view["blocks"] if block["type"] == "input"}
        texts = errors if isinstance(errors, dict) else {}
        if not texts or not set(texts) <= inputs:
            unknown = sorted(set(texts) - inputs)
            return None, f"The app's answer is refused (invalid_errors): no such input {unknown}"
        return {block_id: str(text) for block_id, text in texts.items()}, None

    def _change_stack(self, user: str, view: Json, action: Any, given: Any) -> None:
        views = self._state.views
        if action == "clear":
            views.drop_stack(user)
        elif action in {"update", "push"}:
            problems = view_problems(given, {"modal"}, self._state.file_ids())
            if problems:
                raise SlackError("invalid_arguments", problems)
            if action == "push":
                views.push(user, given)
            else:
                views.update(views.get(view["id"]), given, None)
        elif action is not None:
            raise SlackError("invalid_response_action")
        elif views.stacks[user] and views.stacks[user][-1] == view["id"]:
            views.pop(user)

"""What people do with shortcuts: from the search bar, or from the menu of a message."""

from __future__ import annotations

from bot.sandbox import payloads
from bot.sandbox.deliveries import Deliveries
from bot.sandbox.errors import Json
from bot.sandbox.human import failure_text
from bot.sandbox.state import StandInState


class ShortcutPeople:
    """Runs shortcuts as any person of the workspace.

    https://docs.slack.dev/reference/interaction-payloads/shortcuts-interaction-payload
    """

    def __init__(self, state: StandInState, deliveries: Deliveries) -> None:
        self._state = state
        self._deliveries = deliveries

    async def run(self, user: str, callback_id: str, channel_id: str, ts: str) -> Json:
        """Run a shortcut: one of a message if ``ts`` names one, else a global one.

        Raises:
            SlackError: `user_not_found`, `user_disabled`, `channel_not_found`,
                `message_not_found`.
        """
        self._state.human(user)
        kind = "message_action" if ts else "shortcut"
        payload = payloads.interaction(self._state, kind, user)
        if ts:
            channel = self._state.workspace.channel(channel_id)
            message = self._state.messages.get(channel.id, ts)
            about = payloads.in_message(self._state, user, channel, message)
            about.pop("container")
            payload.update({**about, "message_ts": ts})
        payload.update(
            {
                "callback_id": callback_id,
                "trigger_id": self._state.triggers.issue(user),
                "action_ts": self._state.messages.next_ts(),
            }
        )
        ack = await self._deliveries.send("interactive", payload)
        return {"ok": ack.acked, "ack_ms": ack.ms, "error": failure_text("This shortcut", ack)}

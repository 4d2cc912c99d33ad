"""What the app called and what it acknowledged, for tests and the curious."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.errors import Json

KEPT = 5_000
"""How many calls are remembered; a stand-in that runs for days must not grow."""


@dataclass
class CallLog:
    """Web API calls and acknowledgements in the order they happened."""

    calls: deque[Json] = field(default_factory=lambda: deque(maxlen=KEPT))
    acks: deque[Json] = field(default_factory=lambda: deque(maxlen=KEPT))

    def call(self, method: str, args: Json, at: str, status: int, error: str | None) -> None:
        """Remember a Web API call and how it ended. `status` is 0 for a reset connection."""
        entry = {"method": method, "args": args, "at": at, "status": status, "error": error}
        self.calls.append(entry)

    def ack(self, envelope_id: str, kind: str, *, acked: bool, ms: float, payload: Any) -> None:
        """Remember whether a delivery was acknowledged, and after how many milliseconds."""
        entry = {"envelope_id": envelope_id, "type": kind, "acked": acked, "ms": round(ms, 2)}
        self.acks.append({**entry, "payload": payload})

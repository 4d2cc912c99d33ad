"""What the two ways of reaching the app have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from bot.sandbox.errors import Json

Kind = Literal["slash_commands", "interactive", "events_api"]


@dataclass(frozen=True)
class Ack:
    """How a delivery ended.

    Attributes:
        acked: whether the app acknowledged in time.
        ms: how long that took, in milliseconds.
        payload: what the acknowledgement carried.
        failure: None, `operation_timeout`, `app_not_connected` or `dispatch_failed`.
        retry_reason: what Slack would say in `x-slack-retry-reason`.
        may_retry: False if the app refused to be asked again (`x-slack-no-retry`).
    """

    acked: bool
    ms: float
    payload: Any = None
    failure: str | None = None
    retry_reason: str = ""
    may_retry: bool = True


@dataclass(frozen=True)
class Envelope:
    """One delivery.

    Attributes:
        id: the envelope's id.
        kind: which of Slack's three families it belongs to.
        payload: what the app receives.
        retry_attempt: 0 on the first delivery of an event, then 1 to 3.
        retry_reason: why it is delivered again.
    """

    id: str
    kind: Kind
    payload: Json
    retry_attempt: int = 0
    retry_reason: str = ""


class Courier(Protocol):
    """Delivers envelopes to the app."""

    @property
    def connected(self) -> bool:
        """Whether the app can be reached, as far as is known."""

    async def deliver(self, envelope: Envelope) -> Ack:
        """Deliver once and wait for the acknowledgement, at most the deadline."""

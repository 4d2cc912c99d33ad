"""Everything that goes from the stand-in to the app, and how often."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from bot.sandbox.courier import Ack, Courier, Envelope, Kind
from bot.sandbox.errors import Json
from bot.sandbox.payloads import event_callback
from bot.sandbox.state import StandInState


class Deliveries:
    """Sends commands and interactions once, and events until they are acknowledged."""

    def __init__(self, state: StandInState, courier: Courier) -> None:
        self._state = state
        self._courier = courier
        self._last: Envelope | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def connected(self) -> bool:
        """Whether the app can be reached, as far as is known."""
        return self._courier.connected

    async def send(self, kind: Kind, payload: Json) -> Ack:
        """Deliver a command or an interaction. Slack never repeats these."""
        return await self._deliver(Envelope(str(uuid.uuid4()), kind, payload))

    async def event(self, event: Json) -> Ack:
        """Deliver an event; unless it is acknowledged, it is redelivered in the background.

        Returns:
            How the first delivery ended.
        """
        payload = event_callback(self._state, event)
        first = Envelope(str(uuid.uuid4()), "events_api", payload)
        ack = await self._deliver(first)
        if not ack.acked and ack.may_retry:
            self.in_background(self._redeliver(first, ack))
        return ack

    def tell(self, event: Json) -> None:
        """Deliver an event in the background, if the app subscribed to its type."""
        if event["type"] in self._state.options.subscribed_events:
            self.in_background(self.event(event))

    async def again(self) -> Ack | None:
        """Deliver the last envelope once more; None if there was none yet."""
        if self._last is None:
            return None
        last = self._last
        if last.kind == "events_api":
            last = replace(last, retry_attempt=last.retry_attempt + 1, retry_reason="timeout")
        return await self._deliver(last)

    def in_background(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run something that the stand-in's stop will cancel."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Cancel everything in the background."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _redeliver(self, first: Envelope, ack: Ack) -> None:
        options = self._state.options
        for attempt, delay_s in enumerate(options.redelivery_delays_s, start=1):
            await asyncio.sleep(delay_s * options.redelivery_scale)
            again = replace(
                first,
                id=str(uuid.uuid4()),
                retry_attempt=attempt,
                retry_reason=ack.retry_reason,
            )
            ack = await self._deliver(again)
            if ack.acked or not ack.may_retry:
                return

    async def _deliver(self, envelope: Envelope) -> Ack:
        self._last = envelope
        ack = await self._courier.deliver(envelope)
        self._state.log.ack(
            envelope.id, envelope.kind, acked=ack.acked, ms=ack.ms, payload=ack.payload
        )
        self._state.changes.bump()
        return ack

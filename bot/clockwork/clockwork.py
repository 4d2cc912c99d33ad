"""The clock of the control plane."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.clockwork.deliveries import DeliveryRound
from bot.clockwork.file_sweep import sweep_files
from bot.clockwork.incident_round import IncidentRound
from bot.clockwork.process_round import ProcessRound
from bot.clockwork.timers import fire_due
from bot.clockwork.wheel import Wheel
from bot.ports.artifact_store import ArtifactStore
from bot.ports.clock import Clock
from bot.ports.messenger import Messenger
from bot.ports.use_cases import UseCaseRunner
from bot.services import discards, incident_cards, outbox, process_cards, upkeep


class Clockwork:
    """Turns five wheels: timers, the outbox, messages about processes and incidents, old files.

    ``owner`` names this process in leases; any number of replicas may turn side by side.
    """

    def __init__(
        self,
        run: UseCaseRunner,
        clock: Clock,
        messenger: Messenger,
        artifacts: ArtifactStore,
        owner: str,
    ) -> None:
        deliveries = DeliveryRound(run, messenger, artifacts, owner)

        async def fire() -> int:
            return await fire_due(run, owner)

        async def next_timer_at() -> datetime | None:
            return await run(upkeep.next_timer_at)

        async def next_delivery_at() -> datetime | None:
            return await run(outbox.next_delivery_at)

        async def sweep() -> int:
            return await sweep_files(run, artifacts)

        async def next_file_at() -> datetime | None:
            return await run(discards.next_due_at)

        about_processes = ProcessRound(run, messenger, owner)

        async def next_process_card_at() -> datetime | None:
            return await run(process_cards.next_due)

        about_incidents = IncidentRound(run, messenger, owner)

        async def next_incident_card_at() -> datetime | None:
            return await run(incident_cards.next_due)

        self._wheels = (
            Wheel("incidents", clock, about_incidents.show_due, next_incident_card_at),
            Wheel("processes", clock, about_processes.show_due, next_process_card_at),
            Wheel("timers", clock, fire, next_timer_at),
            Wheel("outbox", clock, deliveries.deliver_due, next_delivery_at),
        )
        # Not woken by every commit as the others are: no file is in a hurry to go.
        self._sweeper = Wheel("files", clock, sweep, next_file_at)
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Start turning, in the running event loop."""
        self._loop = asyncio.get_running_loop()
        for wheel in (*self._wheels, self._sweeper):
            wheel.attach(self._scheduler)
        self._scheduler.start()

    def wake(self) -> None:
        """Say that there may be something new. May be called from any thread, at any time."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake_wheels)

    def _wake_wheels(self) -> None:
        if self._scheduler.running:
            for wheel in self._wheels:
                wheel.wake()

    async def stop(self) -> None:
        """Turn no more; what is in flight is taken up by the next start when its lease ends."""
        self._loop = None
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        await asyncio.sleep(0)

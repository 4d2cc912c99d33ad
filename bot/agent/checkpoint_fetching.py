"""Fetches the checkpoints that runs go on from, where another host has trained them before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from bot.agent.artifacts import CHECKPOINT_RESULTS
from bot.agent.attempt import Attempt
from bot.agent.backoff import Backoff
from bot.agent.control_plane import ControlPlane, ControlPlaneError, HostUnknown
from bot.agent.file_transfer import FileDamagedError, fetch_file
from bot.agent.supervisor import Supervisor
from bot.protocol.messages import ResumePoint

_log = structlog.get_logger(__name__)
_LOOK_EVERY_S = 0.5
_TRIES_OF_A_DAMAGED_FILE = 3


class CheckpointFetcher:
    """Fetches for every attempt that waits for it, all at once.

    What cannot be had now is tried again for as long as the attempt has time.  What is gone or
    damaged for good is given up: the attempt then goes on from what there is, and says so.
    """

    def __init__(
        self, supervisor: Supervisor, control_plane: ControlPlane, on_progress: Callable[[], None]
    ) -> None:
        self._supervisor = supervisor
        self._control_plane = control_plane
        self._on_progress = on_progress
        self._under_way: set[int] = set()

    async def fetch(self) -> None:
        """Look for attempts that wait for a checkpoint, for ever."""
        async with asyncio.TaskGroup() as group:
            while True:
                for attempt in self._supervisor.fetching():
                    number = attempt.record.attempt_id
                    if number not in self._under_way:
                        self._under_way.add(number)
                        group.create_task(self._fetch(attempt))
                await asyncio.sleep(_LOOK_EVERY_S)

    async def _fetch(self, attempt: Attempt) -> None:
        backoff, damaged = Backoff(), 0
        try:
            while (point := attempt.wanted_checkpoint()) is not None:
                try:
                    await self._fetch_once(attempt, point)
                except HostUnknown:
                    attempt.give_up_resume(_gone(point))
                except FileDamagedError:
                    damaged += 1
                    if damaged >= _TRIES_OF_A_DAMAGED_FILE:
                        attempt.give_up_resume(_damaged(point))
                except (ControlPlaneError, OSError) as error:
                    attempt.log.info("checkpoint_not_fetched_yet", error=str(error))
                    attempt.note(_late(point, error))
                    await asyncio.sleep(backoff.next_wait_s())
                self._on_progress()
        finally:
            self._under_way.discard(attempt.record.attempt_id)

    async def _fetch_once(self, attempt: Attempt, point: ResumePoint) -> None:
        target = attempt.files.fetched
        rows = target.with_suffix(".csv")
        await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
        try:
            await self._control_plane.download(point.attempt_id, CHECKPOINT_RESULTS, "", rows, 0)
        except HostUnknown:
            # Without its rows the curve begins where the run goes on; the training is the same.
            await asyncio.to_thread(rows.unlink, missing_ok=True)
        await fetch_file(self._control_plane, point, target)
        attempt.log.info("checkpoint_fetched", of_attempt=point.attempt_id)


def _late(point: ResumePoint, error: Exception) -> str:
    kind = "this host's disk" if isinstance(error, OSError) else "the control plane"
    return (
        f"The training waits: its checkpoint of epoch {point.epochs_done} could not be fetched "
        f"yet because of {kind}. It is tried again for as long as its time lasts."
    )


def _gone(point: ResumePoint) -> str:
    return f"The checkpoint of epoch {point.epochs_done} is not kept any more"


def _damaged(point: ResumePoint) -> str:
    return f"The checkpoint of epoch {point.epochs_done} arrived damaged three times"

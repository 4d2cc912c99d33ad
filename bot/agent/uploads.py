"""Sends the files of trainings that are over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import structlog

from bot.agent.artifacts import (
    CHECKPOINT_RESULTS,
    FOR_THE_NEXT_ATTEMPT,
    LOG,
    SHOWN_WITH_THE_END,
    artifact_path,
)
from bot.agent.attempt import Attempt
from bot.agent.backoff import Backoff
from bot.agent.checkpoint_sending import send_checkpoint
from bot.agent.control_plane import (
    ControlPlane,
    ControlPlaneError,
    HostUnknown,
    MessageRefused,
    TokenRefused,
)
from bot.agent.file_transfer import send_file
from bot.agent.supervisor import Supervisor
from bot.agent.waiting import wait_and_clear
from bot.ports.clock import Clock

_log = structlog.get_logger(__name__)
_TRIES_BEFORE_THE_END = 3
_TIME_BEFORE_THE_END_S = 30.0
_GIVE_UP_AFTER = timedelta(days=1)
_POLL_S = 5.0
_BEFORE_THE_END = (*SHOWN_WITH_THE_END, *FOR_THE_NEXT_ATTEMPT)
# Declined for good: the fence is stale, or the file is too large. A wrong digest (422) is not:
# the file may have been damaged on the way.
_DECLINED_FOR_GOOD = frozenset({400, 403, 405, 409, 413})


class Uploads:
    """Two loops, so that large weights of one run do not hold up the end of another."""

    def __init__(
        self,
        supervisor: Supervisor,
        control_plane: ControlPlane,
        clock: Clock,
        on_progress: Callable[[], None],
    ) -> None:
        self._supervisor = supervisor
        self._control_plane = control_plane
        self._clock = clock
        self._on_progress = on_progress
        self._small_due = asyncio.Event()
        self._rest_due = asyncio.Event()

    def wake(self) -> None:
        """Look for ended attempts now."""
        self._small_due.set()
        self._rest_due.set()

    async def send_before_ends(self) -> None:
        """Send what the end's card shows and what the next attempt goes on from, for a while.

        Whatever has not arrived by then follows; the end, and the GPUs with it, wait no longer.
        """
        async with asyncio.TaskGroup() as group:
            under_way: set[int] = set()
            while True:
                for attempt in self._supervisor.ended():
                    number = attempt.record.attempt_id
                    if not attempt.record.end_ready and number not in under_way:
                        under_way.add(number)
                        group.create_task(self._release(attempt))
                await wait_and_clear(self._small_due, _POLL_S)

    async def _release(self, attempt: Attempt) -> None:
        await self._send_first(attempt)
        attempt.release_end()
        self._rest_due.set()
        self._on_progress()

    async def _send_first(self, attempt: Attempt) -> None:
        backoff = Backoff(first_s=0.2, ceiling_s=2.0)
        try:
            async with asyncio.timeout(_TIME_BEFORE_THE_END_S):
                for _ in range(_TRIES_BEFORE_THE_END):
                    if await self._send_some(attempt, _BEFORE_THE_END):
                        return
                    await asyncio.sleep(backoff.next_wait_s())
        except TimeoutError:
            attempt.log.warning("artifacts_late", pending=attempt.record.pending_uploads)

    async def send_the_rest(self) -> None:
        """Send what is left, for as long as it takes, up to a day."""
        backoff = Backoff(first_s=1.0)
        while True:
            wait_s = _POLL_S
            for attempt in self._supervisor.ended():
                if attempt.record.end_ready:
                    self._give_up_if_old(attempt)
                    if await self._send_some(attempt, attempt.record.pending_uploads):
                        backoff.reset()
                        self._on_progress()
                    else:
                        wait_s = backoff.next_wait_s()
            await wait_and_clear(self._rest_due, wait_s)

    def _give_up_if_old(self, attempt: Attempt) -> None:
        end = attempt.record.end
        if end is not None and self._clock.now() - end.at > _GIVE_UP_AFTER:
            attempt.log.error("artifacts_given_up", pending=attempt.record.pending_uploads)
            for name in attempt.record.pending_uploads:
                attempt.give_up_upload(name)

    async def _send_some(self, attempt: Attempt, names: tuple[str, ...]) -> bool:
        """Send those of ``names`` that are pending and tell whether none of them is left."""
        is_clear = True
        for name in names:
            if name in attempt.record.pending_uploads:
                is_clear &= await self._send_one(attempt, name)
        return is_clear

    async def _send_one(self, attempt: Attempt, name: str) -> bool:
        try:
            was_there = await self._send(attempt, name)
        except (ControlPlaneError, OSError) as error:
            return self._note_failure(attempt, name, error)
        if was_there:
            attempt.note_uploaded(name)
        else:
            attempt.give_up_upload(name)
        return True

    async def _send(self, attempt: Attempt, name: str) -> bool:
        """Send one file and tell whether there was one."""
        if name == CHECKPOINT_RESULTS:
            return True  # it goes with its checkpoint
        if name in FOR_THE_NEXT_ATTEMPT:
            return await send_checkpoint(attempt, self._control_plane)
        path = await self._path(attempt, name)
        if path is None:
            return False
        record = attempt.record
        await send_file(
            self._control_plane, record.attempt_id, record.desired.fence, path, name=name
        )
        return True

    async def _path(self, attempt: Attempt, name: str) -> Path | None:
        if name != LOG:
            return artifact_path(attempt.files, name)
        packed = attempt.files.folder / LOG
        if not packed.exists():
            beside = packed.with_suffix(".part")
            await asyncio.to_thread(attempt.trainer_log.write_gzip, beside)
            beside.replace(packed)
        return packed

    def _note_failure(self, attempt: Attempt, name: str, error: Exception) -> bool:
        declined = isinstance(error, MessageRefused) and error.status in _DECLINED_FOR_GOOD
        if declined or isinstance(error, HostUnknown | FileNotFoundError):
            attempt.log.warning("artifact_declined", name=name, error=str(error))
            attempt.give_up_upload(name)
            return True
        if not isinstance(error, TokenRefused):  # said once for all by the connection
            attempt.log.info("artifact_not_sent_yet", name=name, error=str(error))
        return False

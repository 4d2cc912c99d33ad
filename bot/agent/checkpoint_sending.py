"""Sends checkpoints to the control plane, so that a run can go on when its host cannot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from bot.agent.artifacts import CHECKPOINT, CHECKPOINT_RESULTS, put_checkpoint_aside
from bot.agent.attempt import Attempt
from bot.agent.backoff import Backoff
from bot.agent.control_plane import ControlPlane, ControlPlaneError
from bot.agent.file_transfer import TransferAbandonedError, send_file
from bot.agent.supervisor import Supervisor
from bot.ports.clock import Clock

_log = structlog.get_logger(__name__)
_LOOK_EVERY_S = 1.0


async def send_checkpoint(
    attempt: Attempt, control_plane: ControlPlane, goes_on: Callable[[], bool] = lambda: True
) -> bool:
    """Send the newest checkpoint of an attempt with its results, and tell whether there was one.

    Raises:
        ControlPlaneError: it could not be done now; calling again goes on where it was, unless
            there is a newer checkpoint by then.
        TransferAbandonedError: ``goes_on`` said no.
        OSError: it cannot be read.
    """
    async with attempt.sending_checkpoint:
        saved = attempt.own_checkpoint()
        if saved is None or saved.epoch <= attempt.record.sent_epochs:
            return saved is not None
        aside = await asyncio.to_thread(put_checkpoint_aside, saved, attempt.files.outgoing)
        number, fence = attempt.record.attempt_id, attempt.record.desired.fence
        if aside.results is not None:
            await send_file(control_plane, number, fence, aside.results, name=CHECKPOINT_RESULTS)
        await send_file(
            control_plane,
            number,
            fence,
            aside.weights,
            name=CHECKPOINT,
            epochs_done=aside.epochs_done,
            goes_on=goes_on,
        )
        attempt.save(sent_epochs=aside.epochs_done)
        attempt.log.info("checkpoint_sent", epochs_done=aside.epochs_done)
        return True


class CheckpointSender:
    """Sends the checkpoints of trainings that go on, each as often as it is wanted at most."""

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
        self._begun_at: dict[int, datetime] = {}
        self._under_way: set[int] = set()
        self._backoffs: dict[int, Backoff] = {}

    async def send_while_training(self) -> None:
        """Look for checkpoints that are due, for ever."""
        async with asyncio.TaskGroup() as group:
            while True:
                for attempt in self._supervisor.training():
                    number = attempt.record.attempt_id
                    if number not in self._under_way and self._is_due(attempt):
                        self._under_way.add(number)
                        group.create_task(self._send(attempt))
                await asyncio.sleep(_LOOK_EVERY_S)

    def _is_due(self, attempt: Attempt) -> bool:
        saved, record = attempt.own_checkpoint(), attempt.record
        if saved is None or saved.epoch <= record.sent_epochs:
            return False
        begun_at = self._begun_at.get(record.attempt_id)
        every = timedelta(seconds=record.desired.checkpoint_every_s)
        return begun_at is None or self._clock.now() - begun_at >= every

    async def _send(self, attempt: Attempt) -> None:
        number = attempt.record.attempt_id
        begun_at = self._clock.now()
        try:
            # The end sends its own, which is newer or the same; it must not wait for this one.
            await send_checkpoint(attempt, self._control_plane, lambda: attempt.live)
        except TransferAbandonedError:
            pass
        except (ControlPlaneError, OSError) as error:
            backoff = self._backoffs.setdefault(number, Backoff(first_s=1.0))
            attempt.log.info("checkpoint_not_sent_yet", error=str(error))
            await asyncio.sleep(backoff.next_wait_s())
        else:
            self._begun_at[number] = begun_at
            self._backoffs.pop(number, None)
            self._on_progress()
        finally:
            self._under_way.discard(number)

"""What a trainer's events add up to."""

from __future__ import annotations

from collections.abc import Iterable

from bot.agent.trainer_contract import (
    CheckpointSaved,
    Ended,
    EpochFinished,
    Starting,
    StopRequested,
    TrainerEvent,
    TrainStarted,
    Warned,
)
from bot.protocol.messages import EpochProgress

_KEPT_WARNINGS = 50


class TrainerView:
    """Folds events in order; the same events always give the same view."""

    def __init__(self) -> None:
        self.pid: int | None = None
        self.training = False
        self.stop_noted = False
        self.epochs_done = 0
        self.metrics: dict[str, float] = {}
        self.checkpoint: CheckpointSaved | None = None
        self.warnings: tuple[str, ...] = ()
        self.ended: Ended | None = None
        self._unacknowledged: dict[int, EpochProgress] = {}
        self._acknowledged_epoch = 0

    def fold(self, events: Iterable[TrainerEvent]) -> None:
        """Take note of further events."""
        for event in events:
            self._fold_one(event)

    def _fold_one(self, event: TrainerEvent) -> None:
        match event:
            case Starting():
                self.pid = event.pid
            case TrainStarted():
                self.training = True
            case EpochFinished():
                self._note_epoch(event.progress)
            case CheckpointSaved():
                self.checkpoint = event
            case Warned():
                # The first ones stay: what is told of them must not begin anew with each report.
                self.warnings = (*self.warnings, event.text)[:_KEPT_WARNINGS]
            case Ended():
                self.ended = event
            case StopRequested():
                self.stop_noted = True

    def _note_epoch(self, progress: EpochProgress) -> None:
        self.training = True
        self.epochs_done = progress.epoch
        self.metrics = {**self.metrics, **progress.metrics}
        if progress.epoch > self._acknowledged_epoch:
            self._unacknowledged[progress.epoch] = progress

    def acknowledge(self, epoch: int) -> None:
        """Drop the epochs up to ``epoch``: the control plane has stored them."""
        self._acknowledged_epoch = max(self._acknowledged_epoch, epoch)
        for number in [number for number in self._unacknowledged if number <= epoch]:
            del self._unacknowledged[number]

    def unacknowledged(self, at_most: int) -> tuple[EpochProgress, ...]:
        """Return the oldest epochs that the control plane does not have, in order."""
        numbers = sorted(self._unacknowledged)[:at_most]
        return tuple(self._unacknowledged[number] for number in numbers)

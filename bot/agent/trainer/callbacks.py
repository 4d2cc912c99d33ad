"""Listen to an Ultralytics training: tell its events, keep its checkpoints, honour a stop.

An epoch counts when it is whole: trained, validated and saved.  On one device a stop leaves the
training at the next batch, and the resumed run trains that epoch again from the last checkpoint;
so a run that was stopped ends with the same epochs as one that never was.  An epoch whose batches
are all done may finish its validation, for a while.  With several devices the ranks must leave
together, which Ultralytics arranges at the end of an epoch only.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from bot.agent.trainer.checkpoints import Checkpoint, CheckpointKeeper
from bot.agent.trainer.ends import CheckpointProblemError, DivergedError, describe
from bot.agent.trainer.events import MAX_WARNING_CHARS, EventSink, shortened
from bot.agent.trainer.exact_state import write_exact
from bot.agent.trainer.memory import Fit, MemoryMeter, batch_that_fits
from bot.agent.trainer.results import plain_losses, plain_metrics
from bot.agent.trainer.stop import StoppedError, StopRequest
from bot.agent.trainer_contract import CheckpointSaved, EpochFinished, TrainStarted, Warned
from bot.ports.clock import Clock
from bot.protocol.messages import EpochProgress

VALIDATION_PATIENCE_S = 15.0
"""How long after a stop request a validation may go on, to complete its epoch or the run."""


class FinalEvaluationCutError(BaseException):
    """A stop came during the evaluation after the last epoch; the training itself is complete."""


class Reporter:
    """What Berth hears of one training.

    ``epochs_done`` counts whole epochs, also those before a resume.  ``metrics`` are those of the
    best epoch so far and, once it has run, of the final evaluation of ``best.pt``.
    """

    def __init__(
        self, events: EventSink, stop: StopRequest, clock: Clock, keeper: CheckpointKeeper
    ) -> None:
        self._events = events
        self._stop = stop
        self._clock = clock
        self._keeper = keeper
        self._batch_size = 0
        self._batches_done = 0
        self._recoveries = 0
        self._finite = True
        self._ranks = 1
        self._leaving = False
        self._meter: MemoryMeter | None = None
        self._warned: set[str] = set()
        self.evaluating_best = False
        self.epochs_done = 0
        self.metrics: dict[str, float] = {}

    def callbacks(self) -> dict[str, Callable[[Any], None]]:
        """Return the functions by the name of the Ultralytics event that calls them."""
        return {
            "on_pretrain_routine_start": self._on_setup,
            "on_pretrain_routine_end": self._on_setup,
            "on_train_start": self._on_train_start,
            "on_train_epoch_start": self._on_epoch_start,
            "on_train_batch_end": self._on_batch_end,
            "on_val_batch_end": self._on_val_batch_end,
            "on_model_save": self._on_model_save,
            "on_fit_epoch_end": self._on_fit_epoch_end,
        }

    def warn(self, text: str) -> None:
        """Tell something worth a line in the run's thread, once."""
        text = shortened(text, MAX_WARNING_CHARS)
        if text in self._warned:
            return
        self._warned.add(text)
        self._events.emit(Warned(at=self._clock.now(), text=text))

    def stopping_together(self) -> bool:
        """Return whether all ranks leave for a stop request; the first decides, all must ask."""
        if self._ranks <= 1:
            return False
        from torch import distributed

        decision = [self._leaving]
        distributed.broadcast_object_list(decision, 0)
        return bool(decision[0])

    def fit(self, batch: int) -> Fit:
        """Return which batch should fit after memory ran out; ``batch`` was wanted at first."""
        failed = self._batch_size or batch
        use = self._meter.after_failure(failed // self._ranks) if self._meter else None
        return batch_that_fits(failed, self._ranks, use)

    def raise_if_diverged(self) -> None:
        """Refuse the result of a training whose last loss was not a number.

        Raises:
            DivergedError: It was not.
        """
        if not self._finite:
            raise DivergedError("the loss of the last epoch is NaN or infinite")

    def _on_setup(self, _trainer: Any) -> None:
        self._stop.raise_if_requested()

    def _on_train_start(self, trainer: Any) -> None:
        self._stop.raise_if_requested()
        self._batch_size = trainer.batch_size
        self._meter = MemoryMeter(trainer.device)
        self.epochs_done = trainer.start_epoch
        self._ranks = ranks = max(trainer.world_size, 1)
        self._events.emit(
            TrainStarted(
                at=self._clock.now(),
                epochs=trainer.epochs,
                batches_per_epoch=len(trainer.train_loader),
                train_images=len(trainer.train_loader.dataset),
                device=f"{ranks} x {trainer.device.type}" if ranks > 1 else str(trainer.device),
                resumed_at_epoch=trainer.start_epoch + 1 if trainer.resume else None,
            )
        )

    def _on_epoch_start(self, trainer: Any) -> None:
        self._batches_done = 0
        if self._meter is not None:
            self._meter.begin_epoch()
        if trainer.batch_size != self._batch_size:
            self.warn(
                f"Out of memory: the batch was reduced from {self._batch_size} to "
                f"{trainer.batch_size} images and epoch {trainer.epoch + 1} started again."
            )
            self._batch_size = trainer.batch_size
        if trainer.nan_recovery_attempts > self._recoveries:
            self.warn(
                f"The loss was NaN or infinite: epoch {trainer.epoch + 1} starts again from the "
                f"last checkpoint (attempt {trainer.nan_recovery_attempts} of 3)."
            )
        self._recoveries = trainer.nan_recovery_attempts

    def _on_batch_end(self, trainer: Any) -> None:
        self._batches_done += 1
        if self._meter is not None:
            self._meter.batch_done(self._batch_size // self._ranks)
        epoch_trained = self._batches_done >= len(trainer.train_loader)
        if self._stop.requested and self._ranks <= 1 and not epoch_trained:
            raise StoppedError

    def _on_val_batch_end(self, _validator: Any) -> None:
        # Ranks may differ in their number of validation batches: leaving here would hang the rest.
        if self._ranks > 1 or self._stop.waited_s() <= VALIDATION_PATIENCE_S:
            return
        raise FinalEvaluationCutError if self.evaluating_best else StoppedError

    def _on_model_save(self, trainer: Any) -> None:
        if trainer.epoch + 1 >= trainer.epochs:
            return  # nothing can be resumed from here; the checkpoint before it stays
        try:
            kept = self._keep(trainer)
        except (OSError, CheckpointProblemError) as error:
            self.warn(
                f"The checkpoint of epoch {trainer.epoch + 1} was not kept: {describe(error)}"
            )
            return
        self._events.emit(
            CheckpointSaved(at=self._clock.now(), epoch=kept.epochs_done, path=str(kept.path))
        )

    def _keep(self, trainer: Any) -> Checkpoint:
        """Keep all that an exact resume needs; where the disk has no room for that, the rest."""
        try:
            return self._keeper.keep(trainer.last, partial(write_exact, trainer=trainer))
        except OSError as error:
            kept = self._keeper.keep(trainer.last)
            self.warn(
                f"The checkpoint of epoch {kept.epochs_done} was kept in half precision only "
                f"({describe(error)}): a run that resumes from it is as good, but not the same."
            )
            return kept

    def _on_fit_epoch_end(self, trainer: Any) -> None:
        if self.evaluating_best:  # Ultralytics calls once more after the final evaluation
            self.metrics = plain_metrics(trainer.metrics)
            return
        self.epochs_done = trainer.epoch + 1
        metrics = plain_metrics(trainer.metrics or {})
        if trainer.fitness is not None and trainer.fitness == trainer.best_fitness:
            self.metrics = metrics
        self._note_loss(trainer)
        self._events.emit(
            EpochFinished(
                progress=EpochProgress(
                    epoch=trainer.epoch + 1,
                    epochs=max(trainer.epochs, trainer.epoch + 1),
                    epoch_s=round(trainer.epoch_time, 3),
                    losses=plain_losses(trainer.label_loss_items(trainer.tloss)),
                    metrics=metrics,
                    at=self._clock.now(),
                )
            )
        )
        if self._stop.requested and not trainer.stop:
            if self._ranks <= 1:
                raise StoppedError
            self._leaving = trainer.stop = True  # told to the other ranks right after this

    def _note_loss(self, trainer: Any) -> None:
        """Remember whether the loss is a number; Ultralytics trains on in a first epoch."""
        finite = trainer.loss is None or bool(trainer.loss.isfinite())
        if self._finite and not finite:
            self.warn(f"The loss is NaN or infinite at the end of epoch {trainer.epoch + 1}.")
        self._finite = finite

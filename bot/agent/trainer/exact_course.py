"""A training whose epochs depend on the checkpoint before them and on nothing else.

Imports Ultralytics: import this module only after `environment.prepare_environment`.
"""

from __future__ import annotations

from typing import Any

from ultralytics.utils import RANK

from bot.agent.trainer.cpu_ranks import OnCpuTogether
from bot.agent.trainer.epoch_order import EpochOrder
from bot.agent.trainer.exact_state import restore_exact, restore_gradients


class ExactCourse(OnCpuTogether):
    """Stands before an Ultralytics trainer: seeds each epoch, and counts the optimizer's steps.

    Ultralytics gathers gradients over several batches and keeps the number of the last step in a
    local variable, which a resumed run begins anew.  Here it is asked at every batch whether a
    step is due, and the answer comes from ``last_step``, which checkpoints keep.
    """

    def __init__(self, overrides: dict[str, Any], callbacks: dict[str, Any]) -> None:
        self.asked_batch = 0
        self.last_step = -1
        self._batches_begun = 0
        self._asking = False
        self._accumulate = 1
        self._resumed_from: dict[str, Any] | None = None
        callbacks["on_train_epoch_start"].insert(0, type(self).begin_epoch)
        callbacks["on_train_epoch_end"].append(type(self).prepare_next_epoch)
        super().__init__(overrides=overrides, _callbacks=callbacks)
        self._order = EpochOrder(self.args.seed, RANK)

    @property
    def accumulate(self) -> int:
        """How many batches make one step; 0 while a batch is under way, so that each one asks."""
        return 0 if self._asking else self._accumulate

    @accumulate.setter
    def accumulate(self, batches: int) -> None:
        self._accumulate = batches

    def preprocess_batch(self, batch: Any) -> Any:
        """Return the batch on its device."""
        self._batches_begun += 1
        self._asking = True
        return super().preprocess_batch(batch)

    def optimizer_step(self) -> None:
        """Step if it is due."""
        self._asking = False
        batch = self._batches_begun - 1 + len(self.train_loader) * self.epoch
        if batch - self.last_step >= self._accumulate:
            super().optimizer_step()
            self.last_step = batch

    def resume_training(self, ckpt: Any) -> None:
        """Take up the checkpoint, with what Berth keeps in it beside Ultralytics."""
        super().resume_training(ckpt)
        if ckpt is not None and self.resume and restore_exact(ckpt, self):
            self._resumed_from = ckpt

    def _build_train_pipeline(self) -> None:
        self._asking = False  # a batch that did not fit has left it set
        self.last_step = -1
        super()._build_train_pipeline()

    def _handle_nan_recovery(self, epoch: int) -> bool:
        recovers = bool(super()._handle_nan_recovery(epoch))
        if recovers:
            self.last_step = -1  # its gradients are dropped, too
        return recovers

    def _close_dataloader_mosaic(self) -> None:
        super()._close_dataloader_mosaic()
        # Ultralytics rewinds the loader next, wherever its random numbers are by now.
        self._order.rewind(self.train_loader, self.epoch, self.nan_recovery_attempts)

    def begin_epoch(self) -> None:
        """Seed the epoch; the first one after a resume gets back its gradients."""
        self._batches_begun = 0
        self._asking = False
        self._order.begin(self.train_loader, self.epoch, self.nan_recovery_attempts)
        if self._resumed_from is not None:
            restore_gradients(self._resumed_from, self)
            self._resumed_from = None

    def prepare_next_epoch(self) -> None:
        """Let the loader fetch ahead while this epoch is validated."""
        if self.test_loader.iterator is None:
            return  # its workers are about to be forked, which another loader's start may disturb
        if self.epoch + 1 < self.epochs and not self.stop:
            self._order.prepare(self.train_loader, self.epoch + 1)

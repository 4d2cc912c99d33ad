"""The Ultralytics trainer as Berth runs it.

Imports Ultralytics: import this module only after `environment.prepare_environment`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ultralytics.data.utils import check_det_dataset
from ultralytics.engine import trainer as engine
from ultralytics.models.yolo.detect import DetectionTrainer

from bot.agent.trainer.atomic_files import AtomicPath, partial_path, sync_and_replace
from bot.agent.trainer.callbacks import FinalEvaluationCutError, Reporter
from bot.agent.trainer.ends import DataProblemError, ModelProblemError, describe
from bot.agent.trainer.stop import StoppedError

_MEMORY_SIGNS = ("out of memory", "allocate memory")


# The name must not contain "Trainer": that is how Ultralytics decides to load its integrations
# (MLflow, Comet and so on), which would talk to the network.
class SupervisedDetection(DetectionTrainer):  # type: ignore[misc] # Ultralytics is untyped
    """A detection training whose files are atomic and whose faults are told apart.

    A data set is never downloaded: ``download`` in its YAML can hold any program.
    """

    def __init__(self, reporter: Reporter, arguments: dict[str, Any]) -> None:
        """Prepare a training.

        Raises:
            DataProblemError: The data set cannot be used.
            StoppedError: A stop came meanwhile.
        """
        self._reporter = reporter
        callbacks = engine.callbacks.get_default_callbacks()
        for event, function in reporter.callbacks().items():
            callbacks[event].append(function)
        super().__init__(overrides=arguments, _callbacks=callbacks)
        weights = AtomicPath(self.save_dir) / "weights"
        self.wdir, self.last, self.best = weights, weights / "last.pt", weights / "best.pt"

    def get_dataset(self) -> Any:
        """Return the checked description of the data set.

        Raises:
            DataProblemError: It is missing or malformed.
        """
        try:
            data = check_det_dataset(self.args.data, autodownload=False, split=self.args.split)
        except Exception as error:
            raise DataProblemError(describe(error)) from error
        self.args.data = data.get("yaml_file", self.args.data)
        if self.args.single_cls:
            data["names"], data["nc"] = {0: "item"}, 1
        return data

    def setup_model(self) -> Any:
        """Load or build the model; return the checkpoint it came with, if any.

        Raises:
            ModelProblemError: The file is missing or holds no usable model.
        """
        source = str(self.model)
        try:
            return super().setup_model()
        except Exception as error:
            if _is_about_memory(error):
                raise
            raise ModelProblemError(f"{Path(source).name}: {describe(error)}") from error

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> Any:
        """Return the images and labels of one split.

        Raises:
            DataProblemError: There are no images, no valid labels, or none at all to learn from.
        """
        try:
            dataset = super().build_dataset(img_path, mode, batch)
        except Exception as error:
            if _is_about_memory(error):
                raise
            raise DataProblemError(describe(error)) from error
        if mode == "train" and not any(len(label["cls"]) for label in dataset.labels):
            raise DataProblemError(f"no image has a label in {img_path}")
        return dataset

    def final_eval(self) -> None:
        """Evaluate ``best.pt``, unless the ranks leave for a stop.

        Raises:
            StoppedError: They do.
        """
        if self._reporter.stopping_together():
            raise StoppedError
        self._reporter.evaluating_best = True
        try:
            super().final_eval()
        except FinalEvaluationCutError:
            self._reporter.warn(
                "A stop came after the last epoch: the final evaluation was left out, the "
                "metrics are those of the best epoch."
            )


def _is_about_memory(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(sign in text for sign in _MEMORY_SIGNS)


def make_stripping_atomic() -> None:
    """Let the final removal of the optimizer replace a checkpoint instead of rewriting it.

    Ultralytics writes over the file, so that a kill at that moment would destroy ``best.pt``.
    """
    original = engine.strip_optimizer

    def strip(f: str | Path, s: str = "", updates: dict[str, Any] | None = None) -> Any:
        if s:
            return original(f, s, updates)
        target = Path(f)
        partial = partial_path(target)
        content = original(target, str(partial), updates)
        if partial.exists():
            sync_and_replace(partial, target)
        return content

    engine.strip_optimizer = strip

"""The Ultralytics trainers as Berth runs them: what is common to all tasks.

Imports Ultralytics: import this module only after `environment.prepare_environment`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ultralytics.data.utils import check_cls_dataset, check_det_dataset
from ultralytics.engine import trainer as engine
from ultralytics.nn.tasks import guess_model_task, load_checkpoint, yaml_model_load
from ultralytics.utils import LOGGER, RANK

from bot.agent.trainer.atomic_files import AtomicPath, partial_path, sync_and_replace
from bot.agent.trainer.callbacks import FinalEvaluationCutError, Reporter
from bot.agent.trainer.data_faults import listening
from bot.agent.trainer.ends import DataProblemError, ModelProblemError, describe, is_about_memory
from bot.agent.trainer.exact_course import ExactCourse
from bot.agent.trainer.stop import StoppedError


class Supervised(ExactCourse):
    """What stands before an Ultralytics trainer: atomic files, and faults that are told apart.

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
        super().__init__(arguments, callbacks)
        weights = AtomicPath(self.save_dir) / "weights"
        self.wdir, self.last, self.best = weights, weights / "last.pt", weights / "best.pt"

    def get_dataset(self) -> Any:
        """Return the checked description of the data set.

        Raises:
            DataProblemError: It is missing or malformed.
        """
        try:
            data = self._described()
        except DataProblemError:
            raise
        except Exception as error:
            raise DataProblemError(describe(error)) from error
        if self.args.task == "pose" and "kpt_shape" not in data:
            name = Path(self.args.data).name
            raise DataProblemError(f"{name} has no kpt_shape, which a pose model needs")
        if self.args.single_cls:
            data["names"], data["nc"] = {0: "item"}, 1
        return data

    def _described(self) -> dict[str, Any]:
        if self.args.task != "classify":
            data = check_det_dataset(self.args.data, autodownload=False, split=self.args.split)
            self.args.data = data.get("yaml_file", self.args.data)
            return dict(data)
        # Ultralytics would split a folder without these, writing a copy of the data beside it.
        folder = Path(self.args.data)
        if not (folder / "train").is_dir():
            raise DataProblemError(f"{folder} has no folder train with one folder per class")
        if not any((folder / name).is_dir() for name in ("val", "validation", "valid", "test")):
            raise DataProblemError(f"{folder} has no folder val with one folder per class")
        return dict(check_cls_dataset(folder, split=self.args.split))

    def setup_model(self) -> Any:
        """Load or build the model; return the checkpoint it came with, if any.

        Raises:
            ModelProblemError: The file is missing, or holds no model for this task.
        """
        source = str(self.model)
        try:
            if not self.resume:
                _require_task(source, self.args.task)
            return super().setup_model()
        except ModelProblemError:
            raise
        except Exception as error:
            if is_about_memory(error):
                raise
            raise ModelProblemError(f"{Path(source).name}: {describe(error)}") from error

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> Any:
        """Return the images and labels of one split.

        Raises:
            DataProblemError: There are no images, no valid labels, or none at all to learn from.
        """
        with listening(LOGGER, mode) as left_out:
            try:
                dataset = super().build_dataset(img_path, mode, batch)
            except Exception as error:
                if is_about_memory(error):
                    raise
                said = left_out.sentence() or _reasons(error)
                raise DataProblemError(said) from error
        if left_out.files and RANK in {-1, 0}:
            self._reporter.warn(f"Data set: {left_out.sentence()}")
        if self.args.task == "classify":
            if not dataset.samples:
                said = left_out.sentence() or f"no image in {img_path}"
                raise DataProblemError(said)
        elif mode == "train" and not any(len(label["cls"]) for label in dataset.labels):
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


def _require_task(source: str, wanted: str) -> None:
    """Refuse a model that is made for another task; one that tells nothing may pass.

    Raises:
        ModelProblemError: It is made for another task.
    """
    if source.endswith(".pt"):
        model = load_checkpoint(source)[0]
        told = guess_model_task(getattr(model, "yaml", None)) or getattr(model, "task", None)
    else:
        told = guess_model_task(yaml_model_load(source))
    if told is not None and told != wanted:
        raise ModelProblemError(
            f"{Path(source).name} is a model to {told}, but the run is to {wanted}; "
            f"say task={told}, or take another model"
        )


def _reasons(error: Exception) -> str:
    """Return the error with what it was raised from: Ultralytics hides the file in there."""
    cause = error.__cause__
    return describe(error) if cause is None else f"{describe(error)} ({describe(cause)})"


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

"""Run one job from its specification to its end."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.agent.trainer.atomic_files import remove_partials
from bot.agent.trainer.callbacks import Reporter
from bot.agent.trainer.checkpoints import (
    RESUME_FOLDER,
    Checkpoint,
    CheckpointKeeper,
    choose_checkpoint,
    inspect_checkpoint,
)
from bot.agent.trainer.ends import End, ModelProblemError, classify
from bot.agent.trainer.events import MAX_DETAIL_CHARS, EventSink, shortened
from bot.agent.trainer.exact_state import batch_to_go_on_with, read_checkpoint, restore_files
from bot.agent.trainer.results import drop_rows_after, existing_artifacts
from bot.agent.trainer.stop import StoppedError, StopRequest
from bot.agent.trainer_contract import Ended, TrainerJob
from bot.ports.clock import Clock
from bot.protocol.messages import EndCause

if TYPE_CHECKING:
    from bot.agent.trainer.supervised import Supervised


@dataclass(frozen=True)
class Telling:
    """What a training needs to be heard and to be stopped.

    Only the ``first_rank`` of a multi-GPU training touches files that all ranks share.
    """

    events: EventSink
    stop: StopRequest
    clock: Clock
    first_rank: bool = True


def arguments_of(job: TrainerJob, resume: Path | None) -> dict[str, Any]:
    """Return the Ultralytics arguments of a job.

    On a resume Ultralytics takes those that may change (batch, image size, devices) and keeps the
    rest as the checkpoint has it, the number of epochs among them.
    """
    arguments: dict[str, Any] = {"plots": True}
    if job.gpu_count == 0:
        arguments["workers"] = 0
    arguments |= job.spec.extra
    arguments |= {
        "task": job.spec.task,
        "mode": "train",
        "model": job.model_path,
        "data": job.data_path,
        "epochs": job.spec.epochs,
        "imgsz": job.spec.imgsz,
        "batch": job.spec.batch,
        "seed": job.spec.seed,
        "device": _device(job.gpu_count),
        "save_dir": job.run_dir,
        "exist_ok": True,
    }
    if resume is not None:
        arguments["resume"] = str(resume)
    return arguments


def _device(gpu_count: int) -> str | int | list[int]:
    """Return the device by its index among those that CUDA_VISIBLE_DEVICES leaves visible."""
    if gpu_count == 0:
        return "cpu"
    return 0 if gpu_count == 1 else list(range(gpu_count))


def run_training(job: TrainerJob, telling: Telling) -> Ended:
    """Train, resuming if the job says so, and return how it ended; raises nothing.

    A training that stops by itself because nothing improves (``patience``) has succeeded.
    """
    attempt = _Attempt(job, telling)
    try:
        end = attempt.run()
    except BaseException as error:  # noqa: BLE001 - the edge of the process: every end is told
        if not isinstance(error, StoppedError):
            traceback.print_exception(error, file=sys.stderr)
        end = classify(error)
    return attempt.ended(end)


class _Attempt:
    """One run of `run_training`."""

    def __init__(self, job: TrainerJob, telling: Telling) -> None:
        self._job = job
        self._telling = telling
        self._run_dir = Path(job.run_dir)
        self._reporter: Reporter | None = None

    def run(self) -> End:
        """Train to the end.

        Raises:
            StoppedError: A stop was requested before all epochs were done.
            Exception: Whatever else ends a training; see `classify`.
        """
        stop = self._telling.stop
        stop.raise_if_requested()
        self._check_model()
        _import_torch(self._job.threads)
        stop.raise_if_requested()
        checkpoint, reporter = self._prepare()
        arguments = arguments_of(self._job, checkpoint.path if checkpoint else None)
        if checkpoint is not None:
            content = read_checkpoint(checkpoint.path)
            arguments["batch"] = batch_to_go_on_with(content, self._job.spec.batch)
        trainer = _make_trainer(reporter, arguments)
        trainer.asked_batch = self._job.spec.batch
        try:
            trainer.train()
        except StoppedError:
            _plot_what_there_is(trainer)
            raise
        reporter.raise_if_diverged()
        return End(EndCause.SUCCEEDED, "")

    def ended(self, end: End) -> Ended:
        """Return the last event for ``end``."""
        reporter = self._reporter
        fit, detail = None, end.detail
        if end.cause is EndCause.OUT_OF_MEMORY and reporter is not None:
            fit = reporter.fit(self._job.spec.batch)
            room = MAX_DETAIL_CHARS - len(fit.sentence) - 1
            detail = f"{shortened(end.detail, room)} {fit.sentence}"
        return Ended(
            at=self._telling.clock.now(),
            cause=end.cause,
            detail=detail,
            batch_that_fits=fit.batch if fit else None,
            epochs_done=reporter.epochs_done if reporter else 0,
            metrics=reporter.metrics if reporter else {},
            artifacts=existing_artifacts(self._run_dir),
        )

    def _check_model(self) -> None:
        """Fail early, before seconds of imports, where the model file is missing."""
        path = Path(self._job.model_path)
        if path.is_absolute() and not path.is_file():
            raise ModelProblemError(f"there is no file {path}")

    def _prepare(self) -> tuple[Checkpoint | None, Reporter]:
        """Choose the checkpoint and clear away what earlier attempts left half done."""
        telling = self._telling
        if telling.first_rank:
            remove_partials(self._run_dir / "weights")
            remove_partials(self._run_dir / RESUME_FOLDER)
        wanted = self._job.resume_from
        checkpoint, why = None, ""
        if wanted is not None:
            checkpoint, why = choose_checkpoint(
                Path(wanted), inspect_checkpoint, move_aside=telling.first_rank
            )
        keeper = CheckpointKeeper(
            self._run_dir,
            partial(inspect_checkpoint, thorough=False),
            continues=checkpoint is not None,
        )
        reporter = Reporter(telling.events, telling.stop, telling.clock, keeper)
        self._reporter = reporter
        if checkpoint is not None:
            reporter.epochs_done = checkpoint.epochs_done
            if telling.first_rank:
                restore_files(read_checkpoint(checkpoint.path), self._run_dir)
                drop_rows_after(self._run_dir / "results.csv", checkpoint.epochs_done)
            if why:
                reporter.warn(f"Resuming from the checkpoint before the last: {why}.")
            if checkpoint.epochs != self._job.spec.epochs:
                reporter.warn(
                    f"A resumed training keeps its number of epochs: {checkpoint.epochs}, "
                    f"not {self._job.spec.epochs}."
                )
        return checkpoint, reporter


def _import_torch(threads: int) -> None:
    """Import torch and bound its threads; make torchvision usable on a CPU host."""
    from bot.agent.trainer.torchvision_cpu import make_torchvision_importable

    make_torchvision_importable()
    import torch

    torch.set_num_threads(threads)


def _make_trainer(reporter: Reporter, arguments: dict[str, Any]) -> Supervised:
    from ultralytics.data import utils as data_utils

    from bot.agent.trainer.supervised import make_stripping_atomic
    from bot.agent.trainer.tasks import BY_TASK

    make_stripping_atomic()
    # A relative ``path`` in the data set's YAML is meant relative to that file. Ultralytics tries
    # the working directory first and then this folder of its settings.
    data = Path(arguments["data"])
    folder = data if data.is_dir() else data.parent
    if folder.is_absolute() and folder.is_dir():
        os.chdir(folder)
        data_utils.DATASETS_DIR = folder
    return BY_TASK[arguments["task"]](reporter, arguments)


def _plot_what_there_is(trainer: Supervised) -> None:
    """Draw the curves of the epochs so far; a picture is not worth failing for."""
    if not trainer.csv.is_file():
        return
    try:
        trainer.plot_metrics()
    except Exception:
        logging.getLogger(__name__).warning("results.png was not drawn", exc_info=True)

"""Prepares all that a trainer is started with: its job file, its environment, its checkpoint."""

from __future__ import annotations

import csv
import os
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from bot.agent.attempt_record import SavedCheckpoint
from bot.agent.run_paths import SpecRefused, check_extra, resolve_data, resolve_model
from bot.agent.state_dir import AttemptFiles, write_atomically
from bot.agent.trainer_contract import TrainerJob
from bot.agent.trainer_process import Launch
from bot.protocol.messages import DesiredAttempt, GpuInventory

_log = structlog.get_logger(__name__)
PREVIOUS_CHECKPOINT = "previous.pt"
"""What the trainer calls the checkpoint before the last; it lies beside the last one."""


@dataclass(frozen=True, slots=True)
class TrainerSetup:
    """What is the same for every trainer of this host."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    home: Path
    model_roots: tuple[Path, ...]
    data_roots: tuple[Path, ...]
    threads: int


def prepare_launch(
    desired: DesiredAttempt,
    files: AttemptFiles,
    mark: str,
    setup: TrainerSetup,
    gpus: Mapping[str, GpuInventory],
    checkpoint: SavedCheckpoint | None,
) -> Launch:
    """Write the attempt's folder and return how to start its trainer. Repeating it is harmless.

    Args:
        desired: the attempt.
        files: where its files go.
        mark: see `bot.agent.trainer_process.MARK_VARIABLE`.
        setup: what this host's trainers have in common.
        gpus: this host's GPUs by UUID.
        checkpoint: the newest one of an earlier attempt of the run, if any.

    Raises:
        SpecRefused: the specification cannot run here.
        OSError: the files could not be written.
    """
    unknown = [uuid for uuid in desired.gpu_uuids if uuid not in gpus]
    if unknown:
        raise SpecRefused(f"This host has no GPU {', '.join(unknown)}.")
    check_extra(desired.spec)
    model_path = resolve_model(desired.spec.model, setup.model_roots)
    data_path = resolve_data(desired.spec.data, setup.data_roots, desired.spec.task)
    real_gpus = [uuid for uuid in desired.gpu_uuids if not gpus[uuid].simulated]
    files.run.mkdir(parents=True, exist_ok=True)
    job = TrainerJob(
        attempt_id=desired.attempt_id,
        run_id=desired.run_id,
        run_dir=str(files.run),
        spec=desired.spec,
        model_path=model_path,
        data_path=data_path,
        gpu_count=len(real_gpus),
        threads=setup.threads,
        resume_from=_bring_checkpoint(checkpoint, files),
    )
    write_atomically(files.job, job.model_dump_json(indent=2).encode())
    return Launch(
        command=(*setup.command, str(files.job), "--events-file", str(files.events)),
        folder=files.folder,
        log=files.log,
        environment=_environment(setup, real_gpus),
        mark=mark,
    )


def _environment(setup: TrainerSetup, real_gpus: list[str]) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        **setup.environment,
        "HOME": str(setup.home),
        "LOGNAME": "berth",  # getpass fails where the user id has no name, as in many containers
        "PYTHONUNBUFFERED": "1",  # the log must be there when the trainer dies
        # Empty hides every GPU: a simulated one must never train on a real one.
        "CUDA_VISIBLE_DEVICES": ",".join(real_gpus),
    }


def _bring_checkpoint(checkpoint: SavedCheckpoint | None, files: AttemptFiles) -> str | None:
    """Link the checkpoint into the attempt's folder, for the older attempt may be forgotten.

    The one before it goes along: the trainer takes that if the last one turns out to be damaged.
    """
    if files.resume_from.exists():
        return str(files.resume_from)
    if checkpoint is None:
        return None
    source = Path(checkpoint.path)
    before = source.with_name(PREVIOUS_CHECKPOINT)
    # A torch file is a zip archive with its directory at the end: a torn one has none.
    whole = [path for path in (source, before) if path.is_file() and zipfile.is_zipfile(path)]
    if not whole:
        _log.warning("checkpoint_unusable", file=str(source))
        return None
    carry_over_results(results_beside(source), files.run / "results.csv", checkpoint.epoch)
    if before in whole and before != source:
        _link(before, files.resume_from.with_name(PREVIOUS_CHECKPOINT))
    _link(whole[0], files.resume_from)
    return str(files.resume_from)


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def results_beside(checkpoint: Path) -> Path:
    """Return where the ``results.csv`` that belongs to a checkpoint is found."""
    kept, own = checkpoint.with_suffix(".csv"), checkpoint.parent.parent / "results.csv"
    given = checkpoint.parent / "run" / "results.csv"
    return next((path for path in (kept, own) if path.exists()), given)


def carry_over_results(source: Path, target: Path, last_epoch: int) -> None:
    """Copy the rows up to ``last_epoch``, so that the plot shows the whole run.

    Ultralytics appends to a ``results.csv`` that is already there. A file that cannot be read is
    left out: the plot then begins where the run goes on.
    """
    try:
        with source.open(newline="", encoding="utf-8") as file:
            header, *rows = list(csv.reader(file))
        kept = [row for row in rows if row and int(float(row[0])) <= last_epoch]
        with target.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *kept])
    except (OSError, ValueError) as error:
        _log.info("results_not_carried_over", file=str(source), why=str(error))

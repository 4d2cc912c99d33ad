"""Which files of a training are worth sending to the control plane, and where they are."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from bot.agent.attempt_record import SavedCheckpoint
from bot.agent.state_dir import AttemptFiles
from bot.agent.trainer_job import carry_over_results, results_beside

SHOWN_WITH_THE_END = ("results.png", "results.csv", "args.yaml")
"""Small, and wanted on the card that tells the end; they are sent before it."""
LOG = "trainer.log.gz"
CHECKPOINT = "checkpoint.pt"
CHECKPOINT_RESULTS = "checkpoint.csv"
"""Sent before the checkpoint that they belong to, so that whoever finds that finds them."""
FOR_THE_NEXT_ATTEMPT = (CHECKPOINT_RESULTS, CHECKPOINT)

_PLACES = {name: name for name in SHOWN_WITH_THE_END} | {"best.pt": "weights/best.pt"}
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class OutgoingCheckpoint:
    """A checkpoint that stays as it is while it is sent, whatever its trainer does meanwhile."""

    weights: Path
    results: Path | None
    epochs_done: int


def artifact_path(files: AttemptFiles, name: str) -> Path | None:
    """Return the file that ``name`` stands for, or None if it is not a plain file of the run."""
    path = files.run / _PLACES.get(name, name)
    inside = path.resolve().is_relative_to(files.run.resolve())
    return path if inside and path.is_file() else None


def find_artifacts(
    files: AttemptFiles, largest_weights_mib: int, has_checkpoint: bool
) -> tuple[str, ...]:
    """Return the names to upload, the small files first."""
    found: list[str] = []
    for name in _PLACES:
        path = artifact_path(files, name)
        if path is not None and path.stat().st_size <= largest_weights_mib * _MIB:
            found.append(name)
    if files.log.exists():
        found.append(LOG)
    return (*found, *(FOR_THE_NEXT_ATTEMPT if has_checkpoint else ()))


def put_checkpoint_aside(saved: SavedCheckpoint, folder: Path) -> OutgoingCheckpoint:
    """Give the checkpoint a second name below ``folder``, with the rows of its epochs beside it.

    Trainers replace their checkpoint by another file and never write into it, so that the second
    name keeps what is there now.

    Raises:
        OSError: there is no checkpoint, or it could not be linked or copied.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    source, weights = Path(saved.path), folder / CHECKPOINT
    try:
        os.link(source, weights)
    except FileNotFoundError:
        raise
    except OSError:  # some file systems have no links
        shutil.copyfile(source, weights)
    results: Path | None = folder / CHECKPOINT_RESULTS
    with contextlib.suppress(OSError):
        carry_over_results(results_beside(source), folder / CHECKPOINT_RESULTS, saved.epoch)
    if results is not None and not results.exists():
        results = None
    return OutgoingCheckpoint(weights, results, saved.epoch)

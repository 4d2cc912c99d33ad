"""Keep a checkpoint that a later attempt can resume from, and find it again.

Ultralytics strips its own ``last.pt`` of optimizer and epoch when training ends, also when it was
stopped.  So each epoch's checkpoint is copied to ``resume/last.pt``, the one before it stays as
``resume/previous.pt``, and both are read back before they are trusted.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bot.agent.trainer.atomic_files import copy_atomically, remove_partials, sync_folder
from bot.agent.trainer.ends import CheckpointProblemError, describe

RESUME_FOLDER = "resume"
LAST = "last.pt"
PREVIOUS = "previous.pt"
DAMAGED = "damaged.pt"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint found fit to resume from. ``epochs_done`` of ``epochs`` are behind it."""

    path: Path
    epochs_done: int
    epochs: int


Write = Callable[[Path, Path], None]
"""Writes a checkpoint from a source to a target that is the old one or whole; raises `OSError`."""

Inspect = Callable[[Path], Checkpoint]
"""Reads a checkpoint; raises `CheckpointProblemError` if it cannot be resumed from."""


def inspect_checkpoint(path: Path, *, thorough: bool = True) -> Checkpoint:
    """Read a checkpoint and return what it holds.

    ``thorough`` also reads every byte against the archive's checksums; without it tensors stay on
    disk, which is quick at any size.

    Raises:
        CheckpointProblemError: Missing, damaged, stripped, or with no epoch left to train.
    """
    import torch

    bad_member = None
    try:
        if thorough:
            with zipfile.ZipFile(path) as archive:
                bad_member = archive.testzip()
        # The checkpoint holds the pickled model; it was written by this program.
        content = torch.load(path, map_location="cpu", weights_only=False, mmap=True)
        epoch, optimizer = int(content["epoch"]), content["optimizer"]
        epochs = int(content["train_args"]["epochs"])
    except Exception as error:
        raise CheckpointProblemError(f"{path.name} is unreadable: {describe(error)}") from error
    if bad_member is not None:
        raise CheckpointProblemError(f"{path.name} is damaged at {bad_member}")
    if epoch < 0 or optimizer is None:
        raise CheckpointProblemError(f"{path.name} is of a finished training, without optimizer")
    if epoch + 1 >= epochs:
        raise CheckpointProblemError(f"{path.name} has all its {epochs} epochs behind it")
    return Checkpoint(path, epoch + 1, epochs)


def choose_checkpoint(
    wanted: Path, inspect: Inspect, *, move_aside: bool = True
) -> tuple[Checkpoint, str]:
    """Return the checkpoint to resume from and why it is not ``wanted``, empty if it is.

    Falls back to ``previous.pt`` beside ``wanted``.  With ``move_aside`` the unfit file is then
    renamed, so that the next rotation cannot overwrite the good one with it.

    Raises:
        CheckpointProblemError: Neither can be resumed from.
    """
    try:
        return inspect(wanted), ""
    except CheckpointProblemError as first:
        fallback = wanted.with_name(PREVIOUS)
        try:
            found = inspect(fallback)
        except CheckpointProblemError as second:
            raise CheckpointProblemError(f"{first}; {second}") from first
        if move_aside and wanted.exists():
            wanted.replace(wanted.with_name(DAMAGED))
        return found, str(first)


class CheckpointKeeper:
    """Keeps the two latest checkpoints in ``run_dir/resume``.

    ``continues`` says that the files there belong to this training; those of another one that
    ran in the same folder before are not kept as ``previous.pt``.
    """

    def __init__(self, run_dir: Path, inspect: Inspect, *, continues: bool) -> None:
        self._folder = run_dir / RESUME_FOLDER
        self._inspect = inspect
        self._continues = continues

    def keep(self, source: Path, write: Write = copy_atomically) -> Checkpoint:
        """Bring ``source`` to ``last.pt`` safely, keeping the one before it, and verify the copy.

        ``write`` may add to it on the way.  At every instant one of the two files is whole.

        Raises:
            OSError: The disk is full or fails; the older checkpoint is still there.
            CheckpointProblemError: The source is not fit to resume from; nothing has changed.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        remove_partials(self._folder)
        fresh = self._folder / "fresh.pt"
        write(source, fresh)
        checkpoint = self._inspect(fresh)
        last, previous = self._folder / LAST, self._folder / PREVIOUS
        if not self._continues:
            previous.unlink(missing_ok=True)
        elif last.exists():
            _keep_as(last, previous)
        fresh.replace(last)
        sync_folder(self._folder)
        self._continues = True
        return Checkpoint(last, checkpoint.epochs_done, checkpoint.epochs)


def _keep_as(last: Path, previous: Path) -> None:
    """Give ``last`` a second name, so that no instant is without it."""
    link = previous.with_name("link.partial")
    try:
        os.link(last, link)
        link.replace(previous)
        link.unlink(missing_ok=True)  # it stays where both names were of one file already
    except OSError:  # some network file systems have no hard links
        last.replace(previous)

"""Which checkpoint an attempt goes on from: one of this host, or one of the control plane."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.agent.attempt_record import SavedCheckpoint
from bot.agent.trainer_job import PREVIOUS_CHECKPOINT
from bot.protocol.messages import ResumePoint


@dataclass(frozen=True, slots=True)
class ResumeChoice:
    """What an attempt goes on from; without a checkpoint it begins at the first epoch.

    ``must_fetch``: the one that it needs is at the control plane.  ``warning``: what its holder
    should hear about the choice, or an empty text.
    """

    checkpoint: SavedCheckpoint | None = None
    must_fetch: bool = False
    warning: str = ""


def choose_checkpoint(
    local: Sequence[SavedCheckpoint],
    wanted: ResumePoint | None,
    fetched: Path,
    given_up: str = "",
) -> ResumeChoice:
    """Return the furthest checkpoint that can be used, never less than ``wanted`` unasked.

    Args:
        local: those of earlier attempts on this host, the latest first.
        wanted: what the control plane wants it to go on from.
        fetched: where that is once it was fetched.
        given_up: why it is not to be had; it is then done without.
    """
    sound = [one for one in local if is_sound(Path(one.path))]
    best = max(sound, key=lambda one: one.epoch, default=None)
    if wanted is not None and (best is None or best.epoch < wanted.epochs_done):
        if fetched.exists():
            return ResumeChoice(SavedCheckpoint(path=str(fetched), epoch=wanted.epochs_done))
        if not given_up:
            return ResumeChoice(must_fetch=True)
        return ResumeChoice(best, warning=f"{given_up}: {_goes_on_from(best)}")
    newest = max(local, key=lambda one: one.epoch, default=None)
    if newest is not None and (best is None or best.epoch < newest.epoch):
        why = f"The checkpoint of epoch {newest.epoch} on this host is damaged"
        return ResumeChoice(best, warning=f"{why}: {_goes_on_from(best)}")
    return ResumeChoice(best)


def is_sound(path: Path) -> bool:
    """Tell whether a checkpoint, or the one before it beside it, can be one.

    A torch file is a zip archive with its directory at the end: a torn one has none.  The trainer
    looks closer.
    """
    return any(
        one.is_file() and zipfile.is_zipfile(one)
        for one in (path, path.with_name(PREVIOUS_CHECKPOINT))
    )


def _goes_on_from(best: SavedCheckpoint | None) -> str:
    if best is None:
        return "the training begins again at the first epoch."
    return f"the training goes on from epoch {best.epoch}."

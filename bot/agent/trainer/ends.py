"""Turn what ended a training into a cause and a sentence that helps whoever reads it."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass

from bot.agent.trainer.events import MAX_DETAIL_CHARS, shortened
from bot.agent.trainer.stop import StoppedError
from bot.protocol.messages import EndCause


class DataProblemError(Exception):
    """The data set is missing, incomplete or malformed."""


class ModelProblemError(Exception):
    """The model file is missing or not a model."""


class CheckpointProblemError(Exception):
    """No checkpoint can be resumed from."""


class DivergedError(Exception):
    """The loss is no longer a number."""


@dataclass(frozen=True)
class End:
    """A cause and its explanation."""

    cause: EndCause
    detail: str


_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_OUT_OF_MEMORY = (
    "out of memory",
    "cublas_status_alloc_failed",
    "can't allocate memory",
    "cannot allocate memory",
)
_DIVERGED = ("nan persisted", "nan/inf")
_LIKELY_CAUSES = (
    (
        "no space left on device",
        "The host's shared memory (/dev/shm) is full; try workers=0.",
    ),
    (
        "device-side assert",
        "A label may name a class that the data set does not have.",
    ),
    (
        "shared memory",
        "The host's shared memory (/dev/shm) is too small for the data loader; try workers=0.",
    ),
    (
        "dataloader worker",
        "A data loader process died, often for want of memory; try fewer workers.",
    ),
    (
        "invalid cuda 'device",
        "The GPU is not visible to torch: driver and torch build may not match.",
    ),
    (
        "no kernel image is available",
        "The torch build does not support this GPU.",
    ),
    ("ecc error", "The GPU reports a memory fault."),
    ("nccl", "The GPUs could not talk to each other."),
    (
        "single value per channel",
        "The last batch holds one image; change the batch size.",
    ),
)
_KINDS = (
    (DataProblemError, "Data set"),
    (ModelProblemError, "Model"),
    (CheckpointProblemError, "Checkpoint"),
)


def is_about_memory(error: BaseException) -> bool:
    """Return whether memory was short, on the GPU or the host; says nothing of its causes."""
    # A torch.OutOfMemoryError is told by its name, so that this module need not import torch.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return any(sign in text for sign in _OUT_OF_MEMORY)


def describe(error: BaseException) -> str:
    """Return the error's type and message on one line, without terminal colours."""
    message = " ".join(_COLOUR.sub("", str(error)).split())
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def classify(error: BaseException) -> End:
    """Return how a training ended that ``error`` has ended."""
    if isinstance(error, StoppedError):
        return End(EndCause.STOPPED, "Stopped on request.")
    chain = list(_chain(error))
    text = " ".join(describe(link) for link in chain).lower()
    if any(is_about_memory(link) for link in chain):
        return _end(EndCause.OUT_OF_MEMORY, error, "There was not enough memory for the batch.")
    if any(_is_full_disk(link) for link in chain):
        return _end(
            EndCause.DISK_FULL,
            error,
            "The disk of the host is full; the last checkpoint that was whole is kept. Ask the "
            "operator for room, then let the run go on from there.",
        )
    for kind, subject in _KINDS:
        if isinstance(error, kind):
            return End(
                EndCause.DATA_ERROR,
                shortened(f"{subject}: {' '.join(str(error).split())}", MAX_DETAIL_CHARS),
            )
    if isinstance(error, DivergedError) or any(sign in text for sign in _DIVERGED):
        return _end(
            EndCause.DIVERGED, error, "Try a lower learning rate (lr0), or amp=False on the GPU."
        )
    hint = next((sentence for sign, sentence in _LIKELY_CAUSES if sign in text), "")
    return _end(EndCause.CRASHED, error, hint)


def _is_full_disk(error: BaseException) -> bool:
    """Return whether a file could not grow; shared memory is not the disk."""
    text = str(error).lower()
    if "shared memory" in text or "/torch_" in text:
        return False
    return (isinstance(error, OSError) and error.errno in _FULL) or any(
        sign in text for sign in ("no space left on device", "disk quota exceeded")
    )


def _end(cause: EndCause, error: BaseException, hint: str) -> End:
    if not hint:
        return End(cause, shortened(describe(error), MAX_DETAIL_CHARS))
    what = shortened(describe(error), MAX_DETAIL_CHARS - len(hint) - 2)
    return End(cause, f"{what}{'' if what.endswith(('.', '…')) else '.'} {hint}")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and those it was raised from."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__

"""Every way a training can end has its cause and, where one is likely, its reason."""

from __future__ import annotations

import pytest

from bot.agent.trainer.ends import (
    CheckpointProblemError,
    DataProblemError,
    DivergedError,
    ModelProblemError,
    classify,
)
from bot.agent.trainer.stop import StoppedError
from bot.protocol.messages import EndCause


class OutOfMemoryError(RuntimeError):
    """Named as torch names its own."""


def raised_from(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (StoppedError(), EndCause.STOPPED),
        (MemoryError(), EndCause.OUT_OF_MEMORY),
        (OutOfMemoryError("Tried to allocate 2.00 GiB"), EndCause.OUT_OF_MEMORY),
        (RuntimeError("CUDA error: out of memory"), EndCause.OUT_OF_MEMORY),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling"), EndCause.OUT_OF_MEMORY),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"),
            EndCause.OUT_OF_MEMORY,
        ),
        (raised_from(RuntimeError("worker"), MemoryError()), EndCause.OUT_OF_MEMORY),
        (DataProblemError("train: FileNotFoundError: no images"), EndCause.DATA_ERROR),
        (ModelProblemError("there is no file /models/a.pt"), EndCause.DATA_ERROR),
        (CheckpointProblemError("last.pt is unreadable"), EndCause.DATA_ERROR),
        (DivergedError("the loss is NaN"), EndCause.DIVERGED),
        (RuntimeError("Training failed: NaN persisted for 4 epochs"), EndCause.DIVERGED),
        (
            RuntimeError("Checkpoint last.pt is corrupted with NaN/Inf weights"),
            EndCause.DIVERGED,
        ),
        (ValueError("something else"), EndCause.CRASHED),
        (SystemExit(2), EndCause.CRASHED),
    ],
)
def test_the_cause_follows_from_the_exception(error: BaseException, cause: EndCause) -> None:
    assert classify(error).cause is cause


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device", "/runs/last.pt"),
        OSError(122, "Disk quota exceeded"),
        OSError(27, "File too large"),
        raised_from(RuntimeError("unexpected pos 64"), OSError(28, "No space left on device")),
    ],
)
def test_a_full_disk_is_told_with_what_is_left(error: Exception) -> None:
    end = classify(error)
    assert end.cause is EndCause.DISK_FULL
    assert "the last checkpoint that was whole is kept" in end.detail


def test_a_crash_is_told_with_type_and_message_on_one_line() -> None:
    error = ValueError("\x1b[34m\x1b[1mone\x1b[0m\n  two")
    assert classify(error).detail == "ValueError: one two"


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ("unable to write to file </torch_12>: No space left on device (28)", "workers=0"),
        ("CUDA error: device-side assert triggered", "label"),
        ("DataLoader worker (pid 12) is killed by signal: Killed.", "fewer workers"),
        ("unable to open shared memory object </torch_1>", "/dev/shm"),  # noqa: S108 - a message
        ("Invalid CUDA 'device=0' requested.", "not visible"),
    ],
)
def test_a_known_fault_is_explained(message: str, hint: str) -> None:
    end = classify(RuntimeError(message))
    assert end.cause is EndCause.CRASHED
    assert message in end.detail
    assert hint in end.detail.replace(message, "")


def test_the_reason_is_a_sentence_of_its_own() -> None:
    assert classify(MemoryError("no room")).detail == (
        "MemoryError: no room. There was not enough memory for the batch."
    )


def test_a_data_fault_names_what_is_at_fault() -> None:
    assert classify(DataProblemError("no images")).detail == "Data set: no images"
    assert classify(ModelProblemError("no file")).detail == "Model: no file"


def test_an_endless_message_fits_the_contract_and_keeps_its_hint() -> None:
    detail = classify(RuntimeError("out of memory " * 1000)).detail
    assert len(detail) <= 2000
    assert detail.endswith("for the batch.")


def test_a_circle_of_causes_ends() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__context__, second.__context__ = second, first
    assert classify(first).cause is EndCause.CRASHED

"""Ends that are brought about for real: no memory, no disk, and data that cannot be used."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.agent.trainer_contract import CheckpointSaved, TrainStarted
from bot.protocol.messages import EndCause
from tests.support.trainings import MODELS, MakeAttempt

pytestmark = [pytest.mark.training, pytest.mark.timeout(900)]

NO_MORE_MEMORY = (
    "if trainer.epoch == 1 and number % 4 == 2:\n"
    "        import resource\n"
    "        size = int(open('/proc/self/statm').read().split()[0]) * 4096\n"
    "        resource.setrlimit(resource.RLIMIT_AS, (size, size))\n"
    "        batch['img'] = batch['img'].repeat(1, 1, 16, 16)"
)
FILL_THE_DISK = """
def fill(folder):
    with open(os.path.join(folder, "ballast"), "wb", buffering=0) as file:
        for size in (65536, 512):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass
"""
NO_LARGE_FILES = (
    "if trainer.epoch == 1:\n"
    "        import resource\n"
    "        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))"
)


def test_memory_that_runs_out_tells_which_batch_fits(attempt: MakeAttempt) -> None:
    one = attempt(epochs=3)
    ended = one.run(fault=NO_MORE_MEMORY)
    assert ended.cause is EndCause.OUT_OF_MEMORY, ended.detail
    assert ended.batch_that_fits is not None
    assert 1 <= ended.batch_that_fits < 8
    assert f"batch={ended.batch_that_fits}" in ended.detail
    assert "MiB per image" in ended.detail
    assert ended.epochs_done == 1


def test_a_batch_that_was_reduced_stays_reduced_when_the_run_is_resumed(
    attempt: MakeAttempt, tmp_path: Path
) -> None:
    too_large = "if number == 1: raise RuntimeError('CUDA out of memory.')"
    stop = "if trainer.epoch == 2: os.kill(os.getpid(), signal.SIGTERM)"
    first = attempt("first", run_dir=str(tmp_path / "first-run"), epochs=3)
    ended = first.run(fault=f"{too_large}\n    {stop}")
    assert (ended.cause, ended.epochs_done) == (EndCause.STOPPED, 2)
    assert "reduced from 8 to 4 images" in first.warnings()
    saved = [event for event in first.events() if isinstance(event, CheckpointSaved)][-1]
    again = attempt("again", run_dir=str(tmp_path / "run"), epochs=3, resume_from=saved.path)
    assert again.run().cause is EndCause.SUCCEEDED, again.log()
    started = next(event for event in again.events() if isinstance(event, TrainStarted))
    assert started.batches_per_epoch == 8, "of 4 images each"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder with room for the checkpoints of the tiny model, and not for much more."""
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root may mount a small disk")
    mounted = ["mount", "-t", "tmpfs", "-o", "size=24m", "berth-test", str(folder)]
    if subprocess.run(mounted, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=False)


def test_a_full_disk_leaves_the_checkpoint_that_the_next_attempt_resumes_from(
    attempt: MakeAttempt, small_disk: Path
) -> None:
    first = attempt("first", run_dir=str(small_disk / "run"), epochs=3)
    ended = first.run(
        fault="if trainer.epoch == 1 and number % 4 == 1: fill(trainer.save_dir)",
        more=FILL_THE_DISK,
    )
    assert ended.cause is EndCause.DISK_FULL, ended.detail
    assert "disk of the host is full" in ended.detail
    saved = [event for event in first.events() if isinstance(event, CheckpointSaved)]
    assert [event.epoch for event in saved] == [1]
    (small_disk / "run" / "ballast").unlink()
    second = attempt("second", run_dir=first.job.run_dir, epochs=3, resume_from=saved[-1].path)
    assert second.run().cause is EndCause.SUCCEEDED
    assert second.epochs() == [2, 3]


def test_files_that_may_not_grow_end_it_the_same(attempt: MakeAttempt) -> None:
    first = attempt("first", epochs=3)
    ended = first.run(fault=NO_LARGE_FILES)
    assert ended.cause is EndCause.DISK_FULL, ended.detail
    saved = [event for event in first.events() if isinstance(event, CheckpointSaved)]
    second = attempt("second", epochs=3, resume_from=saved[-1].path)
    assert second.run().cause is EndCause.SUCCEEDED
    assert second.epochs() == [2, 3]


def test_labels_that_are_wrong_are_named(
    attempt: MakeAttempt, tmp_path: Path, data_yaml: Path
) -> None:
    folder = tmp_path / "wrong"
    shutil.copytree(data_yaml.parent, folder)
    for cache in folder.rglob("*.cache"):
        cache.unlink()
    described = folder / "data.yaml"
    described.write_text(data_yaml.read_text().replace(str(data_yaml.parent), str(folder)))
    label = folder / "labels/train/00003.txt"
    label.write_text("7 0.5 0.5 0.2 0.2\n")
    (folder / "images/train/00005.png").write_bytes(b"not a picture")
    some = attempt("some", data_path=str(described), epochs=1)
    assert some.run().cause is EndCause.SUCCEEDED, some.log()
    assert "2 files of train cannot be used: 00003.png (Label class 7 exceeds" in some.warnings()
    assert "00005.png (not a picture" in some.warnings()

    for path in (folder / "labels/train").glob("*.txt"):
        path.write_text("0 5 5 9 9\n")
    none = attempt("none", data_path=str(described), epochs=1)
    ended = none.run()
    assert ended.cause is EndCause.DATA_ERROR
    assert ended.detail.startswith("Data set: 32 files of train cannot be used: 00000.png (non-")


def test_a_model_for_another_task_is_refused_with_the_task_to_say(attempt: MakeAttempt) -> None:
    ended = attempt(model_path=str(MODELS / "tiny-seg.yaml")).run()
    assert ended.cause is EndCause.DATA_ERROR
    assert ended.detail == (
        "Model: tiny-seg.yaml is a model to segment, but the run is to detect; say task=segment, "
        "or take another model"
    )


def test_pictures_to_classify_without_their_folders_are_told(
    attempt: MakeAttempt, tmp_path: Path
) -> None:
    (tmp_path / "data/train/square").mkdir(parents=True)
    one = attempt(
        task="classify", model_path=str(MODELS / "tiny-cls.yaml"), data_path=str(tmp_path / "data")
    )
    ended = one.run()
    assert ended.cause is EndCause.DATA_ERROR
    assert ended.detail.endswith("has no folder val with one folder per class")

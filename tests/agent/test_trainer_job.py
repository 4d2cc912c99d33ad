"""What a trainer is started with: its GPUs by UUID, its checkpoint, and no more environment."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.agent.attempt_record import SavedCheckpoint
from bot.agent.options import trainer_environment
from bot.agent.run_paths import SpecRefused
from bot.agent.state_dir import AttemptFiles
from bot.agent.trainer_contract import TrainerJob
from bot.agent.trainer_job import TrainerSetup, prepare_launch
from bot.agent.trainer_process import Launch
from bot.protocol.messages import DesiredAttempt, GpuInventory, RunSpec

GPUS = {
    uuid: GpuInventory(uuid=uuid, model="GPU", memory_mib=1, index=index, simulated=uuid[0] == "S")
    for index, uuid in enumerate(("GPU-a", "GPU-b", "SIM-c"))
}


@pytest.fixture
def files(tmp_path: Path) -> AttemptFiles:
    (tmp_path / "d.yaml").write_text("{}")
    return AttemptFiles(tmp_path / "attempt")


def prepare(
    files: AttemptFiles, *uuids: str, checkpoint: SavedCheckpoint | None = None
) -> tuple[Launch, TrainerJob]:
    root = files.folder.parent
    setup = TrainerSetup(("trainer",), {"PATH": "/bin"}, root / "home", (root,), (root,), 2)
    desired = DesiredAttempt(
        attempt_id=4,
        run_id=5,
        fence=1,
        gpu_uuids=uuids,
        spec=RunSpec(model="yolov8n.yaml", data="d.yaml", epochs=1, imgsz=64, batch=1),
        claim_ends_at=datetime(2026, 11, 23, tzinfo=UTC),
    )
    launch = prepare_launch(desired, files, "m/4", setup, GPUS, checkpoint)
    return launch, TrainerJob.model_validate_json(files.job.read_bytes())


def test_real_gpus_are_given_by_uuid(files: AttemptFiles) -> None:
    launch, job = prepare(files, "GPU-b", "GPU-a")
    assert launch.environment["CUDA_VISIBLE_DEVICES"] == "GPU-b,GPU-a"
    assert job.gpu_count == 2
    assert launch.command == (
        "trainer",
        str(files.job),
        "--events-file",
        str(files.events),
    )


def test_a_simulated_gpu_trains_on_the_cpu(files: AttemptFiles) -> None:
    launch, job = prepare(files, "SIM-c")
    assert launch.environment["CUDA_VISIBLE_DEVICES"] == ""
    assert job.gpu_count == 0
    assert job.threads == 2


def test_a_gpu_that_is_not_here_is_refused(files: AttemptFiles) -> None:
    with pytest.raises(SpecRefused, match="GPU-z"):
        prepare(files, "GPU-z")


def test_a_checkpoint_and_its_results_are_brought_along(files: AttemptFiles) -> None:
    weights = files.folder.parent / "old/run/weights"
    weights.mkdir(parents=True)
    with zipfile.ZipFile(weights / "last.pt", "w") as archive:
        archive.writestr("x", "y")
    (weights.parent / "results.csv").write_text("epoch,time\n1,1.0\n2,2.0\n3,3.0\n")
    _, job = prepare(files, checkpoint=SavedCheckpoint(path=str(weights / "last.pt"), epoch=2))
    assert job.resume_from == str(files.resume_from)
    assert files.resume_from.read_bytes() == (weights / "last.pt").read_bytes()
    # The third epoch is not in the checkpoint; it will be trained, and written, again.
    assert (files.run / "results.csv").read_text() == "epoch,time\n1,1.0\n2,2.0\n"


def test_the_checkpoint_before_goes_along_and_stands_in_for_a_torn_one(
    files: AttemptFiles,
) -> None:
    kept = files.folder.parent / "old/run/resume"
    kept.mkdir(parents=True)
    with zipfile.ZipFile(kept / "previous.pt", "w") as archive:
        archive.writestr("x", "before")
    last = kept / "last.pt"
    last.write_bytes(b"PK\x03\x04 torn")
    _, job = prepare(files, checkpoint=SavedCheckpoint(path=str(last), epoch=2))
    assert job.resume_from == str(files.resume_from)
    for path in (files.resume_from, files.resume_from.with_name("previous.pt")):
        assert path.read_bytes() == (kept / "previous.pt").read_bytes()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn"])
def test_a_torn_checkpoint_is_not_used(files: AttemptFiles, content: bytes) -> None:
    path = files.folder.parent / "last.pt"
    path.write_bytes(content)
    assert (
        prepare(files, checkpoint=SavedCheckpoint(path=str(path), epoch=2))[1].resume_from is None
    )


def test_only_what_a_trainer_needs_is_inherited() -> None:
    given = {"PATH": "/bin", "LANG": "C", "NCCL_DEBUG": "INFO", "BERTH_TOKEN": "x", "HOME": "/root"}
    assert trainer_environment(given) == {"PATH": "/bin", "LANG": "C", "NCCL_DEBUG": "INFO"}

"""Every task trains for real on the CPU, with the figures of its own kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.agent.trainer_contract import EpochFinished
from bot.protocol.messages import EndCause
from bot.sandbox.data.shapes_dataset import write_shapes_dataset
from tests.support.trainings import MODELS, MakeAttempt

pytestmark = [pytest.mark.training, pytest.mark.timeout(900)]


@pytest.mark.parametrize(
    ("task", "model", "figures", "losses"),
    [
        ("segment", "tiny-seg.yaml", {"map50", "mask_map50_95"}, {"box_loss", "seg_loss"}),
        ("pose", "tiny-pose.yaml", {"map50", "pose_map50_95"}, {"box_loss", "pose_loss"}),
        ("obb", "tiny-obb.yaml", {"map50", "map50_95"}, {"box_loss", "angle_loss"}),
        ("classify", "tiny-cls.yaml", {"accuracy_top1", "accuracy_top5"}, {"loss"}),
    ],
)
def test_a_task_trains(
    attempt: MakeAttempt, tmp_path: Path, task: str, model: str, figures: set[str], losses: set[str]
) -> None:
    data = write_shapes_dataset(tmp_path / "shapes", 8, 4, 64, 7, task)
    one = attempt(task=task, model_path=str(MODELS / model), data_path=str(data), epochs=1)
    ended = one.run()
    assert (ended.cause, ended.epochs_done) == (EndCause.SUCCEEDED, 1), one.log()
    assert figures <= ended.metrics.keys()
    assert "weights/best.pt" in ended.artifacts
    last = next(event for event in one.events() if isinstance(event, EpochFinished)).progress
    assert losses <= last.losses.keys()
    assert figures <= last.metrics.keys()
    assert one.warnings() == ""


def test_a_model_of_ones_own_is_trained_further_for_its_own_task_only(
    attempt: MakeAttempt, tmp_path: Path
) -> None:
    first = attempt("first", run_dir=str(tmp_path / "first-run"), epochs=1)
    assert first.run().cause is EndCause.SUCCEEDED
    own = str(first.run_dir / "weights" / "best.pt")
    again = attempt("again", model_path=own, epochs=1)
    assert again.run().cause is EndCause.SUCCEEDED, again.log()
    refused = attempt("refused", model_path=own, task="obb", epochs=1).run()
    assert refused.cause is EndCause.DATA_ERROR
    assert "best.pt is a model to detect, but the run is to obb" in refused.detail

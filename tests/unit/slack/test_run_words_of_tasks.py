"""Every task is told with its own figures, and named where the model does not name it."""

from __future__ import annotations

from bot.domain.run_spec import TrainingSpec
from bot.slack.blocks.run_words import losses_words, metrics_words, spec_words


def test_the_figures_of_each_task_are_shown() -> None:
    assert metrics_words({"accuracy_top1": 0.9, "accuracy_top5": 1.0}) == "top-1 0.9 · top-5 1"
    segment = {"map50": 0.7, "map50_95": 0.5, "mask_map50_95": 0.4, "precision": 0.9, "recall": 0.8}
    assert metrics_words(segment) == (
        "mAP50 0.7 · mAP50-95 0.5 · mask mAP50-95 0.4 · precision 0.9"
    )
    assert losses_words({"box_loss": 1.0, "seg_loss": 2.0}) == "loss: box 1, mask 2"
    assert losses_words({"loss": 1.5}) == "loss: all 1.5"


def test_the_task_is_named_where_the_model_does_not_tell_it() -> None:
    assert spec_words(TrainingSpec("yolo11n-seg", "a.yaml", task="segment")).startswith(
        "yolo11n-seg on a.yaml"
    )
    assert spec_words(TrainingSpec("own.pt", "a.yaml", task="obb")).startswith("own.pt (obb) on")

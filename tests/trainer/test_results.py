"""Ultralytics' figures and files as Berth names them."""

from __future__ import annotations

from pathlib import Path

from bot.agent.trainer.results import (
    drop_rows_after,
    existing_artifacts,
    plain_losses,
    plain_metrics,
)


def test_metrics_have_short_plain_names() -> None:
    given = {
        "metrics/precision(B)": 0.5,
        "metrics/recall(B)": 0.25,
        "metrics/mAP50(B)": 0.75,
        "metrics/mAP50-95(B)": float("nan"),
        "val/box_loss": 1.5,
        "fitness": 0.1,
    }
    assert plain_metrics(given) == {
        "precision": 0.5,
        "recall": 0.25,
        "map50": 0.75,
        "val_box_loss": 1.5,
    }


def test_losses_lose_their_prefix() -> None:
    assert plain_losses({"train/box_loss": 1.5, "train/cls_loss": float("inf")}) == {
        "box_loss": 1.5
    }


def test_only_artifacts_that_exist_are_listed(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "best.pt").write_bytes(b"x")
    (tmp_path / "results.csv").write_bytes(b"x")
    (tmp_path / "results.png").write_bytes(b"")
    (tmp_path / "labels.jpg").write_bytes(b"x")
    assert existing_artifacts(tmp_path) == ("results.csv", "weights/best.pt")


def test_rows_of_epochs_that_will_be_trained_again_are_dropped(tmp_path: Path) -> None:
    csv = tmp_path / "results.csv"
    csv.write_text("epoch,time,loss\n1,2.0,3.0\n2,4.0,2.0\n3,6.0,1.0\n4,8")
    drop_rows_after(csv, 2)
    assert csv.read_text() == "epoch,time,loss\n1,2.0,3.0\n2,4.0,2.0\n"
    drop_rows_after(tmp_path / "missing.csv", 2)

"""The files and figures that Ultralytics leaves in the run's folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import SupportsFloat

from bot.agent.trainer.atomic_files import AtomicPath
from bot.agent.trainer.events import finite

ARTIFACTS = (
    "results.png",
    "results.csv",
    "args.yaml",
    "confusion_matrix.png",
    "weights/best.pt",
    "weights/last.pt",
)
"""What is worth keeping of a run, below its folder."""

_FIGURES = {
    "precision": "precision",
    "recall": "recall",
    "mAP50": "map50",
    "mAP50-95": "map50_95",
}
_METRIC_NAMES = {
    f"metrics/{theirs}({mark})": f"{prefix}{ours}"
    for mark, prefix in (("B", ""), ("M", "mask_"), ("P", "pose_"))
    for theirs, ours in _FIGURES.items()
} | {"metrics/accuracy_top1": "accuracy_top1", "metrics/accuracy_top5": "accuracy_top5"}


def existing_artifacts(run_dir: Path) -> tuple[str, ...]:
    """Return those of `ARTIFACTS` that exist and are not empty."""
    paths = ((name, run_dir / name) for name in ARTIFACTS)
    return tuple(name for name, path in paths if path.is_file() and path.stat().st_size > 0)


def plain_metrics(metrics: Mapping[str, SupportsFloat]) -> dict[str, float]:
    """Return Ultralytics' validation figures under short names, without what is not a number.

    ``val/box_loss`` becomes ``val_box_loss``; figures of unknown names are left out.
    """
    named = {
        _METRIC_NAMES.get(key, key.replace("val/", "val_", 1)): value
        for key, value in metrics.items()
        if key in _METRIC_NAMES or key.startswith("val/")
    }
    return finite(named)


def plain_losses(labelled: Mapping[str, SupportsFloat]) -> dict[str, float]:
    """Return the losses without their ``train/`` prefix, without what is not a number."""
    return finite({key.removeprefix("train/"): value for key, value in labelled.items()})


def drop_rows_after(csv: Path, epochs_done: int) -> None:
    """Remove from ``results.csv`` the epochs that a resumed run will train again.

    Without it a run killed between its row and its checkpoint would show an epoch twice.
    A missing file is fine, and so is a torn last row.

    Raises:
        OSError: The file cannot be read or written.
    """
    if not csv.is_file():
        return
    header, *rows = csv.read_text(encoding="utf-8").splitlines() or [""]
    columns = header.count(",")
    kept = [row for row in rows if row.count(",") == columns and _epoch_of(row) <= epochs_done]
    AtomicPath(csv).write_bytes("".join(f"{line}\n" for line in [header, *kept]).encode())


def _epoch_of(row: str) -> float:
    try:
        return float(row.split(",", 1)[0])
    except ValueError:
        return float("inf")

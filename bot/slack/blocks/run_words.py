"""What is said about a run, in the same words on its card and in its thread."""

from __future__ import annotations

import math
from collections.abc import Mapping

from bot.domain.run_spec import TrainingSpec, task_of_model
from bot.domain.states import RunState
from bot.protocol.messages import EndCause
from bot.slack.blocks.text import Block, code_block, count_text, safe, section

BAR_CELLS = 12
LOG_TAIL_LINES = 20

END_WORDS: Mapping[RunState, tuple[str, str]] = {
    RunState.SUCCEEDED: (":white_check_mark:", "finished"),
    RunState.FAILED: (":x:", "failed"),
    RunState.STOPPED: (":black_square_for_stop:", "stopped"),
    RunState.PREEMPTED: (":fast_forward:", "taken back for a higher priority"),
    RunState.EXPIRED: (":alarm_clock:", "stopped at the end of its window"),
    RunState.HOST_LOST: (":warning:", "lost with its host"),
    RunState.CANCELLED: (":heavy_minus_sign:", "cancelled"),
}
"""An emoji and words for every state in which a run is over."""

CAUSE_WORDS: Mapping[EndCause, str] = {
    EndCause.SUCCEEDED: "all epochs are done",
    EndCause.STOPPED: "stopped on request",
    EndCause.OUT_OF_MEMORY: "out of GPU memory",
    EndCause.DIVERGED: "the training diverged",
    EndCause.DATA_ERROR: "the data could not be used",
    EndCause.DISK_FULL: "the disk was full",
    EndCause.CRASHED: "the trainer crashed",
    EndCause.KILLED: "the trainer was killed",
    EndCause.EXPIRED: "the booked window was over",
    EndCause.HOST_LOST: "the host stopped answering",
    EndCause.REFUSED: "the host refused the run",
}

_METRICS = (
    ("accuracy_top1", "top-1"),
    ("accuracy_top5", "top-5"),
    ("map50", "mAP50"),
    ("map50_95", "mAP50-95"),
    ("mask_map50_95", "mask mAP50-95"),
    ("pose_map50_95", "pose mAP50-95"),
    ("precision", "precision"),
    ("recall", "recall"),
)
_LOSSES = (
    ("loss", "all"),
    ("box_loss", "box"),
    ("seg_loss", "mask"),
    ("pose_loss", "pose"),
    ("angle_loss", "angle"),
    ("cls_loss", "cls"),
    ("dfl_loss", "dfl"),
)


def end_words(state: str) -> tuple[str, str]:
    """Return emoji and words for how a run ended; an unknown state is told as it is."""
    try:
        return END_WORDS[RunState(state)]
    except (ValueError, KeyError):
        return ":heavy_minus_sign:", safe(state, 60).replace("_", " ")


def cause_words(cause: str | None) -> str:
    """Return the cause of an end in words; one of a newer release is told as it is."""
    if not cause:
        return ""
    try:
        return CAUSE_WORDS[EndCause(cause)]
    except ValueError:
        return safe(cause, 60).replace("_", " ")


def spec_words(spec: TrainingSpec) -> str:
    """Return "yolov8l on coco128.yaml · 100 epochs · 640 px · batch 16".

    The task is named where the model's name does not tell it.
    """
    task = "" if spec.task == (task_of_model(spec.model) or "detect") else f" ({spec.task})"
    return (
        f"{safe(spec.model, 120)}{task} on {safe(spec.data, 120)}"
        f" · {count_text(spec.epochs, 'epoch')} · {spec.imgsz} px · batch {spec.batch}"
    )


def metrics_words(metrics: Mapping[str, float], *, most: int = 4) -> str:
    """Return "mAP50 0.712 · mAP50-95 0.488 ..." of what is known, at most ``most`` figures."""
    shown = [
        f"{label} {_figure(metrics[name])}"
        for name, label in _METRICS
        if metrics.get(name) is not None
    ]
    return " · ".join(shown[:most])


def losses_words(losses: Mapping[str, float]) -> str:
    """Return "loss: box 1.12, cls 0.98, dfl 1.3", or nothing when no loss is known."""
    shown = [
        f"{label} {_figure(losses[name])}"
        for name, label in _LOSSES
        if losses.get(name) is not None
    ]
    return "loss: " + ", ".join(shown) if shown else ""


def progress_bar(fraction: float) -> str:
    """Return a bar of `BAR_CELLS` cells; full only when everything is done."""
    filled = min(BAR_CELLS, max(0, math.floor(fraction * BAR_CELLS)))
    return "█" * filled + "░" * (BAR_CELLS - filled)


def log_tail_blocks(lines: tuple[str, ...]) -> list[Block]:
    """Return the last log lines as a block, or no block when there is nothing to show."""
    shown = code_block(lines[-LOG_TAIL_LINES:])
    return [section(shown)] if shown else []


def _figure(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else "not a number"

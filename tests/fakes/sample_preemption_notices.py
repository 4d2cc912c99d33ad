"""What is told about preemptions, as it might be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.domain.notice_base import Notice
from bot.domain.preemption_notices import (
    GpusTakenBack,
    ObjectionAnswered,
    PreemptionAsked,
    PreemptionObjected,
    PreemptionUndone,
    TeamLosesGpus,
)
from bot.domain.preemption_views import VictimView, victim_to_text
from bot.domain.priority import Priority

START = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def a_victim() -> VictimView:
    """Return a research training that would be taken back."""
    return VictimView(
        reservation_id=12,
        holder_slack_id="U0ALICE",
        team_name="vision",
        priority=Priority.P2,
        gpu_names=("gpu0@host1", "gpu1@host1"),
        ends_at=START + 8 * HOUR,
        begun=True,
        run_id=7,
        model="yolov8l.yaml",
        epoch=41,
        epochs=100,
        checkpoint_at=START - HOUR / 2,
        lost_work_s=240.0,
        next_id=31,
        next_start=START + 4 * HOUR,
        next_end=START + 12 * HOUR,
        finishes_at=START + 10 * HOUR,
    )


def sample_preemption_notices() -> tuple[Notice, ...]:
    """Return at least one notice of every kind."""
    victim = a_victim()
    ahead = replace(victim, begun=False, run_id=None, checkpoint_at=None, next_id=12)
    texts = (victim_to_text(victim), victim_to_text(ahead))
    back = GpusTakenBack(
        12, 3, 30, "U0BOB", "p0", "the demo <!channel>", START, texts[0], 0, True,
        ((START + 6 * HOUR).isoformat(),),
    )  # fmt: skip
    return (
        PreemptionAsked(
            12,
            3,
            4,
            "d" * 32,
            "U0BOB",
            "vision",
            "p0",
            ("gpu0@host1",),
            START,
            START + 4 * HOUR,
            START,
            texts,
            ("U0LEA",),
            "<!channel> demo",
        ),
        replace(back),
        replace(back, minutes=5, can_finish_epoch=False, choices=()),
        replace(back, victim=texts[1]),
        TeamLosesGpus(12, "U0BOB", "U0LEA", "p0", START, texts),
        PreemptionUndone(12, 30, "U0ALICE", START),
        PreemptionObjected(12, 3, 13, "U0ALICE", "a paper is due <!channel>", START),
        ObjectionAnswered(12, 30, "U0LEA", START),
    )

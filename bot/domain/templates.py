"""Trainings that a team keeps under a name, and the one that somebody ran last."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.holdings import GpuOnHost
from bot.domain.priority import Priority
from bot.domain.requests import ReserveRequest
from bot.domain.run_spec import TrainingSpec
from bot.domain.time_window import TimeWindow

NAME_CHARS = 40
_NAME = re.compile(rf"[a-z0-9][a-z0-9._-]{{0,{NAME_CHARS - 1}}}\Z")


def template_name(text: str) -> str | None:
    """Return the name that was written, with or without its ``@``, or None if it is none."""
    name = text.strip().removeprefix("@").lower()
    return name if _NAME.match(name) else None


@dataclass(frozen=True, slots=True)
class TemplateView:
    """A template as it is listed; ``gpu_count`` is what the booking had that it was taken from."""

    template_id: int
    name: str
    team_name: str
    spec: TrainingSpec
    gpu_count: int
    by_slack_id: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class PastRun:
    """A training that was booked before, and all that it was booked with.

    ``gpu_type`` is the one type that its GPUs were of, None where they were of several.
    """

    reservation_id: int
    spec: TrainingSpec
    gpu_count: int
    gpu_type: str | None
    length: timedelta
    priority: Priority
    preemptible: bool
    note: str

    def request(self, start: datetime | None = None) -> ReserveRequest:
        """Return the wish for the same again."""
        return ReserveRequest(
            length=self.length,
            gpu_count=self.gpu_count,
            gpu_type=self.gpu_type,
            start=start,
            priority=self.priority,
            preemptible=self.preemptible,
            run=self.spec,
            note=self.note,
        )


@dataclass(frozen=True, slots=True)
class SameAgain:
    """The nearest window in which a past run fits again; None where there is none in the horizon.

    ``gpus`` are those that it would get now; they are not held.
    """

    past: PastRun
    window: TimeWindow | None
    gpus: tuple[GpuOnHost, ...] = ()

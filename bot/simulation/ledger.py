"""The books of one simulation: every minute of every GPU is used, lost or idle."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median

import numpy as np
from numpy.typing import NDArray

from bot.domain.priority import Priority
from bot.simulation.jobs import HOUR_MIN, Job, Scenario


class Loss(StrEnum):
    """Why a GPU that somebody holds does nothing that lasts.

    Nobody came; the run was done and the GPUs not given back; work since the last checkpoint; the
    time that it takes to stop a run and to resume it.
    """

    NO_SHOW = "no-show"
    AFTER_DONE = "held when done"
    REDONE = "done again"
    RESTART = "stop and start"


@dataclass(frozen=True, slots=True)
class Claim:
    """One GPU that was held, from minute to minute."""

    gpu_id: int
    start_min: int
    end_min: int


@dataclass(frozen=True, slots=True)
class Waits:
    """How long jobs waited for their GPUs, and how many of their deadlines were met."""

    jobs: int
    started: int
    median_h: float
    p95_h: float
    due: int
    met: int

    @property
    def met_share(self) -> float:
        """Deadlines met, of those that were due; 1.0 where none was."""
        return self.met / self.due if self.due else 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one way of sharing; GPU-hours of the period."""

    sharing: str
    gpu_h: float
    used_h: float
    lost_h: dict[str, float]
    idle_h: float
    waits: dict[str, Waits]
    counts: dict[str, int]
    used_by_hour: tuple[float, ...]
    waited_h: dict[str, tuple[float, ...]] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ()
    took_s: float = 0.0

    @property
    def utilisation(self) -> float:
        """Used GPU-hours of all GPU-hours."""
        return self.used_h / self.gpu_h


class Ledger:
    """Takes down what happens. What lies beyond the period does not count."""

    def __init__(self, scenario: Scenario, *, keep_claims: bool = False) -> None:
        self._scenario = scenario
        self._period = scenario.period_min
        self._used_min = 0
        self._lost_min: Counter[Loss] = Counter()
        self._used = np.zeros(self._period + 1, dtype=np.int64)
        self._held = np.zeros(self._period + 1, dtype=np.int64)
        self._keep = keep_claims
        self._claims: list[Claim] = []
        self.started: dict[int, int] = {}
        self.done: dict[int, int] = {}
        self.dropped: set[int] = set()
        self.counts: Counter[str] = Counter()

    def use(self, gpus: int, start: int, end: int) -> None:
        """Count GPUs as used from minute to minute."""
        start, end = min(start, self._period), min(end, self._period)
        if end > start:
            self._used_min += gpus * (end - start)
            self._used[start] += gpus
            self._used[end] -= gpus

    def lose(self, why: Loss, gpus: int, start: int, end: int) -> None:
        """Count GPUs as held for nothing."""
        start, end = min(start, self._period), min(end, self._period)
        self._lost_min[why] += gpus * max(0, end - start)

    def hold(self, gpu_ids: list[int], start: int, end: int) -> None:
        """Count GPUs as held, whatever for; each claim once, when it is over."""
        start, end = min(start, self._period), min(end, self._period)
        if end > start:
            self._held[start] += len(gpu_ids)
            self._held[end] -= len(gpu_ids)
            if self._keep:
                self._claims += [Claim(gpu_id, start, end) for gpu_id in gpu_ids]

    def outcome(self, sharing: str, jobs: list[Job], took_s: float) -> Outcome:
        """Return what came of it all."""
        gpus = self._scenario.gpu_count
        used = np.cumsum(self._used)[: self._period]
        idle_min = int((gpus - np.cumsum(self._held)[: self._period]).sum())
        groups = {"all": jobs} | {
            each.value: [job for job in jobs if job.priority is each] for each in Priority
        }
        return Outcome(
            sharing=sharing,
            gpu_h=gpus * self._period / HOUR_MIN,
            used_h=self._used_min / HOUR_MIN,
            lost_h={why.value: self._lost_min[why] / HOUR_MIN for why in Loss},
            idle_h=idle_min / HOUR_MIN,
            waits={name: self._waits(group) for name, group in groups.items()},
            counts=dict(sorted(self.counts.items())),
            used_by_hour=_by_hour(used),
            waited_h={name: self._waited_h(group) for name, group in groups.items()},
            claims=tuple(self._claims),
            took_s=took_s,
        )

    def _waited_h(self, jobs: list[Job]) -> tuple[float, ...]:
        return tuple(
            sorted(
                (self.started[job.number] - job.arrives_min) / HOUR_MIN
                for job in jobs
                if job.number in self.started
            )
        )

    def _waits(self, jobs: list[Job]) -> Waits:
        waited = self._waited_h(jobs)
        due = [
            job
            for job in jobs
            if job.due_min is not None
            and job.due_min <= self._period
            and job.shows_up
            and job.number not in self.dropped
        ]
        met = sum(self.done.get(job.number, self._period + 1) <= (job.due_min or 0) for job in due)
        return Waits(
            jobs=len(jobs),
            started=len(waited),
            median_h=median(waited) if waited else 0.0,
            p95_h=waited[int(0.95 * (len(waited) - 1))] if waited else 0.0,
            due=len(due),
            met=met,
        )


def _by_hour(per_minute: NDArray[np.int64]) -> tuple[float, ...]:
    whole = per_minute[: len(per_minute) // HOUR_MIN * HOUR_MIN]
    return tuple(float(each) for each in whole.reshape(-1, HOUR_MIN).mean(axis=1))

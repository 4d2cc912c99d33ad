"""Demand that is made up: jobs of teams, by a stated model, the same for the same seed."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from bot.domain.priority import Priority
from bot.simulation.jobs import DAY_MIN, HOUR_MIN, Job

_WORKDAYS = 5
_PILOT = 20_000
_COUNTS = (1, 2, 4, 8, 16, 32, 64, 128)


@dataclass(frozen=True, slots=True)
class Demand:
    """The arrival model. Shares are between 0 and 1.

    ``load`` is the work that comes in, as a share of what the site could do; ``teams`` differ in
    size by Zipf's law.  The length of a job is log-normal (``median_h``, ``sigma``); what its
    member asks for is wrong by a log-normal factor (``error_sigma``), times ``margin``.
    """

    load: float = 0.85
    teams: int = 12
    median_h: float = 18.0
    sigma: float = 1.0
    shortest_min: int = 20
    longest_min: int = 6 * DAY_MIN
    error_sigma: float = 0.20
    margin: float = 1.15
    night: float = 0.25
    weekend: float = 0.30
    priorities: tuple[float, float, float] = (0.03, 0.22, 0.75)
    count_weights: tuple[float, ...] = (0.16, 0.16, 0.22, 0.24, 0.10, 0.07, 0.04, 0.01)
    slack_h: tuple[float, float, float] = (6.0, 24.0, 72.0)
    cancelled: float = 0.06
    no_show: float = 0.03
    releases: float = 0.6

    def generate(self, gpu_count: int, days: int, seed: int) -> list[Job]:
        """Return the jobs of so many days, in order of arrival.

        Arrivals are a Poisson process whose rate follows the hours of the day and the days of the
        week, drawn by thinning.  The same arguments give the same jobs.
        """
        dice = random.Random(seed)  # noqa: S311 - reproducible on purpose, nothing secret
        sizes = tuple(n for n in _COUNTS if n <= max(1, gpu_count // 4)) or (1,)
        rate = self._rate_per_min(gpu_count, sizes, seed)
        jobs: list[Job] = []
        for minute in self._arrivals(dice, rate, days):
            jobs.append(self._job(dice, len(jobs), minute, sizes))
        return jobs

    def busyness(self, minute: float) -> float:
        """Return how many come at a minute of the week, 1.0 in working hours; day 0 is a Monday."""
        day, hour = divmod(minute / HOUR_MIN, 24)
        # A working day rises from 8:00 on and fades until 20:00.
        daytime = max(0.0, math.sin(math.pi * (hour - 8) / 12)) if 8 <= hour <= 20 else 0.0
        level = self.night + (1 - self.night) * daytime
        return level * (self.weekend if day % 7 >= _WORKDAYS else 1.0)

    def _rate_per_min(self, gpu_count: int, sizes: tuple[int, ...], seed: int) -> float:
        dice = random.Random(f"pilot {seed}")  # noqa: S311 - reproducible on purpose
        work_min = sum(self._work(dice) for _ in range(_PILOT)) / _PILOT
        weights = self.count_weights[: len(sizes)]
        gpus = sum(n * weight for n, weight in zip(sizes, weights, strict=True)) / sum(weights)
        return self.load * gpu_count / (work_min * gpus)

    def _work(self, dice: random.Random) -> int:
        length = dice.lognormvariate(math.log(self.median_h * HOUR_MIN), self.sigma)
        return round(min(max(length, self.shortest_min), self.longest_min))

    def _arrivals(self, dice: random.Random, mean_rate: float, days: int) -> Iterator[int]:
        week = [self.busyness(minute) for minute in range(0, 7 * DAY_MIN, 10)]
        peak_rate = mean_rate / (sum(week) / len(week))
        at = 0.0
        while True:
            at += dice.expovariate(peak_rate)
            if at >= days * DAY_MIN:
                return
            if dice.random() < self.busyness(at):
                yield int(at)

    def _job(self, dice: random.Random, number: int, minute: int, sizes: tuple[int, ...]) -> Job:
        work = self._work(dice)
        asked = round(work * dice.lognormvariate(0.0, self.error_sigma) * self.margin)
        ranks = range(1, self.teams + 1)
        team = dice.choices(ranks, weights=[1 / rank for rank in ranks])[0]
        place = dice.choices(range(3), weights=self.priorities)[0]
        count = dice.choices(sizes, weights=self.count_weights[: len(sizes)])[0]
        slack = self.slack_h[place] * HOUR_MIN * dice.uniform(0.5, 1.5)
        cancels = dice.random() < self.cancelled
        patience = round(dice.expovariate(1 / DAY_MIN))
        return Job(
            number=number,
            team_id=team,
            arrives_min=minute,
            gpu_count=count,
            priority=tuple(Priority)[place],
            work_min=work,
            asked_min=max(asked, self.shortest_min),
            due_min=minute + round(max(work, asked) + slack),
            cancel_after_min=patience if cancels else None,
            shows_up=dice.random() >= self.no_show,
            releases=dice.random() < self.releases,
        )

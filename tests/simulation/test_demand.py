"""The arrival model does what it states."""

from __future__ import annotations

import pytest

from bot.domain.priority import Priority
from bot.simulation.demand import Demand
from bot.simulation.jobs import DAY_MIN


def test_the_work_that_comes_in_is_the_stated_share_of_the_site() -> None:
    jobs = Demand(load=0.8).generate(2000, 60, 5)
    work = sum(job.work_min * job.gpu_count for job in jobs)
    assert work / (2000 * 60 * DAY_MIN) == pytest.approx(0.8, rel=0.05)


def test_most_come_in_working_hours_and_few_at_the_weekend() -> None:
    jobs = Demand().generate(2000, 28, 5)
    noon = sum(12 <= job.arrives_min % DAY_MIN // 60 < 16 for job in jobs)
    night = sum(job.arrives_min % DAY_MIN // 60 < 4 for job in jobs)
    weekend = sum(job.arrives_min // DAY_MIN % 7 >= 5 for job in jobs)
    assert noon > 3 * night
    assert weekend / len(jobs) == pytest.approx(2 * 0.3 / (5 + 2 * 0.3), rel=0.15)


def test_priorities_and_mistakes_have_their_stated_shares() -> None:
    demand = Demand()
    jobs = demand.generate(2000, 60, 5)
    for priority, share in zip(Priority, demand.priorities, strict=True):
        found = sum(job.priority is priority for job in jobs) / len(jobs)
        assert found == pytest.approx(share, rel=0.15)
    too_short = sum(job.asked_min < job.work_min for job in jobs) / len(jobs)
    assert too_short == pytest.approx(0.24, abs=0.03)


def test_nobody_asks_for_more_than_a_quarter_of_a_small_site() -> None:
    assert max(job.gpu_count for job in Demand().generate(16, 60, 1)) == 4
    assert {job.gpu_count for job in Demand().generate(1, 30, 1)} == {1}

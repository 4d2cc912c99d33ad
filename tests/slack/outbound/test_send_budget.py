"""The budget keeps Slack's limits and never waits longer than it must."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot.slack.outbound.send_budget import ALLOWANCES, BudgetSpent, MethodClass, SendBudget


class RunningClock:
    """Monotonic time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.slept: list[float] = []

    def monotonic_s(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds

    def budget(self, longest_wait: timedelta = timedelta(days=1)) -> SendBudget:
        return SendBudget(longest_wait=longest_wait, monotonic_s=self.monotonic_s, sleep=self.sleep)


@pytest.fixture
def clock() -> RunningClock:
    return RunningClock()


async def test_one_message_a_second_and_channel(clock: RunningClock) -> None:
    budget = clock.budget()
    for _ in range(3):
        await budget.acquire(MethodClass.POST, "C1")
    assert clock.slept == [pytest.approx(1.0), pytest.approx(1.0)]


async def test_channels_do_not_wait_for_each_other(clock: RunningClock) -> None:
    budget = clock.budget()
    for channel in ("C1", "C2", "C3"):
        await budget.acquire(MethodClass.POST, channel)
    assert clock.slept == []


async def test_time_that_has_passed_anyway_is_not_waited_for(clock: RunningClock) -> None:
    budget = clock.budget()
    await budget.acquire(MethodClass.POST, "C1")
    clock.now_s += 0.75
    await budget.acquire(MethodClass.POST, "C1")
    assert clock.slept == [pytest.approx(0.25)]


async def test_an_idle_budget_saves_up_no_more_than_its_burst(clock: RunningClock) -> None:
    budget = clock.budget()
    clock.now_s += 3600
    burst = ALLOWANCES[MethodClass.UPDATE].burst
    for _ in range(burst + 1):
        await budget.acquire(MethodClass.UPDATE)
    assert len(clock.slept) == 1


async def test_at_most_fifty_updates_in_any_minute(clock: RunningClock) -> None:
    budget = clock.budget()
    taken: list[float] = []
    for number in range(200):
        await budget.acquire(MethodClass.UPDATE, f"C{number % 7}")
        taken.append(clock.now_s)
    most = max(sum(start <= at < start + 60 for at in taken) for start in taken)
    assert 45 <= most <= 50


async def test_those_who_come_together_are_served_one_after_the_other() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    budget = SendBudget(monotonic_s=lambda: 0.0, sleep=sleep)
    await asyncio.gather(*(budget.acquire(MethodClass.POST, "C1") for _ in range(4)))
    assert slept == [1.0, 2.0, 3.0]


async def test_a_long_wait_is_told_and_takes_nothing(clock: RunningClock) -> None:
    budget = clock.budget(longest_wait=timedelta(seconds=10))
    budget.hold(MethodClass.POST, "C1", timedelta(seconds=30))
    for _ in range(2):
        with pytest.raises(BudgetSpent) as spent:
            await budget.acquire(MethodClass.POST, "C1")
        assert spent.value.wait == timedelta(seconds=30)
    clock.now_s += 30
    await budget.acquire(MethodClass.POST, "C1")
    assert clock.slept == []


async def test_a_pause_that_slack_asked_for_is_kept_by_all_updates(clock: RunningClock) -> None:
    budget = clock.budget()
    budget.hold(MethodClass.UPDATE, "C1", timedelta(seconds=7))
    await budget.acquire(MethodClass.UPDATE, "C2")
    assert clock.slept == [pytest.approx(7.0)]


async def test_a_short_pause_never_shortens_a_long_one(clock: RunningClock) -> None:
    budget = clock.budget()
    budget.hold(MethodClass.POST, "C1", timedelta(seconds=20))
    budget.hold(MethodClass.POST, "C1", timedelta(seconds=1))
    await budget.acquire(MethodClass.POST, "C1")
    assert clock.slept == [pytest.approx(20.0)]


async def test_full_buckets_are_forgotten(clock: RunningClock) -> None:
    budget = clock.budget()
    for number in range(3000):
        await budget.acquire(MethodClass.POST, f"D{number}")
        clock.now_s += 0.01
    assert len(budget._full_at_s) <= 1001

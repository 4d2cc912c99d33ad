"""A simulated month of 10,000 GPUs with everything on: reservations, preemption, overrun."""

from __future__ import annotations

from datetime import timedelta

from bot.simulation.comparing import simulate
from bot.simulation.demand import Demand
from bot.simulation.jobs import DAY_MIN, Scenario, Sharing, hosts_of

GPUS, GPUS_PER_HOST, DAYS, SEED = 10_000, 8, 30, 1


def a_month_of_a_large_site() -> timedelta:
    """Return the time of one core; other work on the machine does not count."""
    jobs = Demand().generate(GPUS, DAYS, SEED)
    scenario = Scenario(hosts_of(GPUS, GPUS_PER_HOST), DAYS * DAY_MIN, jobs)
    return timedelta(seconds=simulate(scenario, Sharing.WITH_BOTH).took_s)

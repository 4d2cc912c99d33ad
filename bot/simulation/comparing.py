"""All ways of sharing tried on one scenario, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from bot.simulation.first_come import FirstCome
from bot.simulation.jobs import Scenario, Sharing
from bot.simulation.ledger import Ledger, Outcome
from bot.simulation.reserving import Reserving


def simulate(scenario: Scenario, sharing: Sharing, *, keep_claims: bool = False) -> Outcome:
    """Play one way of sharing to the end of the period. The same scenario gives the same."""
    began = time.process_time()
    ledger = Ledger(scenario, keep_claims=keep_claims)
    if sharing is Sharing.FIRST_COME:
        FirstCome(scenario, ledger).run()
    else:
        Reserving(scenario, ledger, sharing).run()
    return ledger.outcome(sharing.value, list(scenario.jobs), time.process_time() - began)


def compare(
    scenario: Scenario, ways: Sequence[Sharing] = tuple(Sharing), *, processes: int = 2
) -> tuple[Outcome, ...]:
    """Play several ways of sharing side by side; the outcomes are in the order of ``ways``."""
    if processes < 2 or len(ways) < 2:
        return tuple(simulate(scenario, way) for way in ways)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(processes, len(ways)), mp_context=spawn) as pool:
        return tuple(pool.map(partial(simulate, scenario), ways))

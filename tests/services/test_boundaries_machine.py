"""Every boundary in time, on a virtual clock: starts, ends, overruns, offers, silence, approvals.

At every instant no two claims overlap, nobody is stopped without notice, and whatever becomes free
is offered at once.  ``BERTH_TEST_EXAMPLES`` asks for more.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from bot.store.database import Database, open_engine
from bot.store.every_table import Base
from tests.strategies import MODEST
from tests.support.machine_boundaries import BoundaryRules
from tests.support.machine_outages import OutageRules
from tests.support.machine_series import ApprovalRules
from tests.support.machine_world import SEEN

EXAMPLES = int(os.environ.get("BERTH_TEST_EXAMPLES", "6"))
STEPS = 15
pytestmark = pytest.mark.timeout(600 + 30 * EXAMPLES)  # seconds; a long run is asked for
REACHED = {
    "timer overrun_over": 1,
    "timer run_stops": 3,
    "timer reservation_ends": 5,
    "stopped at the end, with notice": 1,
    "GPU-minutes freed": 60,
}
"""How often each boundary is reached at the least: a machine that tries nothing would show."""


class Boundaries(BoundaryRules, OutageRules, ApprovalRules):
    """All that can happen at a boundary, and a clock that stops at each of them."""

    @rule(minutes=st.sampled_from([1, 9, 10, 15, 16, 30, 31, 60, 119, 120]))
    def time_passes(self, minutes: int) -> None:
        self.pass_time(timedelta(minutes=minutes))

    def teardown(self) -> None:
        """Let somebody be late with another next, then pass whatever end lies within a day."""
        if self.members:
            self.one_is_late_and_another_is_next("U0EVE", "U0FRANK", 4, foretold=True)
            self.pass_time(timedelta(days=1))


@pytest.fixture
def in_memory() -> Iterator[Database]:
    database = Database(open_engine("sqlite://"))
    Base.metadata.create_all(database.engine)
    yield database
    database.close()


def test_every_boundary(in_memory: Database) -> None:
    class Machine(Boundaries):
        def __init__(self) -> None:
            super().__init__(in_memory)

    SEEN.clear()
    chosen = settings(
        MODEST,
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        phases=[Phase.generate],  # to shrink a failure takes many minutes, and is seldom needed
    )
    run_state_machine_as_test(Machine, settings=chosen)
    print("\n".join(f"{times:6} {what}" for what, times in sorted(SEEN.items())))  # noqa: T201 - asked for
    rare = {what: SEEN[what] for what, least in REACHED.items() if SEEN[what] < least}
    assert not rare, f"hardly reached: {rare}"

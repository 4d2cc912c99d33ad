"""Every command there is, in any order, on a clock that is moved by hand.

Each command and each timer is checked by itself, from the rows before and after it
(`tests.support.machine_world`).  ``BERTH_TEST_EXAMPLES`` asks for more.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from bot.domain.offers import OfferState
from bot.services.due import TimerKind
from bot.store.database import Database, open_engine
from bot.store.every_table import Base
from tests.strategies import MODEST
from tests.support import databases
from tests.support.machine_booking import BookingRules
from tests.support.machine_changes import OFFERS
from tests.support.machine_checks import SUBJECTS
from tests.support.machine_clock import ClockRules
from tests.support.machine_handovers import HandoverRules
from tests.support.machine_hosts import HostRules
from tests.support.machine_minutes import MinutesRules
from tests.support.machine_outages import OutageRules, UsageRules
from tests.support.machine_series import ApprovalRules, SeriesRules
from tests.support.machine_waiting import WaitingRules
from tests.support.machine_world import SEEN, picks

EXAMPLES = int(os.environ.get("BERTH_TEST_EXAMPLES", "25"))
pytestmark = pytest.mark.timeout(600 + 20 * EXAMPLES)  # seconds; a long run is asked for


class EveryCommand(
    BookingRules,
    HandoverRules,
    MinutesRules,
    WaitingRules,
    SeriesRules,
    ApprovalRules,
    UsageRules,
    OutageRules,
    HostRules,
    ClockRules,
):
    """All rules there are, and one that answers whatever is open before its time is over."""

    @precondition(lambda self: self.is_anything_open())
    @rule(which=picks, yes=st.sampled_from([True, True, False]))
    def somebody_answers_in_time(self, which: int, yes: bool) -> None:
        table = self.pick(self.is_anything_open(), which)
        answer = "accept" if yes else "decline"
        if table == "transfers":
            self.answer_a_transfer("U0ADA", which, True, answer)
        elif table == "swaps":
            self.answer_a_swap("U0ADA", which, True, answer, True)
        elif table == "waits":
            self.answer_for_a_window("U0ADA", which, True, answer)
        elif table == "approvals":
            self.decide("U0ADA", which, "approve" if yes else "decline")
        elif table == "minutes_asks":
            self.answer_for_minutes("U0ADA", which, True, yes)
        else:
            self.answer_about_use("U0ADA", which, True, "keep" if yes else "release at", 1)

    def is_anything_open(self) -> list[str]:
        """Return the tables in which something waits for somebody's answer."""
        return [table for table in OFFERS if self.rows.of_state(table, OfferState.OPEN)]


def machine_over(database: Database) -> type[EveryCommand]:
    class Machine(EveryCommand):
        def __init__(self) -> None:
            super().__init__(database)

    return Machine


@pytest.fixture
def in_memory() -> Iterator[Database]:
    database = Database(open_engine("sqlite://"))
    Base.metadata.create_all(database.engine)
    yield database
    database.close()


def test_every_kind_of_timer_has_a_known_subject() -> None:
    assert set(SUBJECTS) == set(TimerKind), "say in machine_checks.SUBJECTS what its subject is"


def test_whatever_is_commanded_on_sqlite(in_memory: Database) -> None:
    run_state_machine_as_test(
        machine_over(in_memory),
        settings=settings(MODEST, max_examples=EXAMPLES, stateful_step_count=40),
    )
    print("\n".join(f"{times:6} {what}" for what, times in sorted(SEEN.items())))  # noqa: T201 - asked for


def test_whatever_is_commanded_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    for database in databases.migrated(databases.create_database(postgres_url)):
        run_state_machine_as_test(
            machine_over(database),
            settings=settings(MODEST, max_examples=max(3, EXAMPLES // 8), stateful_step_count=30),
        )

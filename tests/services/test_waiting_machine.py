"""People book, wait, answer and let time pass in any order; what is promised always holds.

``BERTH_TEST_EXAMPLES`` asks for more examples.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import select

from bot.domain.calendar import Calendar
from bot.domain.errors import BerthError, OfferOver, PastStart, WindowTaken
from bot.domain.offers import OfferState
from bot.domain.people import Member
from bot.domain.requests import ReserveRequest, request_from_json
from bot.domain.states import ReservationState
from bot.domain.waiting import WaitKind
from bot.services import booking, queries, queue, waitlist, waits
from bot.services.transaction import Tx, UseCases
from bot.store.claims import load_calendar
from bot.store.database import Database
from bot.store.offer_tables import WaitRow
from bot.store.tables import AuditEventRow, ClaimRow
from tests.support import databases
from tests.support.clock import SetClock
from tests.support.firing import fire_all
from tests.support.rival import use_cases_over
from tests.support.world import TINY_RUN, a_host, a_member

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
TWO_HOURS = timedelta(hours=2)
GPUS = 3
people = st.integers(0, 3)
wishes = st.builds(
    lambda gpus, slots, start_h: ReserveRequest(
        slots * TWO_HOURS,
        gpu_count=gpus,
        start=None if start_h is None else NOW.replace(minute=0) + timedelta(hours=start_h),
    ),
    st.integers(1, GPUS),
    st.integers(1, 2),
    st.none() | st.sampled_from([2, 4, 6, 8]),
)
picks = st.integers(0, 9)
EXAMPLES = int(os.environ.get("BERTH_TEST_EXAMPLES", "15"))
pytestmark = pytest.mark.timeout(300 + 10 * EXAMPLES)  # seconds; a long run is asked for


@contextmanager
def _fresh_database() -> Iterator[Database]:
    with tempfile.TemporaryDirectory() as folder:
        yield from databases.migrated(f"sqlite:///{Path(folder) / 'berth.db'}")


class Waiting(RuleBasedStateMachine):
    """Four people, three GPUs, one clock."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.berth: UseCases = use_cases_over(self.stack.enter_context(_fresh_database()), NOW)

    @initialize()
    def open_the_office(self) -> None:
        a_host(self.berth, gpus=GPUS)
        self.members = [a_member(self.berth, f"U0T{number}") for number in range(4)]

    def teardown(self) -> None:
        self.stack.close()

    @property
    def clock(self) -> SetClock:
        clock = self.berth.clock
        assert isinstance(clock, SetClock)
        return clock

    @rule(who=people, wish=wishes)
    def book(self, who: int, wish: ReserveRequest) -> None:
        self._try(booking.reserve, self.members[who], wish)

    @rule(who=people, wish=wishes)
    def join(self, who: int, wish: ReserveRequest) -> None:
        self._try(waitlist.join, self.members[who], wish)

    @rule(who=people, minutes=st.integers(5, 119), gpus=st.integers(1, GPUS))
    def queue_a_job(self, who: int, minutes: int, gpus: int) -> None:
        job = ReserveRequest(timedelta(minutes=minutes), gpu_count=gpus, run=TINY_RUN)
        self._try(queue.join, self.members[who], job)

    @rule(who=people, pick=picks)
    def cancel(self, who: int, pick: int) -> None:
        mine = self.berth.run(queries.mine, self.members[who])
        if mine:
            number = mine[pick % len(mine)].reservation_id
            self._try(booking.cancel, self.members[who], number, "")

    @rule(pick=picks, answer=st.sampled_from([waitlist.accept, waitlist.decline, waitlist.leave]))
    def answer(self, pick: int, answer: object) -> None:
        rows = self.berth.database.read(
            lambda s: [
                (row.id, row.member_id)
                for row in s.scalars(select(WaitRow).where(WaitRow.kind == WaitKind.WAITLIST))
            ]
        )
        if rows:
            wait_id, member_id = rows[-1 - pick % len(rows)]
            self._try(answer, self._by_id(member_id), wait_id)

    @rule(minutes=st.sampled_from([1, 5, 9, 10, 11, 60, 90, 120]))
    def let_time_pass(self, minutes: int) -> None:
        self.clock.advance(minutes=minutes)
        a_host(self.berth, gpus=GPUS)  # its agent still answers

    def _by_id(self, member_id: int) -> Member:
        return next(one for one in self.members if one.member_id == member_id)

    def _try(self, act: object, *args: object) -> None:
        try:
            self.berth.run(act, *args)  # type: ignore[arg-type] # any use case
        except (OfferOver, PastStart, WindowTaken):
            pass
        except BerthError as error:
            assert error.code == "reservation_over", error  # noqa: PT017 - any other is a fault

    @invariant()
    def all_that_was_promised_holds(self) -> None:
        if not hasattr(self, "members"):
            return
        fire_all(self.berth)
        self.berth.read(_check_claims)
        self.berth.read(_check_offers)
        self.berth.read(_check_that_nobody_waits_for_what_is_free)


def _check_claims(tx: Tx) -> None:
    live = tx.session.scalars(select(ClaimRow).where(ClaimRow.live)).all()
    for one in live:
        for other in live:
            if one.id < other.id and one.gpu_id == other.gpu_id:
                assert one.ends_at <= other.starts_at or other.ends_at <= one.starts_at


def _check_offers(tx: Tx) -> None:
    offered = tx.session.scalars(
        select(AuditEventRow.subject_id).where(AuditEventRow.action == "waitlist.offered")
    ).all()
    assert len(offered) == len(set(offered)), "nobody is asked twice"
    for row in tx.session.scalars(select(WaitRow)):
        held = row.held_reservation
        if row.state == OfferState.OPEN:
            assert held is not None
            assert held.state == ReservationState.OFFERED
            assert all(claim.live for claim in held.claims)
            assert row.offered_until is not None
            assert row.offered_until > tx.now, "nobody is asked for longer than promised"
        elif held is not None and row.state != OfferState.ACCEPTED:
            assert held.state == ReservationState.CANCELLED
            assert not any(claim.live for claim in held.claims)
        if row.state == OfferState.WAITING and row.starts_at is not None:
            assert row.starts_at > tx.now, "no wait outlives its window"


def _check_that_nobody_waits_for_what_is_free(tx: Tx) -> None:
    for row in waits.rows_in_turn(tx, WaitKind.WAITLIST):
        window = waits.window(tx, row)
        if row.state == OfferState.WAITING and window is not None:
            calendar: Calendar = load_calendar(tx.session, window.start, window.end)
            count = request_from_json(row.request).gpu_count
            assert len(calendar.free(window)) < count


TestWaiting = Waiting.TestCase
TestWaiting.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)

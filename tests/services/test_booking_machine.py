"""Everything that can happen to reservations, in any order; what must always hold is looked at
after each step."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from bot.domain.continuations import ContinuationState
from bot.domain.errors import BerthError
from bot.domain.priority import Priority
from bot.domain.requests import ReserveRequest
from bot.domain.states import RESERVATION_MOVES, RUN_MOVES, ReservationState, RunState
from bot.protocol.messages import AttemptState, EndCause
from bot.services import booking, queries
from bot.services.due import OF_A_RESERVATION, TimerKind
from bot.services.transaction import UseCases
from bot.store import outbox
from bot.store.database import Database, open_engine
from bot.store.outbox import DeliveryKind
from bot.store.run_tables import ContinuationRow
from bot.store.tables import (
    AttemptRow,
    AuditEventRow,
    Base,
    CardRow,
    OutboxRow,
    ReservationRow,
    RunRow,
    TimerRow,
)
from tests.strategies import MODEST
from tests.support import databases
from tests.support.agent import FakeAgent
from tests.support.clock import SetClock
from tests.support.clockwork import Postman, fire_due
from tests.support.rival import use_cases_over
from tests.support.world import TINY_RUN, a_host, a_member

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
EXPECTED = {
    "window_taken",
    "no_single_host",
    "reservation_over",
    "not_the_holder",
    "end_not_later",
    "too_long",
}
OPEN = {ReservationState.BOOKED, ReservationState.ACTIVE, ReservationState.RELEASING}

reservations = st.integers(0, 30)
members = st.sampled_from(["U0ALICE", "U0BOB", "U0ADMIN"])
first_bookings = st.tuples(
    members,
    st.integers(1, 2),
    st.none() | st.integers(0, 5),
    st.integers(2, 5),
    st.sampled_from([True, True, False]),
)


def reachable(moves: object) -> dict[str, set[str]]:
    assert isinstance(moves, dict)
    found = {str(state): {str(state), *map(str, nexts)} for state, nexts in moves.items()}
    for _ in found:
        for reached in found.values():
            reached |= {far for near in list(reached) for far in found[near]}
    return found


@contextmanager
def only_expected_refusals() -> Iterator[None]:
    try:
        yield
    except BerthError as error:
        if error.code not in EXPECTED:
            raise


RESERVATION_REACH, RUN_REACH = reachable(dict(RESERVATION_MOVES)), reachable(dict(RUN_MOVES))


class BookingMachine(RuleBasedStateMachine):
    """People, two hosts with their agents, the clockwork and the postman."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.berth: UseCases = use_cases_over(database, NOW)
        self.database = database
        self.postman = Postman()
        self.states: dict[int, tuple[str, str | None]] = {}
        self.counts: dict[int, int] = {}
        self.silent: set[int] = set()
        self.without_card: set[int] = set()

    @property
    def clock(self) -> SetClock:
        assert isinstance(self.berth.clock, SetClock)
        return self.berth.clock

    @initialize(bookings=st.lists(first_bookings, min_size=2, max_size=6))
    def begin(self, bookings: list[tuple[str, int, int | None, int, bool]]) -> None:
        _empty(self.database)
        self.agents = [
            FakeAgent(self.berth, a_host(self.berth, name, gpus))
            for name, gpus in (("host1", 4), ("host2", 2))
        ]
        self.members = {
            name: a_member(self.berth, name, admin=name == "U0ADMIN")
            for name in ("U0ALICE", "U0BOB", "U0ADMIN")
        }
        for booking_ in bookings:
            self.book(*booking_, priority=Priority.P2)

    # What people do ---------------------------------------------------------------------------

    @rule(
        name=members,
        gpus=st.sampled_from([1, 1, 1, 2, 3]),
        start=st.none() | st.integers(0, 6),
        hours=st.integers(2, 7),
        runs=st.booleans(),
        priority=st.sampled_from([Priority.P1, Priority.P2]),
    )
    def book(
        self,
        name: str,
        gpus: int,
        start: int | None,
        hours: int,
        runs: bool,
        priority: Priority,
    ) -> None:
        request = ReserveRequest(
            hours * HOUR,
            gpu_count=gpus,
            start=None if start is None else self.clock.now() + start * HOUR,
            run=TINY_RUN if runs else None,
            priority=priority,
        )
        with only_expected_refusals():
            view = self.berth.run(booking.reserve, self.members[name], request)
            assert view.gpu_count == gpus
            self.counts[view.reservation_id] = gpus

    @rule(name=members, hours=st.integers(2, 5))
    def book_a_run_for_now(self, name: str, hours: int) -> None:
        self.book(name, 1, None, hours, runs=True, priority=Priority.P2)
        self.life_goes_on(1, 1)

    @precondition(lambda self: self.counts)
    @rule(name=members, which=reservations)
    def cancel(self, name: str, which: int) -> None:
        self._try(booking.cancel, name, which, "changed my mind")

    @precondition(lambda self: self.counts)
    @rule(name=members, which=reservations, hours=st.integers(-3, 9))
    def extend(self, name: str, which: int, hours: int) -> None:
        chosen = self._chosen(which)
        end = self.berth.run(queries.reservation, chosen).window.end
        self._try(booking.extend, name, which, end + hours * HOUR)

    def _try(self, use_case: object, name: str, which: int, argument: object) -> None:
        assert callable(use_case)
        with only_expected_refusals():
            self.berth.run(use_case, self.members[name], self._chosen(which), argument)

    def _chosen(self, which: int) -> int:
        return sorted(self.counts)[which % len(self.counts)]

    # What time does ---------------------------------------------------------------------------

    @rule(minutes=st.sampled_from([0, 1, 5, 29, 30, 60, 118, 121, 240]))
    def time_passes(self, minutes: int) -> None:
        self.clock.advance(minutes=minutes)
        for agent in self.agents:
            if agent.host_id not in self.silent:
                agent.report()
        fire_due(self.berth)

    @rule(turns=st.integers(1, 4), minutes=st.sampled_from([1, 20, 61]))
    def life_goes_on(self, turns: int, minutes: int) -> None:
        for _ in range(turns):
            self.time_passes(minutes)
            for which in range(len(self.agents)):
                self.agent_works(which)

    @rule()
    def messages_go_out(self) -> None:
        self.postman.deliver_all(self.berth)
        for row in self._reservations():
            if row.id in self.without_card:
                continue
            shown = self.postman.cards[row.id]
            assert (shown.state, shown.version) == (row.state, row.version), "the card is stale"
            assert shown.window.end == row.ends_at
            assert (shown.run.state if shown.run else None) == (row.run.state if row.run else None)

    # What hosts do ----------------------------------------------------------------------------

    @rule(which=st.integers(0, 1))
    def agent_works(self, which: int) -> None:
        agent = self.agents[which]
        if agent.host_id in self.silent:
            agent.work()  # cut off, it goes on with what it has
            return
        agent.look()
        agent.work()
        agent.report()

    @rule(
        which=st.integers(0, 1), cause=st.sampled_from([EndCause.CRASHED, EndCause.OUT_OF_MEMORY])
    )
    def run_fails(self, which: int, cause: EndCause) -> None:
        agent = self.agents[which]
        for trainer in agent.trainers.values():
            agent.finish(trainer, cause)

    @rule(which=st.integers(0, 1), index=st.integers(0, 50))
    def old_report_arrives_again(self, which: int, index: int) -> None:
        agent = self.agents[which]
        if agent.host_id not in self.silent:
            agent.repeat(index)

    @rule(which=st.integers(0, 1))
    def host_falls_silent_or_comes_back(self, which: int) -> None:
        agent = self.agents[which]
        if agent.host_id in self.silent:
            self.silent.remove(agent.host_id)
            agent.report()
        else:
            self.silent.add(agent.host_id)

    # What always holds ------------------------------------------------------------------------

    def _reservations(self) -> list[ReservationRow]:
        return self.database.read(_all_reservations)

    @invariant()
    def all_is_sound(self) -> None:
        self.database.read(self._check)

    def _check(self, session: Session) -> None:
        rows = _all_reservations(session)
        links = list(session.scalars(select(ContinuationRow)))
        for link in links:  # booked by Berth for a run that lost its host
            self.counts.setdefault(link.to_reservation_id, len(link.target.claims))
        self.without_card = _without_card(links)
        assert {row.id for row in rows} == set(self.counts)
        _assert_no_overlap(session)
        for row in rows:
            self._moves_along_the_tables(row)
            self._claims_match(row)
            _assert_run_is_sound(row.run, ReservationState(row.state))
            if row.state in OPEN and row.ends_at <= self.clock.now():
                assert row.state == ReservationState.RELEASING
        self._open_ones_have_their_timers(session, rows)
        waiting = select(OutboxRow.reservation_id).where(
            OutboxRow.kind == DeliveryKind.CARD, OutboxRow.state == outbox.PENDING
        )
        told = {*session.scalars(select(CardRow.reservation_id)), *session.scalars(waiting)}
        with_card = set(self.counts) - self.without_card
        assert told - self.without_card == with_card, "each has a card or will have one"
        _assert_audited(session, rows)

    def _moves_along_the_tables(self, row: ReservationRow) -> None:
        run_state = row.run.state if row.run else None
        old_state, old_run_state = self.states.get(row.id, (ReservationState.BOOKED, run_state))
        assert row.state in RESERVATION_REACH[old_state]
        if run_state is not None and old_run_state is not None:
            assert run_state in RUN_REACH[old_run_state]
        self.states[row.id] = (row.state, run_state)

    def _claims_match(self, row: ReservationRow) -> None:
        assert len(row.claims) == self.counts[row.id]
        assert len({claim.gpu_id for claim in row.claims}) == self.counts[row.id]
        if row.run is not None:
            assert len({claim.gpu.host_id for claim in row.claims}) == 1
        for claim in row.claims:
            if row.state in OPEN:
                assert claim.live
                assert (claim.starts_at, claim.ends_at) == (row.starts_at, row.ends_at)
            elif row.state == ReservationState.CANCELLED:
                assert not claim.live
            else:
                assert row.ended_at is not None
                assert claim.ends_at <= max(row.ended_at, claim.starts_at)

    def _open_ones_have_their_timers(self, session: Session, rows: list[ReservationRow]) -> None:
        timers = session.scalars(select(TimerRow).where(TimerRow.done_at.is_(None)))
        pending = {(timer.kind, timer.subject_id): timer.due_at for timer in timers}
        for row in rows:
            if row.state == ReservationState.BOOKED:
                starts = pending[TimerKind.RESERVATION_STARTS, row.id]
                if row.starts_at > self.clock.now():
                    assert starts == row.starts_at
                else:  # a process of the one before is still on its GPUs
                    assert starts >= row.starts_at
            if row.state in OPEN and row.ends_at > self.clock.now():
                assert pending[TimerKind.RESERVATION_ENDS, row.id] == row.ends_at
                stops = row.ends_at - self.berth.policy.stop_lead
                if row.run is not None and stops > self.clock.now():
                    assert pending[TimerKind.RUN_STOPS, row.id] == stops
            if row.state not in OPEN:
                left = {kind.partition(":")[0] for kind, subject in pending if subject == row.id}
                assert not left & {*OF_A_RESERVATION, TimerKind.ENDS_SOON}


def _all_reservations(session: Session) -> list[ReservationRow]:
    return list(session.scalars(select(ReservationRow).order_by(ReservationRow.id)))


def _assert_no_overlap(session: Session) -> None:
    joined = text(
        "SELECT count(*) FROM claims a JOIN claims b ON a.gpu_id = b.gpu_id AND a.id < b.id"
        " WHERE a.live AND b.live AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at"
    )
    assert session.execute(joined).scalar() == 0


def _without_card(links: list[ContinuationRow]) -> set[int]:
    """A run has one card: it stands where the run is, and goes with it."""
    planned = {link.to_reservation_id for link in links if link.state == ContinuationState.PLANNED}
    left = {link.from_reservation_id for link in links if link.state == ContinuationState.TAKEN}
    dropped = {link.to_reservation_id for link in links if link.state == ContinuationState.DROPPED}
    return planned | left | dropped


def _assert_run_is_sound(run: RunRow | None, state: ReservationState) -> None:
    if run is None:
        return
    over = RunState(run.state).is_over
    assert over == (run.ended_at is not None)
    if over:
        assert run.state == RunState.CANCELLED or run.end_cause is not None
    assert over or not state.is_over, "no run outlives its reservation"
    alive = [each for each in run.attempts if each.state != AttemptState.ENDED]
    at_rest = (RunState.WAITING, RunState.RETRYING)
    assert len(alive) == (not over and run.state not in at_rest)


def _assert_audited(session: Session, rows: list[ReservationRow]) -> None:
    """Every booking, start and end is in the audit log exactly once."""

    def count(action: str) -> Counter[int]:
        subjects = select(AuditEventRow.subject_id).where(AuditEventRow.action == action)
        return Counter(session.scalars(subjects))

    not_started = (ReservationState.BOOKED, ReservationState.CANCELLED)
    assert count("reservation.booked") == Counter(row.id for row in rows)
    assert count("reservation.started") == Counter(
        row.id for row in rows if row.state not in not_started
    )
    assert count("run.started") == Counter(session.scalars(select(AttemptRow.run_id)))
    assert count("reservation.cancelled") == Counter(
        row.id for row in rows if row.state == ReservationState.CANCELLED
    )
    given_back, ended = count("reservation.released"), count("reservation.ended")
    for row in rows:
        assert given_back[row.id] <= 1
        assert ended[row.id] <= 1
        if row.state == ReservationState.ENDED:
            assert given_back[row.id] or ended[row.id]


def _empty(database: Database) -> None:
    names = ", ".join(f'"{table.name}"' for table in Base.metadata.sorted_tables)
    if database.engine.dialect.name == "postgresql":
        with database.engine.begin() as connection:
            connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
        return
    with database.engine.begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())


@pytest.fixture
def in_memory() -> Iterator[Database]:
    database = Database(open_engine("sqlite://"))
    Base.metadata.create_all(database.engine)
    yield database
    database.close()


def machine_over(database: Database) -> type[BookingMachine]:
    class Machine(BookingMachine):
        def __init__(self) -> None:
            super().__init__(database)

    return Machine


def test_whatever_happens_on_sqlite(in_memory: Database) -> None:
    run_state_machine_as_test(
        machine_over(in_memory),
        settings=settings(MODEST, max_examples=25, stateful_step_count=30),
    )


def test_whatever_happens_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    for database in databases.migrated(databases.create_database(postgres_url)):
        run_state_machine_as_test(
            machine_over(database),
            settings=settings(MODEST, max_examples=5, stateful_step_count=25),
        )

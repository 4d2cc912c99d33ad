"""Runs that go on, are tried again, cancelled and ended at one moment: somebody is right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from bot.domain.continuations import ContinuationState
from bot.domain.errors import BerthError
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState, RunState
from bot.protocol.messages import AttemptState, EndCause
from bot.services import booking, continuing, retries, upkeep
from bot.services.transaction import UseCases
from bot.store.database import Database
from bot.store.run_tables import ContinuationRow
from bot.store.tables import AttemptRow, ClaimRow, ReservationRow, RunRow
from tests.support.agent import FakeAgent
from tests.support.clock import SetClock
from tests.support.clockwork import fire_due
from tests.support.rival import all_at_once, use_cases_over
from tests.support.world import TINY_RUN, a_host, a_member

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
REPEATS = 4


@pytest.fixture
def berth(database: Database) -> UseCases:
    return use_cases_over(database, NOW)


@pytest.fixture
def clock(berth: UseCases) -> SetClock:
    assert isinstance(berth.clock, SetClock)
    return berth.clock


@pytest.fixture
def agent(berth: UseCases) -> FakeAgent:
    return FakeAgent(berth, a_host(berth, gpus=2))


def training(berth: UseCases, agent: FakeAgent) -> int:
    request = ReserveRequest(4 * HOUR, run=replace(TINY_RUN, epochs=20))
    view = berth.run(booking.reserve, a_member(berth), request)
    fire_due(berth)
    agent.look()
    agent.work()
    agent.work()
    agent.report()
    return view.reservation_id


def outcome(act: Callable[[], object]) -> str:
    try:
        act()
    except BerthError as error:
        return error.code
    return "won"


def fire_what_is_due(berth: UseCases, owner: str) -> None:
    for timer in berth.write(upkeep.claim_timers, owner):
        berth.write(upkeep.fire, timer, owner)


def assert_sound(database: Database) -> None:
    """Each run is in one place, no claims overlap, and links say what became of them."""
    by_gpu: defaultdict[int, list[tuple[datetime, datetime]]] = defaultdict(list)
    for claim in database.read(lambda s: s.scalars(select(ClaimRow).where(ClaimRow.live)).all()):
        if claim.ends_at > claim.starts_at:
            by_gpu[claim.gpu_id].append((claim.starts_at, claim.ends_at))
    for windows in by_gpu.values():
        assert all(earlier[1] <= later[0] for earlier, later in pairwise(sorted(windows)))
    runs = {row.id: row for row in database.read(lambda s: s.scalars(select(RunRow)).all())}
    rows = {r.id: r for r in database.read(lambda s: s.scalars(select(ReservationRow)).all())}
    live = database.read(
        lambda s: s.scalars(select(AttemptRow).where(AttemptRow.state != AttemptState.ENDED)).all()
    )
    assert len({each.run_id for each in live}) == len(live), "one live attempt of a run"
    for link in database.read(lambda s: s.scalars(select(ContinuationRow)).all()):
        run, target = runs[link.run_id], rows[link.to_reservation_id]
        if link.state == ContinuationState.PLANNED:
            assert run.reservation_id == link.from_reservation_id
            assert not RunState(run.state).is_over
            assert not ReservationState(target.state).is_over
        elif link.state == ContinuationState.TAKEN:
            assert run.reservation_id == link.to_reservation_id
        else:
            assert run.reservation_id == link.from_reservation_id
            assert ReservationState(target.state).is_over
    for run in runs.values():
        if not RunState(run.state).is_over:
            assert not ReservationState(rows[run.reservation_id].state).is_over


def test_asked_by_many_at_once_it_is_booked_once(berth: UseCases, agent: FakeAgent) -> None:
    number = training(berth, agent)
    alice = a_member(berth)
    outcomes = all_at_once(
        lambda _: outcome(lambda: berth.run(continuing.stop_and_continue, alice, number)), 8
    )
    assert set(outcomes) == {"won"}
    links = berth.database.read(lambda s: s.scalars(select(ContinuationRow)).all())
    assert len(links) == 1
    assert_sound(berth.database)


@pytest.mark.parametrize("repeat", range(REPEATS))
def test_who_cancels_the_continuation_and_the_end_that_takes_it(
    berth: UseCases, agent: FakeAgent, repeat: int
) -> None:
    number = training(berth, agent)
    alice = a_member(berth)
    view = berth.run(continuing.stop_and_continue, alice, number, None, now=True)
    assert view.goes_on is not None
    target = view.goes_on.reservation_id
    agent.look()

    def act(rival: int) -> str:
        if rival == 0:
            return outcome(agent.report)
        if rival == 1:
            return outcome(lambda: berth.run(booking.cancel, alice, target, "no"))
        return outcome(lambda: fire_what_is_due(berth, f"owner{rival}"))

    all_at_once(act, 4)
    fire_due(berth)
    assert_sound(berth.database)
    agent.look()  # where it had gone on before it was cancelled, it has to be stopped once more
    agent.report()
    assert_sound(berth.database)
    state = berth.database.read(lambda s: s.scalars(select(RunRow.state)).one())
    assert state == RunState.STOPPED, "cancelled before or after: it ends as it was stopped"


@pytest.mark.parametrize("repeat", range(REPEATS))
def test_who_continues_and_the_run_that_is_done(
    berth: UseCases, agent: FakeAgent, repeat: int
) -> None:
    number = training(berth, agent)
    alice = a_member(berth)
    for _ in range(20):
        agent.work()

    def act(rival: int) -> str:
        if rival == 0:
            return outcome(agent.report)
        return outcome(lambda: berth.run(continuing.stop_and_continue, alice, number))

    outcomes = all_at_once(act, 4)
    assert set(outcomes) <= {"won", "nothing_to_continue"}
    assert_sound(berth.database)
    ahead = berth.database.read(
        lambda s: s.scalars(select(ReservationRow.state).where(ReservationRow.id != number)).all()
    )
    assert set(ahead) <= {ReservationState.CANCELLED}, "what is done needs no more time"


@pytest.mark.parametrize("repeat", range(REPEATS))
def test_the_retry_timer_who_gives_it_back_and_who_retries_by_hand(
    berth: UseCases, clock: SetClock, agent: FakeAgent, repeat: int
) -> None:
    number = training(berth, agent)
    alice = a_member(berth)
    (trainer,) = agent.trainers.values()
    agent.finish(trainer, EndCause.CRASHED)
    agent.report()
    clock.advance(minutes=1)

    def act(rival: int) -> str:
        if rival == 0:
            return outcome(lambda: berth.run(booking.cancel, alice, number, "no"))
        if rival == 1:
            return outcome(lambda: berth.run(retries.retry, alice, number))
        return outcome(lambda: fire_what_is_due(berth, f"owner{rival}"))

    outcomes = all_at_once(act, 4)
    assert set(outcomes) <= {"won", "nothing_to_continue", "reservation_over"}
    assert_sound(berth.database)
    attempts = berth.database.read(lambda s: s.scalars(select(AttemptRow)).all())
    assert len(attempts) <= 2, "one more try, whoever asked for it"

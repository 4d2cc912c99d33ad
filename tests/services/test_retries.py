"""A run that failed is tried again where that may help; late starts and handovers are told."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.domain.errors import CannotHandOver, InvalidRunSpec, NothingToContinue, NotTheHolder
from bot.domain.notices import RunEnded
from bot.domain.requests import ReserveRequest
from bot.domain.run_notices import (
    HandoverWaits,
    RunHandedOn,
    RunRetried,
    RunRetries,
    StartUnconfirmed,
)
from bot.domain.states import ReservationState, RunState
from bot.domain.views import ReservationView
from bot.protocol.messages import AttemptEnd, EndCause
from bot.services import booking, changing, continuing, queries, retries, runs, transfers
from bot.services.transaction import UseCases
from bot.store.tables import AttemptRow, RunRow
from tests.conftest import use_cases
from tests.support.agent import FakeAgent, Trainer
from tests.support.clock import SetClock
from tests.support.clockwork import Postman, fire_due
from tests.support.world import TINY_RUN, a_host, a_member

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def agent(berth: UseCases) -> FakeAgent:
    return FakeAgent(berth, a_host(berth, gpus=2))


def training(
    berth: UseCases, agent: FakeAgent, *, hours: int = 4, epochs: int = 1, gpus: int = 1
) -> ReservationView:
    """Book for now, and let the training get through some epochs."""
    request = ReserveRequest(hours * HOUR, gpu_count=gpus, run=replace(TINY_RUN, epochs=20))
    view = berth.run(booking.reserve, a_member(berth), request)
    fire_due(berth)
    work(agent, epochs)
    return view


def work(agent: FakeAgent, epochs: int) -> None:
    agent.look()
    for _ in range(epochs + 1):
        agent.work()
    agent.report()


def the_trainer(agent: FakeAgent) -> Trainer:
    (trainer,) = agent.trainers.values()
    return trainer


def fail(agent: FakeAgent, cause: EndCause, batch_that_fits: int | None = None) -> None:
    trainer = the_trainer(agent)
    trainer.end = AttemptEnd(
        cause=cause,
        detail="It went wrong.",
        epochs_done=len(trainer.epochs),
        batch_that_fits=batch_that_fits,
        at=agent.berth.clock.now(),
    )
    agent.report()


def the_run(berth: UseCases) -> RunRow:
    return berth.database.read(lambda session: session.scalars(select(RunRow)).one())


def shown(berth: UseCases, view: ReservationView) -> ReservationView:
    return berth.run(queries.reservation, view.reservation_id)


def told(berth: UseCases) -> Postman:
    postman = Postman()
    postman.deliver_all(berth)
    return postman


def test_a_crash_is_tried_again_in_its_reservation_and_told(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = training(berth, agent)
    fail(agent, EndCause.CRASHED)
    assert the_run(berth).state == RunState.RETRYING
    (notice,) = [each for each in told(berth).threads if isinstance(each, RunRetries)]
    assert (notice.number, notice.most, notice.at) == (1, 3, clock.now() + MINUTE)
    assert notice.epochs_done == 1
    assert agent.look() == ()
    clock.advance(seconds=59)
    agent.report()
    assert fire_due(berth) == []
    clock.advance(seconds=1)
    assert "run_retries" in fire_due(berth)
    (wanted,) = agent.look()
    assert wanted.fence == 2
    work(agent, 20)
    assert the_run(berth).state == RunState.SUCCEEDED
    kinds = [type(each) for each in told(berth).threads]
    assert kinds.count(RunEnded) == 1
    assert shown(berth, view).state is ReservationState.ACTIVE


def test_three_failures_in_a_row_without_an_epoch_are_enough(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    training(berth, agent, epochs=0)
    waits = []
    while True:
        fail(agent, EndCause.KILLED)
        if the_run(berth).state != RunState.RETRYING:
            break
        before = clock.now()
        while not agent.look():
            clock.advance(seconds=30)
            agent.report()
            fire_due(berth)
        waits.append(clock.now() - before)
        work(agent, 0)
    assert waits == [MINUTE, 2 * MINUTE, 4 * MINUTE]
    assert the_run(berth).state == RunState.FAILED
    (end,) = [each for each in told(berth).threads if isinstance(each, RunEnded)]
    assert (end.not_retried, end.tries) == ("tries", 4)


def test_progress_starts_the_count_anew(berth: UseCases, clock: SetClock, agent: FakeAgent) -> None:
    training(berth, agent, epochs=1)
    for reached in (2, 3, 4, 5, 6):
        fail(agent, EndCause.CRASHED)
        assert the_run(berth).state == RunState.RETRYING, f"after epoch {reached - 1}"
        clock.advance(minutes=1)
        agent.report()
        fire_due(berth)
        work(agent, reached)


@pytest.mark.parametrize(
    "cause", [EndCause.OUT_OF_MEMORY, EndCause.DIVERGED, EndCause.DATA_ERROR, EndCause.REFUSED]
)
def test_what_no_time_mends_is_not_tried_again(
    berth: UseCases, agent: FakeAgent, cause: EndCause
) -> None:
    training(berth, agent)
    fail(agent, cause)
    assert the_run(berth).state == RunState.FAILED


def test_with_too_little_time_left_it_is_not_tried_again_and_said_so(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = training(berth, agent, hours=2)
    clock.move_to(view.window.end - 7 * MINUTE)
    agent.report()
    fail(agent, EndCause.CRASHED)
    assert the_run(berth).state == RunState.FAILED
    (end,) = [each for each in told(berth).threads if isinstance(each, RunEnded)]
    assert end.not_retried == "time"
    assert end.reservation_ends_at == view.window.end


def test_a_retry_by_hand_books_the_next_window_where_no_time_is_left(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = training(berth, agent, hours=2)
    clock.move_to(view.window.end - 7 * MINUTE)
    agent.report()
    fail(agent, EndCause.CRASHED)
    after = berth.run(retries.retry, a_member(berth), view.reservation_id)
    assert after.reservation_id != view.reservation_id
    assert after.carries_on is not None
    assert the_run(berth).state == RunState.WAITING
    fire_due(berth)
    (wanted,) = agent.look()
    assert wanted.fence == 2
    clock.move_to(view.window.end)
    agent.report()
    fire_due(berth)
    assert the_run(berth).state in (RunState.STARTING, RunState.RUNNING)


def test_out_of_memory_is_tried_again_with_the_batch_that_fits(
    berth: UseCases, agent: FakeAgent
) -> None:
    view = training(berth, agent)
    fail(agent, EndCause.OUT_OF_MEMORY, batch_that_fits=4)
    (end,) = [each for each in told(berth).threads if isinstance(each, RunEnded)]
    assert (end.batch, end.batch_that_fits) == (8, 4)
    berth.run(retries.retry, a_member(berth), view.reservation_id, 4)
    (wanted,) = agent.look()
    assert wanted.spec.batch == 4
    assert [type(each) for each in told(berth).threads].count(RunRetried) == 1
    with pytest.raises(NothingToContinue):
        berth.run(retries.retry, a_member(berth), view.reservation_id, 4)


def test_who_may_retry_what(berth: UseCases, agent: FakeAgent) -> None:
    view = training(berth, agent)
    with pytest.raises(NothingToContinue):
        berth.run(retries.retry, a_member(berth), view.reservation_id)
    fail(agent, EndCause.DATA_ERROR)
    with pytest.raises(NotTheHolder):
        berth.run(retries.retry, a_member(berth, "U0BOB"), view.reservation_id)
    with pytest.raises(InvalidRunSpec):
        berth.run(retries.retry, a_member(berth), view.reservation_id, 0)
    assert the_run(berth).state == RunState.FAILED


def test_given_back_while_it_waits_for_its_retry_it_ends_as_it_failed(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = training(berth, agent)
    fail(agent, EndCause.CRASHED)
    berth.run(booking.cancel, a_member(berth), view.reservation_id, "enough")
    assert the_run(berth).state == RunState.FAILED
    clock.advance(minutes=10)
    agent.report()
    fire_due(berth)
    assert agent.look() == ()


def test_a_host_that_does_not_confirm_a_start_is_told_of_and_still_wanted(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = berth.run(booking.reserve, a_member(berth), ReserveRequest(4 * HOUR, run=TINY_RUN))
    fire_due(berth)
    clock.advance(minutes=2)
    fire_due(berth)
    postman = told(berth)
    (notice,) = [each for _, each in postman.directs if isinstance(each, StartUnconfirmed)]
    assert not notice.host_online
    clock.advance(minutes=1)
    agent.report()
    work(agent, 1)
    assert the_run(berth).state == RunState.RUNNING
    (late_s,) = berth.run(runs.start_delays, view.window.start - HOUR)
    assert late_s == 179, "three minutes from due to the trainer's exec"


def test_a_confirmed_start_is_not_told_of(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    training(berth, agent)
    clock.advance(minutes=3)
    agent.report()
    fire_due(berth)
    assert not [each for _, each in told(berth).directs if isinstance(each, StartUnconfirmed)]


def test_nothing_starts_on_a_gpu_that_is_not_seen_free(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    first = training(berth, agent, hours=2, gpus=2)
    bob = a_member(berth, "U0BOB")
    request = ReserveRequest(2 * HOUR, gpu_count=2, start=first.window.end, run=TINY_RUN)
    second = berth.run(booking.reserve, bob, request)
    clock.move_to(first.window.end)
    agent.report()
    fire_due(berth)
    assert shown(berth, first).state is ReservationState.RELEASING
    assert shown(berth, second).state is ReservationState.BOOKED, "its GPUs are not free"
    for _ in range(12):
        clock.advance(seconds=5)
        agent.report()
        fire_due(berth)
    directs = [each for _, each in told(berth).directs if isinstance(each, HandoverWaits)]
    assert [(each.before_id, each.incident) for each in directs] == [(first.reservation_id, False)]
    clock.advance(minutes=4)
    agent.report()
    fire_due(berth)
    waits = [(lane, each) for lane, each in told(berth).directs if isinstance(each, HandoverWaits)]
    assert [lane for lane, each in waits if each.incident] == ["U0BOB", "U0ALICE", "C0GPU"]
    agent.look()
    agent.report()
    assert shown(berth, first).state is ReservationState.ENDED
    assert "reservation_starts" in fire_due(berth), "woken by the end, not by the next look"
    assert shown(berth, second).state is ReservationState.ACTIVE


def test_after_a_lost_host_it_goes_on_elsewhere_but_not_before_its_claim_is_over(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = training(berth, agent, hours=2)
    other = FakeAgent(berth, a_host(berth, "host2", gpus=2))
    while clock.now() < view.window.end - MINUTE:
        clock.advance(minutes=1)
        other.report()
        fire_due(berth)
        assert the_run(berth).reservation_id == view.reservation_id
        assert other.look() == (), "the old host may well train on"
    clock.move_to(view.window.end)
    other.report()
    fire_due(berth)
    assert the_run(berth).reservation_id != view.reservation_id
    (wanted,) = other.look()
    assert wanted.fence == 2
    (notice,) = [each for each in told(berth).threads if isinstance(each, RunHandedOn)]
    assert notice.reason == "host_lost"
    # The old host comes back with what it did meanwhile: it is told to forget it.
    receipt = agent.report().receipts[0]
    assert receipt.stale
    work(other, 20)
    assert the_run(berth).state == RunState.SUCCEEDED


def test_without_another_host_the_run_is_lost_and_said_so(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = training(berth, agent, hours=2)
    clock.move_to(view.window.end - MINUTE)
    fire_due(berth)
    clock.move_to(view.window.end)
    fire_due(berth)
    assert the_run(berth).state == RunState.HOST_LOST


def test_moving_what_trains_stops_it_and_goes_on_at_the_new_start(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = training(berth, agent)
    start = view.window.start.replace(minute=0) + 10 * HOUR
    after = berth.run(changing.move, a_member(berth), view.reservation_id, start)
    assert after.goes_on is not None
    assert after.goes_on.window.start == berth.policy.grid.floor(start)
    assert after.state is ReservationState.RELEASING
    agent.look()
    agent.report()
    assert shown(berth, view).state is ReservationState.ENDED
    assert the_run(berth).reservation_id == after.goes_on.reservation_id
    assert the_run(berth).state == RunState.WAITING


def test_who_takes_a_training_over_takes_its_continuation_too(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = training(berth, agent)
    alice, bob = a_member(berth), a_member(berth, "U0BOB")
    after = berth.run(continuing.stop_and_continue, alice, view.reservation_id)
    assert after.goes_on is not None
    target = after.goes_on.reservation_id
    with pytest.raises(CannotHandOver) as refusal:
        berth.run(transfers.offer, alice, target, bob)
    assert refusal.value.why == "continues"
    offer = berth.run(transfers.offer, alice, view.reservation_id, bob)
    berth.run(transfers.accept, bob, offer.transfer_id)
    holders = [
        berth.run(queries.reservation, number).holder_slack_id
        for number in (view.reservation_id, target)
    ]
    assert holders == ["U0BOB", "U0BOB"]


def test_retries_can_be_switched_off(sqlite_berth: UseCases) -> None:
    agent = FakeAgent(sqlite_berth, a_host(sqlite_berth, gpus=1))
    training(sqlite_berth, agent)
    fail(agent, EndCause.CRASHED)
    assert the_run(sqlite_berth).state == RunState.FAILED


@pytest.fixture
def sqlite_berth(request: pytest.FixtureRequest, clock: SetClock) -> UseCases:
    database = request.getfixturevalue("sqlite")
    policy = replace(request.getfixturevalue("policy"), retries=0)
    return use_cases(database, clock, policy)


def test_attempts_keep_what_would_have_fitted(berth: UseCases, agent: FakeAgent) -> None:
    training(berth, agent)
    fail(agent, EndCause.OUT_OF_MEMORY, batch_that_fits=2)
    attempt = berth.database.read(lambda session: session.scalars(select(AttemptRow)).one())
    assert attempt.batch_that_fits == 2

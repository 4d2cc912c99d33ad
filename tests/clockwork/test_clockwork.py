"""The clockwork over real databases: what is due is done, once, whatever fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.bootstrap.system_clock import SystemClock
from bot.bootstrap.threads import ThreadedUseCases
from bot.clockwork.clockwork import Clockwork
from bot.clockwork.deliveries import DeliveryRound
from bot.clockwork.timers import fire_due
from bot.clockwork.wheel import Wheel
from bot.domain.policy import Policy
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState
from bot.ports.messenger import DeliveryFailed
from bot.services import booking, hosts, queries, upkeep
from bot.services.due import TimerKind
from bot.services.transaction import Tx, UseCases
from bot.store.artifacts import FsspecArtifactStore
from bot.store.database import Database
from bot.store.tables import ReservationRow
from tests.conftest import use_cases
from tests.fakes.messenger import FakeMessenger
from tests.support.clock import SetClock
from tests.support.world import TINY_RUN, a_host, a_member

LONG = timedelta(hours=2)


async def until(condition: Callable[[], bool], timeout_s: float = 10) -> None:
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)


@pytest.fixture
async def run(berth: UseCases) -> AsyncIterator[ThreadedUseCases]:
    runner = ThreadedUseCases(berth, threads=4)
    yield runner
    runner.close()


@pytest.fixture
def round_of(run: ThreadedUseCases, tmp_path: Path) -> Callable[[FakeMessenger], DeliveryRound]:
    store = FsspecArtifactStore(str(tmp_path / "artifacts"))
    return lambda messenger: DeliveryRound(run, messenger, store, "test")


def book(berth: UseCases, *, gpus: int = 1, training: bool = False) -> int:
    request = ReserveRequest(LONG, gpu_count=gpus, run=TINY_RUN if training else None)
    return berth.run(booking.reserve, a_member(berth), request).reservation_id


async def test_a_due_reservation_starts_and_its_host_is_told(
    berth: UseCases, run: ThreadedUseCases
) -> None:
    host_id = a_host(berth)
    await fire_due(run, "test")  # what a new host sets off
    reservation_id = book(berth, training=True)
    assert await fire_due(run, "test") == 1
    assert berth.run(queries.reservation, reservation_id).state is ReservationState.ACTIVE
    assert len(berth.run(hosts.desired_state, host_id).attempts) == 1
    assert await fire_due(run, "test") == 0


async def test_a_timer_that_fails_comes_back_and_does_not_hold_up_the_others(
    berth: UseCases,
    run: ThreadedUseCases,
    clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a_host(berth)
    await fire_due(run, "test")  # what a new host sets off
    first, second = book(berth), book(berth)
    really_start = upkeep._start

    def broken_for_the_first(tx: Tx, row: ReservationRow) -> None:
        if row.id == first:
            raise ZeroDivisionError
        really_start(tx, row)

    broken = {**upkeep.OF_RESERVATIONS, TimerKind.RESERVATION_STARTS: broken_for_the_first}
    monkeypatch.setattr(upkeep, "OF_RESERVATIONS", broken)
    assert await fire_due(run, "test") == 2
    states = {each: berth.run(queries.reservation, each).state for each in (first, second)}
    assert states == {first: ReservationState.BOOKED, second: ReservationState.ACTIVE}
    monkeypatch.undo()
    clock.advance(seconds=2)
    assert await fire_due(run, "test") == 1
    assert berth.run(queries.reservation, first).state is ReservationState.ACTIVE


async def test_a_card_is_posted_once_and_then_edited(
    berth: UseCases,
    run: ThreadedUseCases,
    round_of: Callable[[FakeMessenger], DeliveryRound],
) -> None:
    a_host(berth)
    messenger = FakeMessenger()
    deliveries = round_of(messenger)
    book(berth)
    assert await deliveries.deliver_due() == 1
    await fire_due(run, "test")
    assert await deliveries.deliver_due() == 1
    assert await deliveries.deliver_due() == 0
    (card,) = messenger.cards
    assert [view.state for view in card.views] == [ReservationState.BOOKED, ReservationState.ACTIVE]


async def test_a_lost_answer_leads_to_one_card(
    berth: UseCases, clock: SetClock, round_of: Callable[[FakeMessenger], DeliveryRound]
) -> None:
    a_host(berth)
    messenger = FakeMessenger()
    deliveries = round_of(messenger)
    book(berth)
    messenger.lose_next_answer()
    await deliveries.deliver_due()
    clock.advance(seconds=5)
    assert await deliveries.deliver_due() == 1
    assert len(messenger.cards) == 1


async def test_what_an_archived_channel_cannot_be_told_is_told_to_the_holder(
    berth: UseCases, clock: SetClock, round_of: Callable[[FakeMessenger], DeliveryRound]
) -> None:
    a_host(berth)
    messenger = FakeMessenger()
    messenger.archive("C0GPU")
    deliveries = round_of(messenger)
    reservation_id = book(berth)
    berth.run(booking.cancel, a_member(berth), reservation_id, "changed my mind")
    for _ in range(6):
        clock.advance(seconds=1)
        await deliveries.deliver_due()
    assert [card.shown.state for card in messenger.cards] == [ReservationState.CANCELLED]
    assert messenger.cards[0].address.channel_id != "C0GPU"
    assert [told.slack_user_id for told in messenger.direct_notices] == ["U0ALICE"]


async def test_an_unforeseen_failure_is_tried_again(
    berth: UseCases, clock: SetClock, round_of: Callable[[FakeMessenger], DeliveryRound]
) -> None:
    a_host(berth)
    messenger = FakeMessenger()
    messenger.fail_next(DeliveryFailed("internal_error"), times=3)
    deliveries = round_of(messenger)
    book(berth)
    for _ in range(4):
        await deliveries.deliver_due()
        clock.advance(seconds=10)
    assert len(messenger.cards) == 1


async def test_the_wheels_turn_when_woken_and_by_themselves(
    database: Database, policy: Policy, tmp_path: Path
) -> None:
    """With the real clock: a booking is told at once, and its start is not waited for long."""
    clock = SystemClock()
    berth = use_cases(database, clock, policy)
    a_host(berth)
    runner = ThreadedUseCases(berth, threads=4)
    messenger = FakeMessenger()
    store = FsspecArtifactStore(str(tmp_path / "artifacts"))
    clockwork = Clockwork(runner, clock, messenger, store, "test")
    database.on_commit.append(clockwork.wake)
    clockwork.start()
    try:
        await asyncio.to_thread(book, berth)
        await until(lambda: bool(messenger.cards))
        await until(lambda: messenger.cards[0].shown.state is ReservationState.ACTIVE)
    finally:
        await clockwork.stop()
        database.on_commit.clear()
        runner.close()


async def test_a_wheel_survives_a_turn_that_fails() -> None:
    turns = 0

    async def due() -> datetime | None:
        nonlocal turns
        turns += 1
        if turns == 1:
            raise OSError("the database is away")
        return None

    async def work() -> int:
        return 0

    wheel = Wheel("test", SetClock(datetime(2026, 1, 1, tzinfo=UTC)), work, due)
    await wheel.turn()
    await wheel.turn()
    assert turns == 2

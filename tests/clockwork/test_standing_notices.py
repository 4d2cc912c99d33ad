"""Reminders edit the direct message that they remind of: one message, whatever fails."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bot.bootstrap.threads import ThreadedUseCases
from bot.clockwork.deliveries import DeliveryRound
from bot.domain.preemption_notices import GpusTakenBack
from bot.domain.requests import ReserveRequest
from bot.ports.messenger import CardAddress, DeliveryFailed
from bot.services import booking, outbox
from bot.services.transaction import Tx, UseCases
from bot.store.artifacts import FsspecArtifactStore
from bot.store.tables import ReservationRow
from tests.fakes.messenger import FakeMessenger
from tests.support.clock import SetClock
from tests.support.world import a_host, a_member


@pytest.fixture
def messenger() -> FakeMessenger:
    return FakeMessenger()


@pytest.fixture
def number(berth: UseCases) -> int:
    a_host(berth)
    request = ReserveRequest(timedelta(hours=2))
    return berth.run(booking.reserve, a_member(berth), request).reservation_id


async def remind(
    berth: UseCases,
    clock: SetClock,
    tmp_path: Path,
    messenger: FakeMessenger,
    number: int,
    minutes: int,
    *,
    preemption: int = 1,
) -> None:
    """Tell the holder, and deliver until nothing is left to be sent."""

    def tell(tx: Tx) -> None:
        row = tx.session.get_one(ReservationRow, number)
        notice = GpusTakenBack(
            number, preemption, 9, "U0BOB", "p0", "", clock.now(), "{}", minutes=minutes
        )
        outbox.tell_holder(tx, row, notice)

    berth.run(tell)
    run = ThreadedUseCases(berth, threads=2)
    try:
        store = FsspecArtifactStore(str(tmp_path / "artifacts"))
        for _ in range(5):
            await DeliveryRound(run, messenger, store, "test").deliver_due()
            clock.advance(minutes=1)
    finally:
        run.close()


def said(messenger: FakeMessenger) -> list[int]:
    return [
        sent.notice.minutes
        for sent in messenger.direct_notices
        if isinstance(sent.notice, GpusTakenBack)
    ]


async def test_reminders_edit_the_same_message(
    berth: UseCases, clock: SetClock, tmp_path: Path, messenger: FakeMessenger, number: int
) -> None:
    for minutes in (0, 15, 5):
        await remind(berth, clock, tmp_path, messenger, number, minutes)
        assert said(messenger) == [minutes]
    assert messenger.calls.count("send_direct") == 1


async def test_another_preemption_is_a_message_of_its_own(
    berth: UseCases, clock: SetClock, tmp_path: Path, messenger: FakeMessenger, number: int
) -> None:
    await remind(berth, clock, tmp_path, messenger, number, 0)
    await remind(berth, clock, tmp_path, messenger, number, 0, preemption=2)
    await remind(berth, clock, tmp_path, messenger, number, 15, preemption=2)
    assert said(messenger) == [0, 15]


async def test_a_message_that_is_gone_is_said_anew(
    berth: UseCases, clock: SetClock, tmp_path: Path, messenger: FakeMessenger, number: int
) -> None:
    await remind(berth, clock, tmp_path, messenger, number, 0)
    (sent,) = messenger.direct_notices
    messenger.delete_direct(CardAddress("U0ALICE", sent.delivery_key))
    await remind(berth, clock, tmp_path, messenger, number, 15)
    assert said(messenger) == [15]
    await remind(berth, clock, tmp_path, messenger, number, 5)
    assert said(messenger) == [5], "and that one is edited from then on"


@pytest.mark.parametrize("failing", [0, 15])
async def test_what_fails_for_a_while_is_still_one_message(
    berth: UseCases,
    clock: SetClock,
    tmp_path: Path,
    messenger: FakeMessenger,
    number: int,
    failing: int,
) -> None:
    for minutes in (0, 15, 5):
        if minutes == failing:
            messenger.fail_next(DeliveryFailed("internal_error"))
            messenger.lose_next_answer()
        await remind(berth, clock, tmp_path, messenger, number, minutes)
    assert said(messenger) == [5]

"""What is said: at the latest state, in order, once, and never lost because of one refusal."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from bot.domain.notices import ReservationReleased
from bot.domain.policy import Policy
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState
from bot.domain.views import ReservationView
from bot.ports.messenger import CardAddress
from bot.services import booking, outbox
from bot.services.outbox import Parcel
from bot.services.transaction import UseCases
from bot.store.outbox import DeliveryKind
from bot.store.tables import OutboxRow
from tests.support.agent import FakeAgent
from tests.support.audit_trail import audited
from tests.support.clock import SetClock
from tests.support.clockwork import OWNER, Postman, fire_due
from tests.support.world import TINY_RUN, a_host, a_member

SECOND = timedelta(seconds=1)


@pytest.fixture
def agent(berth: UseCases) -> FakeAgent:
    return FakeAgent(berth, a_host(berth, gpus=4))


def booked(berth: UseCases, *, run: bool = False) -> ReservationView:
    request = ReserveRequest(timedelta(hours=2), run=TINY_RUN if run else None)
    return berth.run(booking.reserve, a_member(berth), request)


def give_back(berth: UseCases, view: ReservationView) -> None:
    berth.run(booking.cancel, a_member(berth), view.reservation_id, "no need")


def take(berth: UseCases, owner: str = OWNER) -> list[Parcel]:
    return list(berth.write(outbox.claim_deliveries, owner))


def take_one(berth: UseCases, owner: str = OWNER) -> Parcel:
    (parcel,) = take(berth, owner)
    return parcel


def sent_card(berth: UseCases, ts: str = "1.1") -> Parcel:
    parcel = take_one(berth)
    assert parcel.delivery.kind is DeliveryKind.CARD
    address = CardAddress(parcel.channel_id, ts)
    berth.write(outbox.record_card, parcel, OWNER, address)
    return parcel


def test_a_card_shows_the_state_of_the_moment_it_is_sent(berth: UseCases, agent: FakeAgent) -> None:
    view = booked(berth)
    give_back(berth, view)
    parcel = take_one(berth)
    assert parcel.view.state is ReservationState.CANCELLED, "one card for two changes"
    assert (parcel.channel_id, parcel.address, parcel.already_shown) == ("C0GPU", None, False)
    assert parcel.delivery_key == "card:1"
    assert not parcel.delivery.uncertain
    berth.write(outbox.record_card, parcel, OWNER, CardAddress("C0GPU", "1.1"))
    thread = take_one(berth)
    assert thread.notice == ReservationReleased(1, "U0ALICE", "no need", was_running=False)
    assert thread.address == CardAddress("C0GPU", "1.1")
    assert thread.delivery_key == f"outbox:{thread.delivery.delivery_id}"
    with audited(berth) as trail:
        berth.write(outbox.record_sent, thread, OWNER)
    assert trail.actions == [], "delivering is no change of the world"
    assert take(berth) == []
    assert berth.run(outbox.next_delivery_at) is None


def test_what_is_shown_already_need_not_be_shown_again(berth: UseCases, agent: FakeAgent) -> None:
    booked(berth)
    first = take_one(berth)
    fire_due(berth)
    berth.write(outbox.record_card, first, OWNER, CardAddress("C0GPU", "1.1"))
    changed = sent_card(berth)
    assert not changed.already_shown
    assert changed.view.state is ReservationState.ACTIVE
    assert changed.address == CardAddress("C0GPU", "1.1")


def test_a_retry_waits_longer_each_time_and_as_long_as_slack_says(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    booked(berth)
    waits = []
    for _ in range(12):
        parcel = take_one(berth)
        berth.write(outbox.record_retry, parcel, OWNER, "timeout", None)
        due = berth.run(outbox.next_delivery_at)
        assert due is not None
        waits.append((due - clock.now()).total_seconds())
        assert take(berth) == []
        clock.move_to(due)
    assert waits[:4] == [1, 2, 4, 8]
    assert waits[-1] == 300
    parcel = take_one(berth)
    assert parcel.delivery.uncertain
    berth.write(outbox.record_retry, parcel, OWNER, "ratelimited", 42 * SECOND)
    assert berth.run(outbox.next_delivery_at) == clock.now() + 42 * SECOND


def fail_often(
    berth: UseCases, clock: SetClock, fail: Callable[[Parcel], None], times: int
) -> list[str]:
    """Let the one message fail that many times; return the states that the outbox knows then."""
    for _ in range(times):
        fail(take_one(berth))
        clock.move_to(berth.run(outbox.next_delivery_at) or clock.now())
    return berth.database.read(lambda session: list(session.scalars(select(OutboxRow.state))))


def test_a_day_without_slack_loses_nothing(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    booked(berth)

    def fail(parcel: Parcel) -> None:
        berth.write(outbox.record_retry, parcel, OWNER, "timeout", None)

    assert fail_often(berth, clock, fail, 3 * outbox.TRIES_BEFORE_GIVING_UP) == ["pending"]


def test_a_message_that_trips_berth_itself_is_given_up_in_the_end(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    booked(berth)

    def fail(parcel: Parcel) -> None:
        berth.write(outbox.record_mishap, parcel, OWNER, "ZeroDivisionError()")

    assert fail_often(berth, clock, fail, outbox.TRIES_BEFORE_GIVING_UP) == ["dead"]


def test_a_sender_that_was_too_slow_records_nothing(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    booked(berth)
    slow = take_one(berth, "slow")
    clock.advance(seconds=30)
    quick = take_one(berth, "quick")
    assert quick.delivery.uncertain
    berth.write(outbox.record_card, quick, "quick", CardAddress("C0GPU", "1.1"))
    for record in (outbox.record_refusal, outbox.record_plot):
        berth.write(record, slow, "slow", "late")
    berth.write(outbox.record_card, slow, "slow", CardAddress("C0GPU", "9.9"))
    fire_due(berth)
    assert take_one(berth).address == CardAddress("C0GPU", "1.1")


def test_a_card_that_the_channel_refuses_goes_to_its_holder(
    berth: UseCases, agent: FakeAgent
) -> None:
    view = booked(berth)
    give_back(berth, view)
    berth.write(outbox.record_refusal, take_one(berth), OWNER, "is_archived")
    parcels = {parcel.delivery.lane: parcel for parcel in take(berth)}
    assert set(parcels) == {"C0GPU", "dm:U0ALICE"}
    direct = parcels["dm:U0ALICE"]
    assert (direct.delivery.kind, direct.channel_id) == (DeliveryKind.CARD, "U0ALICE")
    berth.write(outbox.record_refusal, parcels["C0GPU"], OWNER, "no_card")
    berth.write(outbox.record_card, direct, OWNER, CardAddress("D1", "2.2"))
    told = take_one(berth)
    assert told.delivery.kind is DeliveryKind.DIRECT
    assert isinstance(told.notice, ReservationReleased), "what the channel cannot hear, they do"


def test_a_card_that_is_gone_is_posted_anew(berth: UseCases, agent: FakeAgent) -> None:
    booked(berth)
    sent_card(berth)
    fire_due(berth)
    berth.write(outbox.record_refusal, take_one(berth), OWNER, "message_not_found")
    again = take_one(berth)
    assert (again.delivery.lane, again.address) == ("C0GPU", None)
    berth.write(outbox.record_card, again, OWNER, CardAddress("C0GPU", "3.3"))
    assert take(berth) == []


def test_what_even_the_holder_cannot_be_told_is_given_up(berth: UseCases, agent: FakeAgent) -> None:
    booked(berth)
    berth.write(outbox.record_refusal, take_one(berth), OWNER, "is_archived")
    berth.write(outbox.record_refusal, take_one(berth), OWNER, "user_disabled")
    assert take(berth) == []
    states = berth.database.read(lambda s: set(s.scalars(select(OutboxRow.state))))
    assert states == {"dead"}


def test_a_notice_of_a_newer_release_does_not_hold_up_the_others(
    berth: UseCases, agent: FakeAgent
) -> None:
    view = booked(berth)
    give_back(berth, view)
    sent_card(berth)
    berth.database.write(
        lambda s: s.execute(
            update(OutboxRow)
            .where(OutboxRow.kind == DeliveryKind.THREAD)
            .values(payload={"v": 2, "kind": "from_the_future"})
        )
    )
    other = booked(berth)
    assert take(berth) == []
    parcel = take_one(berth)
    assert parcel.view.reservation_id == other.reservation_id
    dead = select(OutboxRow.last_error).where(OutboxRow.state == "dead")
    assert "from_the_future" in str(berth.database.read(lambda s: s.scalar(dead)))


def test_progress_is_held_back_and_state_changes_are_not(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    berth = UseCases(berth.database, clock, Policy(), berth.defaults)
    agent.berth = berth
    booked(berth, run=True)
    postman = Postman()
    fire_due(berth)
    agent.look()
    agent.work()
    agent.report()
    postman.deliver_all(berth)
    shown_at = clock.now()
    for _ in range(2):
        clock.advance(seconds=10)
        agent.work()
        agent.report()
        postman.deliver_all(berth)
        run = postman.cards[1].run
        assert run is not None
        assert run.progress.epoch == 0, "Slack allows few edits"
    assert berth.run(outbox.next_delivery_at) == shown_at + 45 * SECOND
    clock.advance(seconds=10)
    agent.work()
    agent.report()
    postman.deliver_all(berth)
    run = postman.cards[1].run
    assert run is not None
    assert (run.progress.epoch, run.state.is_over) == (3, True), "an end is shown at once"


def test_nobody_is_told_of_what_was_rolled_back(berth: UseCases, agent: FakeAgent) -> None:
    def book_and_fail(tx: object) -> None:
        booking.reserve(tx, a_member(berth), ReserveRequest(timedelta(hours=2)))  # type: ignore[arg-type] # a Tx
        raise RuntimeError

    a_member(berth)
    with audited(berth) as trail, pytest.raises(RuntimeError):
        berth.write(book_and_fail)
    assert trail.actions == []
    assert take(berth) == []

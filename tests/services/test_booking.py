"""Booking: every refusal says why, and what instead; one asking books once."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from bot.domain.errors import (
    BerthError,
    BeyondHorizon,
    InvalidGpuCount,
    NoSingleHost,
    PastStart,
    TooLong,
    TooShort,
    UnknownGpu,
    WindowTaken,
)
from bot.domain.holdings import Alternative
from bot.domain.policy import Policy
from bot.domain.priority import Priority
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState, RunState
from bot.protocol.messages import GpuInventory, RegisterRequest
from bot.services import booking, hosts, queries
from bot.services.due import TimerKind
from bot.services.transaction import UseCases
from bot.store.tables import ClaimRow, OutboxRow, ReservationRow, TimerRow
from tests.support.audit_trail import audited
from tests.support.clock import SetClock
from tests.support.world import TINY_RUN, a_host, a_member

HOUR = timedelta(hours=1)
TWO_HOURS = 2 * HOUR


def wish(**fields: object) -> ReserveRequest:
    return ReserveRequest(**{"length": TWO_HOURS, **fields})  # type: ignore[arg-type] # any fields


def nothing_was_kept(berth: UseCases) -> bool:
    tables = (ReservationRow, ClaimRow, OutboxRow)
    return berth.database.read(
        lambda s: [s.scalar(select(func.count()).select_from(each)) for each in tables] == [0, 0, 0]
    )


def test_a_booking_holds_its_gpus_and_says_so(berth: UseCases, clock: SetClock) -> None:
    a_host(berth, gpus=4)
    alice = a_member(berth)
    with audited(berth) as trail:
        view = berth.run(
            booking.reserve,
            alice,
            wish(gpu_count=2, start=clock.now() + 4 * HOUR, note="release", run=TINY_RUN),
        )
    assert view.state is ReservationState.BOOKED
    assert (view.window.start.hour, view.window.length) == (16, 2 * TWO_HOURS)
    assert (view.holder_slack_id, view.note, view.gpu_count) == ("U0ALICE", "release", 2)
    assert view.priority is Priority.P2
    assert view.preemptible, "research may be taken back unless said otherwise"
    assert view.run is not None
    assert view.run.state is RunState.WAITING
    assert view.run.spec == TINY_RUN
    event = trail.only()
    assert (event.action, event.actor, event.reason) == ("reservation.booked", "U0ALICE", "release")
    assert event.data["gpus"] == [gpu.name for gpu in view.gpus]
    assert berth.run(queries.reservation, view.reservation_id) == view
    timers = berth.database.read(
        lambda s: set(s.scalars(select(TimerRow.kind).where(TimerRow.subject_id == 1)))
    )
    assert timers >= {
        TimerKind.RESERVATION_STARTS,
        TimerKind.RUN_STOPS,
        TimerKind.RESERVATION_ENDS,
        "ends_soon:60",
        "ends_soon:30",
    }


def test_now_takes_the_rest_of_the_slot_as_well(berth: UseCases, clock: SetClock) -> None:
    a_host(berth, gpus=1)
    view = berth.run(booking.reserve, a_member(berth), wish())
    assert view.window.start == clock.now()
    assert view.window.end == clock.now().replace(hour=16, minute=0)


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (wish(gpu_count=0), InvalidGpuCount),
        (wish(gpu_count=-1), InvalidGpuCount),
        (wish(gpu_count=7), InvalidGpuCount),
        (wish(gpu_names=("gpu9",)), UnknownGpu),
        (wish(gpu_names=("gpu0@nowhere",)), UnknownGpu),
        (wish(gpu_names=("gpu0",)), UnknownGpu),
        (wish(gpu_names=("gpu0@host1", "gpu0@host2"), run=TINY_RUN), NoSingleHost),
        (wish(gpu_count=5, run=TINY_RUN), NoSingleHost),
        (wish(length=TWO_HOURS - timedelta(seconds=1)), TooShort),
        (wish(length=timedelta(days=7, seconds=1)), TooLong),
    ],
)
def test_senseless_wishes_are_refused(
    berth: UseCases, request_: ReserveRequest, error: type[BerthError]
) -> None:
    a_host(berth, "host1", 4)
    a_host(berth, "host2", 2)
    with audited(berth) as trail, pytest.raises(error):
        berth.run(booking.reserve, a_member(berth), request_)
    assert trail.actions == ["team.created", "member.joined"]
    assert nothing_was_kept(berth)


def test_the_edges_of_the_calendar(berth: UseCases, clock: SetClock, policy: Policy) -> None:
    a_host(berth, gpus=4)
    alice = a_member(berth)
    now = clock.now()
    with pytest.raises(PastStart):
        berth.run(booking.reserve, alice, wish(start=now - timedelta(minutes=5, seconds=1)))
    with pytest.raises(BeyondHorizon):
        berth.run(booking.reserve, alice, wish(start=now + policy.horizon + timedelta(seconds=1)))
    late = berth.run(booking.reserve, alice, wish(start=now - timedelta(minutes=5)))
    assert late.window.start == now, "what was asked a moment ago starts now"
    berth.run(booking.reserve, alice, wish(start=now + policy.horizon))


def test_where_there_is_no_gpu_there_is_nothing_to_book(berth: UseCases) -> None:
    with pytest.raises(InvalidGpuCount) as refusal:
        berth.run(booking.reserve, a_member(berth), wish())
    assert refusal.value.available == 0


def test_a_conflict_names_who_holds_what_and_what_would_fit(
    berth: UseCases, clock: SetClock
) -> None:
    a_host(berth, gpus=4)
    alice, bob = a_member(berth), a_member(berth, "U0BOB")
    held = berth.run(booking.reserve, alice, wish(gpu_count=3))
    with pytest.raises(WindowTaken) as refusal:
        berth.run(booking.reserve, bob, wish(gpu_count=2))
    error = refusal.value
    assert (error.wanted_gpus, error.free_gpus) == (2, 1)
    (holding,) = error.holdings
    assert (holding.reservation_id, holding.holder_slack_id) == (held.reservation_id, "U0ALICE")
    assert (holding.gpu_count, holding.window) == (3, held.window)
    assert error.alternatives
    later = [each for each in error.alternatives if each.gpu_count == 2]
    assert later[0].window.start == held.window.end, "the nearest is the moment it becomes free"
    assert {each.window.length for each in later} == {TWO_HOURS}, "no more than was asked for"
    assert later == sorted(later, key=lambda each: each.window.start)
    assert [each.gpu_count for each in error.alternatives if each not in later] == [1]


@pytest.mark.parametrize("seconds_later", [0, 40])
@pytest.mark.parametrize("runs", [False, True])
def test_every_alternative_can_be_booked_as_it_was_offered(
    berth: UseCases, clock: SetClock, seconds_later: int, runs: bool
) -> None:
    a_host(berth, "host1", 3)
    a_host(berth, "host2", 2)
    alice, bob = a_member(berth), a_member(berth, "U0BOB")
    noon = clock.now().replace(minute=0)
    for start in (clock.now(), noon + 6 * HOUR, noon + 10 * HOUR):
        berth.run(booking.reserve, alice, wish(gpu_count=4, start=start))
    asked = wish(gpu_count=3, length=3 * HOUR, run=TINY_RUN if runs else None)
    with pytest.raises(WindowTaken) as refusal:
        berth.run(booking.reserve, bob, asked)
    clock.advance(seconds=seconds_later)
    assert len(refusal.value.alternatives) >= 3
    for offered in refusal.value.alternatives:
        view = berth.run(booking.reserve, bob, as_request(offered, asked))
        assert view.gpu_count == offered.gpu_count
        assert view.window.end == offered.window.end
        assert view.window.start == max(offered.window.start, clock.now())
        berth.run(booking.cancel, bob, view.reservation_id, "only to see that it works")


def as_request(offered: Alternative, asked: ReserveRequest) -> ReserveRequest:
    return ReserveRequest(
        offered.window.length,
        gpu_count=offered.gpu_count,
        gpu_names=offered.gpu_names,
        start=offered.window.start,
        run=asked.run,
    )


def test_a_wish_longer_than_the_horizon_still_sees_every_claim(
    berth: UseCases, clock: SetClock
) -> None:
    a_host(berth, gpus=1)
    short = Policy(horizon=timedelta(days=1))
    berth = UseCases(berth.database, clock, short, berth.defaults)
    alice, bob = a_member(berth), a_member(berth, "U0BOB")
    for days in (1, 2, 3, 4):
        berth.run(booking.reserve, alice, wish(start=clock.now() + timedelta(days=1)))
        clock.advance(days=days and 1)
    with pytest.raises(WindowTaken):
        berth.run(booking.reserve, bob, wish(length=timedelta(days=6)))


def test_the_same_asking_books_once(berth: UseCases, clock: SetClock) -> None:
    a_host(berth, gpus=4)
    alice, bob = a_member(berth), a_member(berth, "U0BOB")
    first = berth.run(booking.reserve, alice, wish(request_key="V1"))
    with audited(berth) as trail:
        assert berth.run(booking.reserve, alice, wish(request_key="V1")) == first
    assert trail.actions == []
    other = berth.run(booking.reserve, alice, wish(request_key="V2"))
    assert other.reservation_id != first.reservation_id
    theirs = berth.run(booking.reserve, bob, wish(request_key="V1"))
    assert theirs.holder_slack_id == "U0BOB", "a key is its member's own"
    berth.run(booking.cancel, alice, first.reservation_id, "done")
    again = berth.run(booking.reserve, alice, wish(request_key="V1"))
    assert again.state is ReservationState.CANCELLED, "late deliveries book nothing anew"


def test_a_refused_asking_may_be_repeated_with_its_key(berth: UseCases) -> None:
    a_host(berth, gpus=1)
    alice, bob = a_member(berth), a_member(berth, "U0BOB")
    held = berth.run(booking.reserve, alice, wish())
    with pytest.raises(WindowTaken):
        berth.run(booking.reserve, bob, wish(request_key="V1"))
    berth.run(booking.cancel, alice, held.reservation_id, "all yours")
    assert berth.run(booking.reserve, bob, wish(request_key="V1")).gpu_count == 1


def test_gpus_by_name(berth: UseCases) -> None:
    a_host(berth, "host1", 3)
    a_host(berth, "host2", 2)
    alice = a_member(berth)
    view = berth.run(
        booking.reserve, alice, wish(gpu_names=("GPU2@HOST1", "gpu2", "gpu1@host2"), gpu_count=9)
    )
    assert {gpu.name for gpu in view.gpus} == {"gpu2@host1", "gpu1@host2"}
    with pytest.raises(WindowTaken) as refusal:
        berth.run(booking.reserve, alice, wish(gpu_names=("gpu2",)))
    assert {each.gpu_count for each in refusal.value.alternatives} == {1}
    for offered in refusal.value.alternatives:
        assert offered.window.start >= view.window.end or offered.gpu_names


def test_an_ambiguous_name_is_answered_with_the_full_ones(berth: UseCases) -> None:
    a_host(berth, "host1", 2)
    a_host(berth, "host2", 2)
    with pytest.raises(UnknownGpu) as refusal:
        berth.run(booking.reserve, a_member(berth), wish(gpu_names=("gpu1",)))
    assert refusal.value.known == ("gpu1@host1", "gpu1@host2")


def test_a_run_gets_its_gpus_on_one_host(berth: UseCases) -> None:
    a_host(berth, "host1", 2)
    a_host(berth, "host2", 3)
    alice = a_member(berth)
    berth.run(booking.reserve, alice, wish(gpu_names=("gpu2",)))
    view = berth.run(booking.reserve, alice, wish(gpu_count=2, run=TINY_RUN))
    assert len({gpu.host_id for gpu in view.gpus}) == 1
    with pytest.raises(WindowTaken) as refusal:
        berth.run(booking.reserve, alice, wish(gpu_count=3, run=TINY_RUN))
    assert refusal.value.free_gpus == 2
    spread = berth.run(booking.reserve, alice, wish(gpu_count=2))
    assert spread.gpu_count == 2, "without a run they may stand apart"


def test_a_gpu_that_is_gone_cannot_be_booked(berth: UseCases) -> None:
    a_host(berth, gpus=2)
    left = GpuInventory(uuid="GPU-host1-0", model="A100", memory_mib=81920, index=0)
    berth.write(
        hosts.register,
        RegisterRequest(protocol_version=1, agent_version="t", host_name="host1", gpus=(left,)),
    )
    with pytest.raises(InvalidGpuCount) as refusal:
        berth.run(booking.reserve, a_member(berth), wish(gpu_count=2))
    assert refusal.value.available == 1


def test_back_to_back_windows_both_fit(berth: UseCases, clock: SetClock) -> None:
    a_host(berth, gpus=1)
    alice, bob = a_member(berth), a_member(berth, "U0BOB")
    first = berth.run(booking.reserve, alice, wish())
    second = berth.run(booking.reserve, bob, wish(start=first.window.end))
    assert second.window.start == first.window.end
    status = berth.run(queries.status).hosts[0].gpus[0]
    assert status.holding is not None
    assert status.next_holding is not None
    assert status.holding.reservation_id == first.reservation_id
    assert status.next_holding.reservation_id == second.reservation_id

"""Will it be ready? Windows, the latest safe start, and what would help where nothing fits."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.domain.errors import InvalidGpuCount, NoSingleHost, UnknownGpuType, WindowTaken
from bot.domain.people import Member
from bot.domain.planning import IdeaKind, Meets, Plan, PlanRequest
from bot.domain.priority import Priority
from bot.domain.requests import ReserveRequest
from bot.domain.run_spec import TrainingSpec
from bot.protocol.messages import GpuInventory, RegisterRequest
from bot.services import booking, changing, hosts, plans, queries
from bot.services.transaction import UseCases
from tests.support.audit_trail import audited
from tests.support.clock import SetClock
from tests.support.history import a_finished_run
from tests.support.training import Training
from tests.support.world import a_host, a_member

HOUR = timedelta(hours=1)
SPEC = TrainingSpec(model="yolo11m", data="coco.yaml", epochs=100)
WISH = PlanRequest(SPEC)


@pytest.fixture
def alice(berth: UseCases) -> Member:
    a_host(berth, gpus=4)
    return a_member(berth)


def known(berth: UseCases, alice: Member, runs: int = 3, epoch_s: float = 180.0) -> None:
    """Three runs just like it: 100 epochs take 5 h and a minute."""
    for _ in range(runs):
        a_finished_run(berth, alice, SPEC, epoch_s)


def at(clock: SetClock, hours: float) -> datetime:
    return clock.now().replace(hour=0, minute=0) + hours * HOUR


def ask(berth: UseCases, member: Member, request: PlanRequest) -> Plan:
    with audited(berth) as trail:
        found = berth.run(plans.plan, member, request)
    assert trail.events == [], "a plan changes nothing"
    return found


def hold(berth: UseCases, member: Member, start: datetime, hours: float, gpus: int = 4) -> int:
    request = ReserveRequest(hours * HOUR, gpus, start=start)
    return berth.run(booking.reserve, member, request).reservation_id


def test_without_history_it_says_so_and_offers_a_trial(berth: UseCases, alice: Member) -> None:
    found = ask(berth, alice, WISH)
    assert found.options == ()
    assert found.windows == ()
    assert found.trial is not None
    assert found.trial.length == 2 * HOUR
    assert found.trial.run == replace(SPEC, epochs=3)
    booked = berth.run(booking.reserve, alice, found.trial)
    assert booked.run is not None


def test_what_has_been_measured_says_how_long_and_the_soonest_window_starts_now(
    berth: UseCases, clock: SetClock, alice: Member
) -> None:
    known(berth, alice)
    found = ask(berth, alice, WISH)
    (option,) = found.options
    assert option.length.likely == timedelta(seconds=100 * 180 + 60)
    assert option.length.low < option.length.likely < option.length.high
    assert (option.estimate.runs, option.estimate.steps) == (3, ())
    first = found.windows[0]
    assert first.window.start == clock.now()
    assert first.likely_at == clock.now() + option.length.likely
    assert first.window.end >= first.high_at
    booked = berth.run(booking.reserve, alice, first.request())
    assert booked.run is not None
    assert booked.run.spec == SPEC
    assert booked.window == first.window


def test_windows_meet_the_deadline_and_the_latest_safe_start_is_safe(
    berth: UseCases, clock: SetClock, alice: Member
) -> None:
    known(berth, alice)
    deadline = at(clock, 24 + 9)
    found = ask(berth, alice, replace(WISH, deadline=deadline))
    assert found.meets is Meets.SURELY
    assert len(found.windows) == 3
    spans = [each.window for each in found.windows]
    assert not any(one.overlaps(two) for one in spans for two in spans if one is not two)
    assert all(each.high_at <= deadline for each in found.windows)
    assert found.windows[0].likely_at <= found.windows[1].likely_at
    assert found.latest is not None
    assert found.latest.high_at <= deadline < found.latest.high_at + 2 * HOUR
    booked = berth.run(booking.reserve, alice, found.latest.request())
    assert booked.window == found.latest.window


def test_what_is_booked_is_looked_around(berth: UseCases, clock: SetClock, alice: Member) -> None:
    known(berth, alice)
    bob = a_member(berth, "U0BOB")
    hold(berth, bob, clock.now(), 8)
    found = ask(berth, alice, replace(WISH, deadline=at(clock, 48)))
    assert found.windows[0].window.start == at(clock, 22)


def test_a_deadline_between_likely_and_latest_is_not_sure(
    berth: UseCases, clock: SetClock, alice: Member
) -> None:
    known(berth, alice)
    found = ask(berth, alice, replace(WISH, deadline=clock.now() + 5.2 * HOUR))
    assert found.meets is Meets.LIKELY
    assert found.latest is None


def test_too_late_comes_with_what_would_be_in_time(
    berth: UseCases, clock: SetClock, alice: Member
) -> None:
    known(berth, alice)
    deadline = clock.now() + 4 * HOUR
    found = ask(berth, alice, replace(WISH, deadline=deadline))
    assert found.meets is Meets.NO
    assert len(found.windows) == 1, "the soonest, which is too late"
    ideas = {idea.kind: idea.planned for idea in found.ideas}
    assert set(ideas) == set(IdeaKind)
    assert 50 <= ideas[IdeaKind.FEWER_EPOCHS].run.epochs < 80
    assert ideas[IdeaKind.SMALLER_IMAGES].run.imgsz in (320, 480)
    assert ideas[IdeaKind.MORE_GPUS].gpu_count in (2, 4)
    for planned in ideas.values():
        assert planned.high_at <= deadline
        assert planned.window.start >= clock.now()
    more = berth.run(booking.reserve, alice, ideas[IdeaKind.MORE_GPUS].request())
    assert more.gpu_count == ideas[IdeaKind.MORE_GPUS].gpu_count


def test_who_could_make_room_is_named(berth: UseCases, clock: SetClock, alice: Member) -> None:
    known(berth, alice)
    bob, eve = a_member(berth, "U0BOB"), a_member(berth, "U0EVE")
    deadline = at(clock, 24)
    hold(berth, bob, at(clock, 14), 4, gpus=3)
    hold(berth, bob, at(clock, 18), 4, gpus=3)
    hold(berth, eve, at(clock, 14), 12, gpus=1)
    hold(berth, bob, at(clock, 22), 8, gpus=3)
    mine = hold(berth, alice, at(clock, 48), 12, gpus=1)
    found = ask(berth, alice, replace(WISH, deadline=deadline, not_before=at(clock, 16)))
    assert found.meets is Meets.NO
    assert found.room is not None
    assert found.room.window.start >= at(clock, 16)
    assert [maker.holding.holder_slack_id for maker in found.room.makers] == ["U0EVE"]
    assert not found.room.makers[0].needs_approval
    assert [idea.my_reservation_id for idea in found.swaps] == [mine]
    urgent = ask(
        berth,
        alice,
        replace(WISH, deadline=deadline, not_before=at(clock, 16), priority=Priority.P0),
    )
    assert urgent.room is not None
    assert urgent.room.makers[0].needs_approval


def test_what_is_longer_than_a_reservation_is_told_with_what_fits(
    berth: UseCases, alice: Member
) -> None:
    known(berth, alice)
    long = replace(WISH, run=replace(SPEC, epochs=6000))
    found = ask(berth, alice, long)
    assert found.too_long
    assert found.windows == ()
    fewer = [idea.planned for idea in found.ideas if idea.kind is IdeaKind.FEWER_EPOCHS]
    assert 2000 < fewer[0].run.epochs < 4000


def test_each_type_of_gpu_has_its_own_length(berth: UseCases, alice: Member) -> None:
    inventory = tuple(
        GpuInventory(
            uuid=f"GPU-fast-{index}",
            model="NVIDIA H100 80GB",
            memory_mib=81920,
            index=index,
            simulated=True,
        )
        for index in range(2)
    )
    berth.write(
        hosts.register,
        RegisterRequest(protocol_version=1, agent_version="t", host_name="fast", gpus=inventory),
    )
    known(berth, alice)
    a_finished_run(berth, alice, SPEC, 90.0, gpu_type="H100-80GB")
    found = ask(berth, alice, WISH)
    lengths = {option.gpu_type: option.length.likely for option in found.options}
    assert lengths["H100-80GB"] < lengths["A100"]
    assert found.windows[0].gpu_type == "H100-80GB"
    only = ask(berth, alice, replace(WISH, gpu_type="a100"))
    assert [option.gpu_type for option in only.options] == ["A100"]


def test_what_cannot_be_is_refused(berth: UseCases, alice: Member) -> None:
    a_host(berth, "host2", gpus=2)
    with pytest.raises(UnknownGpuType):
        ask(berth, alice, replace(WISH, gpu_type="t4"))
    with pytest.raises(InvalidGpuCount):
        ask(berth, alice, replace(WISH, gpu_count=9))
    with pytest.raises(NoSingleHost):
        ask(berth, alice, replace(WISH, gpu_count=5))


def test_a_booked_training_is_expected_to_be_done(
    berth: UseCases, clock: SetClock, alice: Member
) -> None:
    known(berth, alice)
    view = berth.run(booking.reserve, alice, ReserveRequest(8 * HOUR, run=SPEC))
    finish = berth.run(plans.expected_finish, view.reservation_id)
    assert finish is not None
    assert finish.fits
    short = berth.run(booking.reserve, alice, ReserveRequest(2 * HOUR, run=SPEC))
    late = berth.run(plans.expected_finish, short.reservation_id)
    assert late is not None
    assert not late.fits
    bare = berth.run(booking.reserve, alice, ReserveRequest(2 * HOUR))
    assert berth.run(plans.expected_finish, bare.reservation_id) is None
    assert berth.run(queries.reservation, bare.reservation_id).run is None


def test_what_fits_instead_of_a_move_or_an_extension_says_when_it_is_done(
    berth: UseCases, clock: SetClock, alice: Member
) -> None:
    a_finished_run(berth, alice, SPEC, 60.0)
    bob = a_member(berth, "U0BOB")
    hold(berth, bob, at(clock, 18), 4)
    start = at(clock, 14)
    wish = ReserveRequest(2 * HOUR, run=SPEC, start=start)
    mine = berth.run(booking.reserve, alice, wish).reservation_id
    with pytest.raises(WindowTaken) as taken:
        berth.run(changing.move, alice, mine, at(clock, 18))
    (first, *_) = taken.value.alternatives
    assert first.finishes_at == first.window.start + timedelta(seconds=6060)
    assert first.finishes_high_at is not None
    assert first.finishes_at < first.finishes_high_at


def test_an_extension_that_is_cut_short_says_whether_the_run_is_done_by_then(
    berth: UseCases, clock: SetClock, alice: Member
) -> None:
    bob = a_member(berth, "U0BOB")
    wish = ReserveRequest(2 * HOUR, run=SPEC, gpu_names=("gpu0",))
    view = berth.run(booking.reserve, alice, wish)
    next_one = ReserveRequest(4 * HOUR, gpu_names=("gpu0",), start=view.window.end + 2 * HOUR)
    berth.run(booking.reserve, bob, next_one)
    run = Training(berth, clock, view.gpus[0].host_id, view.reservation_id)
    run.start()
    run.epochs(10, minutes=3)
    with pytest.raises(WindowTaken) as taken:
        berth.run(changing.extend, alice, view.reservation_id, view.window.end + 6 * HOUR)
    first = taken.value.alternatives[0]
    assert first.window.end == view.window.end + 2 * HOUR
    assert first.finishes_at == clock.now() + 270 * timedelta(minutes=1)

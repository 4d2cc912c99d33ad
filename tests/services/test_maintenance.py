"""Maintenance, drained hosts and broken GPUs: who is in the way is moved, asked, told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from bot.domain.errors import (
    AdminsOnly,
    InvalidGpuCount,
    MaintenanceStays,
    NotTheHolder,
    UnknownHostName,
    WindowTaken,
)
from bot.domain.maintenance import Effects, MaintenancePlan, MaintenanceWish
from bot.domain.people import Role
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState, RunState
from bot.domain.views import ReservationView
from bot.protocol.messages import (
    AttemptEnd,
    AttemptObservation,
    AttemptState,
    EndCause,
    GpuInventory,
    RegisterRequest,
    Report,
)
from bot.services import booking, changing, hardware, hosts, maintenance, queries, upkeep
from bot.services.transaction import UseCases
from bot.store.tables import OutboxRow
from tests.support.clock import SetClock
from tests.support.world import TINY_RUN, a_host, a_member

TWO_HOURS = timedelta(hours=2)
FOUR = datetime(2026, 11, 23, 16, tzinfo=UTC)
EIGHT = datetime(2026, 11, 23, 20, tzinfo=UTC)


def book(berth: UseCases, *, start: datetime | None = None, **more: object) -> ReservationView:
    wish = ReserveRequest(TWO_HOURS, start=start, **more)  # type: ignore[arg-type] # as given
    return berth.run(booking.reserve, a_member(berth), wish)


def plan(berth: UseCases, *targets: str, **more: object) -> MaintenancePlan:
    wish = MaintenanceWish(targets, **{"length": 3 * TWO_HOURS, **more})  # type: ignore[arg-type] # as given
    return berth.run(maintenance.plan, a_member(berth, "U0ROOT", admin=True), wish)


def view(berth: UseCases, number: int) -> ReservationView:
    return berth.run(queries.reservation, number)


def fire(berth: UseCases) -> None:
    while timers := berth.write(upkeep.claim_timers, "test"):
        for timer in timers:
            berth.write(upkeep.fire, timer, "test")


def told(berth: UseCases, user: str = "U0ALICE") -> list[str]:
    rows = berth.database.read(
        lambda session: session.scalars(
            select(OutboxRow).where(OutboxRow.lane == f"dm:{user}").order_by(OutboxRow.id)
        ).all()
    )
    return [row.payload["kind"] for row in rows]


def test_maintenance_has_exact_times_and_keeps_everybody_off(
    berth: UseCases, clock: SetClock
) -> None:
    a_host(berth, gpus=2)
    start = datetime(2026, 11, 23, 16, 7, tzinfo=UTC)
    planned = plan(berth, "host1", start=start, length=timedelta(minutes=50), reason="driver")
    assert (planned.view.window.start, planned.view.window.length) == (start, timedelta(minutes=50))
    with pytest.raises(WindowTaken):
        book(berth, start=FOUR)
    book(berth, start=FOUR + TWO_HOURS)
    clock.move_to(start)
    fire(berth)
    assert view(berth, planned.view.reservation_id).state is ReservationState.ACTIVE
    clock.move_to(start + timedelta(minutes=50))
    fire(berth)
    assert view(berth, planned.view.reservation_id).state is ReservationState.ENDED
    assert book(berth).gpu_count == 1


def test_only_admins_may_and_unknown_names_are_named(berth: UseCases) -> None:
    a_host(berth)
    alice, root = a_member(berth), a_member(berth, "U0ROOT", admin=True)
    wish = MaintenanceWish(("host1",), TWO_HOURS)
    for act in (
        lambda: berth.run(maintenance.plan, alice, wish),
        lambda: berth.run(hardware.drain, alice, "host1", ""),
        lambda: berth.run(hardware.undrain, alice, "host1"),
        lambda: berth.run(hardware.mark_broken, alice, ["gpu0@host1"], ""),
        lambda: berth.run(hardware.mark_repaired, alice, ["gpu0@host1"]),
    ):
        with pytest.raises(AdminsOnly):
            act()
    with pytest.raises(UnknownHostName) as unknown:
        berth.run(maintenance.plan, root, MaintenanceWish(("host9",), TWO_HOURS))
    assert unknown.value.known == ("host1",)
    planned = plan(berth, "host1")
    lead = replace(alice, role=Role.LEAD)
    with pytest.raises(AdminsOnly):
        berth.run(booking.cancel, lead, planned.view.reservation_id, "")


def test_what_lies_ahead_goes_to_equal_gpus_elsewhere(berth: UseCases) -> None:
    a_host(berth, "host1", gpus=2)
    a_host(berth, "host2", gpus=2)
    booked = book(berth, start=FOUR, gpu_names=("gpu0@host1", "gpu1@host1"), run=TINY_RUN)
    planned = plan(berth, "host1", start=FOUR)
    assert planned.effects.moved == (booked.reservation_id,)
    moved = view(berth, booked.reservation_id)
    assert {gpu.host_name for gpu in moved.gpus} == {"host2"}
    assert moved.window == booked.window
    assert told(berth) == ["moved_to_other_gpus"]
    assert len(planned.view.gpus) == 2


def test_without_other_gpus_the_holder_chooses_another_window(
    berth: UseCases, clock: SetClock
) -> None:
    a_host(berth, gpus=1)
    alice = a_member(berth)
    booked = book(berth, start=FOUR + TWO_HOURS)
    planned = plan(berth, "gpu0@host1", start=FOUR)
    assert planned.effects.asked == (booked.reservation_id,)
    assert told(berth) == ["needs_new_window"]
    with pytest.raises(WindowTaken):
        book(berth, start=FOUR)
    offered = berth.database.read(
        lambda session: session.scalars(
            select(OutboxRow).where(OutboxRow.lane == "dm:U0ALICE")
        ).one()
    )
    first = datetime.fromisoformat(offered.payload["choices"][0])
    assert first == planned.view.window.end, "what is offered lies outside of the maintenance"
    berth.run(changing.move, alice, booked.reservation_id, FOUR + 3 * TWO_HOURS)
    with pytest.raises(WindowTaken):
        book(berth, start=FOUR + TWO_HOURS)
    clock.move_to(FOUR)
    fire(berth)
    assert view(berth, planned.view.reservation_id).state is ReservationState.ACTIVE
    assert view(berth, booked.reservation_id).state is ReservationState.BOOKED


def test_who_does_nothing_is_cancelled_when_the_maintenance_begins_and_told_again(
    berth: UseCases, clock: SetClock
) -> None:
    a_host(berth, gpus=1)
    booked = book(berth, start=FOUR + TWO_HOURS)
    planned = plan(berth, "host1", start=FOUR)
    clock.move_to(FOUR - timedelta(seconds=1))
    fire(berth)
    assert view(berth, booked.reservation_id).state is ReservationState.BOOKED
    clock.move_to(FOUR)
    fire(berth)
    assert view(berth, booked.reservation_id).state is ReservationState.CANCELLED
    assert told(berth) == ["needs_new_window", "cancelled_by_outage"]
    assert view(berth, planned.view.reservation_id).state is ReservationState.ACTIVE


def test_calling_it_off_leaves_everything_as_it_was_booked(
    berth: UseCases, clock: SetClock
) -> None:
    a_host(berth, gpus=1)
    booked = book(berth, start=FOUR)
    planned = plan(berth, "host1", start=FOUR)
    root = a_member(berth, "U0ROOT", admin=True)
    berth.run(booking.cancel, root, planned.view.reservation_id, "not needed")
    assert told(berth) == ["needs_new_window", "outage_over"]
    clock.move_to(FOUR)
    fire(berth)
    assert view(berth, booked.reservation_id).state is ReservationState.ACTIVE
    assert view(berth, booked.reservation_id).window == booked.window


@pytest.mark.parametrize("change", [changing.extend, changing.shorten, changing.move])
def test_its_window_stays_as_it_was_planned(
    berth: UseCases, change: Callable[..., ReservationView]
) -> None:
    a_host(berth, gpus=2)
    planned = plan(berth, "host1", start=FOUR).view
    root = a_member(berth, "U0ROOT", admin=True)
    with pytest.raises(MaintenanceStays):
        berth.run(change, root, planned.reservation_id, EIGHT)
    with pytest.raises(NotTheHolder):
        berth.run(change, a_member(berth), planned.reservation_id, EIGHT)
    assert view(berth, planned.reservation_id).window == planned.window


def test_what_starts_before_it_ends_when_it_begins(berth: UseCases, clock: SetClock) -> None:
    a_host(berth, gpus=1)
    booked = book(berth, start=FOUR)
    plan(berth, "host1", start=FOUR + timedelta(hours=1))
    clock.move_to(FOUR)
    fire(berth)
    assert view(berth, booked.reservation_id).window.end == FOUR + timedelta(hours=1)
    clock.move_to(FOUR + timedelta(hours=1))
    fire(berth)
    assert view(berth, booked.reservation_id).state is ReservationState.ENDED
    assert told(berth) == ["needs_new_window", "cut_short"]


def test_a_training_gets_its_time_to_stop_when_maintenance_begins_now(
    berth: UseCases, clock: SetClock
) -> None:
    host_id = a_host(berth, gpus=1)
    booked = book(berth, run=TINY_RUN)
    fire(berth)
    planned = plan(berth, "host1")
    assert planned.effects.shortened == (booked.reservation_id,)
    fire(berth)
    cut = view(berth, booked.reservation_id)
    assert cut.window.end == clock.now() + berth.policy.stop_lead
    assert cut.run is not None
    assert cut.run.state is RunState.STOPPING
    (attempt,) = berth.run(hosts.desired_state, host_id).attempts
    end = AttemptEnd(cause=EndCause.STOPPED, at=clock.now())
    seen = AttemptObservation(
        attempt_id=attempt.attempt_id, fence=1, state=AttemptState.ENDED, end=end
    )
    clock.advance(seconds=20)
    report = Report(host_id=host_id, sent_at=clock.now(), observations=(seen,))
    berth.write(hosts.take_report, report)
    for _ in range(12):
        clock.advance(seconds=15)
        fire(berth)
    assert view(berth, booked.reservation_id).state is ReservationState.ENDED
    holding = berth.run(queries.status).hosts[0].gpus[0].holding
    assert holding is not None
    assert holding.reservation_id == planned.view.reservation_id


def test_asking_twice_plans_once_and_other_maintenance_is_refused(berth: UseCases) -> None:
    a_host(berth, gpus=1)
    booked = book(berth, start=FOUR)
    first = plan(berth, "host1", start=FOUR, request_key="command:1")
    again = plan(berth, "host1", start=FOUR, request_key="command:1")
    assert again.view.reservation_id == first.view.reservation_id
    assert again.effects == first.effects
    assert first.effects.asked == (booked.reservation_id,)
    with pytest.raises(WindowTaken) as taken:
        plan(berth, "gpu0@host1", start=FOUR + TWO_HOURS)
    assert [each.reservation_id for each in taken.value.holdings] == [first.view.reservation_id]


def test_a_drained_host_takes_nothing_new_and_keeps_what_it_has(
    berth: UseCases, clock: SetClock
) -> None:
    a_host(berth, gpus=1)
    root = a_member(berth, "U0ROOT", admin=True)
    booked = book(berth, start=FOUR)
    assert berth.run(hardware.drain, root, "HOST1", "dust") is True
    assert berth.run(hardware.drain, root, "host1", "dust") is False
    assert berth.run(queries.status).free_count == 0
    with pytest.raises(InvalidGpuCount):
        book(berth, start=EIGHT)
    clock.move_to(FOUR)
    fire(berth)
    assert view(berth, booked.reservation_id).state is ReservationState.ACTIVE
    assert berth.run(hardware.out_of_service).drained_hosts == ("host1",)
    assert berth.run(hardware.undrain, root, "host1") is True
    book(berth, start=EIGHT)


def test_what_is_booked_on_a_broken_gpu_moves_and_who_runs_on_it_is_told(
    berth: UseCases, clock: SetClock
) -> None:
    a_host(berth, gpus=3)
    root = a_member(berth, "U0ROOT", admin=True)
    running = book(berth, gpu_names=("gpu0@host1",))
    fire(berth)
    ahead = book(berth, start=FOUR, gpu_names=("gpu0@host1", "gpu1@host1"))
    effects = berth.run(hardware.mark_broken, root, ["gpu0@host1"], "XID 79")
    assert effects.warned == (running.reservation_id,)
    assert effects.moved == (ahead.reservation_id,)
    moved = view(berth, ahead.reservation_id)
    assert [gpu.name for gpu in moved.gpus] == ["gpu1@host1", "gpu2@host1"]
    assert told(berth) == ["gpu_trouble", "moved_to_other_gpus"]
    assert berth.run(hardware.out_of_service).broken_gpus == ("gpu0@host1",)
    again = berth.run(hardware.mark_broken, root, ["gpu0@host1"], "XID 79")
    assert again == Effects()


def test_one_that_cannot_move_is_cancelled_at_its_start_unless_the_gpu_is_repaired(
    berth: UseCases, clock: SetClock
) -> None:
    a_host(berth, gpus=1)
    root = a_member(berth, "U0ROOT", admin=True)
    first, second = book(berth, start=FOUR), book(berth, start=EIGHT)
    effects = berth.run(hardware.mark_broken, root, ["gpu0"], "")
    assert effects.asked == (first.reservation_id, second.reservation_id)
    clock.move_to(FOUR)
    fire(berth)
    assert view(berth, first.reservation_id).state is ReservationState.CANCELLED
    assert berth.run(hardware.mark_repaired, root, ["gpu0"]) == 1
    clock.move_to(EIGHT)
    fire(berth)
    assert view(berth, second.reservation_id).state is ReservationState.ACTIVE
    assert told(berth) == [
        "needs_new_window",
        "needs_new_window",
        "cancelled_by_outage",
        "outage_over",
    ]


def test_a_gpu_that_its_host_no_longer_reports_is_treated_as_broken_after_a_minute(
    berth: UseCases, clock: SetClock
) -> None:
    host_id = a_host(berth, gpus=2)
    booked = book(berth, start=FOUR, gpu_names=("gpu0@host1",))
    register = RegisterRequest(
        protocol_version=1,
        agent_version="test",
        host_name="host1",
        gpus=(
            GpuInventory(
                uuid="GPU-host1-1", model="A100", memory_mib=81920, index=1, simulated=True
            ),
        ),
    )
    berth.write(hosts.register, register)
    fire(berth)
    assert told(berth) == []
    clock.advance(seconds=30)
    berth.write(hosts.take_report, Report(host_id=host_id, sent_at=clock.now()))
    clock.advance(seconds=31)
    fire(berth)
    assert [gpu.name for gpu in view(berth, booked.reservation_id).gpus] == ["gpu1@host1"]
    assert told(berth) == ["moved_to_other_gpus"]

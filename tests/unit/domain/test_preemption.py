from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import preemption
from bot.domain.holdings import GpuOnHost
from bot.domain.placement import choose_gpus
from bot.domain.preemption import (
    Occupant,
    PreemptionPlan,
    PreemptionWish,
    RunAtStake,
    loss_of,
    may_be_taken,
    plan_preemption,
)
from bot.domain.priority import Priority
from bot.domain.time_window import TimeWindow

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
GRACE = PROTECTED = 30 * MINUTE
WINDOW = TimeWindow(NOW, NOW + 4 * HOUR)


def gpu(gpu_id: int, host_id: int = 1) -> GpuOnHost:
    return GpuOnHost(gpu_id, host_id, gpu_id, f"host{host_id}", "A100")


def occupant(
    reservation_id: int,
    gpus: Sequence[GpuOnHost],
    *,
    priority: Priority = Priority.P2,
    preemptible: bool | None = None,
    holder: int = 1,
    window: TimeWindow = WINDOW,
    running_for: timedelta | None = 2 * HOUR,
    checkpoint_age: timedelta | None = 5 * MINUTE,
) -> Occupant:
    run = None
    if running_for is not None:
        run = RunAtStake(
            run_id=reservation_id,
            model="yolo11m",
            epoch=10,
            epochs=100,
            started_at=NOW - running_for,
            checkpoint_at=None if checkpoint_age is None else NOW - checkpoint_age,
        )
    return Occupant(
        reservation_id=reservation_id,
        version=1,
        holder_member_id=holder,
        holder_slack_id=f"U{holder}",
        team_name="vision",
        priority=priority,
        preemptible=priority.preemptible_by_default if preemptible is None else preemptible,
        gpus=tuple(gpus),
        window=window,
        run=run,
    )


def wish(
    count: int = 2,
    *,
    priority: Priority = Priority.P0,
    window: TimeWindow = WINDOW,
    one_host: bool = True,
    gpu_ids: frozenset[int] = frozenset(),
) -> PreemptionWish:
    return PreemptionWish(count, window, priority, one_host, gpu_ids)


def plan(
    wanted: PreemptionWish, free: Sequence[GpuOnHost], occupants: Sequence[Occupant]
) -> PreemptionPlan | None:
    return plan_preemption(wanted, free, occupants, now=NOW, grace=GRACE, protected=PROTECTED)


def victims(found: PreemptionPlan | None) -> list[int]:
    assert found is not None
    return [loss.occupant.reservation_id for loss in found.losses]


def test_what_is_free_is_used_before_anybody_loses_anything() -> None:
    found = plan(wish(2), [gpu(1), gpu(2)], [occupant(7, [gpu(3), gpu(4)])])
    assert victims(found) == []


def test_only_as_much_is_taken_as_is_missing() -> None:
    two = occupant(7, [gpu(2)])
    three = occupant(8, [gpu(3)], checkpoint_age=50 * MINUTE)
    assert victims(plan(wish(2), [gpu(1)], [two, three])) == [7]


@pytest.mark.parametrize(
    ("mine", "theirs", "preemptible", "expected"),
    [
        (Priority.P0, Priority.P2, True, True),
        (Priority.P0, Priority.P1, True, True),
        (Priority.P0, Priority.P1, False, False),
        (Priority.P0, Priority.P2, False, False),
        (Priority.P0, Priority.P0, True, False),
        (Priority.P1, Priority.P2, True, True),
        (Priority.P2, Priority.P2, True, False),
        (Priority.P1, Priority.P0, True, False),
    ],
)
def test_only_lower_priorities_that_are_preemptible_are_taken(
    mine: Priority, theirs: Priority, preemptible: bool, expected: bool
) -> None:
    one = occupant(7, [gpu(1)], priority=theirs, preemptible=preemptible)
    assert may_be_taken(one, mine, NOW, PROTECTED) is expected


def test_the_beginning_of_a_run_is_protected() -> None:
    fresh = occupant(7, [gpu(1)], running_for=29 * MINUTE)
    settled = occupant(8, [gpu(1)], running_for=30 * MINUTE)
    assert not may_be_taken(fresh, Priority.P0, NOW, PROTECTED)
    assert may_be_taken(settled, Priority.P0, NOW, PROTECTED)


def test_the_work_since_the_last_checkpoint_is_what_is_lost() -> None:
    one = occupant(7, [gpu(1), gpu(2)], checkpoint_age=4 * MINUTE)
    loss = loss_of(one, NOW + GRACE)
    assert loss.lost_work == 34 * MINUTE
    assert loss.lost_gpu_time == 68 * MINUTE
    without = occupant(8, [gpu(1)], running_for=HOUR, checkpoint_age=None)
    assert loss_of(without, NOW).lost_work == HOUR
    waiting = occupant(9, [gpu(1)], running_for=None)
    assert loss_of(waiting, NOW + GRACE).lost_work == timedelta()


def test_p1_is_spared_where_p2_can_make_room() -> None:
    production = occupant(
        7, [gpu(1), gpu(2)], priority=Priority.P1, preemptible=True, checkpoint_age=timedelta()
    )
    research = occupant(8, [gpu(11, 2), gpu(12, 2)], checkpoint_age=90 * MINUTE)
    assert victims(plan(wish(2), [], [production, research])) == [8]


def test_fewer_people_are_asked_where_the_loss_is_the_same() -> None:
    occupants = [
        occupant(7, [gpu(1)], holder=1),
        occupant(8, [gpu(2)], holder=2),
        occupant(9, [gpu(11, 2)], holder=3),
        occupant(10, [gpu(12, 2)], holder=3),
    ]
    assert victims(plan(wish(2), [], occupants)) == [9, 10]


def test_a_gpu_is_had_only_if_everybody_on_it_makes_room() -> None:
    first = occupant(7, [gpu(1)], window=TimeWindow(NOW, NOW + HOUR))
    second = occupant(
        8, [gpu(1)], window=TimeWindow(NOW + HOUR, NOW + 4 * HOUR), priority=Priority.P0
    )
    assert plan(wish(1), [], [first, second]) is None


def test_named_gpus_are_the_only_ones_that_are_taken() -> None:
    cheap = occupant(7, [gpu(1)], checkpoint_age=timedelta())
    dear = occupant(8, [gpu(2)], checkpoint_age=90 * MINUTE)
    assert victims(plan(wish(1, gpu_ids=frozenset({2})), [], [cheap, dear])) == [8]


def test_who_holds_nothing_in_the_window_is_left_alone() -> None:
    later = occupant(7, [gpu(1)], window=TimeWindow(WINDOW.end, WINDOW.end + HOUR))
    assert victims(plan(wish(1), [gpu(1)], [later])) == []


def test_a_plan_that_takes_somebody_else_has_another_digest() -> None:
    one = plan(wish(1), [], [occupant(7, [gpu(1)])])
    other = plan(wish(1), [], [occupant(8, [gpu(1)])])
    assert one is not None
    assert other is not None
    assert one.digest != other.digest


def test_a_search_that_becomes_too_large_still_finds_a_plan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    occupants = [occupant(n, [gpu(n)], holder=n) for n in range(1, 9)]
    monkeypatch.setattr(preemption, "LARGEST_SEARCH", 2)
    found = plan(wish(8), [], occupants)
    assert victims(found) == list(range(1, 9))
    assert found is not None
    assert len(found.gpus) == 8


def subsets(items: Sequence[Occupant]) -> chain[tuple[Occupant, ...]]:
    return chain.from_iterable(combinations(items, size) for size in range(len(items) + 1))


def makes_room(
    wanted: PreemptionWish,
    gpus: Sequence[GpuOnHost],
    occupants: Sequence[Occupant],
    taken: Sequence[Occupant],
) -> bool:
    still_held = {
        one.gpu_id
        for each in occupants
        if each not in taken and each.window.overlaps(wanted.window)
        for one in each.gpus
    }
    left = [one for one in gpus if one.gpu_id not in still_held]
    return choose_gpus(left, wanted.gpu_count, one_host=wanted.one_host) is not None


def price(taken: Sequence[Occupant]) -> tuple[int, timedelta, int, timedelta]:
    losses = [loss_of(one, NOW + GRACE) for one in taken]
    return (
        sum(one.priority is Priority.P1 for one in taken),
        sum((loss.lost_gpu_time for loss in losses), timedelta()),
        len({one.holder_member_id for one in taken}),
        sum((loss.displaced_gpu_time for loss in losses), timedelta()),
    )


@st.composite
def crowded_hosts(draw: st.DrawFn) -> tuple[list[GpuOnHost], list[Occupant], PreemptionWish]:
    gpus = [gpu(10 * host + n, host) for host in (1, 2) for n in range(draw(st.integers(1, 4)))]
    left, occupants = list(gpus), []
    for number in range(draw(st.integers(0, 6))):
        if not left:
            break
        mine = [left.pop(0) for _ in range(min(len(left), draw(st.integers(1, 2))))]
        occupants.append(
            occupant(
                number + 1,
                mine,
                priority=draw(st.sampled_from(list(Priority))),
                preemptible=draw(st.booleans()),
                holder=draw(st.integers(1, 3)),
                running_for=draw(st.sampled_from([None, 10 * MINUTE, HOUR, 5 * HOUR])),
                checkpoint_age=draw(st.sampled_from([None, MINUTE, 20 * MINUTE])),
            )
        )
    wanted = wish(
        draw(st.integers(1, 5)),
        priority=draw(st.sampled_from([Priority.P0, Priority.P1])),
        one_host=draw(st.booleans()),
    )
    return gpus, occupants, wanted


@given(crowded_hosts())
def test_no_cheaper_set_of_victims_makes_room(
    case: tuple[list[GpuOnHost], list[Occupant], PreemptionWish],
) -> None:
    gpus, occupants, wanted = case
    held = {one.gpu_id for each in occupants for one in each.gpus}
    found = plan(wanted, [one for one in gpus if one.gpu_id not in held], occupants)
    takeable = [one for one in occupants if may_be_taken(one, wanted.priority, NOW, PROTECTED)]
    possible = [
        price(taken) for taken in subsets(takeable) if makes_room(wanted, gpus, occupants, taken)
    ]
    if found is None:
        assert possible == []
        return
    taken = [loss.occupant for loss in found.losses]
    assert makes_room(wanted, gpus, occupants, taken)
    assert price(taken) == min(possible)
    assert len(found.gpus) == wanted.gpu_count

"""Who loses what when a higher priority takes GPUs back: the cheapest set of victims; pure.

A victim is a whole reservation: all of its GPUs are given up, or none.  Among the sets that make
room the cheapest is chosen, compared first by how high the priorities are that would be touched,
then by the work that would be lost, by the number of people, by the GPU-hours that are displaced.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.holdings import GpuOnHost
from bot.domain.placement import choose_gpus
from bot.domain.priority import Priority
from bot.domain.time_window import TimeWindow

LARGEST_SEARCH = 20_000
"""Sets of victims that are looked at; beyond that the cheapest found greedily is taken."""


@dataclass(frozen=True, slots=True)
class RunAtStake:
    """The run of a reservation that could be taken back, as far as it is.

    ``epoch`` of ``epochs`` are done.  ``checkpoint_at`` is when its newest checkpoint was saved,
    None without one: all since ``started_at`` would be lost then.
    """

    run_id: int
    model: str
    epoch: int
    epochs: int
    started_at: datetime | None
    checkpoint_at: datetime | None


@dataclass(frozen=True, slots=True)
class Occupant:
    """A reservation in the way, and what is known of it; ``gpus`` are all that it holds."""

    reservation_id: int
    version: int
    holder_member_id: int
    holder_slack_id: str
    team_name: str
    priority: Priority
    preemptible: bool
    gpus: tuple[GpuOnHost, ...]
    window: TimeWindow
    run: RunAtStake | None = None


@dataclass(frozen=True, slots=True)
class PreemptionWish:
    """GPUs for a window at a priority; ``gpu_ids`` names them, empty leaves the choice."""

    gpu_count: int
    window: TimeWindow
    priority: Priority
    one_host: bool
    gpu_ids: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Loss:
    """What one victim loses if it is stopped at ``taken_at``.

    ``lost_work`` is the work since its last checkpoint, on each of its GPUs; nothing where its
    run has not begun.
    """

    occupant: Occupant
    taken_at: datetime
    lost_work: timedelta

    @property
    def lost_gpu_time(self) -> timedelta:
        """The work that is lost, over all GPUs."""
        return self.lost_work * len(self.occupant.gpus)

    @property
    def displaced_gpu_time(self) -> timedelta:
        """The booked time that has to be found again, over all GPUs."""
        start = max(self.taken_at, self.occupant.window.start)
        return max(timedelta(), self.occupant.window.end - start) * len(self.occupant.gpus)


@dataclass(frozen=True, slots=True)
class PreemptionPlan:
    """The cheapest way to make room: which GPUs, and who would lose what, by reservation."""

    gpus: tuple[GpuOnHost, ...]
    losses: tuple[Loss, ...]

    @property
    def lost_gpu_time(self) -> timedelta:
        """All work that is lost."""
        return sum((loss.lost_gpu_time for loss in self.losses), timedelta())

    @property
    def holders(self) -> frozenset[int]:
        """The members who lose something."""
        return frozenset(loss.occupant.holder_member_id for loss in self.losses)

    @property
    def digest(self) -> str:
        """What the plan does to whom, as a short text; another text is another plan."""
        victims = ",".join(
            f"{loss.occupant.reservation_id}.{loss.occupant.version}" for loss in self.losses
        )
        return f"{','.join(str(gpu.gpu_id) for gpu in self.gpus)}|{victims}"


def may_be_taken(
    occupant: Occupant, priority: Priority, now: datetime, protected: timedelta
) -> bool:
    """Tell whether ``priority`` may take a reservation back now.

    Only strictly lower priorities that are preemptible, and not while their run is within its
    first ``protected``.
    """
    is_lower = occupant.priority.value > priority.value
    if not is_lower or not occupant.preemptible:
        return False
    started_at = occupant.run.started_at if occupant.run is not None else None
    return started_at is None or now - started_at >= protected


def loss_of(occupant: Occupant, taken_at: datetime) -> Loss:
    """Return what a reservation would lose at ``taken_at``, as far as is known now."""
    run = occupant.run
    if run is None or run.started_at is None:
        return Loss(occupant, taken_at, timedelta())
    since = run.checkpoint_at or run.started_at
    return Loss(occupant, taken_at, max(timedelta(), taken_at - since))


def plan_preemption(
    wish: PreemptionWish,
    free: Sequence[GpuOnHost],
    occupants: Iterable[Occupant],
    *,
    now: datetime,
    grace: timedelta,
    protected: timedelta,
) -> PreemptionPlan | None:
    """Return the cheapest set of victims that makes room, or None where there is none.

    Args:
        wish: what is wanted.
        free: the GPUs that nobody holds in the window.
        occupants: every reservation that holds GPUs in the window, also those that may not be
            taken; a GPU that one of these holds cannot be had.
        now: the present instant.
        grace: the notice that victims get before GPUs are taken.
        protected: how long the beginning of a run is protected.
    """
    in_the_way = [one for one in occupants if one.window.overlaps(wish.window)]
    takeable = {
        one.reservation_id: loss_of(one, max(wish.window.start, now + grace))
        for one in in_the_way
        if may_be_taken(one, wish.priority, now, protected)
    }
    needed = _needed_by_gpu(in_the_way, takeable, free, wish.gpu_ids)
    if not _enough(needed.values(), wish):
        return None
    chosen = _cheapest(takeable, needed, wish) or _greedy(takeable, needed, wish)
    if chosen is None:
        return None
    return PreemptionPlan(
        gpus=_gpus_of(chosen, needed, wish) or (),
        losses=tuple(takeable[number] for number in sorted(chosen)),
    )


@dataclass(frozen=True, slots=True)
class _Needed:
    """One GPU that can be had once those reservations have given it up."""

    gpu: GpuOnHost
    victims: frozenset[int]


def _needed_by_gpu(
    in_the_way: Sequence[Occupant],
    takeable: Mapping[int, Loss],
    free: Sequence[GpuOnHost],
    named: Collection[int],
) -> dict[int, _Needed]:
    holders: defaultdict[int, set[int]] = defaultdict(set)
    gpus = {gpu.gpu_id: gpu for gpu in free}
    for one in in_the_way:
        for gpu in one.gpus:
            gpus[gpu.gpu_id] = gpu
            holders[gpu.gpu_id].add(one.reservation_id)
    return {
        gpu_id: _Needed(gpu, frozenset(holders[gpu_id]))
        for gpu_id, gpu in sorted(gpus.items())
        if holders[gpu_id] <= takeable.keys() and (not named or gpu_id in named)
    }


def _enough(had: Iterable[_Needed], wish: PreemptionWish) -> bool:
    return choose_gpus([one.gpu for one in had], wish.gpu_count, one_host=wish.one_host) is not None


_Cost = tuple[tuple[int, ...], timedelta, int, timedelta, tuple[int, ...]]


def _cost(victims: Collection[int], takeable: Mapping[int, Loss]) -> _Cost:
    """Return what a set of victims costs; a larger set never costs less."""
    losses = [takeable[number] for number in sorted(victims)]
    touched = [loss.occupant.priority for loss in losses]
    return (
        tuple(touched.count(priority) for priority in sorted(set(Priority))[:-1]),
        sum((loss.lost_gpu_time for loss in losses), timedelta()),
        len({loss.occupant.holder_member_id for loss in losses}),
        sum((loss.displaced_gpu_time for loss in losses), timedelta()),
        tuple(sorted(victims)),
    )


def _gpus_of(
    victims: Collection[int], needed: Mapping[int, _Needed], wish: PreemptionWish
) -> tuple[GpuOnHost, ...] | None:
    had = [one for one in needed.values() if one.victims <= set(victims)]
    taken = {one.gpu.gpu_id for one in had if one.victims}
    # What is taken back is used; what is merely free stays free where it can.
    return choose_gpus(
        [one.gpu for one in had],
        wish.gpu_count,
        one_host=wish.one_host,
        preferred_gpu_ids=taken,
    )


def _cheapest(
    takeable: Mapping[int, Loss], needed: Mapping[int, _Needed], wish: PreemptionWish
) -> frozenset[int] | None:
    """Look at sets of victims from the cheapest up, GPU by GPU; None when it becomes too many."""
    steps = sorted({one.victims for one in needed.values() if one.victims}, key=sorted)
    start: frozenset[int] = frozenset()
    queue: list[tuple[_Cost, frozenset[int]]] = [(_cost(start, takeable), start)]
    seen = {start}
    for _ in range(LARGEST_SEARCH):
        if not queue:
            return None
        _, victims = heapq.heappop(queue)
        if _gpus_of(victims, needed, wish) is not None:
            return victims
        for step in steps:
            larger = victims | step
            if larger not in seen:
                seen.add(larger)
                heapq.heappush(queue, (_cost(larger, takeable), larger))
    return None


def _greedy(
    takeable: Mapping[int, Loss], needed: Mapping[int, _Needed], wish: PreemptionWish
) -> frozenset[int] | None:
    """Take the cheapest GPU next until there are enough, host by host where one is needed."""
    hosts = {one.gpu.host_id for one in needed.values()} if wish.one_host else {0}
    found: list[tuple[_Cost, frozenset[int]]] = []
    for host_id in sorted(hosts):
        pool = [one for one in needed.values() if not wish.one_host or one.gpu.host_id == host_id]
        victims: frozenset[int] = frozenset()
        while sum(one.victims <= victims for one in pool) < wish.gpu_count:
            left = [one.victims for one in pool if not one.victims <= victims]
            if not left:
                break
            victims = min((victims | one for one in left), key=lambda v: _cost(v, takeable))
        else:
            found.append((_cost(victims, takeable), victims))
    return min(found)[1] if found else None

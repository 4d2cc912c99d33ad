"""When a training would be done: windows that meet a deadline, and what would help where none does.

A window is as long as the upper end of the training's range, and the time that a run is stopped
before its reservation ends; at most `MOST_OVER_LIKELY` times the likely length, for GPUs that wait
for a bad guess are lost to others.  Its end can be moved later, by who is told of a late forecast.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.calendar import Calendar
from bot.domain.forecast import Span
from bot.domain.holdings import Holding
from bot.domain.pace import PaceEstimate
from bot.domain.priority import Priority
from bot.domain.requests import ReserveRequest
from bot.domain.run_spec import TrainingSpec
from bot.domain.slot_bits import free_starts, occupied
from bot.domain.slot_grid import SlotGrid
from bot.domain.swap_ideas import SwapIdea
from bot.domain.time_window import TimeWindow

MOST_OVER_LIKELY = 1.5
"""A window is at most so many times as long as the training is likely to be."""

WINDOWS_SHOWN = 3


class Meets(StrEnum):
    """Whether a deadline is met: even at the upper end of the range, likely, or not."""

    SURELY = "surely"
    LIKELY = "likely"
    NO = "no"


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What somebody wants to have trained, and by when; ``deadline`` None: as soon as possible.

    ``not_before`` is the earliest start, None for now.  ``gpu_type`` None: any that will do.
    """

    run: TrainingSpec
    gpu_count: int = 1
    gpu_type: str | None = None
    deadline: datetime | None = None
    not_before: datetime | None = None
    priority: Priority | None = None


@dataclass(frozen=True, slots=True)
class PlannedWindow:
    """A window in which the training fits, and when it would be done.

    ``run`` is the training as it would be booked, which differs from the wish where it is an idea.
    """

    window: TimeWindow
    gpu_count: int
    gpu_type: str | None
    run: TrainingSpec
    low_at: datetime
    likely_at: datetime
    high_at: datetime
    meets: Meets
    at_once: timedelta | None = None
    """For one that starts now, how long it must be: now is when somebody clicks."""

    @property
    def waste(self) -> timedelta:
        """GPU time that is booked and likely not needed."""
        return max(timedelta(), self.window.end - self.likely_at) * self.gpu_count

    def request(self, priority: Priority | None = None) -> ReserveRequest:
        """Return the booking of it, with its run."""
        return ReserveRequest(
            self.window.length if self.at_once is None else self.at_once,
            self.gpu_count,
            gpu_type=self.gpu_type,
            start=self.window.start if self.at_once is None else None,
            priority=priority,
            run=self.run,
        )


class IdeaKind(StrEnum):
    """In what an idea differs from what was asked."""

    FEWER_EPOCHS = "fewer_epochs"
    SMALLER_IMAGES = "smaller_images"
    MORE_GPUS = "more_gpus"


@dataclass(frozen=True, slots=True)
class PlanIdea:
    """Something else that would be done in time, and where."""

    kind: IdeaKind
    planned: PlannedWindow


@dataclass(frozen=True, slots=True)
class RoomMaker:
    """A reservation that would have to give way.

    ``needs_approval`` tells that a higher priority could take its GPUs, which somebody has to
    approve; its holder can be asked in any case.
    """

    holding: Holding
    priority: Priority
    needs_approval: bool


@dataclass(frozen=True, slots=True)
class Room:
    """The window that would meet the deadline if those gave way: the fewest that it takes."""

    window: TimeWindow
    makers: tuple[RoomMaker, ...]


@dataclass(frozen=True, slots=True)
class TypeOption:
    """How long the training takes on one type of GPU."""

    gpu_type: str
    estimate: PaceEstimate
    length: Span


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How far off forecasts at half time have been, of the last ``count``; see the docs."""

    count: int
    median_off: float


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer to “will it be ready?”.

    ``options`` are empty where nothing is known to go by; ``trial`` is a booking that would tell.
    ``latest`` is the latest start that is surely in time.  ``too_long`` tells that one reservation
    (``longest``) cannot hold it.  ``ideas``, ``room`` and ``swaps`` are there where no window
    meets the deadline.
    """

    now: datetime
    request: PlanRequest
    options: tuple[TypeOption, ...]
    windows: tuple[PlannedWindow, ...]
    latest: PlannedWindow | None = None
    ideas: tuple[PlanIdea, ...] = ()
    room: Room | None = None
    swaps: tuple[SwapIdea, ...] = ()
    trial: ReserveRequest | None = None
    accuracy: Accuracy = Accuracy(0, 0.0)
    too_long: bool = False
    longest: timedelta = timedelta()

    @property
    def meets(self) -> Meets:
        """How well the best window meets the deadline."""
        found = [each.meets for each in self.windows]
        return next((each for each in (Meets.SURELY, Meets.LIKELY) if each in found), Meets.NO)


@dataclass(frozen=True, slots=True)
class Search:
    """Where windows are looked for: a calendar from ``now`` to ``last_start``, in whole slots."""

    calendar: Calendar
    grid: SlotGrid
    now: datetime
    last_start: datetime
    stop_lead: timedelta
    longest: timedelta


def needed_length(length: Span, stop_lead: timedelta) -> timedelta:
    """Return how long a reservation for a training should be."""
    return min(length.high, length.likely * MOST_OVER_LIKELY) + stop_lead


def planned_windows(
    search: Search, option: TypeOption, request: PlanRequest, gpu_type: str | None
) -> Iterator[PlannedWindow]:
    """Yield every window in which a training fits on one host, by start.

    The first is the one that starts now, or at ``not_before``, where that is free.
    """
    # Nothing shorter than a slot is booked; such trainings are for the queue.
    needed = max(needed_length(option.length, search.stop_lead), search.grid.slot)
    if needed > search.longest:
        return
    count, first = request.gpu_count, max(request.not_before or search.now, search.now)
    at_once = search.grid.cover(first, needed, now=search.now)
    if search.calendar.fits(count, at_once, one_host=True):
        starts_now = needed if first <= search.now else None
        yield replace(_planned(at_once, option, request, gpu_type), at_once=starts_now)
    origin = search.grid.floor(first) + search.grid.slot
    slots = -(-needed // search.grid.slot)
    number = (search.last_start - origin) // search.grid.slot + 1
    for index in _fitting_starts(search, count, origin, slots, number):
        start = origin + index * search.grid.slot
        window = TimeWindow(start, start + slots * search.grid.slot)
        yield _planned(window, option, request, gpu_type)


def _planned(
    window: TimeWindow, option: TypeOption, request: PlanRequest, gpu_type: str | None
) -> PlannedWindow:
    low, likely, high = (
        window.start + each
        for each in (option.length.low, option.length.likely, option.length.high)
    )
    return PlannedWindow(
        window,
        request.gpu_count,
        gpu_type,
        request.run,
        low,
        likely,
        high,
        _meets(likely, high, request.deadline),
    )


def _meets(likely: datetime, high: datetime, deadline: datetime | None) -> Meets:
    if deadline is None or high <= deadline:
        return Meets.SURELY
    return Meets.LIKELY if likely <= deadline else Meets.NO


def _fitting_starts(
    search: Search, count: int, origin: datetime, slots: int, number: int
) -> Iterator[int]:
    if number < 1:
        return
    windows: defaultdict[int, list[TimeWindow]] = defaultdict(list)
    for busy in search.calendar.busy:
        windows[busy.gpu_id].append(busy.window)
    whole = number + slots - 1
    by_host: defaultdict[int, list[int]] = defaultdict(list)
    for gpu in search.calendar.gpus:
        taken = occupied(
            windows.get(gpu.gpu_id, ()), origin=origin, slot=search.grid.slot, slots=whole
        )
        by_host[gpu.host_id].append(free_starts(taken, length=slots, slots=whole))
    for index in range(number):
        bit = 1 << index
        if any(sum(1 for free in gpus if free & bit) >= count for gpus in by_host.values()):
            yield index


def best_windows(
    windows: Sequence[PlannedWindow], deadline: datetime | None
) -> tuple[PlannedWindow, ...]:
    """Return those that are worth showing: the best ones, which do not overlap on a type.

    Those that surely meet the deadline come first, then those that likely do; among them the
    earliest finish, then the least waste.  Those that miss it are left out, but for the earliest
    where there are no others.
    """
    meeting = [each for each in windows if each.meets is not Meets.NO]
    if not meeting:
        earliest = sorted(windows, key=_by_finish)[:1]
        return tuple(earliest) if deadline is not None else ()
    chosen: list[PlannedWindow] = []
    for each in sorted(meeting, key=lambda one: (one.meets is not Meets.SURELY, *_by_finish(one))):
        clash = any(
            each.gpu_type == other.gpu_type and each.window.overlaps(other.window)
            for other in chosen
        )
        if not clash:
            chosen.append(each)
        if len(chosen) == WINDOWS_SHOWN:
            break
    return tuple(chosen)


def _by_finish(planned: PlannedWindow) -> tuple[datetime, timedelta]:
    return planned.likely_at, planned.waste


def latest_safe(
    windows: Sequence[PlannedWindow], deadline: datetime | None
) -> PlannedWindow | None:
    """Return the window that starts last and is surely in time; None without a deadline."""
    if deadline is None:
        return None
    safe = [each for each in windows if each.meets is Meets.SURELY]
    return max(safe, key=lambda each: (each.window.start, -each.waste), default=None)


def window_by(search: Search, length: Span, deadline: datetime) -> TimeWindow | None:
    """Return the last window in whole slots that would surely meet a deadline, free or not."""
    needed = max(needed_length(length, search.stop_lead), search.grid.slot)
    start = search.grid.floor(deadline - length.high)
    start = max(start, search.now)
    if start + length.high > deadline or needed > search.longest:
        return None
    return search.grid.cover(start, needed, now=search.now)


def fewest_to_ask(
    calendar: Calendar,
    holdings: Sequence[Holding],
    gpus_of: dict[int, frozenset[int]],
    count: int,
    window: TimeWindow,
) -> tuple[Holding, ...]:
    """Return the fewest reservations without which ``count`` GPUs of one host would be free.

    ``gpus_of`` are the GPUs of each reservation.  On the host where the fewest people need to be
    asked; empty where not even all of them would be enough.
    """
    free = {gpu.gpu_id for gpu in calendar.free(window)}
    hosts: defaultdict[int, set[int]] = defaultdict(set)
    for gpu in calendar.gpus:
        hosts[gpu.host_id].add(gpu.gpu_id)
    best: tuple[Holding, ...] = ()
    for here in hosts.values():
        missing = count - len(here & free)
        if missing <= 0 or count > len(here):
            continue
        asked = tuple(_greedy(holdings, gpus_of, here - free, missing))
        if asked and (not best or len(asked) < len(best)):
            best = asked
    return best


def _greedy(
    holdings: Sequence[Holding], gpus_of: dict[int, frozenset[int]], held: set[int], missing: int
) -> list[Holding]:
    """Free one GPU after the other, each time the one for which the fewest more must give way."""
    blocked = {
        gpu: {each.reservation_id for each in holdings if gpu in gpus_of[each.reservation_id]}
        for gpu in held
    }
    gone: set[int] = set()
    left = {gpu: blockers for gpu, blockers in blocked.items() if blockers}
    if len(left) < missing:
        return []
    for _ in range(missing):
        nearest = min(left, key=lambda gpu: (len(left[gpu] - gone), gpu))
        gone |= left.pop(nearest)
    return [each for each in holdings if each.reservation_id in gone]

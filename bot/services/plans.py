"""Will it be ready? How long a training takes, and in which windows it is done by when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select

from bot.domain.errors import InvalidGpuCount, NoSingleHost, UnknownGpuType
from bot.domain.gpu_types import gpus_of_type, known_types, type_name
from bot.domain.holdings import Holding
from bot.domain.people import Member
from bot.domain.planning import (
    Accuracy,
    IdeaKind,
    Meets,
    Plan,
    PlanIdea,
    PlannedWindow,
    PlanRequest,
    Room,
    RoomMaker,
    Search,
    TypeOption,
    best_windows,
    fewest_to_ask,
    latest_safe,
    needed_length,
    planned_windows,
    window_by,
)
from bot.domain.priority import Priority
from bot.domain.requests import ReserveRequest
from bot.domain.swap_ideas import SwapIdea
from bot.domain.time_window import TimeWindow
from bot.services import forecasts, run_lengths, swap_ideas
from bot.services.placing import last_end
from bot.services.transaction import Tx, reads_only
from bot.store.claims import holdings_in, load_calendar
from bot.store.tables import ClaimRow, ReservationRow

SMALLER = (0.75, 0.5)
SMALLEST_IMGSZ = 320
TRIAL_EPOCHS = 3
MOST_MAKERS = 5


@reads_only
def plan(tx: Tx, member: Member, request: PlanRequest) -> Plan:
    """Answer how long a training takes and which windows meet its deadline. Books nothing.

    Raises:
        InvalidGpuCount: none, or more than there are.
        UnknownGpuType: there is no GPU of that type.
        NoSingleHost: no host has so many GPUs.
    """
    search = _search(tx)
    types = _types(search, request)
    options = tuple(_options(tx, request, types))
    accuracy = _accuracy(tx)
    if not options:
        return Plan(
            tx.now,
            request,
            (),
            (),
            trial=_trial(tx, request),
            accuracy=accuracy,
            longest=tx.policy.longest_reservation,
        )
    searches = {name: _of_type(search, name) for name in types}
    windows = tuple(_windows(searches, options, request))
    found = Plan(
        tx.now,
        request,
        options,
        best_windows(windows, request.deadline),
        latest_safe(windows, request.deadline),
        accuracy=accuracy,
        too_long=all(
            needed_length(each.length, search.stop_lead) > search.longest for each in options
        ),
        longest=tx.policy.longest_reservation,
    )
    return found if found.meets is not Meets.NO else _with_help(tx, member, searches, found)


def _search(tx: Tx) -> Search:
    calendar = load_calendar(tx.session, tx.now, last_end(tx))
    return Search(
        calendar,
        tx.policy.grid,
        tx.now,
        tx.now + tx.policy.horizon,
        tx.policy.stop_lead,
        tx.policy.longest_reservation,
    )


def _types(search: Search, request: PlanRequest) -> tuple[str, ...]:
    """Return the names of the types that have enough GPUs on one host."""
    gpus = search.calendar.gpus
    if request.gpu_type is not None:
        gpus = gpus_of_type(request.gpu_type, gpus)
        if not gpus:
            everything = known_types(gpu.model for gpu in search.calendar.gpus)
            raise UnknownGpuType(request.gpu_type, everything)
    if not 1 <= request.gpu_count <= len(gpus):
        raise InvalidGpuCount(request.gpu_count, len(gpus), request.gpu_type)
    sizes: dict[tuple[str, int], int] = {}
    for gpu in gpus:
        key = (type_name(gpu.model), gpu.host_id)
        sizes[key] = sizes.get(key, 0) + 1
    enough = sorted({name for (name, _), size in sizes.items() if size >= request.gpu_count})
    if not enough:
        raise NoSingleHost(request.gpu_count, max(sizes.values(), default=0))
    return tuple(enough)


def _options(tx: Tx, request: PlanRequest, types: Sequence[str]) -> Iterator[TypeOption]:
    for gpu_type in types:
        estimate = run_lengths.estimate(tx, request.run, gpu_type, request.gpu_count)
        if estimate is not None:
            yield TypeOption(gpu_type, estimate, estimate.length_of(request.run.epochs))


def _windows(
    searches: Mapping[str, Search], options: Sequence[TypeOption], request: PlanRequest
) -> Iterator[PlannedWindow]:
    for option in options:
        yield from planned_windows(searches[option.gpu_type], option, request, option.gpu_type)


def _of_type(search: Search, gpu_type: str) -> Search:
    usable = [gpu for gpu in search.calendar.gpus if type_name(gpu.model) == gpu_type]
    return replace(search, calendar=search.calendar.only(usable))


def _accuracy(tx: Tx) -> Accuracy:
    errors = forecasts.forecast_errors(tx)
    return Accuracy(errors.count, errors.median_off)


def _trial(tx: Tx, request: PlanRequest) -> ReserveRequest:
    """Return a booking of one slot that would tell how long an epoch takes."""
    epochs = min(request.run.epochs, TRIAL_EPOCHS)
    return ReserveRequest(
        tx.policy.slot,
        request.gpu_count,
        gpu_type=request.gpu_type,
        run=replace(request.run, epochs=epochs),
        note=f"trial of {epochs} epochs, to plan the whole training",
    )


def _with_help(tx: Tx, member: Member, searches: Mapping[str, Search], found: Plan) -> Plan:
    """Add what else could be done, where no window meets the deadline."""
    ideas = tuple(_ideas(tx, searches, found))
    if found.request.deadline is None:
        return replace(found, ideas=ideas)
    room, swaps = _room(tx, member, searches, found)
    return replace(found, ideas=ideas, room=room, swaps=swaps)


def _ideas(tx: Tx, searches: Mapping[str, Search], found: Plan) -> Iterator[PlanIdea]:
    request = found.request
    if request.deadline is not None:
        # What starts after the deadline cannot meet it.
        searches = {
            name: replace(search, last_start=min(search.last_start, request.deadline))
            for name, search in searches.items()
        }
    fewer = _fewer_epochs(searches, found)
    if fewer is not None:
        yield PlanIdea(IdeaKind.FEWER_EPOCHS, fewer)
    for part in SMALLER:
        imgsz = int(request.run.imgsz * part) // 32 * 32
        if imgsz < SMALLEST_IMGSZ:
            break
        smaller = _first_that_meets(
            tx, searches, replace(request, run=replace(request.run, imgsz=imgsz))
        )
        if smaller is not None:
            yield PlanIdea(IdeaKind.SMALLER_IMAGES, smaller)
            break
    for count in _more_gpus(searches, request):
        more = _first_that_meets(tx, searches, replace(request, gpu_count=count))
        if more is not None:
            yield PlanIdea(IdeaKind.MORE_GPUS, more)
            break


def _more_gpus(searches: Mapping[str, Search], request: PlanRequest) -> Iterator[int]:
    sizes: dict[tuple[str, int], int] = {}
    for name, search in searches.items():
        for gpu in search.calendar.gpus:
            sizes[name, gpu.host_id] = sizes.get((name, gpu.host_id), 0) + 1
    count = request.gpu_count * 2
    while count <= max(sizes.values(), default=0):
        yield count
        count *= 2


def _first_that_meets(
    tx: Tx, searches: Mapping[str, Search], request: PlanRequest
) -> PlannedWindow | None:
    windows = _windows(searches, tuple(_options(tx, request, tuple(searches))), request)
    return _best(windows)


def _best(windows: Iterator[PlannedWindow]) -> PlannedWindow | None:
    meeting = [each for each in windows if each.meets is Meets.SURELY]
    return min(meeting, key=lambda each: each.likely_at, default=None)


def _fewer_epochs(searches: Mapping[str, Search], found: Plan) -> PlannedWindow | None:
    """Return the window that holds the most epochs and is surely in time, found by halving."""
    low, high = 0, found.request.run.epochs
    best: PlannedWindow | None = None
    while high - low > 1:
        epochs = (low + high) // 2
        request = replace(found.request, run=replace(found.request.run, epochs=epochs))
        options = [replace(each, length=each.estimate.length_of(epochs)) for each in found.options]
        planned = _best(_windows(searches, options, request))
        if planned is None:
            high = epochs
        else:
            low, best = epochs, planned
    return best


def _room(
    tx: Tx, member: Member, searches: Mapping[str, Search], found: Plan
) -> tuple[Room | None, tuple[SwapIdea, ...]]:
    """Return who would have to give way, for the type on which that takes the fewest."""
    request, best = found.request, None
    assert request.deadline is not None  # noqa: S101 - the caller has looked
    for option in found.options:
        usable = searches[option.gpu_type]
        window = window_by(usable, option.length, request.deadline)
        if window is None:
            continue
        held = holdings_in(tx.session, window, [gpu.gpu_id for gpu in usable.calendar.gpus])
        gpus_of = _gpus_of(tx, held)
        asked = fewest_to_ask(usable.calendar, held, gpus_of, request.gpu_count, window)
        if asked and (best is None or len(asked) < len(best[1])):
            best = (window, asked, option.gpu_type)
    if best is None or len(best[1]) > MOST_MAKERS:
        return None, ()
    window, asked, gpu_type = best
    wish = ReserveRequest(
        window.length,
        request.gpu_count,
        gpu_type=gpu_type,
        start=window.start,
        run=request.run,
    )
    swaps = swap_ideas.ideas(tx, member, wish, asked)
    return Room(window, tuple(_maker(tx, request, each) for each in asked)), swaps


def _gpus_of(tx: Tx, held: Sequence[Holding]) -> dict[int, frozenset[int]]:
    found: dict[int, set[int]] = {each.reservation_id: set() for each in held}
    rows = tx.session.execute(
        select(ClaimRow.reservation_id, ClaimRow.gpu_id).where(
            ClaimRow.reservation_id.in_(list(found))
        )
    )
    for reservation_id, gpu_id in rows:
        found[reservation_id].add(gpu_id)
    return {number: frozenset(gpus) for number, gpus in found.items()}


def _maker(tx: Tx, request: PlanRequest, held: Holding) -> RoomMaker:
    """Say how a reservation could give way; who is taken what, and when, is decided elsewhere."""
    row = tx.session.get_one(ReservationRow, held.reservation_id)
    priority = Priority(row.priority)
    takes = request.priority is Priority.P0 and row.preemptible
    return RoomMaker(held, priority, needs_approval=takes and priority is not Priority.P0)


@dataclass(frozen=True, slots=True)
class Finish:
    """When a training that is booked would be done."""

    option: TypeOption
    window: TimeWindow
    fits: bool


@reads_only
def expected_finish(tx: Tx, reservation_id: int) -> Finish | None:
    """Return when the run of a reservation would be done, as far as others tell; None if not.

    ``fits`` tells whether even the upper end of the range lies within its window.
    """
    from_row = tx.session.get(ReservationRow, reservation_id)
    if from_row is None or from_row.run is None or not from_row.claims:
        return None
    spec = run_lengths.spec_of(from_row.run)
    gpu_type = type_name(from_row.claims[0].gpu.model)
    estimate = run_lengths.estimate(tx, spec, gpu_type, len(from_row.claims))
    if estimate is None:
        return None
    option = TypeOption(gpu_type, estimate, estimate.length_of(spec.epochs))
    window = TimeWindow(from_row.starts_at, from_row.ends_at)
    fits = option.length.high + tx.policy.stop_lead <= window.length
    return Finish(option, window, fits)

"""Where a wish goes: its window in whole slots, its GPUs, and what would fit instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.alternatives import Wanted, ranked_alternatives
from bot.domain.calendar import Calendar
from bot.domain.errors import (
    BeyondHorizon,
    InvalidGpuCount,
    NoSingleHost,
    PastStart,
    TooLong,
    TooShort,
    UnknownGpu,
    UnknownGpuType,
    WindowTaken,
)
from bot.domain.gpu_types import gpus_of_type, known_types
from bot.domain.holdings import Alternative, GpuOnHost
from bot.domain.people import Member
from bot.domain.placement import choose_gpus
from bot.domain.requests import ReserveRequest
from bot.domain.run_spec import TrainingSpec
from bot.domain.splitting import split_in_two
from bot.domain.time_window import TimeWindow
from bot.services.expected_finishes import with_finishes
from bot.services.transaction import Tx
from bot.store.claims import holdings_in, recent_gpu_ids


def window_of(tx: Tx, request: ReserveRequest) -> TimeWindow:
    """Return the whole slots that a wish covers.

    Raises:
        PastStart, TooShort, TooLong, BeyondHorizon: the window breaks a limit.
    """
    policy = tx.policy
    if request.length < policy.slot:
        raise TooShort(request.length, policy.slot)
    if request.length > policy.longest_reservation:
        raise TooLong(request.length, policy.longest_reservation)
    start = request.start or tx.now
    if start < tx.now - policy.past_start_tolerance:
        raise PastStart(start, tx.now)
    if start > tx.now + policy.horizon:
        raise BeyondHorizon(start, tx.now + policy.horizon)
    return policy.grid.cover(start, request.length, now=tx.now)


def last_end(tx: Tx) -> datetime:
    """Return an instant after the end of whatever can be booked or offered now."""
    policy = tx.policy
    return tx.now + policy.horizon + policy.longest_reservation + 2 * policy.slot


@dataclass(frozen=True, slots=True)
class Wish:
    """How many GPUs, or exactly which, for how long, and whether on one host.

    ``typed`` are all GPUs of the kind that was asked for, none where any kind will do.  ``run`` is
    the training that is to run there, if one is.
    """

    length: timedelta
    count: int
    named: tuple[GpuOnHost, ...]
    one_host: bool
    typed: tuple[GpuOnHost, ...] = ()
    run: TrainingSpec | None = None

    @classmethod
    def of(cls, request: ReserveRequest, calendar: Calendar) -> Wish:
        """Return the wish of a request, checked against the GPUs that there are.

        Raises:
            InvalidGpuCount: none, or more than there are, of that type if one was named.
            UnknownGpu: a GPU was named that does not exist.
            UnknownGpuType: no GPU of that type can be booked; carries the types that can.
            NoSingleHost: a run needs its GPUs on one host, and no host has so many.
        """
        one_host = request.run is not None
        if request.gpu_names:
            named = _find_named(request.gpu_names, calendar.gpus)
            if one_host and len({gpu.host_id for gpu in named}) > 1:
                raise NoSingleHost(len(named), _largest_host(calendar))
            return cls(request.length, len(named), named, one_host, run=request.run)
        typed = _of_type(request.gpu_type, calendar.gpus) if request.gpu_type else ()
        usable = calendar.only(typed) if typed else calendar
        if not 1 <= request.gpu_count <= len(usable.gpus):
            raise InvalidGpuCount(request.gpu_count, len(usable.gpus), request.gpu_type)
        if one_host and request.gpu_count > _largest_host(usable):
            raise NoSingleHost(request.gpu_count, _largest_host(usable))
        return cls(request.length, request.gpu_count, (), one_host, typed, request.run)

    def narrow(self, calendar: Calendar) -> Calendar:
        """Return the calendar of the GPUs that may serve this wish."""
        chosen = self.named or self.typed
        return calendar.only(chosen) if chosen else calendar


def _of_type(gpu_type: str, gpus: Sequence[GpuOnHost]) -> tuple[GpuOnHost, ...]:
    found = gpus_of_type(gpu_type, gpus)
    if not found:
        raise UnknownGpuType(gpu_type, known_types(gpu.model for gpu in gpus))
    return found


def _largest_host(calendar: Calendar) -> int:
    sizes: dict[int, int] = {}
    for gpu in calendar.gpus:
        sizes[gpu.host_id] = sizes.get(gpu.host_id, 0) + 1
    return max(sizes.values(), default=0)


def _find_named(names: Sequence[str], gpus: Sequence[GpuOnHost]) -> tuple[GpuOnHost, ...]:
    """Find GPUs by ``gpu3@host2``, or by ``gpu3`` where only one host has such a GPU."""
    found: dict[int, GpuOnHost] = {}
    for name in names:
        matches = [gpu for gpu in gpus if name.lower() in (gpu.name.lower(), f"gpu{gpu.index}")]
        if len(matches) != 1:
            raise UnknownGpu(name, [gpu.name for gpu in matches or gpus])
        found[matches[0].gpu_id] = matches[0]
    return tuple(found.values())


def choose(
    tx: Tx, member: Member, wish: Wish, window: TimeWindow, calendar: Calendar
) -> tuple[GpuOnHost, ...]:
    """Return the GPUs for a wish, those that the member had last first.

    Raises:
        WindowTaken: others hold the GPUs; carries who, and the nearest windows that fit.
    """
    chosen = find(tx, member, wish, window, calendar)
    if chosen is None:
        usable = wish.narrow(calendar)
        raise WindowTaken(
            wish.count,
            len(usable.free(window)),
            holdings_in(tx.session, window, [gpu.gpu_id for gpu in usable.gpus]),
            _alternatives(tx, wish, window, usable, calendar),
        )
    return chosen


def find(
    tx: Tx, member: Member, wish: Wish, window: TimeWindow, calendar: Calendar
) -> tuple[GpuOnHost, ...] | None:
    """Return the GPUs for a wish in the order of their ids, or None where it does not fit."""
    chosen = choose_gpus(
        wish.narrow(calendar).free(window),
        wish.count,
        one_host=wish.one_host,
        preferred_gpu_ids=recent_gpu_ids(tx.session, member.member_id),
    )
    return None if chosen is None else tuple(sorted(chosen, key=lambda gpu: gpu.gpu_id))


def _alternatives(
    tx: Tx, wish: Wish, window: TimeWindow, usable: Calendar, calendar: Calendar
) -> tuple[Alternative, ...]:
    grid = tx.policy.grid
    # On the grid the wish needs no more than its own slots; off it, a part of another one.
    begin = grid.floor(window.start)
    whole_slots = TimeWindow(begin, grid.ceil(begin + wish.length))
    wanted = Wanted(wish.count, window, whole_slots, wish.one_host, usable, bool(wish.named))
    last_start = tx.now + tx.policy.horizon
    found = ranked_alternatives(wanted, calendar, grid=grid, last_start=last_start)
    done_by = min((each.window.end for each in found if each.gpu_count == wish.count), default=None)
    split = split_in_two(wanted, grid=grid, last_start=last_start, done_by=done_by)
    if split is not None:
        single = sum(each.gpu_count == wish.count for each in found)
        found = (*found[:single], split, *found[single:])
    return with_finishes(tx, found, wish.run, usable.gpus, calendar.gpus)

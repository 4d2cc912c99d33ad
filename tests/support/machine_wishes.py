"""What those who wait could have had, worked out from the rows alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any

from bot.domain.offers import OfferState
from bot.domain.policy import Policy
from bot.domain.states import ReservationKind, ReservationState
from bot.domain.waiting import WaitKind
from tests.support.machine_checks import PLANNED
from tests.support.machine_rows import Snapshot


def assert_nobody_waits_for_what_is_free(
    now: datetime, policy: Policy, rows: Snapshot, unlimited_team_ids: Collection[int]
) -> None:
    """Check that whoever waits and is held up by no quota waits for something that is taken."""
    for wait in rows.of_state("waits", OfferState.WAITING):
        if wait.kind == WaitKind.QUEUE:
            until = now + _length(wait) + policy.stop_lead
            seen_free = _seen_free(rows)
            assert not _fits(rows, wait, now, until, seen_free, one_host=True), f"wait {wait.id}"
        elif wait.team_id in unlimited_team_ids:
            start, end = wait_window(now, policy, wait)
            assert not _fits(rows, wait, start, end), f"wait {wait.id} fits {start} to {end}"


def assert_waitlist_went_first(
    now: datetime,
    policy: Policy,
    rows: Snapshot,
    dispatched: Collection[int],
    unlimited_team_ids: Collection[int],
) -> None:
    """Check that what the queue has just got would have served nobody on the waitlist."""
    for wait in rows.of_state("waits", OfferState.WAITING):
        if wait.kind == WaitKind.QUEUE or wait.team_id not in unlimited_team_ids:
            continue
        start, end = wait_window(now, policy, wait)
        assert not _fits(rows, wait, start, end, without=dispatched), (
            f"the queue got {dispatched}, and wait {wait.id} could have had it"
        )


def wait_window(now: datetime, policy: Policy, wait: Any) -> tuple[datetime, datetime]:
    """Return the window that a place on the waitlist is for."""
    if wait.starts_at is not None:
        return wait.starts_at, wait.ends_at
    window = policy.grid.cover(now, _length(wait), now=now)
    return window.start, window.end


def _length(wait: Any) -> timedelta:
    return timedelta(seconds=wait.request["length_s"])


def _seen_free(rows: Snapshot) -> Callable[[Any], bool]:
    releasing = {row.id for row in rows.of_state("reservations", ReservationState.RELEASING)}
    in_use = {claim.gpu_id for claim in rows.all("claims") if claim.reservation_id in releasing}
    return lambda gpu: gpu.id not in in_use and rows.one("hosts", gpu.host_id).online


def _fits(
    rows: Snapshot,
    wait: Any,
    start: datetime,
    end: datetime,
    is_usable: Callable[[Any], bool] = lambda _gpu: True,
    *,
    one_host: bool = False,
    without: Collection[int] = (),
) -> bool:
    if start < end:
        taken = {
            claim.gpu_id
            for claim in _respected(rows)
            if claim.reservation_id not in without
            and claim.starts_at < end
            and start < claim.ends_at
        }
        free = [gpu for gpu in bookable(rows) if gpu.id not in taken and is_usable(gpu)]
        wanted = wait.request["gpu_names"]
        if wanted:
            names = [name_of(rows, gpu) for gpu in free]
            free = [gpu for gpu, name in zip(free, names, strict=True) if name in wanted]
        count = len(wanted) or wait.request["gpu_count"]
        if one_host or wait.request["run"]:
            return max(Counter(gpu.host_id for gpu in free).values(), default=0) >= count
        return len(free) >= count
    return False


def _respected(rows: Snapshot) -> list[Any]:
    """Return the claims that nobody may book over: live ones, and those of planned maintenance."""
    planned = {
        row.id
        for row in rows.of_state("reservations", *PLANNED)
        if row.kind == ReservationKind.MAINTENANCE
    }
    return [c for c in rows.all("claims") if c.live or c.reservation_id in planned]


def bookable(rows: Snapshot) -> list[Any]:
    """Return the GPUs that can be booked: reported, sound, and on no drained host."""
    return [
        gpu
        for gpu in rows.all("gpus")
        if gpu.present
        and gpu.broken_at is None
        and rows.one("hosts", gpu.host_id).drained_at is None
    ]


def name_of(rows: Snapshot, gpu: Any) -> str:
    """Return what people call a GPU."""
    return f"gpu{vars(gpu)['index']}@{rows.one('hosts', gpu.host_id).name}"

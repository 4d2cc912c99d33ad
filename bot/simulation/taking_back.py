"""P0 takes GPUs back, in a simulation: the domain's plan, on the hosts that promise most."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from bot.domain.holdings import GpuOnHost
from bot.domain.preemption import (
    Occupant,
    PreemptionPlan,
    PreemptionWish,
    RunAtStake,
    plan_preemption,
)
from bot.domain.priority import Priority
from bot.simulation.bookings import Book, Booking
from bot.simulation.jobs import MINUTE

HOSTS_LOOKED_AT = 4
"""The exact search is for a few servers; of a large site those that are freest are shown to it."""


@dataclass(frozen=True, slots=True)
class Seizure:
    """GPUs that can be had from ``start_min`` to ``end_min``, and whose bookings give way."""

    gpus: tuple[GpuOnHost, ...]
    victims: tuple[Booking, ...]
    start_min: int
    end_min: int


def plan_seizure(book: Book, gpu_count: int, length_min: int, now: int) -> Seizure | None:
    """Return how so many GPUs can be had after the grace period, or None.

    More than a host has are looked for host by host: each host's share has its own cheapest plan.
    """
    policy = book.scenario.policy
    start = now + policy.preemption_grace // MINUTE
    end = -(-(start + length_min) // book.slot_min) * book.slot_min
    gpus: list[GpuOnHost] = []
    victims: dict[int, Booking] = {}
    used_hosts: set[int] = set()
    left = gpu_count
    while left:
        part = min(left, book.site.widest)
        found = _plan_part(book, part, (start, end), now, used_hosts)
        if found is None:
            return None
        plan, occupants = found
        gpus += plan.gpus
        used_hosts |= {gpu.host_id for gpu in plan.gpus}
        victims |= {
            loss.occupant.reservation_id: occupants[loss.occupant.reservation_id]
            for loss in plan.losses
        }
        left -= part
    return Seizure(tuple(gpus), tuple(victims[one] for one in sorted(victims)), start, end)


def _plan_part(
    book: Book, count: int, span: tuple[int, int], now: int, used_hosts: Collection[int]
) -> tuple[PreemptionPlan, dict[int, Booking]] | None:
    policy = book.scenario.policy
    slots = book.slots_of(*span)
    free = book.index.free(*slots)
    could = np.bitwise_count(book.kept_from_p0.free(*slots)).astype(np.int16)
    could[list(used_hosts)] = -1
    wanted = np.flatnonzero(could >= count)
    freest = wanted[np.argsort(-np.bitwise_count(free[wanted]).astype(np.int16), kind="stable")]
    hosts = [int(host) for host in freest[:HOSTS_LOOKED_AT]]
    window = book.window(*span)
    # Somebody leaves these within the slot in which the P0 begins: a slot has one owner's bits.
    leaving = {
        gpu.gpu_id
        for host in hosts
        for gpu in book.site.hosts[host]
        for one in book.by_gpu[gpu.gpu_id]
        if slots[0] * book.slot_min < one.end_min <= span[0]
    }
    here = [gpu for host in hosts for gpu in book.site.hosts[host] if gpu.gpu_id not in leaving]
    bookings = {
        one.number: one
        for gpu in here
        for one in book.by_gpu[gpu.gpu_id]
        if one.start_min < span[1] and span[0] < one.end_min
    }
    plan = plan_preemption(
        PreemptionWish(
            count, window, Priority.P0, one_host=True, gpu_ids=frozenset(gpu.gpu_id for gpu in here)
        ),
        [gpu for host in hosts for gpu in book.site.of_mask(host, int(free[host]))],
        [_occupant(book, one, now) for one in bookings.values()],
        now=book.scenario.instant(now),
        grace=policy.preemption_grace,
        protected=policy.preemption_protected,
    )
    return None if plan is None else (plan, bookings)


def _occupant(book: Book, booking: Booking, now: int) -> Occupant:
    scenario, job = book.scenario, booking.job
    run = None
    if booking.begun and booking.done_min is None and job.shows_up:
        worked = max(0, now - booking.works_from_min)
        saved = worked // scenario.checkpoint_every_min * scenario.checkpoint_every_min
        run = RunAtStake(
            run_id=booking.number,
            model="",
            epoch=worked // scenario.checkpoint_every_min,
            epochs=max(1, booking.work.left_min // scenario.checkpoint_every_min),
            started_at=scenario.instant(booking.start_min),
            checkpoint_at=scenario.instant(booking.works_from_min + saved) if saved else None,
        )
    return Occupant(
        reservation_id=booking.number,
        version=booking.version,
        holder_member_id=job.team_id,
        holder_slack_id="",
        team_name="",
        priority=job.priority,
        preemptible=job.priority.preemptible_by_default and not booking.is_taken_back,
        gpus=booking.gpus,
        window=book.window(booking.start_min, booking.end_min),
        run=run,
    )

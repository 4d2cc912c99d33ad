"""What fits instead of a wish that does not: ranked, and each differs from it in one thing only.

First the same GPUs later, then the same time on other GPUs, then fewer GPUs at the same time.  A
swap with a holder and a place on the waitlist are no bookings and are offered beside these.

Two windows for one training stand beside these (`bot.domain.splitting`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from bot.domain.calendar import Calendar
from bot.domain.gpu_types import known_types, matching_models, type_name
from bot.domain.holdings import Alternative, AlternativeKind, GpuOnHost
from bot.domain.placement import choose_gpus
from bot.domain.slot_grid import SlotGrid
from bot.domain.time_window import TimeWindow

LATER, OTHERS = 3, 2
"""How many of each kind are offered: a choice, not a list."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What could not be had.

    ``whole_slots`` is the wish on the grid, which a later window is as long as; ``usable`` are the
    GPUs that were asked for, by name or by type, or all; ``named`` tells that it was by name.
    """

    count: int
    window: TimeWindow
    whole_slots: TimeWindow
    one_host: bool
    usable: Calendar
    named: bool


def ranked_alternatives(
    wanted: Wanted, everything: Calendar, *, grid: SlotGrid, last_start: datetime
) -> tuple[Alternative, ...]:
    """Return what fits instead, the nearest to the wish first."""
    later = wanted.usable.nearest_windows(
        wanted.count,
        wanted.whole_slots,
        grid=grid,
        one_host=wanted.one_host,
        last_start=last_start,
        limit=LATER,
    )
    others = tuple(_on_other_gpus(wanted, everything))[:OTHERS]
    fewer = wanted.usable.fewer_now(wanted.window, one_host=wanted.one_host)
    kept = () if fewer is None or wanted.named or fewer.gpu_count >= wanted.count else (fewer,)
    return (*later, *others, *kept)


def _on_other_gpus(wanted: Wanted, everything: Calendar) -> Iterator[Alternative]:
    """Yield the same time elsewhere: for named GPUs others of their type, then other types."""
    asked = wanted.usable.gpus
    if len(asked) == len(everything.gpus):
        return
    free = everything.free(wanted.window)
    types = {type_name(gpu.model) for gpu in asked}
    asked_models = {gpu.model for gpu in asked}
    if wanted.named:
        alike = tuple(gpu for gpu in free if type_name(gpu.model) in types)
        chosen = choose_gpus(alike, wanted.count, one_host=wanted.one_host)
        if chosen is not None:
            yield _elsewhere(wanted, chosen)
    for name in known_types(gpu.model for gpu in everything.gpus):
        # What the name means when it is clicked: it must not take in what was asked for already.
        models = matching_models(name, (gpu.model for gpu in everything.gpus))
        if models & asked_models:
            continue
        usable = tuple(gpu for gpu in free if gpu.model in models)
        if choose_gpus(usable, wanted.count, one_host=wanted.one_host) is not None:
            yield Alternative(
                wanted.count,
                wanted.window,
                kind=AlternativeKind.OTHER_GPUS,
                gpu_type=name,
                where=name,
            )


def _elsewhere(wanted: Wanted, chosen: tuple[GpuOnHost, ...]) -> Alternative:
    hosts = sorted({gpu.host_name for gpu in chosen})
    return Alternative(
        wanted.count,
        wanted.window,
        kind=AlternativeKind.OTHER_GPUS,
        gpu_names=tuple(gpu.name for gpu in chosen),
        where=", ".join(hosts),
    )

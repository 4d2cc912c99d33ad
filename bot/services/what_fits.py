"""What fits instead of a change that was refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.domain.calendar import Calendar
from bot.domain.holdings import Alternative, Holding
from bot.domain.time_window import TimeWindow
from bot.services import (
    placing,
    run_links,
)
from bot.services.expected_finishes import with_finish_of_run, with_finishes
from bot.services.run_lengths import spec_of
from bot.services.transaction import Tx
from bot.store.claims import load_calendar
from bot.store.tables import ReservationRow

ALTERNATIVES = 3
"""How many other windows are offered."""


def instead_of_extending(
    tx: Tx, row: ReservationRow, added: TimeWindow, holdings: Sequence[Holding]
) -> tuple[Alternative, ...]:
    """Return how far the reservation itself can go on, then other GPUs or times for the rest."""
    return tuple(_instead_of_extending(tx, row, added, holdings))


def _instead_of_extending(
    tx: Tx, row: ReservationRow, added: TimeWindow, holdings: Sequence[Holding]
) -> Iterator[Alternative]:
    count, one_host, grid = len(row.claims), run_links.carries_run(tx, row), tx.policy.grid
    reachable = grid.floor(min(held.window.start for held in holdings))
    if reachable > max(row.ends_at, tx.now):
        reached = Alternative(count, TimeWindow(row.starts_at, reachable), row.id)
        yield with_finish_of_run(tx, reached, row)
    calendar = load_calendar(tx.session, added.start, placing.last_end(tx))
    models = {claim.gpu.model for claim in row.claims}
    usable = calendar.only([gpu for gpu in calendar.gpus if gpu.model in models])
    if usable.fits(count, added, one_host=one_host):
        yield Alternative(count, added)
        return
    yield from usable.nearest_windows(
        count,
        added,
        grid=grid,
        one_host=one_host,
        last_start=tx.now + tx.policy.horizon,
        limit=ALTERNATIVES,
    )


def instead_of_moving(
    tx: Tx, row: ReservationRow, window: TimeWindow, usable: Calendar
) -> tuple[Alternative, ...]:
    """Return the nearest later windows of the same length to which the reservation can move."""
    grid = tx.policy.grid
    # A window that begins within a slot is longer than it need be when it begins with one.
    begin = grid.floor(window.start)
    found = usable.nearest_windows(
        len(row.claims),
        TimeWindow(begin, grid.ceil(begin + (row.ends_at - row.starts_at))),
        grid=grid,
        one_host=run_links.carries_run(tx, row),
        last_start=tx.now + tx.policy.horizon,
        limit=ALTERNATIVES,
    )
    moved = tuple(Alternative(each.gpu_count, each.window, row.id) for each in found)
    run = spec_of(row.run) if row.run is not None else None
    return with_finishes(tx, moved, run, usable.gpus, usable.gpus)

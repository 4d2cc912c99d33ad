"""Measure, side by side in one run, and print ratios."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import alternatives, booking, simulation

ROUNDS = 5
OPERATIONS = 60


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="berth-bench-"))
    folder.chmod(0o755)  # the PostgreSQL of the wheel runs as a user of its own
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Print how much a booking costs against a bare commit, on both databases."""
    table = Table("database", "operation", "median", "ratio", title="One transaction each")
    with _folder() as folder:
        for name, database in booking.databases(folder):
            bare = booking.bare_commit(database)
            book = booking.one_booking(database)
            refuse = booking.one_refusal(database)
            times = _interleaved([bare, book, refuse])
            for label, took in zip(("bare commit", "booking", "refusal"), times, strict=True):
                ratio = f"{took / times[0]:.1f}"
                table.add_row(name, label, f"{took / timedelta(milliseconds=1):.2f} ms", ratio)
            database.close()
    search = alternatives.search_in_a_full_month()
    took = sorted(search() for _ in range(ROUNDS))[ROUNDS // 2]
    took_ms = took / timedelta(milliseconds=1)
    Console().print(table)
    Console().print(f"What fits instead, 1,000 GPUs, a full month: {took_ms:.0f} ms of one core")
    took_s = simulation.a_month_of_a_large_site() / timedelta(seconds=1)
    Console().print(f"Simulation, 10,000 GPUs, 30 days, one way of sharing: {took_s:.1f} s")


def _interleaved(operations: list[Callable[[], timedelta]]) -> list[timedelta]:
    """Return the median time of each; taken in turns, so that a busy machine slows all alike."""
    taken: list[list[timedelta]] = [[] for _ in operations]
    for _ in range(ROUNDS * OPERATIONS):
        for times, operation in zip(taken, operations, strict=True):
            times.append(operation())
    return [sorted(times)[len(times) // 2] for times in taken]


main()

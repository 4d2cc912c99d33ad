"""`berth simulate`: where its demand comes from, and where what it finds goes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from rich.table import Table
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.simulation.comparing import compare
from bot.simulation.demand import Demand
from bot.simulation.history import LoggedEvent, events_from_lines, scenario_of
from bot.simulation.jobs import DAY_MIN, Scenario, Sharing, hosts_of
from bot.simulation.plots import draw
from bot.simulation.report import as_json, as_table
from bot.store import schema
from bot.store.audit_log import events_between
from bot.store.database import open_engine
from bot.store.tables import AuditEventRow

PROCESSES = 2
"""Ways of sharing that are played at once: of more, some would wait for the longest anyway."""


def generated(gpu_count: int, gpus_per_host: int, days: int, load: float, seed: int) -> Scenario:
    """Return a made-up period by the arrival model; the same seed gives the same."""
    jobs = Demand(load=load).generate(gpu_count, days, seed)
    return Scenario(hosts_of(gpu_count, gpus_per_host), days * DAY_MIN, jobs)


def from_file(path: Path, gpu_count: int | None, gpus_per_host: int) -> Scenario:
    """Return what an export of the audit log tells of, JSON lines.

    Raises:
        ValueError: a line is no audit event, or nobody booked anything.
    """
    with path.open(encoding="utf-8") as lines:
        return scenario_of(
            events_from_lines(lines), gpu_count=gpu_count, gpus_per_host=gpus_per_host
        )


def from_database(url: str, gpu_count: int | None, gpus_per_host: int) -> Scenario:
    """Return what the audit log of a database tells of; nothing is written.

    Raises:
        SchemaOutOfDate: the database is not at the revision of this release.
        ValueError: nobody booked anything.
    """
    engine = open_engine(url)
    try:
        schema.require_current(engine)
        with Session(engine) as session:
            events = _events(session)
            return scenario_of(events, gpu_count=gpu_count, gpus_per_host=gpus_per_host)
    finally:
        engine.dispose()


def _events(session: Session) -> Iterator[LoggedEvent]:
    last = session.scalar(select(func.max(AuditEventRow.id))) or 0
    for one in events_between(session, 0, last):
        yield LoggedEvent(
            one.at,
            one.actor_kind,
            one.actor,
            one.action,
            one.subject_kind,
            one.subject_id,
            one.reason,
            one.data,
        )


def simulate(scenario: Scenario, folder: Path) -> tuple[Table, tuple[Path, ...]]:
    """Try all ways of sharing; write JSON and pictures into the folder, and return the table."""
    outcomes = compare(scenario, tuple(Sharing), processes=PROCESSES)
    folder.mkdir(parents=True, exist_ok=True)
    told = folder / "simulation.json"
    told.write_text(json.dumps(as_json(scenario, outcomes), indent=1) + "\n", encoding="utf-8")
    return as_table(scenario, outcomes), (told, *draw(outcomes, folder))

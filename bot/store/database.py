"""Engines, and the one transaction per use case."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from bot.store import claim_guard, offer_tables, tables, text_limits, wakeups
from bot.store.failures import is_claim_overlap, is_worth_retrying, translate

T = TypeVar("T")

claim_guard.attach(tables.Base.metadata)
text_limits.attach(tables.Base)
ALL_TABLES = (tables, offer_tables)
"""Named so that everybody who opens a database knows every table."""

SQLITE_BUSY_TIMEOUT_MS = 30_000
ATTEMPTS = 12
LONGEST_PAUSE_S = 0.25


def open_engine(url: str) -> Engine:
    """Return an engine for a ``sqlite:`` or ``postgresql:`` URL; nothing is connected yet."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        engine = create_engine(
            parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True, pool_size=20
        )
    else:
        # As many connections as there are threads: who waits, waits for the file, not for a pool.
        # A database in memory has one connection a thread anyway.
        in_memory = parsed.database in (None, "", ":memory:")
        engine = create_engine(
            parsed,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_MS / 1000},
            **({} if in_memory else {"max_overflow": -1}),
        )
        _tune_sqlite(engine)
    return engine


def _tune_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _record: ConnectionPoolEntry) -> None:
        # The driver must not begin transactions by itself: a write begins with BEGIN IMMEDIATE,
        # so that what it read is still true when it writes (https://sqlite.org/lang_transaction.html).
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute(f"PRAGMA busy_timeout = {SQLITE_BUSY_TIMEOUT_MS}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get("berth_read_only", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


@dataclass
class Database:
    """Runs use cases, each in one transaction.

    ``on_commit`` listeners are called after a commit that set a timer or wrote to the outbox, from
    the thread that made it: the clockwork learns from them that there may be something to do.
    ``on_retry`` listeners are told why a transaction is run again.
    """

    engine: Engine
    on_commit: list[Callable[[], None]] = field(default_factory=list)
    on_retry: list[Callable[[str], None]] = field(default_factory=list)
    _writers: AbstractContextManager[Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # SQLite has one writer at a time and lets the others poll; within a process they queue up
        # here instead, which wakes the next one at once.
        alone = self.engine.dialect.name == "sqlite"
        self._writers = threading.RLock() if alone else nullcontext()

    def write(self, use_case: Callable[[Session], T]) -> T:
        """Run ``use_case`` in one transaction and return what it returns.

        It is rolled back when it raises, and run again, whole, when it lost a race in the
        database; ``use_case`` must therefore have no effect but on its session.

        Raises:
            ClaimOverlap: the race for a GPU was lost every time.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with (
                    self._writers,
                    Session(self.engine, expire_on_commit=False) as session,
                    session.begin(),
                ):
                    result = use_case(session)
            except DBAPIError as error:
                retryable = is_claim_overlap(error) or is_worth_retrying(error)
                if not retryable or attempt == ATTEMPTS:
                    raise translate(error) from error
                for told in self.on_retry:
                    told("claim_overlap" if is_claim_overlap(error) else "serialization")
                time.sleep(random.uniform(0, LONGEST_PAUSE_S * attempt / ATTEMPTS))  # noqa: S311 - jitter, not a secret
            else:
                if wakeups.is_marked(session):
                    for listener in self.on_commit:
                        listener()
                return result
        raise AssertionError("unreachable: the last attempt returns or raises")

    def read(self, query: Callable[[Session], T]) -> T:
        """Run ``query`` on one consistent snapshot; nothing it changes is kept."""
        with self._read_only_session() as session:
            return query(session)

    @contextmanager
    def _read_only_session(self) -> Iterator[Session]:
        options = {"berth_read_only": True, "postgresql_readonly": True}
        if self.engine.dialect.name == "postgresql":
            options["isolation_level"] = "REPEATABLE READ"  # type: ignore[assignment] # mixed values
        with (
            self.engine.connect().execution_options(**options) as connection,
            Session(connection, expire_on_commit=False) as session,
        ):
            yield session

    def close(self) -> None:
        """Close every connection. Idempotent."""
        self.engine.dispose()

from contextlib import nullcontext

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import Session

from bot.store import wakeups
from bot.store.database import SQLITE_BUSY_TIMEOUT_MS, Database
from bot.store.failures import is_worth_retrying
from bot.store.tables import TeamRow
from tests.strategies import MONDAY


def a_team(session: Session, name: str = "vision") -> None:
    session.add(TeamRow(name=name, channel_id="C", created_at=MONDAY))
    session.flush()


def teams(database: Database) -> int:
    return database.read(lambda session: session.scalar(select(func.count(TeamRow.id))) or 0)


def test_sqlite_is_set_for_safety_on_every_connection(sqlite: Database) -> None:
    with sqlite.engine.connect() as one, sqlite.engine.connect() as two:
        # A transaction that may write would wait for the other one.
        for connection in (each.execution_options(berth_read_only=True) for each in (one, two)):
            values = {
                name: connection.execute(text(f"PRAGMA {name}")).scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            }
            assert values == {
                "journal_mode": "wal",
                "synchronous": 2,
                "foreign_keys": 1,
                "busy_timeout": SQLITE_BUSY_TIMEOUT_MS,
            }


def test_a_use_case_that_raises_leaves_nothing(database: Database) -> None:
    def fail(session: Session) -> None:
        a_team(session)
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        database.write(fail)
    assert teams(database) == 0


def test_what_a_query_changes_is_not_kept(database: Database) -> None:
    refuses = database.engine.dialect.name == "postgresql"
    with pytest.raises(DBAPIError, match="read-only") if refuses else nullcontext():
        database.read(a_team)
    assert teams(database) == 0


def test_a_query_sees_one_snapshot(database: Database) -> None:
    def look_twice(session: Session) -> tuple[int, int]:
        before = session.scalar(select(func.count(TeamRow.id))) or 0
        database.write(a_team)
        return before, session.scalar(select(func.count(TeamRow.id))) or 0

    assert database.read(look_twice) == (0, 0)
    assert teams(database) == 1


def test_a_reader_on_postgresql_leaves_no_trace_on_its_connection(database: Database) -> None:
    for _ in range(3):
        teams(database)
        database.write(lambda session: a_team(session, f"team {teams(database)}"))
    assert teams(database) == 3


def test_listeners_hear_of_commits_that_have_something_for_the_clockwork(
    database: Database,
) -> None:
    heard: list[str] = []
    database.on_commit.append(lambda: heard.append("commit"))

    def nothing_to_do(session: Session) -> None:
        a_team(session)

    def to_do_but_fails(session: Session) -> None:
        wakeups.mark(session)
        raise RuntimeError

    database.write(nothing_to_do)
    with pytest.raises(RuntimeError):
        database.write(to_do_but_fails)
    assert heard == []
    database.write(wakeups.mark)
    assert heard == ["commit"]


def test_a_unique_row_written_by_another_is_found_by_the_second_run(database: Database) -> None:
    tries: list[str] = []

    def ensure(session: Session) -> str:
        found = session.scalar(select(TeamRow.channel_id).where(TeamRow.name == "vision"))
        tries.append(found or "none")
        if found is None or len(tries) == 1:
            a_team(session)
        return found or "made"

    database.write(a_team)
    assert database.write(ensure) == "C"
    assert tries == ["C", "C"]


def test_other_refusals_are_not_repeated(database: Database) -> None:
    runs: list[int] = []

    def wrong(session: Session) -> None:
        runs.append(1)
        session.execute(text("INSERT INTO members (id, slack_user_id) VALUES (1, 'U')"))

    with pytest.raises(IntegrityError):
        database.write(wrong)
    assert len(runs) == 1


def test_what_is_worth_retrying() -> None:
    busy = OperationalError("x", None, Exception("database is locked"))
    full = OperationalError("x", None, Exception("database or disk is full"))
    assert is_worth_retrying(busy)
    assert not is_worth_retrying(full)


def test_rows_that_are_referred_to_cannot_go(database: Database) -> None:
    with pytest.raises(IntegrityError):
        database.write(
            lambda session: session.execute(
                text(
                    'INSERT INTO gpus (uuid, host_id, "index", model, memory_mib, simulated,'
                    " present) VALUES ('GPU', 99, 0, 'A', 1, false, true)"
                )
            )
        )

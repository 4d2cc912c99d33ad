import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from bot.domain.errors import SchemaOutOfDate
from bot.store import claim_guard, schema
from bot.store.database import Database, open_engine
from bot.store.every_table import Base
from bot.store.failures import is_claim_overlap
from bot.store.tables import ClaimRow
from tests.support import databases
from tests.support.rows import HOUR, a_claim, a_reservation_row, gpu_rows


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    if request.param == "postgresql":
        url = databases.create_database(request.getfixturevalue("postgres_url"))
    engine = open_engine(url)
    yield engine
    engine.dispose()


def scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(schema.migrations_folder()))
    return ScriptDirectory.from_config(config)


def guard_of(engine: Engine) -> list[str]:
    """Return the guard's definition as the database keeps it, free of spacing."""
    query = (
        "SELECT sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
        if engine.dialect.name == "sqlite"
        else "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'x'"
    )
    with engine.connect() as connection:
        return [" ".join(sql.split()) for sql in connection.execute(text(query)).scalars()]


def differences(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return [
            each
            for each in compare_metadata(context, Base.metadata)
            if "claims_never_overlap" not in str(each)
        ]


def test_from_empty_to_head_is_what_the_models_say(empty: Engine) -> None:
    schema.upgrade(empty)
    assert differences(empty) == []


def test_the_guard_is_the_one_of_the_models(empty: Engine, tmp_path: Path) -> None:
    schema.upgrade(empty)
    migrated = guard_of(empty)
    assert len(migrated) == len(claim_guard.statements(empty.dialect.name))
    schema.downgrade(empty)
    Base.metadata.create_all(empty)
    assert guard_of(empty) == migrated


def test_down_and_up_again_with_data(empty: Engine) -> None:
    schema.upgrade(empty)
    for _ in range(2):
        with Session(empty, expire_on_commit=False) as session, session.begin():
            reservation, gpus = a_reservation_row(session), gpu_rows(session)
            start = reservation.starts_at
            session.add(a_claim(reservation, gpus[0], start, start + HOUR))
        with pytest.raises(DBAPIError) as refusal, Session(empty) as session, session.begin():
            session.add(
                ClaimRow(
                    gpu_id=gpus[0].id,
                    reservation_id=reservation.id,
                    starts_at=start,
                    ends_at=start + HOUR,
                )
            )
        assert is_claim_overlap(refusal.value)
        schema.downgrade(empty)
        assert set(inspect(empty).get_table_names()) <= {"alembic_version"}
        schema.upgrade(empty)
    assert differences(empty) == []


def test_upgrading_again_changes_nothing(empty: Engine) -> None:
    schema.upgrade(empty)
    schema.upgrade(empty)
    schema.require_current(empty)


UPGRADE = """
import sys
from bot.store import schema
from bot.store.database import open_engine
schema.upgrade(open_engine(sys.argv[1]))
"""


def test_processes_that_upgrade_at_once_take_turns(empty: Engine) -> None:
    url = empty.url.set(drivername=empty.dialect.name).render_as_string(hide_password=False)
    processes = [subprocess.Popen([sys.executable, "-c", UPGRADE, url]) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    schema.require_current(empty)


def test_a_connection_goes_back_to_its_pool_as_it_came(empty: Engine) -> None:
    schema.upgrade(empty)
    if empty.dialect.name != "postgresql":
        return
    with empty.connect() as connection:
        assert connection.execute(text("SHOW lock_timeout")).scalar() == "0"
        locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        assert connection.execute(text(locks)).scalar() == 0


def test_there_is_one_head_and_one_line_to_it() -> None:
    found = scripts()
    assert len(found.get_heads()) == 1
    assert len(found.get_bases()) == 1
    assert not any(each.is_merge_point or each.is_branch_point for each in found.walk_revisions())


def test_a_revision_imports_nothing_of_berth() -> None:
    """It must do the same in a year, whatever the tables look like then."""
    for path in sorted((schema.migrations_folder() / "versions").glob("*.py")):
        imported = {
            alias.name if isinstance(node, ast.Import) else node.module or ""
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        assert imported
        assert not any(name.split(".")[0] == "bot" for name in imported), path.name


def test_an_empty_database_is_refused(empty: Engine) -> None:
    with pytest.raises(SchemaOutOfDate) as refusal:
        schema.require_current(empty)
    assert refusal.value.found is None
    assert refusal.value.wanted == scripts().get_current_head()


def test_a_database_of_another_release_is_refused(database: Database) -> None:
    schema.require_current(database.engine)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'ffffffffffff'"))
    with pytest.raises(SchemaOutOfDate) as refusal:
        schema.require_current(database.engine)
    assert refusal.value.found == "ffffffffffff"

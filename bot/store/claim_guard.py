"""The database's own refusal of two live claims on one GPU at one time.

PostgreSQL: an exclusion constraint; ranges have a GiST operator class of their own, so that no
extension is needed (https://www.postgresql.org/docs/current/rangetypes.html#RANGETYPES-CONSTRAINT).
SQLite: triggers, which see every other writer's rows because writers start with BEGIN IMMEDIATE.
"""

from __future__ import annotations

from sqlalchemy import Connection, MetaData, Table, event, text

NAME = "claims_never_overlap"

POSTGRESQL = f"""
ALTER TABLE claims ADD CONSTRAINT {NAME} EXCLUDE USING gist (
    int8range(gpu_id, gpu_id, '[]') WITH &&,
    tstzrange(starts_at, ends_at) WITH &&
) WHERE (live)
"""


_SQLITE_TRIGGER = """
CREATE TRIGGER {name} BEFORE {moment} ON claims WHEN NEW.live
BEGIN
    SELECT RAISE(ABORT, 'claims_never_overlap') WHERE EXISTS (
        SELECT 1 FROM claims WHERE live AND gpu_id = NEW.gpu_id
            AND starts_at < NEW.ends_at AND NEW.starts_at < ends_at
            AND id IS NOT NEW.id
    );
END
"""
SQLITE = (
    _SQLITE_TRIGGER.format(name=f"{NAME}_insert", moment="INSERT"),
    _SQLITE_TRIGGER.format(
        name=f"{NAME}_update", moment="UPDATE OF gpu_id, starts_at, ends_at, live"
    ),
)


def statements(dialect_name: str) -> tuple[str, ...]:
    """Return the statements that set up the guard on a database of that dialect."""
    return SQLITE if dialect_name == "sqlite" else (POSTGRESQL,)


def attach(metadata: MetaData) -> None:
    """Make ``metadata.create_all`` set up the guard after the claims table."""
    claims: Table = metadata.tables["claims"]

    def guard(_table: Table, connection: Connection, **_options: object) -> None:
        for statement in statements(connection.dialect.name):
            connection.execute(text(statement))

    event.listen(claims, "after_create", guard)

"""Runs migrations on the connection or the URL that the caller put into the configuration."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, text

from bot.store.database import open_engine
from bot.store.every_table import Base

ADVISORY_LOCK = 0x6265727468  # "berth": two processes that migrate at once take turns


def migrate(connection: Connection) -> None:
    """Run the migrations that were asked for, each in a transaction of its own."""
    if connection.dialect.name != "postgresql":
        run(connection)
        return
    connection.execute(text("SET lock_timeout = '15s'"))
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
    connection.commit()
    try:
        run(connection)
    finally:
        # Both belong to the connection, which goes back to its pool.
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ADVISORY_LOCK})
        connection.execute(text("RESET lock_timeout"))
        connection.commit()


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        transaction_per_migration=True,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    url = context.config.get_main_option("sqlalchemy.url") or "sqlite:///berth.db"
    with open_engine(url).connect() as own:
        migrate(own)

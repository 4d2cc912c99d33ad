"""The revision of the database: brought up to date, or insisted upon."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

import bot
from bot.domain.errors import SchemaOutOfDate


def migrations_folder() -> Path:
    """Return the folder of the migrations: inside an installed package, else beside it.

    Raises:
        FileNotFoundError: it is in neither place.
    """
    package = Path(bot.__file__).parent
    for folder in (package / "migrations", package.parent / "migrations"):
        if (folder / "env.py").is_file():
            return folder
    raise FileNotFoundError(f"no migrations beside {package}")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the database to ``revision``. Idempotent; two at once take turns."""
    config = _config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()


def downgrade(engine: Engine, revision: str = "base") -> None:
    """Take the database back to ``revision``; what later revisions added is lost."""
    config = _config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
        connection.commit()


def require_current(engine: Engine) -> None:
    """Accept the database if it is at the revision of this release.

    Raises:
        SchemaOutOfDate: it is older, newer or empty.
    """
    wanted = ScriptDirectory.from_config(_config()).get_current_head() or ""
    with engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found != wanted:
        raise SchemaOutOfDate(found, wanted)

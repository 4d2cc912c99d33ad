"""What an operator does on the control plane's own machine, straight on the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bot.bootstrap.system_clock import SystemClock
from bot.config import DatabaseSettings, load
from bot.domain.policy import Policy
from bot.domain.run_spec import TrainingSpec
from bot.services.transaction import Defaults, UseCases
from bot.store import schema
from bot.store.database import Database, open_engine


@contextmanager
def operator_use_cases() -> Iterator[UseCases]:
    """Yield use cases over the configured database.

    Raises:
        InvalidSetting: the database's URL is wrong.
        SchemaOutOfDate: the database is not at the revision of this release.
    """
    database = Database(open_engine(load(DatabaseSettings).database_url))
    try:
        schema.require_current(database.engine)
        no_newcomers = Defaults(team_name="", channel_id="", run=TrainingSpec(model="", data=""))
        yield UseCases(database, SystemClock(), Policy(), no_newcomers)
    finally:
        database.close()

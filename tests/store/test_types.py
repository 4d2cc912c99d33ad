from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session

from bot.store.database import Database
from bot.store.tables import TeamRow
from tests.strategies import MODEST, instants

ON_ONE_DATABASE = settings(
    MODEST, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def kept(database: Database, instant: datetime, name: str = "x") -> TeamRow:
    def replace(session: Session) -> TeamRow:
        for old in session.scalars(select(TeamRow)):
            session.delete(old)
        session.flush()
        row = TeamRow(name=name, channel_id="C", created_at=instant)
        session.add(row)
        session.flush()
        session.refresh(row)
        return row

    return database.write(replace)


@ON_ONE_DATABASE
@given(instants)
def test_an_instant_comes_back_the_same_and_in_utc(database: Database, instant: datetime) -> None:
    back = kept(database, instant).created_at
    assert back == instant.astimezone(UTC)
    assert back.tzinfo is UTC


def test_a_naive_time_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="naive time"):
        kept(database, datetime(2026, 1, 1))  # noqa: DTZ001 - naive on purpose


@ON_ONE_DATABASE
@given(instants, st.timedeltas(timedelta(-2), timedelta(2)))
def test_the_database_orders_instants_as_they_come(
    database: Database, instant: datetime, apart: timedelta
) -> None:
    kept(database, instant)
    other = (instant.astimezone(UTC) + apart).astimezone(ZoneInfo("Asia/Kolkata"))

    def earlier(session: Session) -> int:
        found = select(func.count()).select_from(TeamRow).where(TeamRow.created_at < other)
        return session.scalar(found) or 0

    assert database.read(earlier) == (apart > timedelta())


@ON_ONE_DATABASE
@given(st.text(alphabet=st.characters() | st.sampled_from("\x00\ud800"), max_size=50))
def test_any_text_can_be_kept(database: Database, name: str) -> None:
    back = kept(database, datetime(2026, 1, 1, tzinfo=UTC), name).name
    assert len(back) >= len(name)
    if "\x00" not in name and not any("\ud800" <= each <= "\udfff" for each in name):
        assert back == name


def test_what_no_database_takes_is_marked(database: Database) -> None:
    back = kept(database, datetime(2026, 1, 1, tzinfo=UTC), "a\x00b").name
    assert back == "a\ufffdb"

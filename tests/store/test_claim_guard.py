"""The database itself refuses two live claims on one GPU at one time, whoever writes them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from bot.domain.errors import ClaimOverlap
from bot.store.database import ATTEMPTS, Database
from bot.store.failures import is_claim_overlap
from bot.store.tables import ClaimRow
from tests.strategies import MODEST, MONDAY
from tests.support.rows import HOUR, a_reservation_row, gpu_rows


def at(hours: float) -> datetime:
    return MONDAY + hours * HOUR


@dataclass(frozen=True)
class Ground:
    """Two GPUs and a reservation, and nothing claimed."""

    database: Database
    reservation_id: int
    gpu_ids: tuple[int, int]

    def claim(self, start: float, end: float, *, gpu: int = 0, live: bool = True) -> ClaimRow:
        return ClaimRow(
            reservation_id=self.reservation_id,
            gpu_id=self.gpu_ids[gpu],
            starts_at=at(start),
            ends_at=at(end),
            live=live,
        )

    def add(self, *claims: ClaimRow) -> list[int]:
        with Session(self.database.engine) as session, session.begin():
            session.add_all(claims)
            session.flush()
            return [claim.id for claim in claims]

    def set(self, claim_id: int, **values: object) -> None:
        with self.database.engine.begin() as connection:
            connection.execute(update(ClaimRow).where(ClaimRow.id == claim_id).values(**values))


@pytest.fixture
def ground(database: Database) -> Ground:
    with Session(database.engine) as session, session.begin():
        reservation, gpus = a_reservation_row(session), gpu_rows(session)
        return Ground(database, reservation.id, (gpus[0].id, gpus[1].id))


@contextmanager
def refused() -> Iterator[None]:
    with pytest.raises(DBAPIError) as refusal:
        yield
    assert is_claim_overlap(refusal.value)


@pytest.mark.parametrize(
    ("start", "end"), [(2, 4), (1, 3), (3, 5), (2.5, 3), (0, 9), (1, 2.001), (3.999, 5)]
)
def test_an_overlapping_claim_is_refused(ground: Ground, start: float, end: float) -> None:
    ground.add(ground.claim(2, 4))
    with refused():
        ground.add(ground.claim(start, end))


def test_even_by_a_microsecond(ground: Ground) -> None:
    ground.add(ground.claim(2, 4))
    with refused():
        ground.add(ground.claim(4 - 1 / 3.6e9, 6))


def test_two_in_one_statement_are_refused(ground: Ground) -> None:
    with refused():
        ground.add(ground.claim(2, 4), ground.claim(3, 5))


def test_windows_that_touch_other_gpus_and_dead_claims_are_fine(ground: Ground) -> None:
    ground.add(
        ground.claim(2, 4),
        ground.claim(0, 2),
        ground.claim(4, 6),
        ground.claim(2, 4, gpu=1),
        ground.claim(1, 5, live=False),
        ground.claim(1, 5, live=False),
    )


@pytest.mark.parametrize(
    "moved",
    [{"starts_at": at(3.5)}, {"starts_at": at(0), "ends_at": at(9)}, {"ends_at": at(7)}],
)  # fmt: skip
def test_moving_a_claim_over_another_is_refused(ground: Ground, moved: dict[str, object]) -> None:
    ground.add(ground.claim(2, 4))
    later = ground.add(ground.claim(4, 6))[0]
    third = ground.add(ground.claim(6, 8))[0]
    with refused():
        ground.set(later, **moved)
    ground.set(third, ends_at=at(7), starts_at=at(6.5))


def test_moving_a_claim_to_a_taken_gpu_is_refused(ground: Ground) -> None:
    ground.add(ground.claim(2, 4))
    other = ground.add(ground.claim(2, 4, gpu=1))[0]
    with refused():
        ground.set(other, gpu_id=ground.gpu_ids[0])


def test_reviving_a_dead_claim_over_a_live_one_is_refused(ground: Ground) -> None:
    dead, alone = ground.add(ground.claim(2, 4, live=False), ground.claim(8, 9, live=False))
    ground.add(ground.claim(3, 5))
    with refused():
        ground.set(dead, live=True)
    ground.set(alone, live=True)


def test_a_claim_may_be_changed_within_its_own_window(ground: Ground) -> None:
    claim = ground.add(ground.claim(2, 4))[0]
    ground.set(claim, ends_at=at(3))
    ground.set(claim, ends_at=at(6))
    ground.set(claim, live=False)
    ground.set(claim, live=True)


def test_what_is_freed_can_be_taken(ground: Ground) -> None:
    claim = ground.add(ground.claim(2, 6))[0]
    ground.set(claim, ends_at=at(4))
    ground.add(ground.claim(4, 6))
    ground.set(claim, live=False)
    ground.add(ground.claim(2, 4))


def test_a_live_claim_has_a_length(ground: Ground) -> None:
    with pytest.raises(DBAPIError):
        ground.add(ground.claim(2, 2))
    ground.add(ground.claim(2, 2, live=False))


def test_a_use_case_that_loses_every_time_is_told_so(ground: Ground) -> None:
    ground.add(ground.claim(2, 4))
    runs = 0

    def insist(session: Session) -> None:
        nonlocal runs
        runs += 1
        session.add(ground.claim(3, 5))

    with pytest.raises(ClaimOverlap):
        ground.database.write(insist)
    assert runs == ATTEMPTS


def test_a_use_case_that_lost_once_is_run_again_whole(ground: Ground) -> None:
    ground.add(ground.claim(2, 4))
    seen: list[int] = []

    def look_again(session: Session) -> None:
        seen.append(len(seen))
        session.add(ground.claim(8, 9))
        session.flush()
        session.add(ground.claim(3, 5) if len(seen) == 1 else ground.claim(4, 6))

    ground.database.write(look_again)
    assert seen == [0, 1]
    with Session(ground.database.engine) as session:
        assert session.query(ClaimRow).count() == 3, "nothing of the first attempt was kept"


spans = st.tuples(st.integers(0, 1), st.integers(0, 12), st.integers(1, 5), st.booleans())


@settings(MODEST, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(spans, max_size=12))
def test_any_sequence_of_claims_leaves_no_overlap(
    ground: Ground, wanted: list[tuple[int, int, int, bool]]
) -> None:
    """The guard accepts a claim exactly when a model of it in Python does."""
    with ground.database.engine.begin() as connection:
        connection.execute(delete(ClaimRow))
    accepted: list[tuple[int, int, int]] = []
    for gpu, start, length, live in wanted:
        end = start + length
        clash = live and any(g == gpu and s < end and start < e for g, s, e in accepted)
        if clash:
            with refused():
                ground.add(ground.claim(start, end, gpu=gpu, live=live))
            continue
        ground.add(ground.claim(start, end, gpu=gpu, live=live))
        if live:
            accepted.append((gpu, start, end))


def test_plain_sql_is_refused_too(ground: Ground) -> None:
    claim = ground.add(ground.claim(2, 4))[0]
    copy = text(
        "INSERT INTO claims (gpu_id, reservation_id, starts_at, ends_at, live)"
        " SELECT gpu_id, reservation_id, starts_at, ends_at, live FROM claims WHERE id = :id"
    )
    with refused(), ground.database.engine.begin() as connection:
        connection.execute(copy, {"id": claim})

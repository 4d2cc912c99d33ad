"""Many who change reservations at the same moment: nothing overlaps, and somebody is right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from bot.domain.errors import BerthError
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState
from bot.services import booking, changing, queries
from bot.services.transaction import UseCases
from bot.store.database import Database
from bot.store.tables import ClaimRow, ReservationRow
from tests.support.rival import RIVALS, all_at_once, use_cases_over
from tests.support.world import a_host, a_member

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
TWO_HOURS = timedelta(hours=2)
AT_14, AT_16 = NOW.replace(hour=14, minute=0), NOW.replace(hour=16, minute=0)
EXPECTED = {"won", "window_taken", "reservation_over", "end_not_later", "end_not_earlier"}


@pytest.fixture
def berth(database: Database) -> UseCases:
    return use_cases_over(database, NOW)


def outcome(act: Callable[[], object]) -> str:
    try:
        act()
    except BerthError as error:
        return error.code
    return "won"


def assert_sound(database: Database) -> None:
    """No two live claims of a GPU overlap, and every claim is as its reservation says."""
    by_gpu: defaultdict[int, list[tuple[datetime, datetime]]] = defaultdict(list)
    for claim in database.read(lambda s: s.scalars(select(ClaimRow).where(ClaimRow.live)).all()):
        by_gpu[claim.gpu_id].append((claim.starts_at, claim.ends_at))
    for windows in by_gpu.values():
        assert all(earlier[1] <= later[0] for earlier, later in pairwise(sorted(windows)))
    for row in database.read(lambda s: s.scalars(select(ReservationRow)).all()):
        booked = row.state == ReservationState.BOOKED
        assert all(claim.live is booked for claim in row.claims)
        if booked:
            windows_of = {(claim.starts_at, claim.ends_at) for claim in row.claims}
            assert windows_of == {(row.starts_at, row.ends_at)}


def booked(berth: UseCases, name: str, start: datetime, **wish: object) -> int:
    request = ReserveRequest(**{"length": TWO_HOURS, "start": start, **wish})  # type: ignore[arg-type] # a test's own words
    return berth.run(booking.reserve, a_member(berth, name), request).reservation_id


def test_who_extends_and_who_books_the_same_time_are_not_both_served(berth: UseCases) -> None:
    a_host(berth, gpus=1)
    number = booked(berth, "U0ALICE", AT_14)
    alice = a_member(berth)

    def act(rival: int) -> str:
        if rival % 2:
            return outcome(lambda: berth.run(changing.extend, alice, number, AT_16 + TWO_HOURS))
        return outcome(lambda: booked(berth, f"U0T{rival}", AT_16))

    for rival in range(0, RIVALS, 2):
        a_member(berth, f"U0T{rival}")
    outcomes = all_at_once(act)
    books, extends = outcomes[::2], outcomes[1::2]
    assert set(outcomes) <= EXPECTED
    # All extensions ask for the same, so either all of them are served or one booking is.
    assert (books.count("won"), extends.count("won")) in {(1, 0), (0, RIVALS // 2)}
    assert_sound(berth.database)


def test_who_moves_and_who_books_the_same_time_are_not_both_served(berth: UseCases) -> None:
    a_host(berth, gpus=2)
    numbers = [booked(berth, f"U0T{n}", AT_14 + n * TWO_HOURS, gpu_count=2) for n in range(8)]
    free = AT_14 + 8 * TWO_HOURS
    members = [a_member(berth, f"U0T{n}") for n in range(8)]

    def act(rival: int) -> str:
        which, books = divmod(rival, 2)
        if books:
            request = ReserveRequest(TWO_HOURS, gpu_count=2, start=free)
            return outcome(lambda: berth.run(booking.reserve, members[which], request))
        return outcome(lambda: berth.run(changing.move, members[which], numbers[which], free))

    outcomes = all_at_once(act)
    assert set(outcomes) <= EXPECTED
    assert outcomes.count("won") == 1
    assert_sound(berth.database)


def test_who_shortens_and_who_extends_one_reservation_leave_one_of_the_ends(
    berth: UseCases,
) -> None:
    a_host(berth, gpus=1)
    number = booked(berth, "U0ALICE", AT_14, length=2 * TWO_HOURS)
    alice = a_member(berth)
    ends = (AT_16, AT_16 + 2 * TWO_HOURS)

    def act(rival: int) -> str:
        change = changing.extend if rival % 2 else changing.shorten
        return outcome(lambda: berth.run(change, alice, number, ends[rival % 2]))

    outcomes = all_at_once(act)
    assert set(outcomes) <= EXPECTED
    assert berth.run(queries.reservation, number).window.end in ends
    assert_sound(berth.database)


def test_who_cancels_and_who_extends_end_with_nothing_held(berth: UseCases) -> None:
    a_host(berth, gpus=4)
    numbers = [booked(berth, "U0ALICE", AT_14) for _ in range(4)]
    alice = a_member(berth)

    def act(rival: int) -> str:
        number = numbers[rival % 4]
        if rival >= RIVALS // 2:
            return outcome(lambda: berth.run(booking.cancel, alice, number, "no need"))
        return outcome(lambda: berth.run(changing.extend, alice, number, AT_16 + TWO_HOURS))

    outcomes = all_at_once(act)
    assert set(outcomes) <= EXPECTED
    assert outcomes[RIVALS // 2 :].count("won") == 4, "each is cancelled once"
    views = [berth.run(queries.reservation, number) for number in numbers]
    assert {view.state for view in views} == {ReservationState.CANCELLED}
    assert_sound(berth.database)

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.fairness import decayed_hours, places, rank
from tests.strategies import MODEST, MONDAY

HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)
hours = st.floats(0, 2000, allow_nan=False).map(lambda each: each * HOUR)
half_lives = st.sampled_from([HOUR, timedelta(days=1), WEEK, timedelta(days=90)])


def by_midpoints(start_h: float, end_h: float, now_h: float, half_life_h: float) -> float:
    """The same by adding up small pieces: slow, and obviously right."""
    end_h = min(end_h, now_h)
    pieces = 20_000
    width = max(0.0, end_h - start_h) / pieces
    middles = (start_h + (number + 0.5) * width for number in range(pieces))
    return sum(width * 2 ** (-(now_h - middle) / half_life_h) for middle in middles)


@pytest.mark.parametrize(
    ("start_h", "end_h", "now_h"), [(0, 8, 8), (0, 8, 176), (3, 500, 400), (0, 0.5, 900)]
)
def test_it_is_the_integral(start_h: float, end_h: float, now_h: float) -> None:
    exact = decayed_hours(
        MONDAY + start_h * HOUR, MONDAY + end_h * HOUR, MONDAY + now_h * HOUR, WEEK
    )
    assert exact == pytest.approx(by_midpoints(start_h, end_h, now_h, 168), rel=1e-6)


@MODEST
@given(hours, hours, hours, half_lives)
def test_it_never_counts_more_than_what_was_held_and_fades_by_half(
    begins: timedelta, length: timedelta, later: timedelta, half_life: timedelta
) -> None:
    start, end = MONDAY + begins, MONDAY + begins + length
    now = end + later
    used = decayed_hours(start, end, now, half_life)
    assert 0 <= used <= length / HOUR + 1e-9
    assert decayed_hours(start, end, now + half_life, half_life) == pytest.approx(used / 2)


@MODEST
@given(st.lists(hours, min_size=3, max_size=6), half_lives)
def test_a_claim_counts_the_same_in_one_piece_or_in_several(
    cuts: list[timedelta], half_life: timedelta
) -> None:
    instants = sorted(MONDAY + cut for cut in cuts)
    now = instants[-1] + HOUR
    whole = decayed_hours(instants[0], instants[-1], now, half_life)
    parts = sum(decayed_hours(one, two, now, half_life) for one, two in pairwise(instants))
    assert parts == pytest.approx(whole, abs=1e-9)


@MODEST
@given(hours, hours, half_lives)
def test_what_is_ahead_counts_nothing(
    begins: timedelta, length: timedelta, half_life: timedelta
) -> None:
    start = MONDAY + begins
    assert decayed_hours(start, start + length, start, half_life) == 0
    half = start + length / 2
    assert decayed_hours(start, start + length, half, half_life) == pytest.approx(
        decayed_hours(start, half, half, half_life)
    )


def test_least_recent_use_first_and_then_who_has_waited_longest() -> None:
    wishes = {
        "busy, early": rank(80.0, MONDAY),
        "newcomer, late": rank(0.0, MONDAY + 5 * HOUR),
        "little, late": rank(3.0, MONDAY + 3 * HOUR),
        "little, early": rank(3.01, MONDAY + HOUR),
    }
    order = sorted(wishes, key=wishes.__getitem__)
    assert order == ["newcomer, late", "little, early", "little, late", "busy, early"]


@MODEST
@given(st.dictionaries(st.integers(1, 9), st.floats(0, 1000, allow_nan=False), max_size=9))
def test_places_follow_use(use: dict[int, float]) -> None:
    found = places(use)
    assert found.keys() == use.keys()
    for team, hours_used in use.items():
        assert 1 <= found[team] <= len(use)
        assert all(found[team] <= found[other] or use[other] <= hours_used + 0.05 for other in use)
    if use:
        assert 1 in found.values()


def test_the_same_use_is_the_same_place() -> None:
    assert places({1: 4.0, 2: 0.0, 3: 4.001, 4: 9.0}) == {1: 2, 2: 1, 3: 2, 4: 4}

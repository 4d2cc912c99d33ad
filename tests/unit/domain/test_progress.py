from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.progress import RECENT_EPOCHS, Progress, estimate_progress
from tests.strategies import MODEST


def test_nothing_is_forecast_from_nothing() -> None:
    assert estimate_progress(10, []) == Progress(0, 10, None)
    assert Progress(0, 0, None).fraction == 0


def test_the_first_epoch_counts_only_while_it_is_the_only_one() -> None:
    assert estimate_progress(3, [90.0]).left == timedelta(seconds=180)
    assert estimate_progress(3, [90.0, 10.0]).left == timedelta(seconds=10)


def test_one_slow_epoch_does_not_move_the_forecast() -> None:
    assert estimate_progress(10, [50, 10, 10, 500, 10, 10]).left == timedelta(seconds=40)


def test_only_the_last_few_epochs_count() -> None:
    seconds = [1.0] * 20 + [60.0] * RECENT_EPOCHS
    assert estimate_progress(len(seconds) + 1, seconds).left == timedelta(seconds=60)


@MODEST
@given(st.integers(1, 500), st.lists(st.floats(0, 1e12), max_size=30))
def test_a_forecast_is_never_negative_and_lies_within_what_was_seen(
    epochs: int, seconds: list[float]
) -> None:
    progress = estimate_progress(epochs, seconds)
    assert progress.epoch == len(seconds)
    if not seconds:
        return
    assert progress.left is not None
    assert timedelta() <= progress.left <= timedelta(days=3650)
    to_go = max(0, epochs - len(seconds))
    assert progress.left.total_seconds() <= max(seconds) * to_go * (1 + 1e-9) + 1e-6
    assert progress.fraction > 0

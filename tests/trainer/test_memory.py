"""Which batch would have fitted: measured where something was measured, half otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.agent.trainer.memory import MemoryUse, batch_that_fits
from tests.strategies import MODEST


def use(base: float, peak: float, limit: float, images: int, *, finished: bool = True) -> MemoryUse:
    return MemoryUse(base, peak, limit, images, finished)


def test_a_finished_batch_tells_what_an_image_takes() -> None:
    # 8 images took 4000 MiB over the model's 1000: 500 each, and 0.9 * 10 000 leave room for 16.
    fit = batch_that_fits(32, 1, use(1000, 5000, 10_000, 8))
    assert fit.batch == 16
    assert fit.sentence == (
        "batch=16 should fit: measured were 500 MiB per image and 1000 MiB for the model, of "
        "10000 MiB."
    )


def test_several_gpus_share_a_batch() -> None:
    assert batch_that_fits(64, 2, use(1000, 5000, 10_000, 8)).batch == 32


def test_a_measurement_that_contradicts_the_failure_is_not_believed() -> None:
    assert batch_that_fits(32, 1, use(1000, 1100, 90_000, 8)).batch == 16


def test_without_a_finished_batch_it_is_half_or_what_the_failed_one_leaves() -> None:
    assert batch_that_fits(32, 1, use(1000, 9000, 10_000, 32, finished=False)).batch == 16
    # The failed batch had taken 2000 MiB per image at least: there is no room for half of it.
    assert batch_that_fits(8, 1, use(1000, 17_000, 10_000, 8, finished=False)).batch == 4
    assert batch_that_fits(32, 1, use(1000, 65_000, 10_000, 32, finished=False)).batch == 4


def test_without_any_measurement_it_is_half() -> None:
    fit = batch_that_fits(24, 2, None)
    assert (fit.batch, fit.sentence) == (
        12,
        "Nothing could be measured; try batch=12, half of it.",
    )


@pytest.mark.parametrize(
    "fit",
    [
        batch_that_fits(1, 1, None),
        batch_that_fits(2, 2, None),
        batch_that_fits(8, 1, use(9500, 9900, 10_000, 8)),
    ],
)
def test_where_not_even_one_image_fits_no_batch_is_named(fit: object) -> None:
    assert "batch" not in str(getattr(fit, "sentence", ""))
    assert getattr(fit, "batch", 0) is None


amounts = st.floats(0, 200_000, allow_nan=False)


@MODEST
@given(
    st.integers(1, 4096),
    st.integers(1, 8),
    st.builds(MemoryUse, amounts, amounts, amounts, st.integers(0, 4096), st.booleans()),
)
def test_what_is_advised_is_always_less_and_a_multiple_of_the_gpus(
    failed: int, ranks: int, seen: MemoryUse
) -> None:
    batch = batch_that_fits(failed, ranks, seen).batch
    if batch is not None:
        assert 1 <= batch < failed
        assert batch % ranks == 0

"""Other GPUs for a reservation that loses some: as many, the same models, the same host."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.holdings import GpuOnHost
from bot.domain.relocation import equivalent_gpus
from tests.strategies import MODEST


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[GpuOnHost], list[GpuOnHost], list[GpuOnHost], bool]:
    """GPUs of two models on three hosts: some kept, some lost, some free."""
    gpus = [
        GpuOnHost(number, number % 3, number, f"host{number % 3}", draw(st.sampled_from("AB")))
        for number in range(12)
    ]
    fates = draw(st.lists(st.sampled_from("klfx"), min_size=12, max_size=12))
    by_fate = {fate: [g for g, f in zip(gpus, fates, strict=True) if f == fate] for fate in "klfx"}
    one_host = draw(st.booleans())
    kept = by_fate["k"]
    if one_host and kept:
        kept = [gpu for gpu in kept if gpu.host_id == kept[0].host_id]
    return kept, by_fate["l"], by_fate["f"], one_host


@MODEST
@given(cases())
def test_what_is_found_is_equivalent(
    case: tuple[list[GpuOnHost], list[GpuOnHost], list[GpuOnHost], bool],
) -> None:
    kept, lost, free, one_host = case
    if not lost:
        return
    found = equivalent_gpus(kept, lost, free, one_host=one_host)
    if found is None:
        there, wanted = (Counter(gpu.model for gpu in each) for each in (free, lost))
        assert one_host or any(there[model] < count for model, count in wanted.items())
        return
    assert set(found) <= set(kept) | set(free)
    assert len(set(found)) == len(kept) + len(lost)
    assert Counter(gpu.model for gpu in found) == Counter(gpu.model for gpu in [*kept, *lost])
    if one_host:
        assert len({gpu.host_id for gpu in found}) == 1
    else:
        assert set(kept) <= set(found)

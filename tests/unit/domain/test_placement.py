from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.holdings import GpuOnHost
from bot.domain.placement import choose_gpus
from tests.strategies import MODEST, gpu_sets


def gpus(**sizes: int) -> list[GpuOnHost]:
    made: list[GpuOnHost] = []
    for host_id, (name, size) in enumerate(sizes.items(), 1):
        made += [GpuOnHost(len(made) + 1 + i, host_id, i, name, "A100") for i in range(size)]
    return made


@MODEST
@given(gpu_sets(), st.integers(1, 12), st.booleans(), st.sets(st.integers(1, 20)))
def test_what_is_chosen_is_free_distinct_and_on_one_host_when_one_fits(
    free: tuple[GpuOnHost, ...], count: int, one_host: bool, liked: set[int]
) -> None:
    chosen = choose_gpus(free, count, one_host=one_host, preferred_gpu_ids=liked)
    largest = max(Counter(gpu.host_id for gpu in free).values(), default=0)
    possible = largest >= count if one_host else len(free) >= count
    assert (chosen is not None) == possible, "all or none, and never none when it can be had"
    if chosen is None:
        return
    assert len(chosen) == count
    assert set(chosen) <= set(free)
    assert len({gpu.gpu_id for gpu in chosen}) == count
    if largest >= count:
        assert len({gpu.host_id for gpu in chosen}) == 1


@MODEST
@given(gpu_sets(), st.integers(1, 12), st.booleans())
def test_the_choice_does_not_depend_on_the_order_in_which_gpus_are_listed(
    free: tuple[GpuOnHost, ...], count: int, one_host: bool
) -> None:
    chosen = choose_gpus(free, count, one_host=one_host)
    again = choose_gpus(free[::-1], count, one_host=one_host)
    assert (chosen and set(chosen)) == (again and set(again))


def test_takes_the_tightest_host_so_that_large_requests_keep_finding_one() -> None:
    chosen = choose_gpus(gpus(big=8, small=2), 2, one_host=True)
    assert chosen is not None
    assert {gpu.host_name for gpu in chosen} == {"small"}


def test_among_equal_hosts_takes_what_the_member_had_last() -> None:
    free = gpus(one=4, two=4)
    chosen = choose_gpus(free, 2, one_host=True, preferred_gpu_ids={7, 8})
    assert chosen is not None
    assert {gpu.gpu_id for gpu in chosen} == {7, 8}
    first = choose_gpus(free, 2, one_host=True)
    assert first is not None
    assert {gpu.host_name for gpu in first} == {"one"}


def test_over_several_hosts_touches_as_few_as_possible() -> None:
    chosen = choose_gpus(gpus(a=2, b=4, c=2), 6, one_host=False)
    assert chosen is not None
    assert Counter(gpu.host_name for gpu in chosen) == {"b": 4, "a": 2}

"""The queue over the calendar, without a database."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.calendar import Busy, Calendar
from bot.domain.holdings import GpuOnHost
from bot.domain.queueing import Job, expected_starts, idle_gpus
from bot.domain.time_window import TimeWindow

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
GPUS = tuple(GpuOnHost(i, 1 + i // 2, i % 2, f"host{1 + i // 2}", "A100") for i in range(4))


def busy(gpu_id: int, start_h: float, end_h: float) -> Busy:
    return Busy(gpu_id, TimeWindow(NOW + start_h * HOUR, NOW + end_h * HOUR))


def test_a_job_starts_at_once_where_gpus_are_idle_for_all_of_it() -> None:
    starts = expected_starts([Job(1, 2, HOUR)], GPUS, [busy(0, 0, 2)], NOW)
    assert starts == {1: NOW}, "host2 is idle"


def test_a_job_does_not_start_where_it_would_reach_into_a_reservation() -> None:
    claims = [busy(gpu, 0.5, 4) for gpu in range(4)]
    window = TimeWindow(NOW, NOW + HOUR)
    assert idle_gpus(Job(1, 1, HOUR), window, Calendar(GPUS, claims)) is None
    assert expected_starts([Job(1, 1, HOUR)], GPUS, claims, NOW) == {1: NOW + 4 * HOUR}
    assert expected_starts([Job(1, 1, HOUR / 2)], GPUS, claims, NOW) == {1: NOW}


def test_jobs_start_one_after_another_and_a_small_one_slips_by() -> None:
    claims = [busy(0, 0, 2), busy(1, 0, 2), busy(2, 0, 1)]
    jobs = [Job(1, 2, HOUR), Job(2, 1, HOUR), Job(3, 1, HOUR)]
    starts = expected_starts(jobs, GPUS, claims, NOW)
    assert starts == {1: NOW + HOUR, 2: NOW, 3: NOW + 2 * HOUR}


def test_a_job_that_fits_nowhere_has_no_start() -> None:
    assert expected_starts([Job(1, 3, HOUR)], GPUS, [], NOW) == {1: None}
    assert expected_starts([Job(1, 1, HOUR, frozenset())], GPUS, [], NOW) == {1: None}


@given(
    claims=st.lists(
        st.builds(
            busy,
            st.integers(0, 3),
            st.integers(0, 5),
            st.integers(6, 9),
        ),
        max_size=6,
    ),
    jobs=st.lists(st.tuples(st.integers(1, 2), st.integers(1, 119)), min_size=1, max_size=6),
)
def test_no_forecast_touches_a_claim_or_another_job(
    claims: list[Busy], jobs: list[tuple[int, int]]
) -> None:
    wanted = [Job(i, n, timedelta(minutes=m)) for i, (n, m) in enumerate(jobs)]
    taken = list(claims)
    starts = expected_starts(wanted, GPUS, claims, NOW)
    for job in wanted:
        start = starts[job.wait_id]
        assert start is not None, "two GPUs of one host are free some day"
        assert start >= NOW
        window = TimeWindow(start, start + job.length)
        chosen = idle_gpus(job, window, Calendar(GPUS, taken))
        assert chosen is not None
        assert len({gpu.host_id for gpu in chosen}) == 1
        taken += [Busy(gpu.gpu_id, window) for gpu in chosen]

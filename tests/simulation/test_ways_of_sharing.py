"""What every way of sharing keeps, and what each of them is there for."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from itertools import pairwise

import pytest

from bot.domain.priority import Priority
from bot.simulation.comparing import simulate
from bot.simulation.demand import Demand
from bot.simulation.jobs import DAY_MIN, Job, Scenario, Sharing, hosts_of
from bot.simulation.ledger import Claim, Outcome
from bot.simulation.report import as_json

HOUR = 60


@lru_cache
def month(seed: int, *, gpus: int = 44, load: float = 0.9, days: int = 21) -> Scenario:
    jobs = Demand(load=load).generate(gpus, days, seed)
    return Scenario(hosts_of(gpus, 8), days * DAY_MIN, jobs)


def by_gpu(outcome: Outcome) -> dict[int, list[Claim]]:
    claims: defaultdict[int, list[Claim]] = defaultdict(list)
    for one in sorted(outcome.claims, key=lambda one: (one.gpu_id, one.start_min)):
        claims[one.gpu_id].append(one)
    return claims


@pytest.mark.parametrize("sharing", Sharing)
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("load", [0.6, 1.3])
def test_every_gpu_hour_is_used_lost_or_idle_and_no_two_claims_overlap(
    sharing: Sharing, seed: int, load: float
) -> None:
    scenario = month(seed, load=load)
    outcome = simulate(scenario, sharing, keep_claims=True)
    lost = sum(outcome.lost_h.values())
    assert outcome.used_h + lost + outcome.idle_h == pytest.approx(outcome.gpu_h, abs=1e-6)
    held = sum(one.end_min - one.start_min for one in outcome.claims) / HOUR
    assert outcome.used_h + lost == pytest.approx(held, abs=1e-6)
    assert sum(outcome.used_by_hour) == pytest.approx(outcome.used_h)
    for claims in by_gpu(outcome).values():
        for one, following in pairwise(claims):
            assert one.end_min <= following.start_min
    assert len(by_gpu(outcome)) <= scenario.gpu_count


@pytest.mark.parametrize("sizes", [(8,) * 5, (4, 8, 2, 8, 16), (1,) * 12])
@pytest.mark.parametrize("seed", [8, 11])
def test_no_two_claims_overlap_where_much_is_taken_back(seed: int, sizes: tuple[int, ...]) -> None:
    """P0 within the grace periods of others, victims that go over, hosts of all sizes."""
    demand = Demand(load=1.4, priorities=(0.3, 0.2, 0.5), median_h=6.0)
    scenario = Scenario(sizes, 14 * DAY_MIN, demand.generate(sum(sizes), 14, seed))
    outcome = simulate(scenario, Sharing.WITH_BOTH, keep_claims=True)
    assert outcome.counts["reservations taken back"] > 10
    for claims in by_gpu(outcome).values():
        for one, following in pairwise(claims):
            assert one.end_min <= following.start_min


@pytest.mark.parametrize("sharing", Sharing)
def test_work_that_is_done_took_all_of_its_time(sharing: Sharing) -> None:
    """With room for everybody, what is used is what was to be done, no minute more or less."""
    scenario = month(3, gpus=400, load=0.05)
    outcome = simulate(scenario, sharing)
    done = [job for job in scenario.jobs if job.shows_up and job.arrives_min < 10 * DAY_MIN]
    assert outcome.used_h > 0
    early = Scenario(scenario.host_sizes, scenario.period_min, done)
    played = simulate(early, sharing)
    assert played.used_h == pytest.approx(sum(j.work_min * j.gpu_count for j in done) / HOUR)


def test_the_same_seed_gives_the_same_twice_and_another_another() -> None:
    one, again, other = (
        as_json(scenario, [simulate(scenario, Sharing.WITH_BOTH)])
        for scenario in (month(1), month.__wrapped__(1), month(2))
    )
    assert one == again
    assert one != other


def test_p0_meets_no_fewer_deadlines_where_it_may_take_gpus_back() -> None:
    shares = defaultdict(list)
    for seed in range(4):
        scenario = month(seed, load=1.0)
        for sharing in (Sharing.RESERVATIONS, Sharing.WITH_PREEMPTION):
            shares[sharing].append(simulate(scenario, sharing).waits["p0"].met_share)
    assert sum(shares[Sharing.WITH_PREEMPTION]) > sum(shares[Sharing.RESERVATIONS])


def test_with_overrun_fewer_runs_are_stopped_at_their_end() -> None:
    stopped = {
        sharing: sum(
            simulate(month(seed), sharing).counts["stopped at the end"] for seed in range(4)
        )
        for sharing in (Sharing.RESERVATIONS, Sharing.WITH_OVERRUN)
    }
    assert stopped[Sharing.WITH_OVERRUN] < stopped[Sharing.RESERVATIONS]


# ---- small worlds, by hand


def job(number: int, arrives: int, work: int, **more: object) -> Job:
    told = {"gpu_count": 8, "priority": Priority.P2, "asked_min": work + 5, "team_id": number}
    return Job(number=number, arrives_min=arrives, work_min=work, **{**told, **more})  # type: ignore[arg-type]  # told by name


def world(*jobs: Job, hosts: int = 1) -> Scenario:
    return Scenario((8,) * hosts, 10 * DAY_MIN, jobs)


def spans(outcome: Outcome) -> list[tuple[int, int]]:
    return sorted({(one.start_min, one.end_min) for one in outcome.claims})


def test_p0_has_the_gpus_after_the_notice_and_the_victim_loses_no_more_than_an_epoch() -> None:
    urgent = job(1, 300, 5 * HOUR, priority=Priority.P0, due_min=300 + 7 * HOUR)
    scenario = world(job(0, 0, 30 * HOUR), urgent)
    outcome = simulate(scenario, Sharing.WITH_PREEMPTION, keep_claims=True)
    assert spans(outcome)[:2] == [(0, 330), (330, 630)]
    assert outcome.counts["preempted"] == 1
    assert outcome.used_h == 8 * 35
    redone = outcome.lost_h["done again"]
    assert redone <= 8 * scenario.checkpoint_every_min / HOUR
    assert outcome.waits["p0"].met == 1


def test_nobody_is_taken_back_within_the_protected_beginning_nor_p1() -> None:
    urgent = job(1, 20, 5 * HOUR, priority=Priority.P0, due_min=20 + 7 * HOUR)
    for first in (job(0, 0, 30 * HOUR), job(0, 0, 30 * HOUR, priority=Priority.P1)):
        outcome = simulate(world(first, urgent), Sharing.WITH_PREEMPTION)
        assert "preempted" not in outcome.counts


def test_p0_that_meets_its_deadline_anyway_takes_nothing_back() -> None:
    patient = job(1, 300, 5 * HOUR, priority=Priority.P0, due_min=5 * DAY_MIN)
    outcome = simulate(world(job(0, 0, 30 * HOUR), patient), Sharing.WITH_PREEMPTION)
    assert "preempted" not in outcome.counts


def test_a_run_a_little_late_goes_over_and_who_is_next_waits_a_quarter_of_an_hour_at_most() -> None:
    late = job(0, 0, 10 * HOUR + 8, asked_min=10 * HOUR - 10)
    outcome = simulate(world(late, job(1, 10, 5 * HOUR)), Sharing.WITH_OVERRUN, keep_claims=True)
    assert outcome.counts["overruns"] == 1
    assert outcome.counts["starts delayed by an overrun"] == 1
    first, second = spans(outcome)
    assert first == (0, 10 * HOUR + 8)
    assert 10 * HOUR + 8 <= second[0] <= 10 * HOUR + 15
    stopped = simulate(world(late, job(1, 10, 5 * HOUR)), Sharing.RESERVATIONS)
    assert stopped.counts["stopped at the end"] == 1
    assert stopped.lost_h["stop and start"] > 0


def test_time_that_is_given_back_goes_to_the_team_that_used_least() -> None:
    """Two wait; the one that came first belongs to the team that has had the GPUs."""
    holder = job(0, 0, 5 * HOUR, asked_min=30 * HOUR, team_id=1)
    same_team = job(1, 10, 3 * HOUR, team_id=1)
    newcomer = job(2, 20, 3 * HOUR + 1, team_id=2)
    outcome = simulate(world(holder, same_team, newcomer), Sharing.RESERVATIONS, keep_claims=True)
    assert outcome.counts["brought forward"] >= 1
    assert spans(outcome)[1][0] == 5 * HOUR + 10
    assert spans(outcome)[1] == (5 * HOUR + 10, 8 * HOUR + 11)


def test_who_does_not_come_keeps_the_gpus_for_half_an_hour() -> None:
    outcome = simulate(
        world(job(0, 0, 5 * HOUR, shows_up=False)), Sharing.RESERVATIONS, keep_claims=True
    )
    assert spans(outcome) == [(0, 30)]
    assert outcome.lost_h["no-show"] == 4.0


def test_in_the_strict_queue_a_small_job_waits_behind_a_large_one() -> None:
    jobs = job(0, 0, 5 * HOUR, gpu_count=4), job(1, 1, HOUR), job(2, 2, HOUR, gpu_count=1)
    queued = simulate(world(*jobs), Sharing.FIRST_COME, keep_claims=True)
    assert spans(queued) == [(0, 300), (300, 360), (360, 420)]
    booked = simulate(world(*jobs), Sharing.RESERVATIONS, keep_claims=True)
    assert (2, 62) in spans(booked)

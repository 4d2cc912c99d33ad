"""What the audit log tells of is what was asked for."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from bot.bootstrap.simulating import from_database
from bot.domain.priority import Priority
from bot.domain.requests import ReserveRequest
from bot.services import booking
from bot.services.transaction import UseCases
from bot.simulation.comparing import simulate
from bot.simulation.history import events_from_lines, scenario_of
from bot.simulation.jobs import Sharing
from tests.strategies import MONDAY
from tests.support.clock import SetClock
from tests.support.world import a_host, a_member

HOUR = timedelta(hours=1)


def line(hour: float, action: str, subject: int = 1, **more: object) -> str:
    kind = "wait" if action.startswith("queue") else "reservation"
    told = {
        "at": (MONDAY + hour * HOUR).isoformat(),
        "actor_kind": "member",
        "actor": "U0ALICE",
        "action": action,
        "subject_kind": kind,
        "subject_id": subject,
        "reason": "",
        "data": {},
    }
    return json.dumps({**told, **more})


def booked(start: float, end: float, *gpus: int, **more: object) -> dict[str, object]:
    return {
        "starts_at": (MONDAY + start * HOUR).isoformat(),
        "ends_at": (MONDAY + end * HOUR).isoformat(),
        "gpus": [f"gpu{number}@host1" for number in gpus],
        "priority": "p1",
        **more,
    }


def test_a_reservation_is_a_job_that_took_what_it_really_took() -> None:
    lines = [
        line(9, "reservation.booked", data=booked(12, 20, 0, 1)),
        line(12, "reservation.started", actor_kind="berth"),
        "",
        line(17, "reservation.ended", actor_kind="agent"),
    ]
    scenario = scenario_of(events_from_lines(lines))
    (job,) = scenario.jobs
    assert scenario.host_sizes == (2,)
    assert scenario.begins_at == MONDAY + 8 * HOUR
    assert (job.arrives_min, job.gpu_count, job.priority) == (60, 2, Priority.P1)
    assert (job.work_min, job.asked_min, job.due_min) == (5 * 60, 8 * 60, 12 * 60)


def test_who_cancelled_who_did_not_come_and_what_berth_booked_are_told_apart() -> None:
    lines = [
        line(1, "reservation.booked", 1, data=booked(6, 8, 0)),
        line(1, "reservation.booked", 2, data=booked(2, 4, 0)),
        line(2, "reservation.booked", 3, actor_kind="berth", data=booked(10, 12, 0)),
        line(2, "reservation.started", 2),
        line(2.5, "reservation.released", 2, reason="no_show"),
        line(3, "reservation.cancelled", 1),
    ]
    first, second = scenario_of(events_from_lines(lines)).jobs
    assert (first.cancel_after_min, first.shows_up) == (120, True)
    assert (second.cancel_after_min, second.shows_up) == (None, False)


def test_a_job_of_the_queue_arrived_when_it_joined() -> None:
    lines = [
        line(1, "queue.joined", 7, data={"gpus": 2}),
        line(2, "queue.dispatched", 7, data={**booked(2, 3), "reservation_id": 5}),
        line(2.5, "reservation.ended", 5),
    ]
    (job,) = scenario_of(events_from_lines(lines), gpu_count=4).jobs
    assert (job.arrives_min, job.gpu_count, job.work_min) == (60, 2, 30)


@pytest.mark.parametrize("bad", ["{", "[]", '{"at": "yesterday"}'])
def test_a_line_that_is_no_event_is_named(bad: str) -> None:
    with pytest.raises(ValueError, match="line 2 is no audit event"):
        list(events_from_lines(["", bad]))


def test_an_empty_log_says_so() -> None:
    with pytest.raises(ValueError, match="no reservation was booked"):
        scenario_of([])


def test_what_was_really_booked_can_be_replayed(berth: UseCases, clock: SetClock) -> None:
    a_host(berth, gpus=4)
    alice = a_member(berth)
    for hours in (4, 8):
        wish = ReserveRequest(length=2 * HOUR, gpu_count=2, start=clock.now() + hours * HOUR)
        berth.run(booking.reserve, alice, wish)
    url = berth.database.engine.url.render_as_string(hide_password=False)
    scenario = from_database(url, None, 8)
    assert [job.gpu_count for job in scenario.jobs] == [2, 2]
    outcome = simulate(scenario, Sharing.WITH_BOTH)
    assert outcome.used_h == pytest.approx(sum(j.work_min * 2 for j in scenario.jobs) / 60)

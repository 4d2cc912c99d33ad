"""What time does, minute by minute."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from bot.domain.notices import EndsSoon, HostBack, HostSilent, RunEnded, RunStarted
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState, RunState
from bot.domain.views import ReservationView
from bot.protocol.messages import EndCause, StopReason
from bot.services import booking, hosts, queries, upkeep
from bot.services.transaction import UseCases
from bot.store.tables import TimerRow
from tests.support.agent import FakeAgent
from tests.support.audit_trail import audited
from tests.support.clock import SetClock
from tests.support.clockwork import OWNER, Postman, fire_due
from tests.support.world import TINY_RUN, a_host, a_member

HOUR = timedelta(hours=1)
TWO_HOURS = 2 * HOUR
MINUTE = timedelta(minutes=1)


@pytest.fixture
def agent(berth: UseCases) -> FakeAgent:
    return FakeAgent(berth, a_host(berth, gpus=2))


def booked(berth: UseCases, start: datetime | None = None, *, run: bool = True) -> ReservationView:
    request = ReserveRequest(TWO_HOURS, start=start, run=TINY_RUN if run else None)
    return berth.run(booking.reserve, a_member(berth), request)


def shown(berth: UseCases, view: ReservationView) -> ReservationView:
    return berth.run(queries.reservation, view.reservation_id)


def states(berth: UseCases, view: ReservationView) -> tuple[str, str]:
    now = shown(berth, view)
    assert now.run is not None
    return now.state.value, now.run.state.value


def test_a_run_starts_by_itself_at_its_time(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = booked(berth, clock.now().replace(hour=14, minute=0))
    clock.move_to(view.window.start - MINUTE)
    agent.report()
    fire_due(berth)
    assert states(berth, view) == ("booked", "waiting")
    assert agent.look() == ()

    clock.move_to(view.window.start)
    agent.report()
    with audited(berth) as trail:
        assert fire_due(berth) == ["reservation_starts"]
    assert trail.actions == ["reservation.started", "run.started"]
    assert {event.actor for event in trail.events} == {"clockwork"}
    assert states(berth, view) == ("active", "starting")
    (wanted,) = agent.look()
    assert wanted.gpu_uuids == ("GPU-host1-0",)
    assert wanted.spec.epochs == TINY_RUN.epochs
    assert (wanted.claim_ends_at, wanted.stop, wanted.fence) == (view.window.end, None, 1)

    clock.advance(seconds=4)
    agent.work()
    with audited(berth) as trail:
        agent.report()
    event = trail.only()
    assert (event.action, event.actor_type, event.actor) == ("run.running", "agent", "host1")
    assert event.data["late_s"] == 3
    assert states(berth, view) == ("active", "running")


def test_a_run_is_followed_to_its_end(berth: UseCases, clock: SetClock, agent: FakeAgent) -> None:
    view = booked(berth)
    fire_due(berth)
    agent.look()
    for _ in range(TINY_RUN.epochs):
        agent.work()
        agent.report()
        clock.advance(minutes=1)
    run = shown(berth, view).run
    assert run is not None
    assert (run.progress.epoch, run.progress.epochs, run.progress.left) == (2, 3, MINUTE)
    assert run.finishes_at == clock.now(), "a minute after the last epoch"

    agent.work()
    with audited(berth) as trail:
        response = agent.report()
    assert response.receipts[0].forget
    assert trail.only().action == "run.succeeded"
    assert states(berth, view) == ("active", "succeeded"), "the GPUs stay the holder's"
    assert agent.look() == ()

    clock.move_to(view.window.end)
    agent.report()
    with audited(berth) as trail:
        fire_due(berth)
    assert trail.only().action == "reservation.ended"
    assert shown(berth, view).ended_at == view.window.end
    postman = Postman()
    postman.deliver_all(berth)
    assert [type(each) for each in postman.threads] == [RunStarted, RunEnded]
    assert postman.cards[view.reservation_id].state is ReservationState.ENDED
    assert postman.directs == [], "nobody is warned of an end that harms nothing"


def test_a_run_is_stopped_before_its_claim_ends(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = booked(berth)
    fire_due(berth)
    agent.look()
    agent.work()
    agent.report()
    lead = berth.policy.stop_lead
    clock.move_to(view.window.end - lead - timedelta(seconds=1))
    agent.report()
    fire_due(berth)
    assert agent.look()[0].stop is None
    clock.advance(seconds=1)
    with audited(berth) as trail:
        assert fire_due(berth) == ["run_stops"]
    event = trail.only()
    assert (event.action, event.actor, event.reason) == ("run.stopping", "clockwork", "expired")
    assert states(berth, view) == ("active", "stopping")
    assert agent.look()[0].stop is StopReason.EXPIRED
    clock.advance(seconds=30)
    with audited(berth) as trail:
        agent.report()
    assert trail.only().action == "run.expired"
    assert states(berth, view) == ("active", "expired")
    clock.move_to(view.window.end)
    fire_due(berth)
    assert states(berth, view) == ("ended", "expired")


def test_a_trainer_that_does_not_go_holds_its_reservation_open(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = booked(berth)
    fire_due(berth)
    agent.look()
    agent.work()
    clock.move_to(view.window.end)
    agent.report()
    with audited(berth) as trail:
        fire_due(berth)
    assert trail.actions == ["run.stopping", "reservation.releasing"]
    assert states(berth, view) == ("releasing", "stopping")
    clock.advance(seconds=20)
    agent.look()
    with audited(berth) as trail:
        agent.report()
    assert trail.actions == ["run.expired", "reservation.ended"]
    assert states(berth, view) == ("ended", "expired")


def test_the_holder_hears_before_the_end_while_the_run_goes_on(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = booked(berth)
    fire_due(berth)
    agent.look()
    agent.work()
    postman = Postman()
    for minutes in (61, 60, 31, 30, 29):
        clock.move_to(view.window.end - minutes * MINUTE)
        agent.report()
        fire_due(berth)
    postman.deliver_all(berth)
    assert postman.directs == [
        ("U0ALICE", EndsSoon(view.reservation_id, "U0ALICE", minutes, view.window.end, None))
        for minutes in (60, 30)
    ]


def test_notices_that_come_too_late_are_not_sent(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = booked(berth)
    fire_due(berth)
    agent.look()
    clock.move_to(view.window.end + MINUTE)
    fire_due(berth)
    postman = Postman()
    postman.deliver_all(berth)
    assert not [notice for _, notice in postman.directs if isinstance(notice, EndsSoon)]


def test_after_a_night_of_downtime_everything_is_made_up_for(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view, other = booked(berth), booked(berth, run=False)
    later = booked(berth, view.window.end + 6 * TWO_HOURS)
    clock.advance(hours=12)
    with audited(berth) as trail:
        fire_due(berth)
    ours = [
        event.action
        for event in trail.events
        if event.subject_type == "run"
        or (event.subject_type == "reservation" and event.subject_id == view.reservation_id)
    ]
    assert ours == ["reservation.started", "run.expired", "reservation.ended"]
    assert states(berth, view) == ("ended", "expired")
    run = shown(berth, view).run
    assert run is not None
    assert run.end_cause == EndCause.EXPIRED
    assert "before the run could start" in run.end_detail
    assert shown(berth, other).state is ReservationState.ENDED
    assert states(berth, later) == ("booked", "waiting")
    assert agent.look() == (), "no run is started for a time that is over"
    postman = Postman()
    postman.deliver_all(berth)
    assert [type(each) for each in postman.threads] == [RunEnded]


def test_a_start_that_is_only_late_still_runs(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = booked(berth)
    clock.advance(hours=2)
    fire_due(berth)
    assert states(berth, view) == ("active", "starting")
    assert len(agent.look()) == 1


def test_a_silent_host_is_told_of_and_nothing_is_killed(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = booked(berth)
    fire_due(berth)
    agent.look()
    agent.work()
    agent.report()
    seen = clock.now()
    clock.advance(seconds=59)
    assert fire_due(berth) == []
    clock.advance(seconds=1)
    with audited(berth) as trail:
        assert fire_due(berth) == ["host_lost"]
    told = [(event.action, event.actor) for event in trail.events]
    assert told == [("host.silent", "clockwork"), ("incident.opened", "clockwork")]
    assert states(berth, view) == ("active", "running")
    run = shown(berth, view).run
    assert run is not None
    assert not run.host_online
    assert berth.run(queries.status).hosts[0].online is False
    clock.advance(minutes=9)
    assert fire_due(berth) == [], "it is told once"
    agent.work()
    with audited(berth) as trail:
        agent.report()
    assert trail.actions == ["host.back"]
    assert states(berth, view) == ("active", "running")
    postman = Postman()
    postman.deliver_all(berth)
    assert postman.threads[1:] == [
        HostSilent(view.reservation_id, "host1", seen),
        HostBack(view.reservation_id, "host1"),
    ]


def test_a_host_that_stays_silent_past_the_end_loses_its_run(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = booked(berth)
    fire_due(berth)
    agent.look()
    agent.work()
    agent.report()
    clock.move_to(view.window.end - MINUTE)
    fire_due(berth)
    assert states(berth, view) == ("active", "stopping")
    clock.move_to(view.window.end)
    with audited(berth) as trail:
        fire_due(berth)
    assert trail.actions == ["run.host_lost", "reservation.ended"]
    assert {event.actor for event in trail.events} == {"clockwork"}, "not the agent, who is silent"
    assert states(berth, view) == ("ended", "host_lost")
    run = shown(berth, view).run
    assert run is not None
    assert run.end_cause == EndCause.HOST_LOST
    assert "host1 has not reported since" in run.end_detail
    receipt = agent.report().receipts[0]
    assert receipt.stale, "when it is back it hears that the attempt is over"


def test_a_host_that_falls_silent_around_the_end_loses_its_run_a_minute_later(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = booked(berth)
    fire_due(berth)
    agent.look()
    agent.work()
    clock.move_to(view.window.end - timedelta(seconds=10))
    agent.report()
    fire_due(berth)
    clock.advance(seconds=10)
    fire_due(berth)
    assert states(berth, view) == ("releasing", "stopping")
    clock.advance(seconds=50)
    fire_due(berth)
    assert states(berth, view) == ("ended", "host_lost")


def test_given_back_on_a_silent_host_the_gpus_are_not_free_before_the_claim_ends(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = booked(berth)
    fire_due(berth)
    agent.look()
    agent.work()
    agent.report()
    berth.run(booking.cancel, a_member(berth), view.reservation_id, "enough")
    clock.advance(seconds=60)
    fire_due(berth)
    assert states(berth, view) == ("releasing", "stopping"), "cut off, the trainer may still run"
    clock.move_to(view.window.end)
    fire_due(berth)
    assert states(berth, view) == ("ended", "host_lost")


def test_a_timer_whose_lease_has_passed_on_does_nothing(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = booked(berth)
    taken = berth.write(upkeep.claim_timers, "slow")
    clock.advance(seconds=30)
    agent.report()
    assert fire_due(berth)
    for timer in taken:
        with audited(berth) as trail:
            berth.write(upkeep.fire, timer, "slow")
        assert trail.actions == []
    assert states(berth, view) == ("active", "starting")


def test_a_timer_that_fails_is_tried_again_later_each_time(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    booked(berth)
    waits = []
    for _ in range(12):
        (timer,) = [
            each
            for each in berth.write(upkeep.claim_timers, OWNER)
            if each.kind == "reservation_starts"
        ]
        berth.write(upkeep.record_failure, timer, OWNER)
        row = timer_row(berth, timer.timer_id)
        assert row.lease_until is not None
        waits.append((row.lease_until - clock.now()).total_seconds())
        clock.move_to(row.lease_until)
    assert waits[:4] == [1, 2, 4, 8]
    assert waits[-1] == 300


def timer_row(berth: UseCases, timer_id: int) -> TimerRow:
    return berth.database.read(lambda s: s.get_one(TimerRow, timer_id))


def test_the_next_timer_is_known(berth: UseCases, clock: SetClock, agent: FakeAgent) -> None:
    fire_due(berth)
    host_lost = clock.now() + MINUTE
    assert berth.run(upkeep.next_timer_at) == host_lost
    booked(berth)
    assert berth.run(upkeep.next_timer_at) == clock.now()
    fire_due(berth)
    assert berth.run(upkeep.next_timer_at) == host_lost


def test_nothing_fires_for_a_reservation_that_is_over(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = booked(berth)
    timers = berth.write(upkeep.claim_timers, OWNER)
    berth.run(booking.cancel, a_member(berth), view.reservation_id, "no")
    with audited(berth) as trail:
        for timer in timers:
            berth.write(upkeep.fire, timer, OWNER)
    assert trail.actions == []
    assert states(berth, view) == ("cancelled", "cancelled")
    assert RunState.CANCELLED.is_over


def test_every_timer_of_the_house_is_known_to_the_clockwork(berth: UseCases) -> None:
    agent = FakeAgent(berth, a_host(berth, gpus=2))
    booked(berth)
    fire_due(berth)
    agent.report()
    kinds = berth.database.read(lambda s: set(s.scalars(select(TimerRow.kind))))
    known = {*upkeep.OF_RESERVATIONS, *upkeep.OF_OTHERS, "ends_soon"}
    assert {kind.partition(":")[0] for kind in kinds} <= known
    assert berth.run(hosts.desired_revisions).keys() == {agent.host_id}

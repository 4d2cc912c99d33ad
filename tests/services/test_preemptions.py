"""A higher priority takes GPUs back: shown, approved, noticed, taken, or undone without a trace."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from bot.domain.continuations import ContinuationReason
from bot.domain.errors import (
    MayNotApprove,
    MayNotPreempt,
    NeedsItsPlan,
    NobodyToPreempt,
    OfferOver,
    OutOfOrder,
    OwnPreemption,
    PreemptionOver,
    WindowTaken,
)
from bot.domain.people import Member, Role
from bot.domain.preemption_notices import (
    GpusTakenBack,
    PreemptionAsked,
    PreemptionObjected,
    PreemptionUndone,
    TeamLosesGpus,
)
from bot.domain.preemption_views import PreemptionState, PreemptionView
from bot.domain.priority import Priority
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState, RunState
from bot.domain.views import ReservationView
from bot.protocol.messages import StopReason
from bot.services import (
    approvals,
    booking,
    changing,
    preemption_answers,
    preemption_plans,
    preemptions,
)
from bot.services import queries as look
from bot.services.transaction import UseCases
from bot.store.every_table import Base
from bot.store.tables import AttemptRow, RunRow
from tests.support.agent import FakeAgent
from tests.support.clock import SetClock
from tests.support.clockwork import Postman, fire_due
from tests.support.teams import a_member_of
from tests.support.world import TINY_RUN, a_host, a_member

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
URGENT = ReserveRequest(4 * HOUR, 2, priority=Priority.P0, note="the demo tomorrow")


def research(berth: UseCases) -> Member:
    return a_member(berth)


def urgent(berth: UseCases) -> Member:
    return a_member(berth, "U0URGENT")


def lead(berth: UseCases, slack_user_id: str = "U0LEAD") -> Member:
    return a_member_of(berth, research(berth).team_id, slack_user_id, Role.LEAD)


@pytest.fixture
def agent(berth: UseCases) -> FakeAgent:
    return FakeAgent(berth, a_host(berth, gpus=2))


def trains(berth: UseCases, clock: SetClock, agent: FakeAgent, hours: int = 12) -> ReservationView:
    """Book a research training on both GPUs and let it train past its protection."""
    wish = ReserveRequest(hours * HOUR, 2, run=TINY_RUN)
    view = berth.run(booking.reserve, research(berth), wish)
    fire_due(berth)
    agent.look()
    agent.work()
    agent.report()
    clock.advance(minutes=40)
    agent.report()
    return shown(berth, view.reservation_id)


def shown(berth: UseCases, reservation_id: int) -> ReservationView:
    return berth.run(look.reservation, reservation_id)


def everything(berth: UseCases) -> dict[str, list[tuple[object, ...]]]:
    def read(session: Session) -> dict[str, list[tuple[object, ...]]]:
        return {
            table.name: sorted((tuple(row) for row in session.execute(select(table))), key=repr)
            for table in Base.metadata.sorted_tables
        }

    return berth.database.read(read)


def asked(berth: UseCases) -> PreemptionView:
    return berth.run(preemptions.ask, urgent(berth), URGENT)


def agreed(berth: UseCases) -> PreemptionView:
    one = asked(berth)
    return berth.run(preemptions.approve, lead(berth), one.preemption_id, one.plan.digest)


def run_state(berth: UseCases) -> str:
    return berth.database.read(lambda session: session.scalars(select(RunRow.state)).one())


def test_the_plan_says_who_would_lose_what_and_leaves_nothing(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    victim = trains(berth, clock, agent)
    member = urgent(berth)
    before = everything(berth)
    plan = berth.run(preemption_plans.preview, member, URGENT)
    assert everything(berth) == before, "a dry run leaves nothing"
    (loss,) = plan.victims
    assert loss.reservation_id == victim.reservation_id
    assert loss.holder_slack_id == victim.holder_slack_id
    assert loss.model == TINY_RUN.model
    assert plan.takes_at == clock.now() + 30 * MINUTE
    assert loss.begun
    assert loss.next_start >= plan.window.end, "where it is booked again"
    assert loss.lost_work >= 30 * MINUTE


def test_only_p0_may_and_only_what_is_lower_preemptible_and_not_protected(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    member = urgent(berth)
    with pytest.raises(MayNotPreempt):
        berth.run(
            preemption_plans.preview, member, ReserveRequest(4 * HOUR, 2, priority=Priority.P1)
        )
    berth.run(booking.reserve, research(berth), ReserveRequest(12 * HOUR, 2, run=TINY_RUN))
    fire_due(berth)
    agent.look()
    agent.work()
    agent.report()
    with pytest.raises(NobodyToPreempt):
        berth.run(preemption_plans.preview, member, URGENT)


def test_asking_changes_nothing_for_anybody(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    victim = trains(berth, clock, agent)
    one = asked(berth)
    assert one.state is PreemptionState.ASKED
    assert shown(berth, one.reservation_id).state is ReservationState.PENDING
    assert shown(berth, victim.reservation_id).window == victim.window
    postman = Postman()
    postman.deliver_all(berth)
    assert [type(each) for each in postman.threads].count(PreemptionAsked) == 1
    with pytest.raises(NeedsItsPlan):
        berth.run(approvals.approve, lead(berth), one.approval_id)
    with pytest.raises(MayNotApprove):
        berth.run(preemptions.approve, urgent(berth), one.preemption_id, one.plan.digest)


def test_a_lead_does_not_approve_what_they_asked_for(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    trains(berth, clock, agent)
    one = berth.run(preemptions.ask, lead(berth), URGENT)
    with pytest.raises(OwnPreemption):
        berth.run(preemptions.approve, lead(berth), one.preemption_id, one.plan.digest)
    admin = a_member(berth, "U0ADMIN", admin=True)
    done = berth.run(preemptions.approve, admin, one.preemption_id, one.plan.digest)
    assert done.state is PreemptionState.AGREED


def test_approved_it_is_taken_at_the_end_of_the_grace_and_the_run_resumes(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    victim = trains(berth, clock, agent)
    one = agreed(berth)
    assert one.takes_at == clock.now() + 30 * MINUTE
    cut = shown(berth, victim.reservation_id)
    assert cut.window.end == one.takes_at
    assert cut.goes_on is not None
    assert cut.goes_on.reason is ContinuationReason.PREEMPTED
    assert cut.taken_back is not None
    assert cut.taken_back.for_reservation_id == one.reservation_id
    assert cut.goes_on.window == one.plan.victims[0].next_window, "what was shown is what happens"
    postman = Postman()
    postman.deliver_all(berth)
    told = [notice for _, notice in postman.directs]
    assert any(isinstance(each, GpusTakenBack) for each in told)
    assert any(isinstance(each, TeamLosesGpus) for each in told)
    clock.move_to(one.takes_at - berth.policy.stop_lead)
    agent.report()
    fire_due(berth)
    reasons = berth.database.read(lambda s: s.scalars(select(AttemptRow.stop_reason)).all())
    assert reasons == [StopReason.PREEMPTED]
    agent.look()
    agent.report()
    assert run_state(berth) == RunState.WAITING, "preempted is not failed: it waits to go on"
    clock.move_to(one.takes_at)
    agent.report()
    fire_due(berth)
    assert shown(berth, one.reservation_id).state is ReservationState.ACTIVE
    clock.move_to(cut.goes_on.window.start)
    agent.report()
    fire_due(berth)
    (wanted,) = agent.look()
    assert wanted.fence == 2
    for _ in range(TINY_RUN.epochs + 1):
        agent.work()
        agent.report()
    assert run_state(berth) == RunState.SUCCEEDED


def rows_of(berth: UseCases, reservation_id: int) -> list[object]:
    queries = (
        "SELECT state, starts_at, ends_at, priority, ended_at FROM reservations WHERE id = :r",
        "SELECT gpu_id, starts_at, ends_at, live FROM claims WHERE reservation_id = :r"
        " ORDER BY gpu_id",
        "SELECT state, end_cause FROM runs WHERE reservation_id = :r",
        "SELECT kind, due_at, done_at IS NULL FROM timers WHERE subject_id = :r"
        " AND done_at IS NULL AND kind NOT LIKE 'preemption%'"
        " AND kind NOT IN ('serve_waiting', 'host_lost', 'usage_looks') ORDER BY kind",
    )

    def read(session: Session) -> list[object]:
        return [
            [tuple(row) for row in session.execute(text(query), {"r": reservation_id})]
            for query in queries
        ]

    return berth.database.read(read)


def test_cancelled_in_time_everything_goes_on_as_if_nothing_had_been(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    victim = trains(berth, clock, agent)
    later = berth.run(
        booking.reserve,
        research(berth),
        ReserveRequest(4 * HOUR, 1, start=victim.window.end + 4 * HOUR),
    )
    ids = (victim.reservation_id, later.reservation_id)
    before = [rows_of(berth, number) for number in ids]
    one = agreed(berth)
    assert [rows_of(berth, number) for number in ids] != before
    clock.advance(minutes=10)
    agent.report()
    fire_due(berth)
    berth.run(booking.cancel, urgent(berth), one.reservation_id, "not needed")
    assert [rows_of(berth, number) for number in ids] == before
    assert shown(berth, victim.reservation_id).goes_on is None
    fire_due(berth)
    assert berth.run(preemptions.show, one.preemption_id).state is PreemptionState.UNDONE
    postman = Postman()
    postman.deliver_all(berth)
    assert any(isinstance(notice, PreemptionUndone) for _, notice in postman.directs)
    clock.advance(hours=1)
    agent.report()
    fire_due(berth)
    assert run_state(berth) == RunState.RUNNING


def test_what_the_victim_gives_up_is_kept_until_the_gpus_are_taken(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    trains(berth, clock, agent)
    wish = ReserveRequest(4 * HOUR, 1, priority=Priority.P0)
    one = berth.run(preemptions.ask, urgent(berth), wish)
    one = berth.run(preemptions.approve, lead(berth), one.preemption_id, one.plan.digest)
    rest = ReserveRequest(2 * HOUR, 1, start=berth.policy.grid.ceil(one.plan.takes_at))
    with pytest.raises(WindowTaken):
        berth.run(booking.reserve, a_member(berth, "U0OTHER"), rest)
    assert one.takes_at is not None
    clock.move_to(one.takes_at - berth.policy.stop_lead)
    agent.report()
    fire_due(berth)
    agent.look()
    agent.report()
    clock.move_to(one.takes_at)
    agent.report()
    fire_due(berth)
    assert berth.run(preemptions.show, one.preemption_id).state is PreemptionState.TAKEN
    assert berth.run(booking.reserve, a_member(berth, "U0OTHER"), rest)
    with pytest.raises(PreemptionOver):
        berth.run(preemptions.withdraw, lead(berth), one.preemption_id, "too late")


def test_what_has_not_begun_is_booked_elsewhere_whole_and_comes_back(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    start = berth.policy.grid.ceil(clock.now() + 2 * HOUR)
    booked = berth.run(booking.reserve, research(berth), ReserveRequest(4 * HOUR, 2, start=start))
    before = rows_of(berth, booked.reservation_id)
    wish = ReserveRequest(4 * HOUR, 2, start=start, priority=Priority.P0)
    one = berth.run(preemptions.ask, urgent(berth), wish)
    done = berth.run(preemptions.approve, lead(berth), one.preemption_id, one.plan.digest)
    assert done.takes_at == start
    moved = shown(berth, booked.reservation_id)
    assert moved.window.start == start + 4 * HOUR
    assert moved.window.length == booked.window.length
    berth.run(preemptions.withdraw, lead(berth), one.preemption_id, "the demo is off")
    assert rows_of(berth, booked.reservation_id) == before


def test_a_plan_that_changed_is_shown_again_and_nothing_has_happened(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    victim = trains(berth, clock, agent)
    one = asked(berth)
    end = victim.window.end - 2 * HOUR
    berth.run(changing.shorten, research(berth), victim.reservation_id, end)
    again = berth.run(preemptions.approve, lead(berth), one.preemption_id, one.plan.digest)
    assert again.changed
    assert shown(berth, victim.reservation_id).window.end == end
    done = berth.run(preemptions.approve, lead(berth), one.preemption_id, again.plan.digest)
    assert not done.changed
    assert done.state is PreemptionState.AGREED


def test_yielding_early_lets_the_urgent_one_begin_at_once(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    victim = trains(berth, clock, agent)
    one = agreed(berth)
    berth.run(preemption_answers.yield_now, research(berth), victim.reservation_id)
    agent.look()
    agent.report()
    fire_due(berth)
    urgent_one = shown(berth, one.reservation_id)
    assert urgent_one.state is ReservationState.ACTIVE
    assert urgent_one.window.start == clock.now()
    assert run_state(berth) == RunState.WAITING
    with pytest.raises(PreemptionOver):
        berth.run(preemption_answers.yield_now, research(berth), victim.reservation_id)


def test_an_objection_goes_to_who_approved(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    victim = trains(berth, clock, agent)
    one = agreed(berth)
    berth.run(
        preemption_answers.object_to, research(berth), victim.reservation_id, "paper deadline"
    )
    postman = Postman()
    postman.deliver_all(berth)
    told = [(to, each) for to, each in postman.directs if isinstance(each, PreemptionObjected)]
    assert [(to, each.reason) for to, each in told] == [("U0LEAD", "paper deadline")]
    berth.run(preemption_answers.let_stand, lead(berth), one.preemption_id, victim.reservation_id)


def test_two_who_approve_at_once_do_it_once(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    trains(berth, clock, agent)
    one = asked(berth)
    people = [lead(berth), lead(berth, "U0LEAD2")]
    outcomes: list[object] = []

    def click(member: Member) -> None:
        try:
            outcomes.append(
                berth.run(preemptions.approve, member, one.preemption_id, one.plan.digest).state
            )
        except OfferOver as over:
            outcomes.append(type(over))

    threads = [threading.Thread(target=click, args=(member,)) for member in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == sorted(map(str, [PreemptionState.AGREED, OfferOver]))


@pytest.mark.parametrize("what", ["cancel", "extend"])
def test_approving_against_a_victim_that_changes_leaves_one_truth(
    berth: UseCases, clock: SetClock, agent: FakeAgent, what: str
) -> None:
    victim = trains(berth, clock, agent)
    one = asked(berth)
    number, end = victim.reservation_id, victim.window.end + 2 * HOUR

    def change() -> None:
        try:
            if what == "cancel":
                berth.run(booking.cancel, research(berth), number, "done")
            else:
                berth.run(changing.extend, research(berth), number, end)
        except (WindowTaken, OutOfOrder):
            pass  # it came too late: its time is somebody else's

    rival = threading.Thread(target=change)
    boss = lead(berth)
    rival.start()
    try:
        done = berth.run(preemptions.approve, boss, one.preemption_id, one.plan.digest)
    except NobodyToPreempt:
        done = berth.run(preemptions.show, one.preemption_id)  # it is being released: wait for it
    rival.join()
    after = shown(berth, number)
    if done.state is not PreemptionState.AGREED:
        assert done.state is PreemptionState.ASKED
        assert after.window.end == end or after.state is not ReservationState.ACTIVE
    else:
        assert after.window.end == done.takes_at or after.state is not ReservationState.ACTIVE


def test_reminders_tell_what_it_would_cost_now(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    trains(berth, clock, agent)
    one = agreed(berth)
    assert one.takes_at is not None
    postman = Postman()
    for minutes in (15, 5):
        clock.move_to(one.takes_at - minutes * MINUTE)
        agent.report()
        fire_due(berth)
        postman.deliver_all(berth)
    told = [each for _, each in postman.directs if isinstance(each, GpusTakenBack)]
    assert [each.minutes for each in told] == [0, 15, 5]


def test_a_run_may_finish_its_epoch_where_that_fits(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    victim = trains(berth, clock, agent)
    agent.work()
    agent.report()
    one = agreed(berth)
    if victim.run is None or one.takes_at is None:
        raise AssertionError("a training with a time at which it is taken back")
    berth.run(preemption_answers.finish_epoch, research(berth), victim.reservation_id)
    berth.run(preemption_answers.finish_epoch, research(berth), victim.reservation_id)
    assert run_state(berth) == RunState.RUNNING
    agent.work()
    agent.report()
    assert run_state(berth) == RunState.STOPPING
    agent.look()
    agent.report()
    assert run_state(berth) == RunState.WAITING

"""A run goes on in another reservation: booked, handed on with its card, or dropped and told."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.domain.continuations import ContinuationReason, ContinuationState
from bot.domain.errors import NothingToContinue, NotTheHolder, OutOfOrder
from bot.domain.notices import ApprovalAsked, RunEnded
from bot.domain.requests import ReserveRequest
from bot.domain.run_notices import ContinuationDropped, ContinuationPlanned, RunHandedOn
from bot.domain.states import ReservationState, RunState
from bot.domain.views import ReservationView
from bot.protocol.messages import EndCause, StopReason
from bot.services import booking, changing, continuing, queries, stopping
from bot.services.transaction import Tx, UseCases
from bot.store.run_tables import ContinuationRow
from bot.store.tables import AttemptRow, CardRow, ClaimRow, ReservationRow, RunRow, TeamRow
from tests.support.agent import FakeAgent
from tests.support.clock import SetClock
from tests.support.clockwork import Postman, fire_due
from tests.support.world import TINY_RUN, a_host, a_member

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def agent(berth: UseCases) -> FakeAgent:
    return FakeAgent(berth, a_host(berth, gpus=2))


def training(berth: UseCases, agent: FakeAgent, hours: int = 2) -> ReservationView:
    """Book for now, and let the training get through its first epoch."""
    view = berth.run(booking.reserve, a_member(berth), ReserveRequest(hours * HOUR, run=TINY_RUN))
    fire_due(berth)
    agent.look()
    for _ in range(2):
        agent.work()
        agent.report()
    return view


def shown(berth: UseCases, reservation_id: int) -> ReservationView:
    return berth.run(queries.reservation, reservation_id)


def continue_it(berth: UseCases, view: ReservationView, *, now: bool = False) -> ReservationView:
    return berth.run(
        continuing.stop_and_continue, a_member(berth), view.reservation_id, None, now=now
    )


def target_of(view: ReservationView) -> int:
    assert view.goes_on is not None
    return view.goes_on.reservation_id


def run_state(berth: UseCases) -> str:
    return berth.database.read(lambda session: session.scalars(select(RunRow.state)).one())


def to_its_end(berth: UseCases, clock: SetClock, agent: FakeAgent, view: ReservationView) -> None:
    """Let time pass until the run has stopped at the end of its reservation."""
    clock.move_to(view.window.end - berth.policy.stop_lead)
    agent.report()
    fire_due(berth)
    agent.look()
    agent.report()


def test_it_is_booked_at_once_and_the_run_trains_on(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = training(berth, agent)
    after = continue_it(berth, view)
    assert after.goes_on is not None
    assert after.goes_on.reason is ContinuationReason.ASKED
    assert after.goes_on.window.start == view.window.end, "the next free window"
    target = shown(berth, after.goes_on.reservation_id)
    assert target.state is ReservationState.BOOKED
    assert target.gpus == view.gpus, "where the checkpoint is"
    assert target.run is None
    assert run_state(berth) == RunState.RUNNING
    again = continue_it(berth, view)
    assert again.goes_on == after.goes_on, "asked twice, booked once"


def test_a_run_ends_in_its_second_reservation_with_one_card(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = training(berth, agent)
    postman = Postman()
    postman.deliver_all(berth)
    target_id = target_of(continue_it(berth, view))
    postman.deliver_all(berth)
    assert set(postman.cards) == {view.reservation_id}, "the continuation has no card of its own"
    to_its_end(berth, clock, agent, view)
    assert run_state(berth) == RunState.WAITING
    old, new = shown(berth, view.reservation_id), shown(berth, target_id)
    assert old.state is ReservationState.ENDED
    assert new.run is not None
    assert new.run.progress.epoch == 1
    clock.move_to(new.window.start)
    agent.report()
    fire_due(berth)
    (wanted,) = agent.look()
    assert wanted.fence == 2, "a late word of the first attempt changes nothing"
    assert wanted.claim_ends_at == new.window.end
    for _ in range(TINY_RUN.epochs + 1):
        agent.work()
        agent.report()
    assert run_state(berth) == RunState.SUCCEEDED
    postman.deliver_all(berth)
    card = berth.database.read(lambda session: session.scalars(select(CardRow)).all())
    assert [(row.reservation_id, row.ts) for row in card] == [
        (target_id, f"1.{view.reservation_id}")
    ], "one card, where it was posted"
    kinds = [type(each) for each in postman.threads]
    assert kinds.count(ContinuationPlanned) == kinds.count(RunHandedOn) == 1
    assert kinds.count(RunEnded) == 1


def test_attempts_stay_with_the_reservation_in_which_they_were(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = training(berth, agent)
    target_id = target_of(continue_it(berth, view))
    to_its_end(berth, clock, agent, view)
    clock.move_to(shown(berth, target_id).window.start)
    fire_due(berth)
    rows = berth.database.read(
        lambda session: session.execute(
            select(AttemptRow.number, AttemptRow.reservation_id).order_by(AttemptRow.number)
        ).all()
    )
    assert [tuple(row) for row in rows] == [(1, view.reservation_id), (2, target_id)]
    old = shown(berth, view.reservation_id)
    assert old.goes_on is not None
    assert old.run is not None, "what was done in it stays told of"
    assert (old.run.state, old.run.progress.epoch) == (RunState.EXPIRED, 1)


def test_stop_now_gives_the_rest_back_and_goes_on_at_once_when_its_time_has_come(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = training(berth, agent, hours=4)
    target_id = target_of(continue_it(berth, view, now=True))
    assert shown(berth, target_id).window.start == clock.now(), "on the other GPU, now"
    fire_due(berth)
    assert shown(berth, target_id).state is ReservationState.ACTIVE
    assert len(agent.look()) == 1, "not twice at once"
    agent.report()
    assert shown(berth, view.reservation_id).state is ReservationState.ENDED
    (wanted,) = agent.look()
    assert (wanted.fence, wanted.gpu_uuids) == (2, ("GPU-host1-1",))


def test_a_run_that_is_done_needs_no_continuation(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = training(berth, agent)
    target_id = target_of(continue_it(berth, view))
    for _ in range(TINY_RUN.epochs):
        agent.work()
    agent.report()
    assert run_state(berth) == RunState.SUCCEEDED
    assert shown(berth, target_id).state is ReservationState.CANCELLED
    postman = Postman()
    postman.deliver_all(berth)
    (told,) = [each for each in postman.threads if isinstance(each, ContinuationDropped)]
    assert (told.to_reservation_id, told.run_over) == (target_id, True)


def test_who_cancels_the_continuation_lets_the_run_end_where_it_is(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = training(berth, agent)
    target_id = target_of(continue_it(berth, view))
    berth.run(booking.cancel, a_member(berth), target_id, "not needed")
    assert shown(berth, view.reservation_id).goes_on is None
    to_its_end(berth, clock, agent, view)
    assert run_state(berth) == RunState.EXPIRED
    postman = Postman()
    postman.deliver_all(berth)
    told = [notice for _, notice in postman.directs if isinstance(notice, ContinuationDropped)]
    assert [each.why for each in told] == ["not needed"]


def test_who_gives_the_first_back_gives_back_both(berth: UseCases, agent: FakeAgent) -> None:
    view = training(berth, agent)
    target_id = target_of(continue_it(berth, view))
    berth.run(booking.cancel, a_member(berth), view.reservation_id, "enough")
    assert shown(berth, target_id).state is ReservationState.CANCELLED
    agent.look()
    agent.report()
    assert run_state(berth) == RunState.STOPPED


def test_cancelled_after_the_run_came_to_it_the_run_ends_as_it_stopped(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = training(berth, agent)
    target_id = target_of(continue_it(berth, view))
    to_its_end(berth, clock, agent, view)
    berth.run(booking.cancel, a_member(berth), target_id, "no more")
    assert run_state(berth) == RunState.EXPIRED
    assert shown(berth, target_id).state is ReservationState.CANCELLED


def test_only_who_may_change_it_may_continue_it(berth: UseCases, agent: FakeAgent) -> None:
    view = training(berth, agent)
    with pytest.raises(NotTheHolder):
        berth.run(continuing.stop_and_continue, a_member(berth, "U0BOB"), view.reservation_id)


def test_without_a_run_that_goes_on_there_is_nothing_to_continue(
    berth: UseCases, agent: FakeAgent
) -> None:
    bare = berth.run(booking.reserve, a_member(berth), ReserveRequest(2 * HOUR))
    with pytest.raises(NothingToContinue):
        continue_it(berth, bare)
    view = training(berth, agent)
    for _ in range(TINY_RUN.epochs):
        agent.work()
    agent.report()
    with pytest.raises(NothingToContinue) as refusal:
        continue_it(berth, view)
    assert refusal.value.run_state == RunState.SUCCEEDED


def test_the_two_never_overlap_in_time(berth: UseCases, clock: SetClock, agent: FakeAgent) -> None:
    view = training(berth, agent, hours=4)
    target_id = target_of(continue_it(berth, view))
    member = a_member(berth)
    with pytest.raises(OutOfOrder) as refusal:
        berth.run(changing.extend, member, view.reservation_id, view.window.end + 2 * HOUR)
    assert (refusal.value.source_id, refusal.value.target_id) == (view.reservation_id, target_id)
    with pytest.raises(OutOfOrder):
        berth.run(changing.move, member, target_id, view.window.end - 2 * HOUR)
    later = berth.run(changing.move, member, target_id, view.window.end + 2 * HOUR)
    assert later.window.start == view.window.end + 2 * HOUR
    assert shown(berth, view.reservation_id).goes_on is not None, "the link holds"


def test_a_crash_near_the_end_goes_on_where_it_is_planned(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = training(berth, agent)
    target_id = target_of(continue_it(berth, view))
    clock.move_to(view.window.end - 4 * MINUTE)
    (trainer,) = agent.trainers.values()
    agent.finish(trainer, EndCause.CRASHED)
    agent.report()
    assert run_state(berth) == RunState.WAITING
    assert shown(berth, target_id).run is not None


def test_out_of_memory_goes_on_nowhere(berth: UseCases, clock: SetClock, agent: FakeAgent) -> None:
    view = training(berth, agent)
    target_id = target_of(continue_it(berth, view))
    (trainer,) = agent.trainers.values()
    agent.finish(trainer, EndCause.OUT_OF_MEMORY)
    agent.report()
    assert run_state(berth) == RunState.FAILED
    assert shown(berth, target_id).state is ReservationState.CANCELLED


def test_the_link_is_kept_as_it_was_decided(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = training(berth, agent)
    continue_it(berth, view)
    to_its_end(berth, clock, agent, view)
    link = berth.database.read(lambda session: session.scalars(select(ContinuationRow)).one())
    assert (link.state, link.decided_at) == (ContinuationState.TAKEN, clock.now())
    claims = berth.database.read(
        lambda session: session.scalars(select(ClaimRow).where(ClaimRow.live)).all()
    )
    assert len(claims) == 2


def test_what_breaks_a_rule_is_decided_in_the_thread_of_the_run(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    member = a_member(berth)

    def limit(session: Session) -> None:
        session.get_one(TeamRow, member.team_id).quota_gpu_hours_per_week = 3

    view = training(berth, agent)
    berth.database.write(limit)
    after = continue_it(berth, view)
    assert after.goes_on is not None
    assert not after.goes_on.approved
    assert shown(berth, target_of(after)).state is ReservationState.PENDING
    postman = Postman()
    postman.deliver_all(berth)
    assert set(postman.cards) == {view.reservation_id}
    (asked,) = [each for each in postman.threads if isinstance(each, ApprovalAsked)]
    assert asked.with_buttons, "there is no other card on which it could be decided"


def test_what_berth_takes_away_is_given_back_without_asking_a_quota(
    berth: UseCases, clock: SetClock, agent: FakeAgent
) -> None:
    view = training(berth, agent)
    member = a_member(berth)

    def preempt(session: Session) -> int:
        session.get_one(TeamRow, member.team_id).quota_gpu_hours_per_week = 3
        tx = Tx(session, clock.now(), berth.policy, berth.defaults)
        row = session.get_one(ReservationRow, view.reservation_id)
        target = continuing.book_continuation(
            tx,
            row,
            member=None,
            length=2 * HOUR,
            not_before=clock.now() + 30 * MINUTE,
            reason=ContinuationReason.PREEMPTED,
        )
        stopping.release(tx, row, StopReason.PREEMPTED)
        return target.id

    target_id = berth.database.write(preempt)
    assert shown(berth, target_id).state is ReservationState.BOOKED
    assert shown(berth, target_id).window.start >= clock.now() + 30 * MINUTE
    agent.look()
    agent.report()
    assert run_state(berth) == RunState.WAITING

"""Forecasts while a run runs: kept, compared with what came, told, and what the buttons do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.domain.errors import NoRunToFit, NotTheHolder
from bot.domain.forecast_notices import RunEarly, RunFinishesEarly, RunInTime, RunLate
from bot.domain.notices import EndsSoon, RunEnded
from bot.domain.people import Member
from bot.domain.requests import ReserveRequest
from bot.domain.run_spec import TrainingSpec
from bot.domain.states import RunState
from bot.services import (
    booking,
    changing,
    continuing,
    finishing_early,
    forecasts,
    queries,
    run_lengths,
)
from bot.services.transaction import UseCases
from bot.store.forecast_tables import AttemptPaceRow, RunForecastRow
from tests.support.clock import SetClock
from tests.support.clockwork import Postman, fire_due
from tests.support.training import Training
from tests.support.world import a_host, a_member

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
SPEC = TrainingSpec(model="yolo11n.yaml", data="shapes/data.yaml", epochs=20, imgsz=64, batch=8)


@pytest.fixture
def alice(berth: UseCases) -> Member:
    return a_member(berth)


def training(
    berth: UseCases, clock: SetClock, alice: Member, *, hours: int = 4, epochs: int = 20
) -> Training:
    """A run on gpu0 from 12:30 on, whose reservation ends on the grid."""
    host = a_host(berth, gpus=2)
    request = ReserveRequest(hours * HOUR, run=replace(SPEC, epochs=epochs))
    view = berth.run(booking.reserve, alice, request)
    started = Training(berth, clock, host, view.reservation_id)
    started.start()
    return started


def kinds(berth: UseCases) -> list[type]:
    postman = Postman()
    postman.deliver_all(berth)
    return [type(notice) for _, notice in postman.directs]


def directs(berth: UseCases) -> list[object]:
    postman = Postman()
    postman.deliver_all(berth)
    return [notice for _, notice in postman.directs]


def test_the_card_shows_a_range_that_contains_the_point(
    berth: UseCases, clock: SetClock, alice: Member
) -> None:
    run = training(berth, clock, alice)
    run.epochs(4, minutes=6)
    view = berth.run(queries.reservation, run.reservation_id).run
    assert view is not None
    assert view.finishes_at == clock.now() + 16 * 6 * MINUTE
    assert view.finishes_low_at is not None
    assert view.finishes_high_at is not None
    assert view.finishes_low_at < view.finishes_at < view.finishes_high_at


def test_a_late_run_is_told_at_once_and_not_again_while_it_stays_as_late(
    berth: UseCases, clock: SetClock, alice: Member
) -> None:
    run = training(berth, clock, alice)
    directs(berth)
    run.epochs(3, minutes=20)
    assert directs(berth) == [], "two epochs are not enough to judge by"
    run.epochs(1, minutes=20)
    (late,) = directs(berth)
    assert isinstance(late, RunLate)
    assert late.likely_at == clock.now() + 16 * 20 * MINUTE
    assert late.extend_to is not None
    assert late.extend_enough
    assert late.low_at < late.likely_at < late.high_at
    assert 4 < late.fits_epochs < 20
    run.epochs(4, minutes=20)
    assert directs(berth) == []


def test_much_worse_is_told_again_and_in_time_after_all_too(
    berth: UseCases, clock: SetClock, alice: Member
) -> None:
    run = training(berth, clock, alice)
    run.epochs(5, minutes=18)
    (first,) = directs(berth)
    assert isinstance(first, RunLate)
    assert not first.again
    run.epochs(6, minutes=22)
    again = [notice for notice in directs(berth) if isinstance(notice, RunLate)]
    assert [notice.again for notice in again] == [True]
    berth.run(changing.extend, alice, run.reservation_id, again[0].likely_at + 4 * HOUR)
    directs(berth)
    run.epochs(1, minutes=20)
    assert kinds(berth) == [], "with a new end it is judged anew"


def test_a_run_that_speeds_up_is_told_to_be_in_time(
    berth: UseCases, clock: SetClock, alice: Member
) -> None:
    run = training(berth, clock, alice, hours=4, epochs=30)
    run.epochs(4, minutes=12)
    assert kinds(berth) == [RunLate]
    run.epochs(12, minutes=2)
    assert kinds(berth)[0] is RunInTime


def test_sixty_and_thirty_minutes_before_the_end_the_choices_are_told_again(
    berth: UseCases, clock: SetClock, alice: Member
) -> None:
    run = training(berth, clock, alice)
    run.epochs(6, minutes=20)
    assert kinds(berth) == [RunLate]
    view = berth.run(queries.reservation, run.reservation_id)
    for minutes in (60, 30):
        clock.move_to(view.window.end - minutes * MINUTE)
        run.agent.report()
        fire_due(berth)
        (told,) = directs(berth)
        assert isinstance(told, RunLate)
        assert told.minutes == minutes


def test_a_reservation_without_a_run_is_announced_too(
    berth: UseCases, clock: SetClock, alice: Member
) -> None:
    a_host(berth)
    view = berth.run(booking.reserve, alice, ReserveRequest(4 * HOUR))
    fire_due(berth)
    clock.move_to(view.window.end - HOUR)
    fire_due(berth)
    told = [each for each in directs(berth) if isinstance(each, EndsSoon)]
    assert [each.minutes for each in told] == [60]
    assert told[0].run_finishes_at is None


def test_a_run_that_will_be_done_early_is_offered_to_be_shortened_once(
    berth: UseCases, clock: SetClock, alice: Member
) -> None:
    run = training(berth, clock, alice, hours=8, epochs=20)
    run.epochs(8, minutes=2)
    (early,) = directs(berth)
    assert isinstance(early, RunEarly)
    assert early.could_end_at <= early.ends_at - 2 * HOUR
    assert early.could_end_at >= early.high_at
    run.epochs(2, minutes=2)
    assert directs(berth) == []
    after = berth.run(changing.shorten, alice, run.reservation_id, early.could_end_at)
    assert after.window.end == early.could_end_at


def test_fit_to_the_slot_stops_after_the_last_epoch_that_fits(
    berth: UseCases, clock: SetClock, alice: Member
) -> None:
    run = training(berth, clock, alice)
    with pytest.raises(NotTheHolder):
        berth.run(finishing_early.fit_to_slot, a_member(berth, "U0BOB"), run.reservation_id)
    run.epochs(6, minutes=20)
    for _ in range(2):
        view = berth.run(finishing_early.fit_to_slot, alice, run.reservation_id)
    assert view.run is not None
    assert view.run.finishes_early
    while not run.stops:
        run.epochs(1, minutes=20)
        assert clock.now() < view.window.end
    stopped_at = clock.now()
    assert view.window.end - 65 * MINUTE < stopped_at < view.window.end - 20 * MINUTE
    run.agent.report()
    after = berth.run(queries.reservation, run.reservation_id).run
    assert after is not None
    assert after.state is RunState.STOPPED
    assert f"at epoch {after.progress.epoch} of 20" in after.end_detail
    assert "best weights" in after.end_detail
    postman = Postman()
    postman.deliver_all(berth)
    told = [type(notice) for notice in postman.threads]
    assert told.count(RunFinishesEarly) == 1
    assert RunEnded in told
    with pytest.raises(NoRunToFit):
        berth.run(finishing_early.fit_to_slot, alice, run.reservation_id)


def test_what_is_to_fit_and_becomes_faster_gets_all_its_epochs(
    berth: UseCases, clock: SetClock, alice: Member
) -> None:
    run = training(berth, clock, alice)
    run.epochs(6, minutes=20)
    berth.run(finishing_early.fit_to_slot, alice, run.reservation_id)
    run.epochs(14, minutes=1)
    view = berth.run(queries.reservation, run.reservation_id).run
    assert view is not None
    assert view.state is RunState.SUCCEEDED


def test_continuing_later_ends_the_telling(berth: UseCases, clock: SetClock, alice: Member) -> None:
    run = training(berth, clock, alice)
    run.epochs(5, minutes=20)
    (late,) = directs(berth)
    assert isinstance(late, RunLate)
    assert late.continue_start is not None
    view = berth.run(continuing.stop_and_continue, alice, run.reservation_id)
    assert view.goes_on is not None
    assert view.goes_on.window.start == late.continue_start
    directs(berth)
    run.epochs(1, minutes=90)
    assert kinds(berth) == [], "nothing is lost, so nothing is told"


def test_forecasts_are_kept_at_marks_and_compared_with_the_end(
    berth: UseCases, clock: SetClock, alice: Member
) -> None:
    run = training(berth, clock, alice, hours=8)
    for _ in range(3):
        run.agent.report()
    run.epochs(10, minutes=10)
    run.epochs(10, minutes=12)
    rows = berth.database.read(lambda s: s.scalars(select(RunForecastRow)).all())
    marks = {row.mark: row for row in rows}
    assert {"p10", "p25", "p50", "p75", "h1", "h2", "h3"} == set(marks)
    assert all(row.ended_at == clock.now() for row in rows)
    half = marks["p50"]
    assert half.error == pytest.approx(20 / 120, abs=0.01), "100 minutes were foretold, 120 came"
    errors = berth.run(forecasts.forecast_errors)
    assert (errors.mark, errors.count) == ("p50", 1)
    assert errors.median_off == pytest.approx(20 / 120, abs=0.01)
    assert errors.late == 1


def test_a_run_that_was_stopped_is_no_measure_of_forecasts(
    berth: UseCases, clock: SetClock, alice: Member
) -> None:
    run = training(berth, clock, alice)
    run.epochs(12, minutes=5)
    berth.run(booking.cancel, alice, run.reservation_id, "enough")
    run.agent.look()
    run.agent.report()
    assert berth.run(forecasts.forecast_errors).count == 0


def test_how_fast_an_attempt_is_is_kept_and_good_for_the_next_plan(
    berth: UseCases, clock: SetClock, alice: Member
) -> None:
    run = training(berth, clock, alice)
    assert berth.read(run_lengths.estimate, SPEC, "A100", 1) is None
    run.epochs(2, minutes=9)
    assert berth.read(run_lengths.estimate, SPEC, "A100", 1) is None, "one epoch is not enough"
    run.epochs(3, minutes=5)
    (pace,) = berth.database.read(lambda s: s.scalars(select(AttemptPaceRow)).all())
    assert (pace.model, pace.gpu_type, pace.gpu_count, pace.counted) == ("yolo11n", "A100", 1, 4)
    found = berth.read(run_lengths.estimate, SPEC, "A100", 1)
    assert found is not None
    assert found.likely_s == 300
    assert found.steps == ()
    larger = berth.read(run_lengths.estimate, replace(SPEC, imgsz=128), "A100", 1)
    assert larger is not None
    assert larger.likely_s > 900

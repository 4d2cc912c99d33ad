"""No-shows and idle GPUs: asked, kept, released, and never without evidence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from bot.domain.errors import NotTheHolder, OfferOver, ReservationOver
from bot.domain.offers import OfferState
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState
from bot.protocol.messages import AttemptObservation, AttemptState, GpuReading, Report
from bot.services import booking, hosts, queries, transfers, upkeep, usage
from bot.services.transaction import UseCases
from bot.store.offer_tables import UsageCheckRow
from bot.store.tables import AttemptRow, OutboxRow
from tests.support.clock import SetClock
from tests.support.world import TINY_RUN, a_host, a_member

TWO_HOURS = timedelta(hours=2)
MINUTE = timedelta(minutes=1)


class Bench:
    """A host with an agent that reports, and time that goes on with it."""

    def __init__(self, berth: UseCases, clock: SetClock, gpus: int = 2) -> None:
        self.berth, self.clock = berth, clock
        self.host_id, self.gpus = a_host(berth, gpus=gpus), gpus
        self.percent, self.reports = 0.0, True
        self.pids: tuple[int, ...] = ()

    def report(self) -> None:
        """Send one report: all GPUs alike."""
        readings = tuple(
            GpuReading(
                uuid=f"GPU-host1-{index}",
                utilisation_percent=self.percent,
                process_pids=self.pids,
            )
            for index in range(self.gpus)
        )
        seen = self.berth.database.read(
            lambda session: session.scalars(
                select(AttemptRow).where(AttemptRow.state != AttemptState.ENDED)
            ).all()
        )
        observations = tuple(
            AttemptObservation(attempt_id=row.id, fence=row.fence, state=AttemptState.RUNNING)
            for row in seen
        )
        report = Report(
            host_id=self.host_id,
            sent_at=self.clock.now(),
            observations=observations,
            gpus=readings,
        )
        self.berth.write(hosts.take_report, report)

    def fire(self) -> None:
        """Let all due timers do their work."""
        while timers := self.berth.write(upkeep.claim_timers, "test"):
            for timer in timers:
                self.berth.write(upkeep.fire, timer, "test")

    def go_on(self, minutes: float) -> None:
        """Let time pass, with a report and the timers every minute at most."""
        end = self.clock.now() + timedelta(minutes=minutes)
        while self.clock.now() < end:
            self.clock.move_to(min(end, self.clock.now() + MINUTE))
            if self.reports:
                self.report()
            self.fire()

    def book(self, **request: object) -> int:
        """Book from now on and return the number."""
        wish = ReserveRequest(TWO_HOURS, **request)  # type: ignore[arg-type] # as given
        view = self.berth.run(booking.reserve, a_member(self.berth), wish)
        self.fire()
        return view.reservation_id

    def state(self, reservation_id: int) -> ReservationState:
        """Return the state of a reservation."""
        return self.berth.run(queries.reservation, reservation_id).state

    def checks(self) -> list[UsageCheckRow]:
        """Return every question, in order."""
        return list(
            self.berth.database.read(
                lambda session: session.scalars(
                    select(UsageCheckRow).order_by(UsageCheckRow.id)
                ).all()
            )
        )

    def told(self, lane: str = "dm:U0ALICE") -> list[str]:
        """Return the kinds of notices to Alice, in order."""
        rows = self.berth.database.read(
            lambda session: session.scalars(
                select(OutboxRow).where(OutboxRow.lane == lane).order_by(OutboxRow.id)
            ).all()
        )
        return [row.payload["kind"] for row in rows]


@pytest.fixture
def bench(berth: UseCases, clock: SetClock) -> Bench:
    clock.move_to(datetime(2026, 11, 23, 13, 58, tzinfo=UTC))
    bench = Bench(berth, clock)
    bench.report()  # what was before the first reading cannot be ruled out
    bench.go_on(2)
    return bench


def test_a_no_show_is_asked_after_15_minutes_and_released_after_15_more(bench: Bench) -> None:
    number = bench.book()
    bench.go_on(14.5)
    assert bench.checks() == []
    bench.go_on(1)
    (check,) = bench.checks()
    assert (check.kind, check.state) == ("no_show", OfferState.OPEN)
    assert bench.told() == ["usage_asked"]
    shown = bench.berth.run(queries.reservation, number).usage
    assert shown is not None
    assert shown.check_id == check.id
    bench.go_on(14)
    assert bench.state(number) is ReservationState.ACTIVE
    bench.go_on(1.5)
    assert bench.state(number) is ReservationState.ENDED
    assert bench.checks()[0].state == OfferState.EXPIRED
    assert bench.told() == ["usage_asked", "usage_released"]
    assert bench.berth.run(queries.status).free_count == 2


def test_gpus_that_fall_idle_are_asked_about_after_30_minutes_though_a_process_is_there(
    bench: Bench,
) -> None:
    number = bench.book()
    bench.pids, bench.percent = (4711,), 80.0
    bench.go_on(20)
    bench.percent = 3.0
    bench.go_on(29)
    assert bench.checks() == []
    bench.go_on(2)
    assert [check.kind for check in bench.checks()] == ["idle"]
    bench.go_on(16)
    assert bench.state(number) is ReservationState.ENDED


def test_who_comes_before_silence_ends_keeps_the_gpus_and_is_told(bench: Bench) -> None:
    number = bench.book()
    bench.go_on(16)
    bench.pids, bench.percent = (4711,), 50.0
    bench.go_on(20)
    assert bench.state(number) is ReservationState.ACTIVE
    assert bench.checks()[0].state == OfferState.WITHDRAWN
    assert bench.told() == ["usage_asked", "usage_seen"]


def test_keep_silences_for_two_hours(bench: Bench) -> None:
    wish = ReserveRequest(3 * TWO_HOURS)
    alice = a_member(bench.berth)
    number = bench.berth.run(booking.reserve, alice, wish).reservation_id
    bench.fire()
    bench.go_on(16)
    (check,) = bench.checks()
    bench.berth.run(usage.keep, alice, check.id)
    bench.berth.run(usage.keep, alice, check.id)
    bench.go_on(118)
    assert len(bench.checks()) == 1
    bench.go_on(3)
    assert len(bench.checks()) == 2
    assert bench.state(number) is ReservationState.ACTIVE


def test_release_frees_the_gpus_once_and_a_late_keep_is_told_kindly(bench: Bench) -> None:
    number = bench.book()
    bench.go_on(16)
    (check,) = bench.checks()
    alice = a_member(bench.berth)
    assert bench.berth.run(usage.release, alice, check.id).state is ReservationState.ENDED
    assert bench.berth.run(usage.release, alice, check.id).state is ReservationState.ENDED
    with pytest.raises(OfferOver) as over:
        bench.berth.run(usage.keep, alice, check.id)
    assert over.value.state == OfferState.ACCEPTED
    assert bench.state(number) is ReservationState.ENDED
    assert bench.berth.run(queries.status).free_count == 2


def test_release_at_ends_it_at_the_boundary_that_was_chosen(bench: Bench) -> None:
    alice = a_member(bench.berth)
    wish = ReserveRequest(2 * TWO_HOURS)
    number = bench.berth.run(booking.reserve, alice, wish).reservation_id
    bench.fire()
    bench.go_on(16)
    (check,) = bench.checks()
    end = datetime(2026, 11, 23, 16, tzinfo=UTC)
    assert bench.berth.run(usage.release_at, alice, check.id, end).window.end == end
    assert bench.berth.run(usage.release_at, alice, check.id, end).window.end == end
    bench.go_on(20)
    assert bench.state(number) is ReservationState.ACTIVE
    bench.go_on(90)
    assert bench.state(number) is ReservationState.ENDED


def test_only_the_holder_a_lead_or_an_admin_answers(bench: Bench) -> None:
    bench.book()
    bench.go_on(16)
    (check,) = bench.checks()
    for answer in (usage.keep, usage.release):
        with pytest.raises(NotTheHolder):
            bench.berth.run(answer, a_member(bench.berth, "U0BOB"), check.id)
    bench.berth.run(usage.keep, a_member(bench.berth, "U0ROOT", admin=True), check.id)


def test_an_answer_after_the_reservation_was_given_back_changes_nothing(bench: Bench) -> None:
    number = bench.book()
    bench.go_on(16)
    (check,) = bench.checks()
    alice = a_member(bench.berth)
    bench.berth.run(booking.cancel, alice, number, "done")
    with pytest.raises(ReservationOver):
        bench.berth.run(usage.keep, alice, check.id)


def test_a_question_is_withdrawn_with_the_reservation(bench: Bench) -> None:
    number = bench.book()
    bench.go_on(16)
    bench.berth.run(booking.cancel, a_member(bench.berth), number, "done")
    (check,) = bench.checks()
    assert check.state == OfferState.WITHDRAWN
    bench.go_on(20)
    assert bench.told() == ["usage_asked"]


def test_who_takes_it_over_is_not_released_for_the_silence_of_another(bench: Bench) -> None:
    number = bench.book()
    bench.go_on(16)
    alice, bob = a_member(bench.berth), a_member(bench.berth, "U0BOB")
    offered = bench.berth.run(transfers.offer, alice, number, bob)
    bench.berth.run(transfers.accept, bob, offered.transfer_id)
    assert bench.checks()[0].state == OfferState.WITHDRAWN
    bench.go_on(20)
    assert bench.state(number) is ReservationState.ACTIVE
    bench.go_on(30)  # but nobody keeps idle GPUs for ever by handing them on
    assert "usage_asked" in bench.told("dm:U0BOB")


def test_a_silent_host_is_no_evidence(bench: Bench) -> None:
    number = bench.book()
    bench.reports = False
    bench.go_on(60)
    assert bench.checks() == []
    bench.reports = True
    bench.go_on(20)
    assert bench.checks() == [], "what was during the silence cannot be ruled out"
    bench.go_on(12)
    assert [check.kind for check in bench.checks()] == ["idle"]
    bench.reports = False
    bench.go_on(25)
    assert bench.state(number) is ReservationState.ACTIVE, "silence of the host releases nothing"


def test_readings_that_are_missing_are_no_evidence(bench: Bench) -> None:
    bench.book()
    bench.reports = False
    for _ in range(60):
        bench.clock.advance(seconds=30)
        report = Report(host_id=bench.host_id, sent_at=bench.clock.now())
        bench.berth.write(hosts.take_report, report)
        bench.fire()
    assert bench.checks() == []


def test_a_training_that_has_not_ended_is_never_a_no_show(bench: Bench) -> None:
    number = bench.book(run=TINY_RUN)
    bench.go_on(40)
    assert bench.checks() == []
    assert bench.state(number) is ReservationState.ACTIVE

"""Each command reaches its success at least once, under the checks of the machine of all commands.

The machine (`tests.services.test_every_command_machine`) goes wherever chance leads; what needs an
offer, an answer and a free window in a row it reaches seldom.  Here people do it on purpose: every
transaction is looked at in the same way (`tests.support.machine_world.World.act`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, time, timedelta
from typing import Any

import pytest

from bot.domain.errors import BerthError
from bot.domain.maintenance import MaintenanceWish
from bot.domain.offers import OfferState
from bot.domain.priority import Priority
from bot.domain.recurrence import EVERY_DAY, Recurrence
from bot.domain.requests import ReserveRequest
from bot.services import (
    approvals,
    booking,
    changing,
    continuing,
    hardware,
    maintenance,
    minutes,
    queue,
    series,
    swaps,
    transfers,
    usage,
    waitlist,
)
from bot.store.database import Database
from tests.support.machine_booking import BookingRules
from tests.support.machine_world import HOUR, World
from tests.support.world import TINY_RUN

MINUTE = timedelta(minutes=1)
EVE, FRANK, ADA = "U0EVE", "U0FRANK", "U0ADA"


class Office:
    """People who get what they ask for; a refusal is a fault of the test."""

    def __init__(self, world: World) -> None:
        self.world = world

    def does(self, name: str, use_case: Callable[..., Any], *args: Any, **named: Any) -> Any:
        result = self.world.act(use_case, self.world.members[name], *args, **named)
        assert not isinstance(result, BerthError), f"{use_case.__name__} refused: {result!r}"
        return result

    def books(
        self, name: str, hours_ahead: int | None = None, *, gpus: int = 1, run: bool = False
    ) -> int:
        request = ReserveRequest(
            4 * HOUR,
            gpu_count=gpus,
            start=self.world.hours_ahead(hours_ahead),
            run=TINY_RUN if run else None,
        )
        booked: int = self.does(name, booking.reserve, request).reservation_id
        self.world.catch_up()
        return booked

    def holder_of(self, reservation_id: int) -> str:
        row = self.world.rows.one("reservations", reservation_id)
        found = {one.member_id: name for name, one in self.world.members.items()}
        return found[row.member_id]

    def state_of(self, reservation_id: int) -> str:
        return str(self.world.rows.one("reservations", reservation_id).state)

    def starts_at(self, reservation_id: int) -> datetime:
        starts_at: datetime = self.world.rows.one("reservations", reservation_id).starts_at
        return starts_at

    def open_one(self, table: str) -> Any:
        (found,) = self.world.rows.of_state(table, OfferState.OPEN)
        return found


@pytest.fixture
def office(database: Database) -> Iterator[Office]:
    world = BookingRules(database)  # any machine will do; a bare world has no rules
    world.open_the_office()
    yield Office(world)
    world.pass_time(timedelta(days=1))


def test_a_transfer_is_accepted_declined_withdrawn_or_expires(office: Office) -> None:
    to = office.world.members[FRANK]
    accepted, other = office.books(EVE, 4), office.books(EVE, 4)
    transfer = office.does(EVE, transfers.offer, accepted, to, "yours?", again=True)
    office.does(FRANK, transfers.accept, transfer.transfer_id, again=True)
    assert office.holder_of(accepted) == FRANK
    for answer, name in ((transfers.decline, FRANK), (transfers.withdraw, EVE)):
        transfer = office.does(EVE, transfers.offer, other, to)
        office.does(name, answer, transfer.transfer_id, again=True)
        assert office.holder_of(other) == EVE
    office.does(EVE, transfers.offer, other, to)
    office.world.pass_time(5 * HOUR)
    assert not office.world.rows.of_state("transfers", OfferState.OPEN)
    assert office.holder_of(other) == EVE


def test_a_swap_is_accepted_declined_or_withdrawn(office: Office) -> None:
    mine, theirs = office.books(EVE, 4), office.books(FRANK, 8)
    first, second = office.starts_at(mine), office.starts_at(theirs)
    for answer, name in ((swaps.decline, FRANK), (swaps.withdraw, EVE), (swaps.accept, FRANK)):
        proposed = office.does(EVE, swaps.propose, mine, theirs, "please", again=True)
        office.does(name, answer, proposed.swap_id, again=True)
    assert (office.starts_at(mine), office.starts_at(theirs)) == (second, first)


def test_who_waits_for_a_window_takes_it_declines_it_or_is_passed_over(office: Office) -> None:
    full = office.books(ADA, 4, gpus=5)
    wish = ReserveRequest(4 * HOUR, gpu_count=5, start=office.world.hours_ahead(4))
    for name in (EVE, FRANK, ADA):
        office.does(name, waitlist.join, wish, again=True)
    office.does(ADA, booking.cancel, full, "not needed")
    office.world.catch_up()
    first = office.open_one("waits")
    asked = office.world.member_by_id(first.member_id)
    office.world.act(waitlist.decline, asked, first.id, again=True)
    office.world.catch_up()
    second = office.open_one("waits")
    office.world.pass_time(11 * MINUTE)  # silence
    third = office.open_one("waits")
    assert len({first.id, second.id, third.id}) == 3
    taker = office.world.member_by_id(third.member_id)
    taken = office.world.act(waitlist.accept, taker, third.id, again=True)
    assert office.state_of(taken.reservation_id) == "booked"


def test_who_waits_may_leave_and_short_jobs_run_on_idle_gpus(office: Office) -> None:
    office.books(ADA, gpus=5)
    wait = office.does(EVE, waitlist.join, ReserveRequest(4 * HOUR, gpu_count=5))
    office.does(EVE, waitlist.leave, wait.wait_id, again=True)
    job = ReserveRequest(HOUR, run=TINY_RUN)
    leaves, stays = office.does(EVE, queue.join, job), office.does(FRANK, queue.join, job)
    office.does(EVE, queue.leave, leaves.wait_id, again=True)
    office.world.pass_time(6 * HOUR)
    assert office.world.rows.one("waits", stays.wait_id).held_reservation_id is not None


def test_a_series_is_extended_by_the_clock_skipped_and_cancelled(office: Office) -> None:
    today = office.world.now.date()
    rule = Recurrence(EVERY_DAY, time(20), "Europe/Paris", today, 4 * HOUR)
    wish = ReserveRequest(4 * HOUR, request_key="a series")
    made = office.does(EVE, series.create, rule, wish, again=True)
    occurrences = [row for row in office.world.every("reservations") if row.series_id]
    office.world.pass_time(timedelta(days=1))
    later = [row for row in office.world.every("reservations") if row.series_id]
    assert len(later) > len(occurrences)
    office.does(EVE, series.skip, later[-1].id, again=True)
    assert office.state_of(later[-1].id) == "cancelled"
    office.does(EVE, series.cancel_all, made.series_id, "no longer", again=True)
    assert not [row for row in office.world.every("reservations") if row.state == "booked"]


@pytest.mark.parametrize(
    ("answer", "state"), [("approve", "booked"), ("decline", "cancelled"), ("", "cancelled")]
)
def test_a_p0_is_approved_declined_or_expires(office: Office, answer: str, state: str) -> None:
    start = office.world.hours_ahead(8)
    wish = ReserveRequest(2 * HOUR, start=start, priority=Priority.P0)
    asked = office.does(EVE, booking.reserve, wish).reservation_id
    approval = office.open_one("approvals")
    if answer == "approve":
        office.does(ADA, approvals.approve, approval.id, again=True)
    elif answer == "decline":
        office.does(ADA, approvals.decline, approval.id, "no", again=True)
    else:
        office.world.pass_time(4 * HOUR)
    assert office.state_of(asked) == state


@pytest.mark.parametrize("answer", ["keep", "release", "release at", ""])
def test_who_does_nothing_is_asked_and_answers_or_is_silent(office: Office, answer: str) -> None:
    booked = office.books(EVE)
    while not office.world.rows.of_state("usage_checks", OfferState.OPEN):
        assert office.state_of(booked) == "active", "nobody was asked"
        office.world.pass_time(5 * MINUTE)
    check = office.open_one("usage_checks")
    if answer == "keep":
        office.does(EVE, usage.keep, check.id, again=True)
    elif answer == "release":
        office.does(EVE, usage.release, check.id, again=True)
    elif answer == "release at":
        end = office.world.berth.policy.grid.floor(office.world.now) + 2 * HOUR
        office.does(EVE, usage.release_at, check.id, end, again=True)
    office.world.pass_time(16 * MINUTE)
    stays = answer in ("keep", "release at")
    assert office.state_of(booked) == ("active" if stays else "ended")


def test_hosts_and_gpus_go_out_of_service_and_come_back(office: Office) -> None:
    moved = office.books(EVE, 4)
    office.does(ADA, hardware.drain, "host1", "new fans", again=True)
    office.does(ADA, hardware.undrain, "host1", again=True)
    office.does(ADA, hardware.mark_broken, ["gpu0@host1"], "Xid 79", again=True)
    office.does(ADA, hardware.mark_repaired, ["gpu0@host1"], again=True)
    wish = MaintenanceWish(("host2",), 2 * HOUR, start=office.world.hours_ahead(3))
    planned = office.does(ADA, maintenance.plan, wish, again=True)
    office.does(ADA, booking.cancel, planned.view.reservation_id, "not today")
    again = MaintenanceWish(("host2",), 2 * HOUR, start=office.world.hours_ahead(2))
    begun = office.does(ADA, maintenance.plan, again)
    office.world.pass_time(2 * HOUR + MINUTE)
    assert office.state_of(begun.view.reservation_id) == "active"
    assert office.state_of(moved) == "booked"


@pytest.mark.parametrize("yes", [True, False])
def test_the_next_holder_gives_minutes_or_keeps_them(office: Office, yes: bool) -> None:
    late = office.books(EVE, gpus=3, run=True)
    ends_at = office.world.rows.one("reservations", late).ends_at
    names = tuple(f"gpu{index}@host1" for index in range(3))
    wish = ReserveRequest(4 * HOUR, start=ends_at, gpu_names=names)
    following = office.does(FRANK, booking.reserve, wish).reservation_id
    asked = office.does(EVE, minutes.ask, late, 15, ends_at, again=True)
    answer = minutes.give if yes else minutes.keep
    office.does(FRANK, answer, asked.ask_id, again=True)
    starts_at = office.world.rows.one("reservations", following).starts_at
    assert starts_at == ends_at + (15 * MINUTE if yes else timedelta())


def test_a_reservation_is_moved_extended_shortened_and_its_run_goes_on_elsewhere(
    office: Office,
) -> None:
    booked = office.books(EVE, 6, gpus=2, run=True)
    window = office.world.rows.one("reservations", booked)
    office.does(EVE, changing.move, booked, window.starts_at + 2 * HOUR, again=True)
    end = window.ends_at + 2 * HOUR
    office.does(EVE, changing.extend, booked, end + 2 * HOUR, again=True)
    office.does(EVE, changing.shorten, booked, end, again=True)
    office.does(EVE, continuing.stop_and_continue, booked, again=True)
    target = office.world.every("reservations")[-1]
    assert target.starts_at >= end
    office.does(EVE, booking.cancel, target.id, "one is enough")
    office.does(EVE, booking.cancel, booked, "not at all", again=True)
    assert office.state_of(booked) == office.state_of(target.id) == "cancelled"

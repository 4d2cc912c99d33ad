"""What people do with reservations of their own, as rules of the machine of all commands."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from bot.domain.errors import WindowTaken
from bot.domain.people import Member
from bot.domain.priority import Priority
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState
from bot.domain.views import ReservationView
from bot.services import booking, changing
from tests.support.machine_quota import QuotaWorld
from tests.support.machine_world import HOUR, mostly, people, picks
from tests.support.world import TINY_RUN

GPU_NAMES = ("gpu0@host1", "gpu1@host1", "gpu2@host1", "gpu0@host2", "gpu1@host2", "gpu9@host1")
HELD = (
    ReservationState.PENDING,
    ReservationState.BOOKED,
    ReservationState.ACTIVE,
    ReservationState.RELEASING,
)
priorities = st.sampled_from([*[Priority.P2] * 4, Priority.P1, Priority.P0])
starts = st.none() | st.sampled_from([0, 0, 1, 2, 3, 4, 6, 12, 30, 71, 80, -1])
wishes = st.builds(
    ReserveRequest,
    st.sampled_from([2, 2, 2, 3, 4, 4, 8, 14, 50, 1]).map(lambda hours: hours * HOUR),
    gpu_count=st.sampled_from([1, 1, 2, 2, 3, 5, 0]),
    gpu_names=st.just(())
    | st.lists(st.sampled_from(GPU_NAMES), min_size=1, max_size=2, unique=True).map(tuple),
    gpu_type=st.sampled_from([*[None] * 8, "a100", "h100"]),
    run=st.sampled_from([None, TINY_RUN]),
    priority=priorities,
)
"""Wishes without a start; some can never be had."""


class BookingRules(QuotaWorld):
    """Book, take an alternative, cancel, extend, shorten, move, release early."""

    @initialize(
        bookings=st.lists(
            st.tuples(people, st.integers(1, 2), st.integers(0, 4), st.integers(2, 4)),
            min_size=3,
            max_size=6,
        )
    )
    def some_are_booked(self, bookings: list[tuple[str, int, int, int]]) -> None:
        self.open_the_office()
        for name, gpus, start, hours in bookings:
            wish = ReserveRequest(hours * HOUR, gpu_count=gpus, run=TINY_RUN if gpus > 1 else None)
            self.book(name, wish, start, 0)

    @rule(name=people, wish=wishes, start=starts, alternative=st.integers(0, 3))
    def book(self, name: str, wish: ReserveRequest, start: int | None, alternative: int) -> None:
        member = self.members[name]
        request = replace(wish, start=self.hours_ahead(start), request_key=self.a_key())
        outcome = self.act(booking.reserve, member, request, again=True)
        if isinstance(outcome, ReservationView):
            self.assert_within_quota(member, outcome.reservation_id)
        if isinstance(outcome, WindowTaken) and outcome.alternatives:
            self._take(member, request, outcome, alternative)

    def _take(
        self, member: Member, request: ReserveRequest, refusal: WindowTaken, which: int
    ) -> None:
        """Book what was offered instead, at once: then it must be had."""
        instead = refusal.alternatives[which % len(refusal.alternatives)]
        wish = replace(
            request,
            length=instead.window.length,
            start=instead.window.start,
            gpu_count=instead.gpu_count,
            request_key=None,
        )
        if instead.gpu_names or instead.gpu_type:
            wish = replace(wish, gpu_names=instead.gpu_names, gpu_type=instead.gpu_type)
        taken = self.act(booking.reserve, member, wish)
        assert isinstance(taken, ReservationView), f"{instead} was offered, and refused: {taken!r}"
        self.assert_within_quota(member, taken.reservation_id)

    def held(self, *states: str) -> list[Any]:
        """Return the reservations in those states, or all that hold something."""
        return self.rows.of_state("reservations", *(states or HELD))

    @precondition(lambda self: self.held())
    @rule(name=people, which=picks, rightly=mostly, runs=st.booleans())
    def cancel_or_release_early(self, name: str, which: int, rightly: bool, runs: bool) -> None:
        rows = self.held(ReservationState.ACTIVE) if runs else self.held()
        row = self.pick(rows or self.held(), which)
        member = self.someone(name, row.member_id, rightly)
        self.act(booking.cancel, member, row.id, "changed my mind", again=True)

    @precondition(lambda self: self.held())
    @rule(
        name=people,
        which=picks,
        rightly=mostly,
        hours=st.sampled_from([0, 1, 2, 2, 4, 4, 12, 40, -2]),
        by_a_click=st.booleans(),
    )
    def extend(self, name: str, which: int, rightly: bool, hours: int, by_a_click: bool) -> None:
        row = self.pick(self.held(), which)
        member = self.someone(name, row.member_id, rightly)
        if by_a_click:
            args = (member, row.id, row.ends_at, self.a_key())
            outcome = self.act(changing.extend_by_a_slot, *args, again=True)
        else:
            end = row.ends_at + hours * HOUR
            outcome = self.act(changing.extend, member, row.id, end, again=True)
        if isinstance(outcome, ReservationView) and outcome.window.end > row.ends_at:
            self.assert_within_quota(member, row.id)

    @precondition(lambda self: self.held())
    @rule(name=people, which=picks, rightly=mostly, hours=st.sampled_from([0, 1, 2, 2, 3, 4, -2]))
    def shorten(self, name: str, which: int, rightly: bool, hours: int) -> None:
        row = self.pick(self.held(), which)
        member = self.someone(name, row.member_id, rightly)
        end: datetime = row.ends_at - hours * HOUR
        self.act(changing.shorten, member, row.id, end, again=True)

    @precondition(lambda self: self.held())
    @rule(
        name=people,
        which=picks,
        rightly=mostly,
        hours=st.sampled_from([-4, -2, -1, 0, 1, 2, 2, 4, 8, 30, 90]),
    )
    def move(self, name: str, which: int, rightly: bool, hours: int) -> None:
        row = self.pick(self.held(ReservationState.BOOKED) or self.held(), which)
        member = self.someone(name, row.member_id, rightly)
        outcome = self.act(changing.move, member, row.id, row.starts_at + hours * HOUR, again=True)
        if isinstance(outcome, ReservationView) and outcome.window.start != row.starts_at:
            self.assert_within_quota(member, row.id)
        if isinstance(outcome, WindowTaken) and outcome.alternatives:
            window = outcome.alternatives[0].window
            moved = self.act(changing.move, member, row.id, window.start)
            assert isinstance(moved, ReservationView), f"{window} was offered: {moved!r}"

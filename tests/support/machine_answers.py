"""Offers that are made and answered in one step, as rules of the machine of all commands.

An answer is only reached by chance where offer and answer are two rules among forty: nearly always
something else has happened in between.  Here the answer comes at once, or just in time.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from bot.domain.offers import OfferState
from bot.domain.recurrence import EVERY_DAY
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState
from bot.domain.views import ReservationView
from bot.services import booking, changing, minutes, swaps, transfers
from tests.support.machine_booking import BookingRules
from tests.support.machine_handovers import HandoverRules
from tests.support.machine_minutes import MinutesRules
from tests.support.machine_outages import UsageRules
from tests.support.machine_series import SeriesRules
from tests.support.machine_waiting import WaitingRules
from tests.support.machine_world import HOUR, picks
from tests.support.world import TINY_RUN

mostly_yes = st.sampled_from(["accept", "accept", "accept", "decline", "withdraw"])
others = st.sampled_from(["U0BOB", "U0CAROL", "U0EVE", "U0FRANK"])


class AnswerRules(BookingRules, HandoverRules, MinutesRules, WaitingRules, SeriesRules, UsageRules):
    """Ask and answer, both within one step."""

    def _own(self, *states: str) -> list[Any]:
        return self.rows.of_state("reservations", *states)

    @precondition(lambda self: self._own("booked", "active"))
    @rule(to=others, which=picks, answer=mostly_yes)
    def hand_one_over(self, to: str, which: int, answer: str) -> None:
        row = self.pick(self._own("booked", "active"), which)
        holder = self.member_by_id(row.member_id)
        if row.member_id == self.members[to].member_id:
            to = "U0DAN"
        self.act(transfers.offer, holder, row.id, self.members[to], "yours?")
        if self.rows.of_state("transfers", OfferState.OPEN):
            self.answer_a_transfer(to, 0, True, answer)

    @precondition(lambda self: len(self._own("booked")) > 1)
    @rule(which=picks, theirs=picks, answer=mostly_yes)
    def swap_two(self, which: int, theirs: int, answer: str) -> None:
        first = self.pick(self._own("booked"), which)
        rest = [row for row in self._own("booked") if row.member_id != first.member_id]
        if not rest:
            return
        second = self.pick(rest, theirs)
        self.act(swaps.propose, self.member_by_id(first.member_id), first.id, second.id, "please")
        if self.rows.of_state("swaps", OfferState.OPEN):
            self.answer_a_swap("U0ADA", 0, True, answer, True)

    @precondition(lambda self: self._own("active"))
    @rule(which=picks, to=others, wanted=st.sampled_from([5, 15, 60]), yes=st.booleans())
    def ask_the_next_one_for_minutes(self, which: int, to: str, wanted: int, yes: bool) -> None:
        """Book right after somebody, who then asks for minutes."""
        row = self.pick(self._own("active"), which)
        names = self._gpu_names(row)
        wish = ReserveRequest(4 * HOUR, start=row.ends_at, gpu_names=names)
        self.act(booking.reserve, self.members[to], wish)
        holder = self.member_by_id(row.member_id)
        self.act(minutes.ask, holder, row.id, wanted, row.ends_at)
        if self.rows.of_state("minutes_asks", OfferState.OPEN):
            self.answer_for_minutes(to, 0, True, yes)

    @precondition(lambda self: self.rows.of_state("waits", OfferState.WAITING))
    @rule(which=picks, answer=mostly_yes)
    def make_room_for_one_who_waits(self, which: int, answer: str) -> None:
        """Cancel what lies in the way of a wish, and let the one who waits answer."""
        wait = self.pick(self.rows.of_state("waits", OfferState.WAITING), which)
        begin = wait.starts_at or self.now
        for row in self._own("pending", "booked", "active"):
            if row.ends_at > begin:
                self.act(booking.cancel, self.member_by_id(row.member_id), row.id, "room")
        self.pass_time(timedelta(minutes=1))
        if self.rows.of_state("waits", OfferState.OPEN):
            self.answer_for_a_window("U0ADA", 0, True, answer)

    @rule(to=others, answer=st.sampled_from(["keep", "release", "release at"]))
    def ask_about_idle_gpus(self, to: str, answer: str) -> None:
        """Book now, do nothing, and answer the question that comes of it."""
        view = self.act(booking.reserve, self.members[to], ReserveRequest(4 * HOUR))
        if isinstance(view, ReservationView):
            self.pass_time(self.berth.policy.no_show_after + timedelta(minutes=1))
        if self.rows.of_state("usage_checks", OfferState.OPEN):
            self.answer_about_use("U0ADA", 0, True, answer, 1)

    @rule(to=others, whole=st.booleans())
    def book_every_day_and_think_again(self, to: str, whole: bool) -> None:
        """Book a small series, skip a day of it or cancel all."""
        wish = ReserveRequest(2 * HOUR, request_key=self.a_key())
        self.create_a_series(to, wish, (EVERY_DAY, 3, 4))
        if self.every("series"):
            self.skip_a_day_or_cancel_all("U0ADA", 0, True, whole)

    @rule(to=others, hours=st.sampled_from([2, 4]))
    def move_one_that_is_to_be_swapped(self, to: str, hours: int) -> None:
        """Propose a swap, then move one of the two earlier: its time is cut back with it."""
        booked = self._own("booked")
        if len(booked) < 2:
            wish = ReserveRequest(2 * HOUR, start=self.hours_ahead(8), run=TINY_RUN)
            self.act(booking.reserve, self.members[to], wish)
            return
        first, second = booked[-1], booked[-2]
        if first.member_id == second.member_id:
            return
        holder = self.member_by_id(first.member_id)
        self.act(swaps.propose, holder, first.id, second.id, "please")
        self.act(changing.move, holder, first.id, first.starts_at - hours * HOUR)
        if self.rows.one("reservations", first.id).state != ReservationState.BOOKED:
            return
        for swap in self.rows.of_state("swaps", OfferState.OPEN):
            assert swap.expires_at <= self.rows.one("reservations", first.id).starts_at or (
                first.id not in (swap.first_reservation_id, swap.second_reservation_id)
            )

    def _gpu_names(self, row: Any) -> tuple[str, ...]:
        gpus, hosts = self.rows.rows["gpus"], self.rows.rows["hosts"]
        return tuple(
            f"gpu{gpus[claim.gpu_id].index}@{hosts[gpus[claim.gpu_id].host_id].name}"
            for claim in self.rows.claims_of[row.id]
        )

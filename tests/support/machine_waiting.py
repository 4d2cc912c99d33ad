"""The waitlist and the queue, as rules of the machine of all commands."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from bot.domain.offers import OfferState
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState
from bot.domain.views import ReservationView
from bot.domain.waiting import WaitKind
from bot.services import queue, waitlist
from tests.support.machine_booking import starts, wishes
from tests.support.machine_world import World, mostly, people, picks
from tests.support.world import TINY_RUN

THERE = (OfferState.WAITING, OfferState.OPEN)


class WaitingRules(World):
    """Join, accept, decline, leave; silence is what the clock does."""

    @rule(name=people, wish=wishes, start=starts)
    def join_the_waitlist(self, name: str, wish: ReserveRequest, start: int | None) -> None:
        request = replace(wish, start=self.hours_ahead(start))
        self.act(waitlist.join, self.members[name], request, again=True)

    @rule(name=people, gpus=st.integers(1, 3), minutes=st.sampled_from([1, 10, 45, 119, 0, 120]))
    def join_the_queue(self, name: str, gpus: int, minutes: int) -> None:
        job = ReserveRequest(timedelta(minutes=minutes), gpu_count=gpus, run=TINY_RUN)
        self.act(queue.join, self.members[name], job, again=True)

    @rule(name=people)
    def look_at_those_who_wait(self, name: str) -> None:
        for view in self.act(queue.line):
            assert view.expected_start is None or view.expected_start >= self.now
        self.act(waitlist.mine, self.members[name])

    def places(self, kind: WaitKind) -> list[Any]:
        """Return places: those that are offered, or else that wait, or else that are over."""
        found = [row for row in self.every("waits") if row.kind == kind]
        for states in ((OfferState.OPEN,), THERE):
            if some := [row for row in found if row.state in states]:
                return some
        return found

    @precondition(lambda self: self.places(WaitKind.WAITLIST))
    @rule(
        name=people,
        which=picks,
        rightly=mostly,
        answer=st.sampled_from(["accept", "accept", "decline", "leave"]),
    )
    def answer_for_a_window(self, name: str, which: int, rightly: bool, answer: str) -> None:
        wait = self.pick(self.places(WaitKind.WAITLIST), which)
        member = self.someone(name, wait.member_id, rightly)
        if answer == "decline":
            self.act(waitlist.decline, member, wait.id, again=True)
        elif answer == "leave":
            self.act(waitlist.leave, member, wait.id, again=True)
        else:
            outcome = self.act(waitlist.accept, member, wait.id, again=True)
            if isinstance(outcome, ReservationView) and wait.state == OfferState.OPEN:
                row = self.rows.one("reservations", outcome.reservation_id)
                assert row.state == ReservationState.BOOKED
                assert wait.offered_until > self.now
                assert row.ends_at > self.now
                count = len(wait.request["gpu_names"]) or wait.request["gpu_count"]
                assert len(self.rows.claims_of[row.id]) == count

    @precondition(lambda self: self.places(WaitKind.QUEUE))
    @rule(name=people, which=picks, rightly=mostly)
    def leave_the_queue(self, name: str, which: int, rightly: bool) -> None:
        wait = self.pick(self.places(WaitKind.QUEUE), which)
        member = self.someone(name, wait.member_id, rightly)
        self.act(queue.leave, member, wait.id, again=True)

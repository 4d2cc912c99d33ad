"""Series and approvals, as rules of the machine of all commands."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from bot.domain.offers import OfferState
from bot.domain.people import Role
from bot.domain.recurrence import EVERY_DAY, WORKING_DAYS, Recurrence
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState
from bot.services import approvals, series
from tests.support.machine_booking import wishes
from tests.support.machine_world import World, mostly, people, picks

MOST_SERIES = 3
recurrences = st.tuples(
    st.sampled_from([EVERY_DAY, WORKING_DAYS, frozenset({"tue", "thu"})]),
    st.sampled_from([3, 12, 18, 20]),
    st.none() | st.integers(0, 4),
)


class SeriesRules(World):
    """Create, skip one, cancel all; the clock extends."""

    @precondition(lambda self: len(self.every("series")) < MOST_SERIES)
    @rule(name=people, wish=wishes, when=recurrences)
    def create_a_series(
        self, name: str, wish: ReserveRequest, when: tuple[frozenset[str], int, int | None]
    ) -> None:
        days, hour, ends_after = when
        today = self.now.date()
        recurrence = Recurrence(
            weekdays=days,
            at=time(hour),
            time_zone="Europe/Paris",
            starts_on=today,
            lasts=wish.length,
            ends_on=None if ends_after is None else today + timedelta(days=ends_after),
        )
        request = replace(wish, request_key=self.a_key())
        self.act(series.create, self.members[name], recurrence, request, again=True)

    def _occurrences(self) -> list[Any]:
        rows = [row for row in self.every("reservations") if row.series_id is not None]
        return [row for row in rows if row.state == ReservationState.BOOKED] or rows

    @precondition(lambda self: self.every("series"))
    @rule(name=people, which=picks, rightly=mostly, whole=st.sampled_from([True, False, False]))
    def skip_a_day_or_cancel_all(self, name: str, which: int, rightly: bool, whole: bool) -> None:
        if whole or not self._occurrences():
            row = self.pick(self.every("series"), which)
            member = self.someone(name, row.member_id, rightly)
            self.act(series.cancel_all, member, row.id, "no longer", again=True)
        else:
            row = self.pick(self._occurrences(), which)
            member = self.someone(name, row.member_id, rightly)
            self.act(series.skip, member, row.id, again=True)


class ApprovalRules(World):
    """Approve, decline; silence is what the clock does."""

    @precondition(lambda self: self.every("approvals"))
    @rule(
        name=st.sampled_from(["U0LEA", "U0ADA", "U0ADA", "U0ALICE"]),
        which=picks,
        answer=st.sampled_from(["approve", "approve", "decline", "look"]),
    )
    def decide(self, name: str, which: int, answer: str) -> None:
        asked = self.rows.of_state("approvals", OfferState.OPEN) or self.every("approvals")
        approval, member = self.pick(asked, which), self.members[name]
        if answer == "decline":
            self.act(approvals.decline, member, approval.id, "not now", again=True)
        elif answer == "look":
            self.act(approvals.require_open, member, approval.id)
        else:
            outcome = self.act(approvals.approve, member, approval.id, again=True)
            if approval.state == OfferState.OPEN and not isinstance(outcome, Exception):
                assert member.role in (Role.LEAD, Role.ADMIN)
                assert approval.expires_at > self.now

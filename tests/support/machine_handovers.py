"""Transfers and swaps, as rules of the machine of all commands."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from bot.domain.handovers import SwapView, TransferView
from bot.domain.offers import OfferState
from bot.domain.states import ReservationState
from bot.services import swaps, transfers
from tests.support.machine_quota import QuotaWorld
from tests.support.machine_world import mostly, people, picks

HANDED = (ReservationState.BOOKED, ReservationState.ACTIVE)
answers = st.sampled_from(["accept", "accept", "accept", "decline", "withdraw"])


class HandoverRules(QuotaWorld):
    """Offer, accept, decline and withdraw; silence is what the clock does."""

    def _offer(self, table: str, which: int) -> Any:
        """Return an offer, an open one if there is any."""
        return self.pick(self.rows.of_state(table, OfferState.OPEN) or self.every(table), which)

    @precondition(lambda self: self.rows.of_state("reservations", *HANDED))
    @rule(name=people, to=people, which=picks, rightly=mostly)
    def offer_a_transfer(self, name: str, to: str, which: int, rightly: bool) -> None:
        row = self.pick(self.rows.of_state("reservations", *HANDED), which)
        member = self.someone(name, row.member_id, rightly)
        self.act(transfers.offer, member, row.id, self.members[to], "yours?", again=True)

    @precondition(lambda self: self.every("transfers"))
    @rule(name=people, which=picks, rightly=mostly, answer=answers)
    def answer_a_transfer(self, name: str, which: int, rightly: bool, answer: str) -> None:
        transfer = self._offer("transfers", which)
        asker, asked = transfer.from_member_id, transfer.to_member_id
        member = self.someone(name, asker if answer == "withdraw" else asked, rightly)
        old = self.rows.one("reservations", transfer.reservation_id)
        if answer == "decline":
            self.act(transfers.decline, member, transfer.id, "no room", again=True)
        elif answer == "withdraw":
            self.act(transfers.withdraw, member, transfer.id, again=True)
        else:
            outcome = self.act(transfers.accept, member, transfer.id, again=True)
            if isinstance(outcome, TransferView) and transfer.state == OfferState.OPEN:
                row = self.rows.one("reservations", old.id)
                assert transfer.expires_at > self.now
                assert (row.member_id, row.team_id) == (member.member_id, member.team_id)
                assert (row.starts_at, row.ends_at) == (old.starts_at, old.ends_at)
                assert row.state == old.state
                if old.team_id != row.team_id:
                    self.assert_within_quota(member, row.id)

    @precondition(lambda self: len(self.rows.of_state("reservations", *HANDED)) > 1)
    @rule(name=people, mine=picks, theirs=picks, rightly=mostly)
    def propose_a_swap(self, name: str, mine: int, theirs: int, rightly: bool) -> None:
        rows = self.rows.of_state("reservations", ReservationState.BOOKED)
        rows = rows if len(rows) > 1 else self.rows.of_state("reservations", *HANDED)
        first = self.pick(rows, mine)
        second = self.pick(
            [row for row in rows if row.member_id != first.member_id] or rows, theirs
        )
        member = self.someone(name, first.member_id, rightly)
        self.act(swaps.propose, member, first.id, second.id, "please")

    @precondition(lambda self: self.every("swaps"))
    @rule(
        name=people,
        which=picks,
        rightly=mostly,
        answer=answers,
        seen=st.sampled_from([None, True, True, False]),
    )
    def answer_a_swap(
        self, name: str, which: int, rightly: bool, answer: str, seen: bool | None
    ) -> None:
        swap = self._offer("swaps", which)
        asked = self.rows.one("reservations", swap.second_reservation_id).member_id
        asker = swap.proposed_by_member_id
        member = self.someone(name, asker if answer == "withdraw" else asked, rightly)
        if answer == "decline":
            self.act(swaps.decline, member, swap.id, "mine", again=True)
        elif answer == "withdraw":
            self.act(swaps.withdraw, member, swap.id, again=True)
        else:
            self._accept_a_swap(member, swap, seen)

    def _accept_a_swap(self, member: Any, swap: Any, seen: bool | None) -> None:
        first = self.rows.one("reservations", swap.first_reservation_id)
        second = self.rows.one("reservations", swap.second_reservation_id)
        versions = None if seen is None else (first.version, second.version + (not seen))
        outcome = self.act(swaps.accept, member, swap.id, versions)
        if not isinstance(outcome, SwapView) or swap.state != OfferState.OPEN:
            return
        new_first = self.rows.one("reservations", first.id)
        new_second = self.rows.one("reservations", second.id)
        if seen is False:
            assert outcome.state is OfferState.WITHDRAWN
            assert new_first.starts_at == first.starts_at
            return
        assert (new_first.starts_at, new_first.ends_at) == (second.starts_at, second.ends_at)
        assert (new_second.starts_at, new_second.ends_at) == (first.starts_at, first.ends_at)
        assert (new_first.member_id, new_second.member_id) == (first.member_id, second.member_id)
        if first.team_id != second.team_id:
            for row in (first, second):
                self.assert_within_quota(self.member_by_id(row.member_id), row.id)

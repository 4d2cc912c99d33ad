"""Minutes of the next holder's time, as rules of the machine of all commands."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from bot.domain.offers import OfferState
from bot.domain.states import ReservationState
from bot.services import minutes
from tests.support.machine_world import World, mostly, people, picks


class MinutesRules(World):
    """Ask, give, keep; silence is what the clock does."""

    @precondition(lambda self: self.rows.of_state("reservations", ReservationState.ACTIVE))
    @rule(name=people, which=picks, rightly=mostly, wanted=st.sampled_from([5, 15, 15, 60, 0]))
    def ask_for_minutes(self, name: str, which: int, rightly: bool, wanted: int) -> None:
        row = self.pick(self.rows.of_state("reservations", ReservationState.ACTIVE), which)
        member = self.someone(name, row.member_id, rightly)
        self.act(minutes.ask, member, row.id, wanted, row.ends_at, again=True)

    @precondition(lambda self: self.every("minutes_asks"))
    @rule(name=people, which=picks, rightly=mostly, yes=mostly)
    def answer_for_minutes(self, name: str, which: int, rightly: bool, yes: bool) -> None:
        open_ones = self.rows.of_state("minutes_asks", OfferState.OPEN)
        asked = self.pick(open_ones or self.every("minutes_asks"), which)
        holder = self.rows.one("reservations", asked.next_reservation_id).member_id
        member = self.someone(name, holder, rightly)
        if yes:
            self.act(minutes.give, member, asked.id, again=True)
        else:
            self.act(minutes.keep, member, asked.id, "mine", again=True)

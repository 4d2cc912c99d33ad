"""What time does, as rules of the machine of all commands."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.support.machine_world import World


class ClockRules(World):
    """Minutes and days, boundaries to the second, and a clockwork that is late."""

    @rule(minutes=st.sampled_from([1, 5, 9, 10, 16, 31, 60, 119]))
    def minutes_pass(self, minutes: int) -> None:
        self.pass_time(timedelta(minutes=minutes))

    @rule(hours=st.sampled_from([2, 3, 5, 8, 12, 24, 60]))
    def hours_pass(self, hours: int) -> None:
        self.pass_time(timedelta(hours=hours))

    @rule(which=st.integers(0, 8))
    def stand_at_a_boundary(self, which: int) -> None:
        """Go to the very instant of something that is due, before the clockwork has seen it."""
        ahead = sorted({at for at in self.rows.armed.values() if at > self.now})
        if ahead:
            instant = ahead[min(which, len(ahead) - 1)]
            self.pass_time(instant - self.now - timedelta(microseconds=1))
            self.clock.move_to(instant)

    @rule(minutes=st.sampled_from([1, 7, 45, 200, 1500]))
    def the_clockwork_is_late(self, minutes: int) -> None:
        self.clock.advance(minutes=minutes)

    @rule()
    def the_clockwork_catches_up(self) -> None:
        self.catch_up()

    @rule()
    def messages_go_out(self) -> None:
        self.postman.deliver_all(self.berth)
        self.rows = self.ledger.read()
        for number, shown in self.postman.cards.items():
            if (number,) not in self.rows.raw["cards"]:
                continue  # a run that goes on elsewhere takes its card along
            row = self.rows.one("reservations", number)
            assert (shown.state, shown.version) == (row.state, row.version), f"R{number} is stale"

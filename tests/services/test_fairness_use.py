"""Recent use counts what was really held, until now, and fades."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.priority import Priority
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationKind, ReservationState
from bot.services import booking, fairness, upkeep
from bot.services.transaction import Tx, UseCases
from bot.store.tables import ReservationRow
from tests.support.clock import SetClock
from tests.support.teams import a_member_of, a_team
from tests.support.world import a_host

HOUR = timedelta(hours=1)


def fire_due(berth: UseCases) -> None:
    for timer in berth.write(upkeep.claim_timers, "c"):
        berth.write(upkeep.fire, timer, "c")


def test_only_what_was_really_held_counts_and_it_fades(berth: UseCases, clock: SetClock) -> None:
    a_host(berth, gpus=8)
    vision, nlp = a_team(berth, "vision"), a_team(berth, "nlp")
    bob, carol = a_member_of(berth, vision, "U0BOB"), a_member_of(berth, nlp, "U0CAROL")
    for request in (
        ReserveRequest(2 * HOUR, gpu_count=2),
        ReserveRequest(2 * HOUR, priority=Priority.P0),  # waits for approval: not held really
        ReserveRequest(4 * HOUR, start=clock.now() + 24 * HOUR),  # ahead
    ):
        berth.run(booking.reserve, bob, request)
    block = berth.run(booking.reserve, carol, ReserveRequest(2 * HOUR))

    def make_maintenance(tx: Tx) -> None:
        row = tx.session.get_one(ReservationRow, block.reservation_id)
        row.kind = ReservationKind.MAINTENANCE

    berth.write(make_maintenance)
    assert berth.read(fairness.recent_use_hours, [vision, nlp]) == {vision: 0.0, nlp: 0.0}
    fire_due(berth)
    clock.advance(hours=1)
    use = berth.read(fairness.recent_use_hours, [vision, nlp])
    assert use == {vision: pytest.approx(2.0, rel=0.01), nlp: 0.0}
    assert use[vision] < 2.0, "the first minute has faded a little"
    assert berth.read(fairness.recent_use_hours) == {vision: use[vision]}
    assert berth.read(fairness.recent_use_hours_of_member, bob.member_id) == use[vision]

    given_back = berth.run(booking.cancel, bob, 1, "done early")
    assert given_back.state is ReservationState.ENDED
    clock.advance(days=7)
    later = berth.read(fairness.recent_use_hours, [vision])
    ahead = berth.read(fairness.recent_use_hours_of_member, bob.member_id)
    assert ahead == later[vision]
    # Half of what was given back early; the four hours of six days ago count nearly all by half.
    assert use[vision] / 2 < later[vision] < use[vision] / 2 + 4
    clock.advance(days=100)
    assert berth.read(fairness.recent_use_hours) == {}

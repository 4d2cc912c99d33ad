"""A series that breaks a rule: asked about once, decided at once, and not asked about again."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta

import pytest
from sqlalchemy import select

from bot.domain.errors import BerthError
from bot.domain.notices import ApprovalAsked, ApprovalDecided, notice_from_json
from bot.domain.people import Member, Role
from bot.domain.recurrence import WORKING_DAYS, Recurrence
from bot.domain.requests import ReserveRequest
from bot.domain.series_views import SeriesView
from bot.domain.states import ReservationState
from bot.services import approvals, booking, offer_lists, series, upkeep
from bot.services.transaction import UseCases
from bot.store.tables import OutboxRow
from tests.support.audit_trail import audited
from tests.support.clock import SetClock
from tests.support.firing import fire_all
from tests.support.rival import RIVALS, all_at_once
from tests.support.teams import a_member_of, a_team
from tests.support.world import a_host

HOUR = timedelta(hours=1)
CHANNEL = "C0APPROVALS"
RULE = Recurrence(WORKING_DAYS, time(20), "UTC", date(2026, 11, 24), 12 * HOUR)
REQUEST = ReserveRequest(12 * HOUR, gpu_count=4, note="nightly", request_key="once")


@pytest.fixture
def team_id(berth: UseCases) -> int:
    a_host(berth, gpus=8)
    return a_team(berth, "vision", gpus_at_once=2, approval_channel_id=CHANNEL)


@pytest.fixture
def bob(berth: UseCases, team_id: int) -> Member:
    return a_member_of(berth, team_id, "U0BOB")


@pytest.fixture
def lead(berth: UseCases, team_id: int) -> Member:
    return a_member_of(berth, team_id, "U0LEA", Role.LEAD)


def told(berth: UseCases, lane: str) -> list[object]:
    """Return every notice in a lane, in order."""
    rows = berth.database.read(
        lambda session: session.scalars(
            select(OutboxRow).where(OutboxRow.lane == lane).order_by(OutboxRow.id)
        ).all()
    )
    return [notice_from_json(row.payload) for row in rows if row.payload]


def states(berth: UseCases, view: SeriesView) -> Counter[ReservationState]:
    return Counter(one.state for one in berth.run(series.look_up, view.series_id).upcoming)


def the_request(berth: UseCases, lead: Member) -> int:
    (asked,) = told(berth, CHANNEL)
    assert isinstance(asked, ApprovalAsked)
    return asked.approval_id


def test_it_is_asked_about_once_with_how_many_and_how_much(
    berth: UseCases, bob: Member, lead: Member
) -> None:
    made = berth.run(series.create, bob, RULE, REQUEST)
    count = len(made.upcoming)
    assert count > 15
    assert states(berth, made) == {ReservationState.PENDING: count}
    (asked,) = told(berth, CHANNEL)
    assert isinstance(asked, ApprovalAsked)
    assert asked.reservation_id == made.upcoming[0].reservation_id
    assert (asked.occurrences, asked.gpu_hours) == (count, count * 4 * 12)
    assert asked.last_ends_at == made.upcoming[-1].window.end
    assert len(asked.rules) == 1
    assert made.upcoming[3].approval is not None
    assert made.upcoming[3].approval.occurrences == count
    cards = berth.database.read(
        lambda s: s.scalars(select(OutboxRow).where(OutboxRow.kind == "card")).all()
    )
    soon = [card for card in cards if card.not_before <= berth.clock.now()]
    assert [card.reservation_id for card in soon] == [made.upcoming[0].reservation_id]


def test_one_click_books_all_of_it_and_what_comes_later(
    berth: UseCases, clock: SetClock, bob: Member, lead: Member
) -> None:
    made = berth.run(series.create, bob, RULE, REQUEST)
    count = len(made.upcoming)
    number = the_request(berth, lead)
    with audited(berth) as trail:
        view = berth.run(approvals.approve, lead, number)
    assert view.approval is not None
    assert view.approval.occurrences == count
    assert states(berth, made) == {ReservationState.BOOKED: count}
    assert trail.actions == ["approval.approved"] * count
    (decided,) = told(berth, "dm:U0BOB")
    assert isinstance(decided, ApprovalDecided)
    assert (decided.occurrences, decided.state) == (count, "accepted")
    with audited(berth) as trail:
        berth.run(approvals.approve, lead, number)
    assert trail.actions == [], "approving again changes nothing"
    clock.advance(days=2)
    with audited(berth) as trail:
        fire_all(berth)
    assert "approval.given_for_the_series" in trail.actions
    assert "approval.asked" not in trail.actions
    assert len(told(berth, CHANNEL)) == 1


def test_declining_gives_all_of_it_back_and_ends_what_has_nothing_left(
    berth: UseCases, bob: Member, lead: Member
) -> None:
    made = berth.run(series.create, bob, RULE, REQUEST)
    berth.run(approvals.decline, lead, the_request(berth, lead), "too much")
    now = berth.run(series.look_up, made.series_id)
    assert (now.active, now.upcoming) == (False, ())
    (decided,) = told(berth, "dm:U0BOB")
    assert isinstance(decided, ApprovalDecided)
    assert (decided.reason, decided.occurrences) == ("too much", len(made.upcoming))
    assert berth.run(offer_lists.open_approvals, lead) == ()


def test_silence_gives_all_of_it_back_and_is_told_once(
    berth: UseCases, clock: SetClock, bob: Member, lead: Member
) -> None:
    made = berth.run(series.create, bob, RULE, REQUEST)
    clock.advance(hours=4)
    fire_all(berth)
    assert states(berth, made) == {}
    (decided,) = told(berth, "dm:U0BOB")
    assert isinstance(decided, ApprovalDecided)
    assert (decided.state, decided.occurrences) == ("expired", len(made.upcoming))


def test_what_is_within_the_quota_is_booked_and_the_rest_asked_about(
    berth: UseCases, bob: Member, lead: Member
) -> None:
    small = ReserveRequest(2 * HOUR, start=datetime(2026, 11, 25, 20, tzinfo=UTC), gpu_count=1)
    other = Recurrence(WORKING_DAYS, time(20), "UTC", date(2026, 11, 24), 2 * HOUR)
    berth.run(booking.reserve, bob, small)
    made = berth.run(series.create, bob, other, ReserveRequest(2 * HOUR, gpu_count=2))
    count = len(made.upcoming)
    assert states(berth, made) == {
        ReservationState.BOOKED: count - 1,
        ReservationState.PENDING: 1,
    }
    (asked,) = told(berth, CHANNEL)
    assert isinstance(asked, ApprovalAsked)
    assert asked.occurrences == 1
    berth.run(approvals.decline, lead, asked.approval_id, "no")
    assert berth.run(series.look_up, made.series_id).active


def test_sixteen_answers_and_silence_decide_the_whole_series_one_way(
    berth: UseCases, clock: SetClock, bob: Member, lead: Member
) -> None:
    made = berth.run(series.create, bob, RULE, REQUEST)
    numbers = [one.approval.approval_id for one in made.upcoming if one.approval]
    clock.advance(hours=4, seconds=-1)
    other = a_member_of(berth, lead.team_id, "U0LEB", Role.LEAD)

    def act(rival: int) -> str:
        number = numbers[rival % len(numbers)]
        try:
            if rival % 2:
                berth.run(approvals.approve, lead, number)
                return "approved"
            berth.run(approvals.decline, other, number, "no")
        except BerthError as error:
            return error.code
        return "declined"

    outcomes = Counter(all_at_once(act, RIVALS))
    assert set(outcomes) <= {"approved", "declined", "offer_over"}, outcomes
    assert ("approved" in outcomes) != ("declined" in outcomes), outcomes
    expected = {ReservationState.BOOKED: len(numbers)} if "approved" in outcomes else {}
    assert states(berth, made) == expected
    clock.advance(seconds=2)
    for timer in berth.write(upkeep.claim_timers, "late"):
        berth.write(upkeep.fire, timer, "late")
    assert states(berth, made) == expected

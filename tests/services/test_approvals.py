"""What breaks a rule waits, with its window held, for somebody who may decide; once."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.domain.errors import (
    BerthError,
    MayNotApprove,
    OfferOver,
    OverQuota,
    UnknownApproval,
    WindowTaken,
)
from bot.domain.limits import RuleKind
from bot.domain.offers import OfferState
from bot.domain.people import Member, Role
from bot.domain.priority import Priority
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState
from bot.domain.views import ReservationView
from bot.services import approvals, booking, limits, queries, upkeep
from bot.services.approvals import NOBODY_IN_TIME
from bot.services.transaction import Tx, UseCases
from bot.store.tables import AuditEventRow, OutboxRow, ReservationRow
from tests.conftest import T0
from tests.support.clock import SetClock
from tests.support.rival import RIVALS, all_at_once
from tests.support.teams import a_member_of, a_team
from tests.support.world import TINY_RUN, a_host, a_member

HOUR = timedelta(hours=1)
LATER = T0 + 24 * HOUR


@pytest.fixture
def team_id(berth: UseCases) -> int:
    a_host(berth, gpus=8)
    return a_team(berth, "vision", gpus_at_once=4, gpu_hours_per_week=40)


@pytest.fixture
def bob(berth: UseCases, team_id: int) -> Member:
    return a_member_of(berth, team_id, "U0BOB")


@pytest.fixture
def lead(berth: UseCases, team_id: int) -> Member:
    return a_member_of(berth, team_id, "U0LEA", Role.LEAD)


def ask(
    berth: UseCases,
    member: Member,
    *,
    gpus: int = 1,
    hours: int = 2,
    days: int = 1,
    p0: bool = False,
    run: bool = False,
) -> ReservationView:
    request = ReserveRequest(
        hours * HOUR,
        gpu_count=gpus,
        start=T0 + timedelta(days=days) + 1.5 * HOUR if days else None,
        priority=Priority.P0 if p0 else Priority.P2,
        run=TINY_RUN if run else None,
    )
    return berth.run(booking.reserve, member, request)


def approval_of(view: ReservationView) -> int:
    assert view.approval is not None
    return view.approval.approval_id


def rules_of(view: ReservationView) -> list[RuleKind]:
    return [rule.kind for rule in view.approval.rules] if view.approval else []


def messages(berth: UseCases, kind: str) -> list[tuple[str, dict[str, object]]]:
    def read(tx: Tx) -> list[tuple[str, dict[str, object]]]:
        rows = tx.session.scalars(select(OutboxRow).order_by(OutboxRow.id))
        return [(row.lane, row.payload) for row in rows if row.payload.get("kind") == kind]

    return berth.read(read)


def actions(berth: UseCases) -> list[str]:
    return berth.read(
        lambda tx: list(
            tx.session.scalars(
                select(AuditEventRow.action)
                .where(AuditEventRow.action.like("approval.%"))
                .order_by(AuditEventRow.id)
            )
        )
    )


def fire_due(berth: UseCases) -> None:
    for timer in berth.write(upkeep.claim_timers, "c"):
        berth.write(upkeep.fire, timer, "c")


def test_what_breaks_no_rule_is_booked_at_once(berth: UseCases, bob: Member) -> None:
    view = ask(berth, bob, gpus=4)
    assert view.state is ReservationState.BOOKED
    assert view.approval is None
    assert actions(berth) == []


@pytest.mark.parametrize(
    ("wish", "rules"),
    [
        ({"p0": True}, [RuleKind.PRIORITY]),
        ({"hours": 26}, [RuleKind.LENGTH]),
        ({"gpus": 5}, [RuleKind.GPUS_AT_ONCE]),
        ({"gpus": 4, "hours": 12}, [RuleKind.GPU_HOURS]),
        (
            {"gpus": 5, "hours": 26, "p0": True},
            [RuleKind.PRIORITY, RuleKind.LENGTH, RuleKind.GPUS_AT_ONCE, RuleKind.GPU_HOURS],
        ),
    ],
)
def test_a_broken_rule_makes_it_wait_with_its_window_held(
    berth: UseCases, bob: Member, lead: Member, wish: dict[str, int], rules: list[RuleKind]
) -> None:
    view = ask(berth, bob, **wish)  # type: ignore[arg-type] # mixed values
    assert view.state is ReservationState.PENDING
    assert rules_of(view) == rules
    assert view.approval is not None
    assert view.approval.expires_at == T0 + 4 * HOUR
    with pytest.raises(WindowTaken):
        ask(berth, a_member(berth), gpus=8)
    ((lane, asked),) = messages(berth, "approval_asked")
    assert lane == "C0VISION"
    assert asked["approver_slack_ids"] == [lead.slack_user_id]
    assert asked["with_buttons"] is False
    assert actions(berth) == ["approval.asked"]


def test_the_quota_counts_what_is_held_whoever_holds_it(berth: UseCases, bob: Member) -> None:
    ann = a_member_of(berth, bob.team_id, "U0ANN")
    assert ask(berth, ann, gpus=3).state is ReservationState.BOOKED
    second = ask(berth, bob, gpus=2)
    assert rules_of(second) == [RuleKind.GPUS_AT_ONCE]
    # What waits is held, and counts.
    assert rules_of(ask(berth, ann, gpus=1)) == [RuleKind.GPUS_AT_ONCE]
    berth.run(booking.cancel, bob, second.reservation_id, "")
    assert ask(berth, bob, days=2, gpus=4).state is ReservationState.BOOKED


def test_every_week_that_is_touched_has_its_own_hours(berth: UseCases, bob: Member) -> None:
    # Sunday 20:00 to Monday 18:00, 2 GPUs: 8 GPU-hours in one week, 36 in the other.
    sunday = ReserveRequest(20 * HOUR, gpu_count=2, start=T0 + timedelta(days=6, hours=8.5))
    first = berth.run(booking.reserve, bob, sunday)
    assert first.state is ReservationState.BOOKED
    assert ask(berth, bob, days=1, gpus=4, hours=8).state is ReservationState.BOOKED
    next_week = ask(berth, bob, days=9, gpus=2, hours=4)
    assert rules_of(next_week) == [RuleKind.GPU_HOURS]
    assert next_week.approval is not None
    (rule,) = next_week.approval.rules
    assert (rule.comes_to, rule.limit) == (36 + 8, 40)
    assert rule.week == T0.replace(hour=0, minute=0) + timedelta(days=7)


def test_approved_is_booked_and_starts_and_the_holder_is_told(
    berth: UseCases, bob: Member, lead: Member, clock: SetClock
) -> None:
    view = ask(berth, bob, p0=True, run=True)
    clock.advance(hours=1)
    booked = berth.run(approvals.approve, lead, approval_of(view))
    assert booked.state is ReservationState.BOOKED
    assert booked.approval is not None
    assert booked.approval.decided_by_slack_id == "U0LEA"
    assert berth.run(approvals.approve, lead, approval_of(view)) == booked, "a repeated click"
    lanes = [lane for lane, _ in messages(berth, "approval_decided")]
    assert lanes == ["C0VISION", "dm:U0BOB"]
    clock.move_to(view.window.start)
    fire_due(berth)
    assert berth.run(queries.reservation, view.reservation_id).state is ReservationState.ACTIVE
    assert actions(berth) == ["approval.asked", "approval.approved"]


def test_declined_frees_the_window_and_says_why(berth: UseCases, bob: Member, lead: Member) -> None:
    view = ask(berth, bob, gpus=8)
    declined = berth.run(approvals.decline, lead, approval_of(view), "demo week")
    assert declined.state is ReservationState.CANCELLED
    assert declined.end_reason == "demo week"
    assert berth.run(approvals.decline, lead, approval_of(view), "again") == declined
    told = [payload for lane, payload in messages(berth, "approval_decided") if lane == "dm:U0BOB"]
    assert [(one["state"], one["reason"]) for one in told] == [("declined", "demo week")]
    assert ask(berth, a_member(berth), gpus=8).state is ReservationState.BOOKED
    with pytest.raises(OfferOver):
        berth.run(approvals.approve, lead, approval_of(view))


def test_nobody_decides_and_it_is_over_after_four_hours(
    berth: UseCases, bob: Member, lead: Member, clock: SetClock
) -> None:
    view = ask(berth, bob, p0=True)
    clock.advance(hours=4)
    with pytest.raises(OfferOver) as late:
        berth.run(approvals.approve, lead, approval_of(view))
    assert late.value.state == OfferState.EXPIRED
    fire_due(berth)
    gone = berth.run(queries.reservation, view.reservation_id)
    assert gone.state is ReservationState.CANCELLED
    assert gone.end_reason == NOBODY_IN_TIME
    assert ("dm:U0BOB", "expired") in [
        (lane, one["state"]) for lane, one in messages(berth, "approval_decided")
    ]
    fire_due(berth)
    assert actions(berth) == ["approval.asked", "approval.expired"]


def test_a_request_waits_until_its_start_but_what_is_wanted_now_gets_half_an_hour(
    berth: UseCases, bob: Member, lead: Member, clock: SetClock
) -> None:
    soon = ReserveRequest(2 * HOUR, start=T0 + 1.5 * HOUR, priority=Priority.P0)
    first = berth.run(booking.reserve, bob, soon)
    assert first.approval is not None
    assert first.approval.expires_at == T0 + 1.5 * HOUR
    urgent = ask(berth, bob, days=0, p0=True)
    assert urgent.approval is not None
    assert urgent.approval.expires_at == T0 + HOUR / 2
    clock.advance(minutes=10)
    berth.run(approvals.approve, lead, approval_of(urgent))
    fire_due(berth)
    assert berth.run(queries.reservation, urgent.reservation_id).state is ReservationState.ACTIVE


def test_only_leads_of_the_team_and_admins_decide(berth: UseCases, bob: Member) -> None:
    view = ask(berth, bob, p0=True)
    other_team = a_team(berth, "nlp")
    other_lead = a_member_of(berth, other_team, "U0LEN", Role.LEAD)
    admin = a_member_of(berth, other_team, "U0ADA", Role.ADMIN)
    for member in (bob, other_lead):
        for decide in (approvals.approve, approvals.require_open):
            with pytest.raises(MayNotApprove) as refused:
                berth.run(decide, member, approval_of(view))
            assert refused.value.approver_slack_ids == ("U0ADA",)
        with pytest.raises(MayNotApprove):
            berth.run(approvals.decline, member, approval_of(view), "no")
    assert berth.run(approvals.require_open, admin, approval_of(view)) == view
    assert berth.run(approvals.approve, admin, approval_of(view)).state is ReservationState.BOOKED
    with pytest.raises(UnknownApproval):
        berth.run(approvals.approve, admin, 999)


def test_who_may_approve_has_approved_by_asking_and_that_is_on_record(
    berth: UseCases, lead: Member
) -> None:
    view = ask(berth, lead, p0=True, gpus=6)
    assert view.state is ReservationState.BOOKED
    assert rules_of(view) == [RuleKind.PRIORITY, RuleKind.GPUS_AT_ONCE]
    assert actions(berth) == ["approval.given_by_asking"]


def test_the_approver_agrees_to_the_quota_as_it_is_by_then(
    berth: UseCases, bob: Member, lead: Member
) -> None:
    ann = a_member_of(berth, bob.team_id, "U0ANN")
    first = ask(berth, ann, gpus=4)
    view = ask(berth, bob, gpus=2)
    assert rules_of(view) == [RuleKind.GPUS_AT_ONCE]
    berth.run(booking.cancel, ann, first.reservation_id, "")
    assert rules_of(berth.run(approvals.approve, lead, approval_of(view))) == []


def test_an_approval_channel_gets_the_request_with_its_buttons(berth: UseCases) -> None:
    a_host(berth, gpus=2)
    team_id = a_team(berth, "nlp", approval_channel_id="C0LEADS")
    ask(berth, a_member_of(berth, team_id, "U0CAROL"), p0=True)
    ((lane, asked),) = messages(berth, "approval_asked")
    assert lane == "C0LEADS"
    assert asked["with_buttons"] is True


def test_the_one_who_asked_may_take_it_back(berth: UseCases, bob: Member, lead: Member) -> None:
    view = ask(berth, bob, p0=True)
    gone = berth.run(booking.cancel, bob, view.reservation_id, "not needed")
    assert gone.approval is not None
    assert gone.approval.state is OfferState.WITHDRAWN
    with pytest.raises(OfferOver):
        berth.run(approvals.approve, lead, approval_of(view))


def test_another_teams_quota_counts_when_a_reservation_goes_there(
    berth: UseCases, bob: Member, clock: SetClock
) -> None:
    small = a_team(berth, "nlp", gpus_at_once=2)
    carol = a_member_of(berth, small, "U0CAROL")
    ann = a_member_of(berth, bob.team_id, "U0ANN")
    view = ask(berth, bob, gpus=3)

    def check(tx: Tx, member: Member) -> None:
        limits.check_transfer(tx, member, tx.session.get_one(ReservationRow, view.reservation_id))

    berth.write(check, ann)
    with pytest.raises(OverQuota) as refused:
        berth.write(check, carol)
    assert refused.value.team_name == "nlp"
    assert [(rule.comes_to, rule.limit) for rule in refused.value.rules] == [(3, 2)]


def live_claims(tx: Tx, reservation_id: int) -> list[bool]:
    return [one.live for one in tx.session.get_one(ReservationRow, reservation_id).claims]


def outcome(act: object, *args: object, berth: UseCases) -> str:
    try:
        berth.run(act, *args)  # type: ignore[arg-type] # any use case
    except BerthError as error:
        return error.code
    return "won"


def test_many_approve_decline_and_cancel_at_once_and_one_wins(
    berth: UseCases, bob: Member, team_id: int
) -> None:
    leads = [a_member_of(berth, team_id, f"U0L{n}", Role.LEAD) for n in range(RIVALS)]
    for _ in range(4):
        view = ask(berth, bob, p0=True)
        number = approval_of(view)

        def decide(
            rival: int, number: int = number, reservation_id: int = view.reservation_id
        ) -> str:
            if rival % 3 == 0:
                return "approve " + outcome(approvals.approve, leads[rival], number, berth=berth)
            if rival % 3 == 1:
                return "decline " + outcome(
                    approvals.decline, leads[rival], number, "no", berth=berth
                )
            return "cancel " + outcome(booking.cancel, bob, reservation_id, "", berth=berth)

        told = Counter(all_at_once(decide))
        after = berth.run(queries.reservation, view.reservation_id)
        assert after.approval is not None
        approved = after.approval.state is OfferState.ACCEPTED
        # A booked reservation can be cancelled after its approval, so both may have won then.
        assert told["approve won"] == (1 if approved else 0)
        assert told["decline won"] + told["cancel won"] <= 1
        if told["decline won"]:
            assert not approved
        if not told["cancel won"]:
            wanted = ReservationState.BOOKED if approved else ReservationState.CANCELLED
            assert after.state is wanted
        else:
            assert after.state is ReservationState.CANCELLED
        live = berth.read(live_claims, view.reservation_id)
        assert live == [after.state is ReservationState.BOOKED]
        if after.state is ReservationState.BOOKED:
            berth.run(booking.cancel, bob, view.reservation_id, "")


def test_approval_and_expiry_meet_and_one_wins(
    berth: UseCases, bob: Member, team_id: int, clock: SetClock
) -> None:
    leads = [a_member_of(berth, team_id, f"U0L{n}", Role.LEAD) for n in range(RIVALS)]
    approved = 0
    for round_number in range(6):
        view = ask(berth, bob, p0=True, days=2)
        assert view.approval is not None
        just_before = view.approval.expires_at - timedelta(microseconds=1)
        clock.move_to(just_before)

        def decide(rival: int, number: int = approval_of(view)) -> str:
            if rival == RIVALS // 2:
                clock.advance(microseconds=1)
            if rival % 4 == 0:
                fire_due(berth)
                return "fired"
            return outcome(approvals.approve, leads[rival], number, berth=berth)

        told = Counter(all_at_once(decide))
        fire_due(berth)
        after = berth.run(queries.reservation, view.reservation_id)
        assert after.approval is not None
        if after.approval.state is OfferState.ACCEPTED:
            approved += 1
            assert told["won"] == 1
            assert after.state is ReservationState.BOOKED
            berth.run(booking.cancel, bob, view.reservation_id, f"round {round_number}")
        else:
            assert told["won"] == 0
            assert after.approval.state is OfferState.EXPIRED
            assert after.state is ReservationState.CANCELLED
    assert len(messages(berth, "approval_decided")) == 12, "each told once, in two places"

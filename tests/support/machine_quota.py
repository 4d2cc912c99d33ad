"""What teams hold against what they may, counted from the rows, for the machine of all commands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis.stateful import rule

from bot.domain.limits import may_approve
from bot.domain.people import Member
from bot.domain.states import ReservationKind, ReservationState
from bot.services import shares
from tests.support.machine_rows import Snapshot
from tests.support.machine_world import POLICY, World, people

MONDAY = 0


def held_by(rows: Snapshot, team_id: int) -> Sequence[Any]:
    """Return the live claims that count against a team's quota."""
    return [
        claim
        for claim in rows.all("claims")
        if claim.live
        and rows.one("reservations", claim.reservation_id).team_id == team_id
        and rows.one("reservations", claim.reservation_id).kind != ReservationKind.MAINTENANCE
    ]


def hours_within(claims: Sequence[Any], start: datetime, end: datetime) -> float:
    """Return the GPU-hours of claims between two instants, by their seconds."""
    seconds: float = sum(
        max(0.0, (min(claim.ends_at, end) - max(claim.starts_at, start)).total_seconds())
        for claim in claims
    )
    return seconds / 3600


def most_within(claims: Sequence[Any], start: datetime, end: datetime) -> int:
    """Return the most claims that hold at one instant: it is always one at which some start."""
    instants = {start, *(claim.starts_at for claim in claims if start <= claim.starts_at < end)}
    most: int = max(
        sum(claim.starts_at <= instant < claim.ends_at for claim in claims) for instant in instants
    )
    return most


class QuotaWorld(World):
    """Sums of what teams hold, and that nobody passes a quota whom nobody has let."""

    def assert_within_quota(self, member: Member, reservation_id: int) -> None:
        """Check that what a member has just got leaves their team within its quota.

        Those who decide may let it grow; what still waits for approval may be too much.
        """
        row = self.rows.one("reservations", reservation_id)
        if may_approve(member, row.team_id) or row.state == ReservationState.PENDING:
            return
        team, claims = self.rows.one("teams", row.team_id), held_by(self.rows, row.team_id)
        if team.quota_gpus_at_once is not None:
            most = most_within(claims, row.starts_at, row.ends_at)
            assert most <= team.quota_gpus_at_once, f"R{row.id}: {team.name} holds {most}"
        if team.quota_gpu_hours_per_week is not None:
            week = row.starts_at.astimezone(UTC).replace(hour=0, minute=0, second=0)
            week -= timedelta(days=week.weekday())
            while week < row.ends_at:
                hours = hours_within(claims, week, week + timedelta(days=7))
                assert hours <= team.quota_gpu_hours_per_week, f"R{row.id}: {team.name} has {hours}"
                week += timedelta(days=7)

    @rule(name=people)
    def look_at_shares(self, name: str) -> None:
        shown = self.act(shares.shares, self.members[name])
        week = shown.week
        assert week.start.weekday() == MONDAY
        by_name = {team.name: team for team in self.rows.all("teams")}
        for share in shown.teams:
            claims = held_by(self.rows, by_name[share.team_name].id)
            assert share.week_gpu_hours == pytest.approx(hours_within(claims, week.start, week.end))
            until = self.now + POLICY.horizon + POLICY.longest_reservation
            assert share.most_at_once == most_within(claims, self.now, until)

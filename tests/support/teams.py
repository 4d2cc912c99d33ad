"""Teams with leads and quotas, for tests of who may hold how much."""

from __future__ import annotations

from sqlalchemy import select

from bot.domain.people import Member, Role
from bot.services import people
from bot.services.transaction import Tx, UseCases
from bot.store.tables import MemberRow, TeamRow
from tests.support.world import a_member


def a_team(
    berth: UseCases,
    name: str,
    *,
    gpus_at_once: int | None = None,
    gpu_hours_per_week: float | None = None,
    approval_channel_id: str = "",
) -> int:
    """Make a team with that quota and return its id."""

    def make(tx: Tx) -> int:
        row = tx.session.get_one(TeamRow, people.ensure_team(tx, name, f"C0{name.upper()}"))
        row.quota_gpus_at_once = gpus_at_once
        row.quota_gpu_hours_per_week = gpu_hours_per_week
        row.approval_channel_id = approval_channel_id
        return row.id

    return berth.write(make)


def a_member_of(
    berth: UseCases, team_id: int, slack_user_id: str, role: Role = Role.MEMBER
) -> Member:
    """Return a member of that team, joined if new."""
    a_member(berth, slack_user_id)

    def place(tx: Tx) -> Member:
        row = tx.session.scalars(
            select(MemberRow).where(MemberRow.slack_user_id == slack_user_id)
        ).one()
        row.team_id, row.role = team_id, role
        tx.session.flush()
        tx.session.refresh(row)
        return people.member_of(row)

    return berth.write(place)

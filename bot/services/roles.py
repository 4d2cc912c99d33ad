"""Roles, and who belongs to which team."""

from __future__ import annotations

from sqlalchemy import select

from bot.domain.errors import LastAdmin, NotPermitted, UnknownPerson
from bot.domain.people import Member, Role
from bot.services import audit, teams
from bot.services.people import member_of
from bot.services.transaction import Tx
from bot.store.tables import MemberRow


def set_role(tx: Tx, member: Member, slack_user_id: str, role: Role) -> Member:
    """Give a person a role and return them. The role that they have already changes nothing.

    Raises:
        NotPermitted: only admins may.
        UnknownPerson: Berth does not know them.
        LastAdmin: there would be no admin left.
    """
    # All admins are locked, in one order: two that dismiss each other at once take turns.
    admins = tx.session.scalars(
        select(MemberRow)
        .where(MemberRow.role == Role.ADMIN)
        .order_by(MemberRow.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    if member.member_id not in {row.id for row in admins}:
        raise NotPermitted("roles", member.role.value)
    row = _locked(tx, slack_user_id)
    if row.role == role:
        return member_of(row)
    if row.role == Role.ADMIN and len(admins) < 2:
        raise LastAdmin
    audit.record(
        tx,
        audit.by_member(member),
        "member.role_changed",
        ("member", row.id),
        old_role=row.role,
        role=role.value,
    )
    row.role = role
    return member_of(row)


def move(tx: Tx, member: Member, slack_user_id: str, team_name: str) -> Member:
    """Let a person belong to a team, and return them. Their own team changes nothing.

    What they have booked stays with the team that it was booked for.

    Raises:
        NotPermitted: only admins may, and leads into their own team.
        UnknownPerson: Berth does not know them.
        UnknownTeam: there is no team of that name.
    """
    team = teams.found(tx, team_name)
    leads_it = member.role is Role.LEAD and member.team_id == team.id
    if member.role is not Role.ADMIN and not leads_it:
        raise NotPermitted("members", member.role.value)
    row = _locked(tx, slack_user_id)
    if row.team_id != team.id:
        teams.move_row(tx, audit.by_member(member), row, team)
        tx.session.flush()
    return member_of(row)


def require_may_book(member: Member) -> None:
    """Refuse whoever may only look.

    Raises:
        NotPermitted: they are a viewer.
    """
    if member.role is Role.VIEWER:
        raise NotPermitted("book", member.role.value)


def _locked(tx: Tx, slack_user_id: str) -> MemberRow:
    row = tx.session.scalar(
        select(MemberRow)
        .where(MemberRow.slack_user_id == slack_user_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise UnknownPerson(slack_user_id)
    return row

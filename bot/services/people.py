"""From a Slack identity to a member of a team."""

from __future__ import annotations

from sqlalchemy import select

from bot.domain.errors import UnknownPerson
from bot.domain.people import Member, Role
from bot.services import audit
from bot.services.transaction import Tx, reads_only
from bot.store.tables import AuditEventRow, MemberRow, TeamRow


def identify(
    tx: Tx, slack_user_id: str, *, name: str, time_zone: str, is_workspace_admin: bool
) -> Member:
    """Return the member behind a Slack user, with name and time zone as Slack has them now.

    A newcomer joins the default team.  An administrator of the workspace becomes one of Berth, also
    later on, unless an admin of Berth has given them their role; nobody is demoted.  Idempotent.
    """
    row = tx.session.scalar(select(MemberRow).where(MemberRow.slack_user_id == slack_user_id))
    if row is None:
        team = _default_team(tx)
        row = MemberRow(
            slack_user_id=slack_user_id,
            name=name,
            team=team,
            role=Role.ADMIN if is_workspace_admin else Role.MEMBER,
            time_zone=time_zone,
            created_at=tx.now,
        )
        tx.session.add(row)
        tx.session.flush()
        audit.record(
            tx,
            audit.Actor("member", slack_user_id),
            "member.joined",
            ("member", row.id),
            team=team.name,
            role=row.role,
        )
    else:
        _bring_up_to_date(tx, row, name, time_zone)
        if is_workspace_admin:
            _promote(tx, row)
    return member_of(row)


def _bring_up_to_date(tx: Tx, row: MemberRow, name: str, time_zone: str) -> None:
    if (row.name, row.time_zone) == (name, time_zone):
        return
    row.name, row.time_zone = name, time_zone
    audit.record(
        tx,
        audit.Actor("member", row.slack_user_id),
        "member.updated",
        ("member", row.id),
        name=name,
        time_zone=time_zone,
    )


def _promote(tx: Tx, row: MemberRow) -> None:
    """Make an administrator of the workspace an admin, unless their role is somebody's decision."""
    if row.role == Role.ADMIN:
        return
    decided = tx.session.scalar(
        select(AuditEventRow.id)
        .where(
            AuditEventRow.subject_type == "member",
            AuditEventRow.subject_id == row.id,
            AuditEventRow.action == "member.role_changed",
            AuditEventRow.actor_type == "member",
        )
        .limit(1)
    )
    # Locked now: several may be told at the same time that somebody has become one.
    tx.session.flush()
    tx.session.refresh(row, with_for_update=True)
    if decided is not None or row.role == Role.ADMIN:
        return
    audit.record(
        tx,
        audit.CLOCKWORK,
        "member.role_changed",
        ("member", row.id),
        reason="administrator of the Slack workspace",
        old_role=row.role,
        role=Role.ADMIN.value,
    )
    row.role = Role.ADMIN


@reads_only
def known(tx: Tx, slack_user_id: str) -> Member:
    """Return the member behind a Slack user whom Berth has met.

    Raises:
        UnknownPerson: it has not; they write `/gpu` once, then it has.
    """
    row = tx.session.scalar(select(MemberRow).where(MemberRow.slack_user_id == slack_user_id))
    if row is None:
        raise UnknownPerson(slack_user_id)
    return member_of(row)


def member_of(row: MemberRow) -> Member:
    """Return the value of a member's row."""
    return Member(
        row.id,
        row.slack_user_id,
        row.name,
        row.team_id,
        row.team.name,
        Role(row.role),
        row.time_zone,
    )


def ensure_team(tx: Tx, name: str, channel_id: str) -> int:
    """Make sure that a team of that name exists and posts to that channel; return its id."""
    row = tx.session.scalar(select(TeamRow).where(TeamRow.name == name))
    if row is None:
        row = TeamRow(name=name, channel_id=channel_id, created_at=tx.now)
        tx.session.add(row)
        tx.session.flush()
        _record_team(tx, row, "team.created")
    elif row.channel_id != channel_id:
        row.channel_id = channel_id
        _record_team(tx, row, "team.moved")
    return row.id


def _record_team(tx: Tx, row: TeamRow, action: str) -> None:
    audit.record(
        tx, audit.OPERATOR, action, ("team", row.id), name=row.name, channel_id=row.channel_id
    )


def _default_team(tx: Tx) -> TeamRow:
    team_id = ensure_team(tx, tx.defaults.team_name, tx.defaults.channel_id)
    return tx.session.get_one(TeamRow, team_id)

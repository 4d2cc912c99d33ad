"""Teams: made, changed, and filled from a Slack user group."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, select

from bot.domain.errors import NotPermitted, NoUserGroup, TeamExists, UnknownTeam
from bot.domain.people import Member, Role
from bot.domain.teams import (
    GroupPerson,
    SyncOutcome,
    TeamChange,
    TeamMember,
    TeamView,
    next_colour,
)
from bot.services import audit, people, team_defaults
from bot.services.transaction import Tx, reads_only
from bot.store.tables import AuditEventRow, MemberRow, TeamRow

SYNC_EVERY = timedelta(days=1)
SYNCED = "team.synced"


@reads_only
def list_teams(tx: Tx) -> tuple[TeamView, ...]:
    """Return all teams with their members, by name."""
    return tuple(
        view_of(tx, row) for row in tx.session.scalars(select(TeamRow).order_by(TeamRow.name))
    )


def create(tx: Tx, member: Member, name: str, change: TeamChange) -> TeamView:
    """Make a team and return it; without a colour it gets one that no other team has.

    A team without a channel posts to the default one.

    Raises:
        NotPermitted: only admins may.
        TeamExists: there is one of that name.
    """
    require_admin(member, "teams")
    if _find(tx, name) is not None:
        raise TeamExists(name)
    used = tx.session.scalars(select(TeamRow.colour)).all()
    row = TeamRow(
        name=name,
        channel_id=tx.defaults.channel_id,
        colour=next_colour(used),
        created_at=tx.now,
    )
    _apply(row, change)
    tx.session.add(row)
    tx.session.flush()
    team_defaults.change(tx, row.id, change)
    _record(tx, member, row, "team.created", change)
    return view_of(tx, row)


def change(tx: Tx, member: Member, name: str, wanted: TeamChange) -> TeamView:
    """Change a team and return it. Asking again for what it is already changes nothing.

    Raises:
        NotPermitted: only admins may.
        UnknownTeam: there is none of that name.
    """
    require_admin(member, "teams")
    row = locked(tx, name)
    _apply(row, wanted)
    # Looked at first: the next query writes the row, and forgets that it was modified.
    is_new = tx.session.is_modified(row)
    is_new = team_defaults.change(tx, row.id, wanted) or is_new
    if is_new:
        _record(tx, member, row, "team.changed", wanted)
    tx.session.flush()
    return view_of(tx, row)


@reads_only
def group_of(tx: Tx, member: Member, name: str) -> str:
    """Return the Slack user group of a team that the member may bring in.

    Raises:
        UnknownTeam: there is none of that name.
        NotPermitted: only admins and leads of the team may.
        NoUserGroup: the team has no user group.
    """
    row = found(tx, name)
    _require_sync(member, row)
    if not row.usergroup_id:
        raise NoUserGroup(row.name)
    return row.usergroup_id


def sync(
    tx: Tx, member: Member | None, name: str, group_id: str, group: Sequence[GroupPerson]
) -> SyncOutcome:
    """Make a team's members those of its user group, and say who came and who left.

    Who has left the group goes to the default team.  Who belongs to another team with a group of
    its own stays there: two groups with the same person would take turns for ever.  A group
    without anybody changes nothing: more likely it was disabled than emptied.  Idempotent.

    ``member`` is None for Berth itself, once a day; ``group_id`` is the group that was looked up:
    where the team has another one by now, nothing is changed.

    Raises:
        UnknownTeam: there is none of that name.
        NotPermitted: only admins and leads of the team may.
    """
    row = locked(tx, name)
    if member is not None:
        _require_sync(member, row)
    actor = audit.CLOCKWORK if member is None else audit.by_member(member)
    if not group or row.usergroup_id != group_id:
        return SyncOutcome(view_of(tx, row), (), (), ())
    joined, stayed = [], []
    for person in group:
        one = _person_row(tx, person)
        if one.team_id == row.id:
            continue
        if one.team.usergroup_id:
            stayed.append(one.slack_user_id)
            continue
        move_row(tx, actor, one, row, "member of the user group")
        joined.append(one.slack_user_id)
    left = _send_away(tx, actor, row, {person.slack_user_id for person in group})
    audit.record(tx, actor, SYNCED, ("team", row.id), joined=joined, left=left, stayed=stayed)
    tx.session.flush()
    return SyncOutcome(view_of(tx, row), tuple(joined), left, tuple(stayed))


@reads_only
def due_for_sync(tx: Tx) -> tuple[tuple[str, str], ...]:
    """Return name and user group of every team that was not brought in for a day."""
    last = (
        select(AuditEventRow.subject_id, func.max(AuditEventRow.at).label("at"))
        .where(AuditEventRow.action == SYNCED)
        .group_by(AuditEventRow.subject_id)
        .subquery()
    )
    rows = tx.session.execute(
        select(TeamRow.name, TeamRow.usergroup_id, last.c.at)
        .outerjoin(last, last.c.subject_id == TeamRow.id)
        .where(TeamRow.usergroup_id != "")
        .order_by(TeamRow.name)
    )
    return tuple(
        (name, group) for name, group, at in rows if at is None or tx.now - at >= SYNC_EVERY
    )


def require_admin(member: Member, action: str) -> None:
    """Refuse whoever is no admin.

    Raises:
        NotPermitted: they are none.
    """
    if member.role is not Role.ADMIN:
        raise NotPermitted(action, member.role.value)


def found(tx: Tx, name: str) -> TeamRow:
    """Return a team by its name; case does not matter.

    Raises:
        UnknownTeam: there is none; carries the names that there are.
    """
    row = _find(tx, name)
    if row is None:
        raise UnknownTeam(
            name, tx.session.scalars(select(TeamRow.name).order_by(TeamRow.name)).all()
        )
    return row


def locked(tx: Tx, name: str) -> TeamRow:
    """Return a team by its name, locked until the end of the transaction.

    Raises:
        UnknownTeam: there is none of that name.
    """
    row = found(tx, name)
    tx.session.refresh(row, with_for_update=True)
    return row


def move_row(tx: Tx, actor: audit.Actor, row: MemberRow, team: TeamRow, reason: str = "") -> None:
    """Let a person belong to a team from now on; what they have booked stays with the old one."""
    audit.record(
        tx,
        actor,
        "member.moved",
        ("member", row.id),
        reason=reason,
        old_team=row.team.name,
        team=team.name,
    )
    row.team = team


def view_of(tx: Tx, row: TeamRow) -> TeamView:
    """Return the value of a team's row."""
    members = tx.session.scalars(
        select(MemberRow).where(MemberRow.team_id == row.id).order_by(MemberRow.name, MemberRow.id)
    )
    return TeamView(
        row.name,
        row.channel_id,
        row.colour,
        row.approval_channel_id,
        row.usergroup_id,
        row.quota_gpus_at_once,
        row.quota_gpu_hours_per_week,
        tuple(TeamMember(one.slack_user_id, one.name, Role(one.role)) for one in members),
        team_defaults.of_team(tx, row.id),
    )


def _find(tx: Tx, name: str) -> TeamRow | None:
    return tx.session.scalar(select(TeamRow).where(func.lower(TeamRow.name) == name.lower()))


def _apply(row: TeamRow, wanted: TeamChange) -> None:
    for column, value in (
        ("channel_id", wanted.channel_id),
        ("approval_channel_id", wanted.approval_channel_id),
        ("colour", wanted.colour),
        ("usergroup_id", wanted.usergroup_id),
    ):
        if value is not None and getattr(row, column) != value:
            setattr(row, column, value)
    if wanted.gpus_at_once is not None:
        row.quota_gpus_at_once = wanted.gpus_at_once or None
    if wanted.gpu_hours_per_week is not None:
        row.quota_gpu_hours_per_week = wanted.gpu_hours_per_week or None


def _record(tx: Tx, member: Member, row: TeamRow, action: str, wanted: TeamChange) -> None:
    told = {
        name: value for name in TeamChange.__slots__ if (value := getattr(wanted, name)) is not None
    }
    audit.record(tx, audit.by_member(member), action, ("team", row.id), name=row.name, **told)


def _require_sync(member: Member, row: TeamRow) -> None:
    leads_it = member.role is Role.LEAD and member.team_id == row.id
    if member.role is not Role.ADMIN and not leads_it:
        raise NotPermitted("sync", member.role.value)


def _person_row(tx: Tx, person: GroupPerson) -> MemberRow:
    joined = people.identify(
        tx,
        person.slack_user_id,
        name=person.name,
        time_zone=person.time_zone,
        is_workspace_admin=person.is_workspace_admin,
    )
    return tx.session.get_one(MemberRow, joined.member_id)


def _send_away(tx: Tx, actor: audit.Actor, row: TeamRow, kept: set[str]) -> tuple[str, ...]:
    if row.name == tx.defaults.team_name:
        return ()
    default = tx.session.get_one(
        TeamRow, people.ensure_team(tx, tx.defaults.team_name, tx.defaults.channel_id)
    )
    gone = tx.session.scalars(
        select(MemberRow)
        .where(MemberRow.team_id == row.id, MemberRow.slack_user_id.not_in(kept))
        .order_by(MemberRow.id)
    ).all()
    for one in gone:
        move_row(tx, actor, one, default, "not in the user group")
    return tuple(one.slack_user_id for one in gone)

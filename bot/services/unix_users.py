"""Whose processes those of a Unix user are: said by an admin, never guessed from names."""

from __future__ import annotations

import re

from sqlalchemy import select

from bot.domain.errors import InvalidUnixUser, UnknownPerson
from bot.domain.people import Member
from bot.services import audit
from bot.services.maintenance import require_admin
from bot.services.transaction import Tx, reads_only
from bot.store.process_tables import UnixUserRow
from bot.store.tables import MemberRow

NAME = re.compile(r"[a-z_][a-z0-9_-]{0,31}\$?\Z", re.IGNORECASE)
"""What useradd takes: https://man7.org/linux/man-pages/man8/useradd.8.html"""

WHAT = "say whose a Unix user is"


def give(tx: Tx, member: Member, slack_user_id: str, name: str) -> bool:
    """Let the processes of a Unix user be a member's, on every host; tell whether that is new.

    Raises:
        AdminsOnly: only admins may.
        InvalidUnixUser: that cannot be the name of a Unix user, or it is root.
        UnknownPerson: Berth does not know the member.
    """
    require_admin(member, WHAT)
    if NAME.match(name) is None or name == "root":
        raise InvalidUnixUser(name)
    owner = tx.session.scalar(select(MemberRow).where(MemberRow.slack_user_id == slack_user_id))
    if owner is None:
        raise UnknownPerson(slack_user_id)
    row = tx.session.get(UnixUserRow, name, with_for_update=True)
    if row is not None and row.member_id == owner.id:
        return False
    if row is None:
        tx.session.add(UnixUserRow(name=name, member_id=owner.id, created_at=tx.now))
    else:
        row.member_id = owner.id
    audit.record(
        tx, audit.by_member(member), "member.unix_user_given", ("member", owner.id), name=name
    )
    tx.session.flush()
    return True


def take_away(tx: Tx, member: Member, slack_user_id: str) -> tuple[str, ...]:
    """Let no Unix user be that member's any more; return those that were. Idempotent.

    Raises:
        AdminsOnly: only admins may.
    """
    require_admin(member, WHAT)
    names = of_member(tx, slack_user_id)
    for name in names:
        row = tx.session.get_one(UnixUserRow, name)
        audit.record(
            tx,
            audit.by_member(member),
            "member.unix_user_taken",
            ("member", row.member_id),
            name=name,
        )
        tx.session.delete(row)
    return names


@reads_only
def of_member(tx: Tx, slack_user_id: str) -> tuple[str, ...]:
    """Return the Unix users of a member, by name."""
    return tuple(
        tx.session.scalars(
            select(UnixUserRow.name)
            .join(MemberRow, MemberRow.id == UnixUserRow.member_id)
            .where(MemberRow.slack_user_id == slack_user_id)
            .order_by(UnixUserRow.name)
        )
    )

"""What a booking gets that names no priority: the usual one of its team.

Every reservation is written by `bot.services.holding.hold`, which asks here; whoever keeps or
judges a wish before that asks too, so that what was shown is what is booked.
"""

from __future__ import annotations

from dataclasses import replace

from bot.domain.people import Member
from bot.domain.priority import Priority
from bot.domain.requests import ReserveRequest
from bot.domain.teams import TeamChange, TeamDefaults
from bot.services.transaction import Tx
from bot.store.preemption_tables import TeamDefaultsRow


def of_team(tx: Tx, team_id: int) -> TeamDefaults:
    """Return what a team has decided, or what holds where it has not."""
    row = tx.session.get(TeamDefaultsRow, team_id)
    return TeamDefaults() if row is None else TeamDefaults(Priority(row.priority), row.preemptible)


def settle(tx: Tx, member: Member, request: ReserveRequest) -> ReserveRequest:
    """Return the request with a priority: the one that is named, or the usual one of the team.

    A priority that is named brings its own mark: the team's belongs to the team's priority.
    ``preemptible`` stays None where the mark is that of the priority.
    """
    if request.priority is not None:
        return request
    usual = of_team(tx, member.team_id)
    marked = request.preemptible
    if marked is None and usual.preemptible != usual.priority.preemptible_by_default:
        marked = usual.preemptible
    return replace(request, priority=usual.priority, preemptible=marked)


def change(tx: Tx, team_id: int, wanted: TeamChange) -> bool:
    """Keep what is wanted of the defaults, and tell whether that is something new.

    The caller has locked the team.
    """
    before = of_team(tx, team_id)
    after = before.changed(wanted.priority, wanted.preemptible)
    if after == before:
        return False
    row = tx.session.get(TeamDefaultsRow, team_id)
    if row is None:
        row = TeamDefaultsRow(team_id=team_id)
        tx.session.add(row)
    row.priority, row.preemptible = after.priority, after.preemptible
    return True

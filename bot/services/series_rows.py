"""From the row of a series to its rule and its request, and back."""

from __future__ import annotations

from datetime import date, time
from typing import Any
from zoneinfo import ZoneInfo

from bot.domain.people import Member
from bot.domain.recurrence import Recurrence, SeriesState, WallEnd
from bot.domain.requests import ReserveRequest, request_from_json, request_to_json
from bot.services.transaction import Tx
from bot.store.offer_tables import SeriesRow


def new_row(tx: Tx, member: Member, rule: Recurrence, request: ReserveRequest) -> SeriesRow:
    """Write a series that goes on, and return it."""
    kept: dict[str, Any] = request_to_json(request)
    if isinstance(rule.lasts, WallEnd):
        kept["until"] = {"days": rule.lasts.days_later, "at": f"{rule.lasts.at:%H:%M}"}
    else:
        kept["length_s"] = rule.lasts.total_seconds()
    row = SeriesRow(
        member_id=member.member_id,
        team_id=member.team_id,
        request=kept,
        weekdays=sorted(rule.weekdays),
        wall_time=f"{rule.at:%H:%M}",
        time_zone=rule.time_zone,
        starts_on=rule.starts_on.isoformat(),
        ends_on=rule.ends_on.isoformat() if rule.ends_on else None,
        request_key=request.request_key,
        state=SeriesState.ACTIVE,
        created_at=tx.now,
    )
    tx.session.add(row)
    tx.session.flush()
    tx.session.refresh(row)
    return row


def rule_of(row: SeriesRow) -> Recurrence:
    """Return the rule that a series keeps."""
    request = request_from_json(row.request)
    until = row.request.get("until")
    return Recurrence(
        weekdays=frozenset(row.weekdays),
        at=time.fromisoformat(row.wall_time),
        time_zone=row.time_zone,
        starts_on=date.fromisoformat(row.starts_on),
        lasts=WallEnd(until["days"], time.fromisoformat(until["at"])) if until else request.length,
        ends_on=date.fromisoformat(row.ends_on) if row.ends_on else None,
    )


def request_of(row: SeriesRow) -> ReserveRequest:
    """Return what each occurrence of a series asks for; its window is the rule's."""
    return request_from_json(row.request)


def zone_of(rule: Recurrence) -> ZoneInfo:
    """Return the zone of a rule.

    Raises:
        KeyError: this machine does not know it any more.
    """
    return ZoneInfo(rule.time_zone)

"""One request for a series: its occurrences that break a rule are asked about and decided at once.

Each occurrence keeps a request of its own, which is held, expires and is judged as any other; who
decides one of them decides all of the series that wait.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from bot.domain.limits import Rule, gpu_hours, rules_from_json, rules_to_texts
from bot.domain.notices import ApprovalAsked
from bot.domain.offers import OfferState
from bot.domain.people import Member
from bot.domain.recurrence import SeriesState
from bot.domain.states import ReservationState
from bot.domain.time_window import TimeWindow
from bot.services import audit, outbox
from bot.services.transaction import Tx
from bot.store import approvals, series
from bot.store import outbox as kept
from bot.store.offer_tables import ApprovalRow
from bot.store.tables import ReservationRow

_LEFT = tuple(state for state in ReservationState if not state.is_over)


def ask_once(tx: Tx, booked: Sequence[ReservationRow]) -> None:
    """Ask for approval of all those occurrences of a series that wait for it, in one message.

    Only the first of them has its card at once; the others get theirs a day before their start.
    """
    pending = [row for row in booked if row.state == ReservationState.PENDING]
    if not pending:
        return
    first = pending[0]
    tx.session.flush()
    for row in pending[1:]:
        earliest = row.starts_at - outbox.OCCURRENCE_CARD_AHEAD
        if earliest > tx.now:
            kept.put_off_card(tx.session, row.id, earliest)
    notice = _asked(tx, first, pending)
    if notice is None:
        return
    if notice.with_buttons:
        outbox.tell_channel(tx, first.team.approval_channel_id, first, notice)
    else:
        outbox.tell_thread(tx, first, notice)


def _asked(
    tx: Tx, first: ReservationRow, pending: Sequence[ReservationRow]
) -> ApprovalAsked | None:
    found = [approvals.newest_of(tx.session, row.id) for row in pending]
    asked = [approval for approval in found if approval is not None]
    if not asked:
        return None
    windows = [TimeWindow(row.starts_at, row.ends_at) for row in pending for _ in row.claims]
    whole = TimeWindow(first.starts_at, max(row.ends_at for row in pending))
    return ApprovalAsked(
        first.id,
        approval_id=asked[0].id,
        holder_slack_id=first.member.slack_user_id,
        team_name=first.team.name,
        gpu_count=len(first.claims),
        starts_at=first.starts_at,
        ends_at=first.ends_at,
        expires_at=min(approval.expires_at for approval in asked),
        rules=rules_to_texts(_worst(rule for one in asked for rule in rules_from_json(one.rules))),
        approver_slack_ids=approvals.approvers(tx.session, first.team_id),
        note=first.note,
        with_buttons=bool(first.team.approval_channel_id),
        occurrences=len(pending),
        gpu_hours=gpu_hours(windows, whole),
        last_ends_at=whole.end,
    )


def _worst(rules: Iterable[Rule]) -> list[Rule]:
    """Return of each kind the rule that is broken most."""
    worst: dict[str, Rule] = {}
    for rule in rules:
        known = worst.get(rule.kind)
        if known is None or rule.comes_to > known.comes_to:
            worst[rule.kind] = rule
    return list(worst.values())


def waiting_with(tx: Tx, approval: ApprovalRow) -> list[int]:
    """Return the reservations about which is decided with this request, in order of their ids."""
    series_id = approval.reservation.series_id
    ids = {approval.reservation_id}
    if series_id is not None and approval.state == OfferState.OPEN:
        waiting = approvals.of_series(tx.session, series_id, OfferState.OPEN)
        ids |= {one.reservation_id for one in waiting if one.expires_at > tx.now}
    return sorted(ids)


def agreed_before(tx: Tx, row: ReservationRow, rules: Collection[Rule]) -> ApprovalRow | None:
    """Return the approval of the same series that covers these rules, or None.

    Whoever approved what a series breaks has approved it for the occurrences to come.
    """
    series_id = series.id_of_key(row.request_key)
    if series_id is None:
        return None
    wanted = {rule.kind for rule in rules}
    for approval in reversed(approvals.of_series(tx.session, series_id, OfferState.ACCEPTED)):
        if wanted <= {rule.kind for rule in rules_from_json(approval.rules)}:
            return approval
    return None


def expiring_with(tx: Tx, approval: ApprovalRow) -> list[ApprovalRow]:
    """Return a request with those of its series that expire at the same instant, in their order."""
    series_id = approval.reservation.series_id
    if series_id is None:
        return [approval]
    alike = [
        one
        for state in (OfferState.OPEN, OfferState.EXPIRED)
        for one in approvals.of_series(tx.session, series_id, state)
        if one.expires_at == approval.expires_at
    ]
    return sorted(alike, key=lambda one: one.id) or [approval]


def end_if_nothing_is_left(tx: Tx, member: Member, series_id: int, reason: str) -> None:
    """End a series of which all was declined: it would ask again every day."""
    tx.session.flush()
    if series.reservations_of(tx.session, series_id, _LEFT):
        return
    row = series.lock(tx.session, series_id)
    if row is None or row.state != SeriesState.ACTIVE:
        return
    row.state, row.ended_at = SeriesState.CANCELLED, tx.now
    audit.record(tx, audit.by_member(member), "series.cancelled", ("series", row.id), reason=reason)

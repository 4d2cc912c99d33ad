"""From the row of a series to what is shown of it."""

from __future__ import annotations

from datetime import date

from bot.domain.recurrence import Missed, Recurrence, SeriesState
from bot.domain.series_views import SeriesView
from bot.domain.states import ReservationState
from bot.services.series_rows import request_of, rule_of, zone_of
from bot.services.transaction import Tx
from bot.services.views import reservation_view
from bot.store import series
from bot.store.claims import bookable_gpus, holdings_in
from bot.store.offer_tables import SeriesExceptionRow, SeriesRow

CANCELLED = "cancelled"
OPEN_STATES = tuple(state for state in ReservationState if not state.is_over)


def series_view(tx: Tx, row: SeriesRow) -> SeriesView:
    """Return what is shown of a series: what is booked and what is missed, from today on."""
    rule = rule_of(row)
    today = tx.now.astimezone(zone_of(rule)).date()
    upcoming = series.reservations_of(tx.session, row.id, OPEN_STATES)
    missed = series.exceptions(tx.session, row.id, today.isoformat())
    return SeriesView(
        series_id=row.id,
        holder_slack_id=row.member.slack_user_id,
        holder_name=row.member.name,
        rule=rule,
        request=request_of(row),
        active=row.state == SeriesState.ACTIVE,
        upcoming=tuple(reservation_view(one) for one in upcoming if one.ends_at > tx.now),
        missed=tuple(found for one in missed if (found := _missed(tx, rule, one)) is not None),
    )


def _missed(tx: Tx, rule: Recurrence, row: SeriesExceptionRow) -> Missed | None:
    day = date.fromisoformat(row.on_date)
    window = rule.on(day, zone_of(rule))
    if window is None or window.start <= tx.now:
        return None
    code = row.reason.partition(":")[0]
    if code == CANCELLED:
        return Missed(day, window, code)
    gpu_ids = [gpu.gpu_id for gpu in bookable_gpus(tx.session)]
    return Missed(day, window, code, holdings_in(tx.session, window, gpu_ids))

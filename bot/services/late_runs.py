"""What can be done about a run that will not be done in time, as things stand now."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.forecast_notices import RunLate
from bot.domain.holdings import Holding
from bot.domain.progress import Progress
from bot.domain.states import ReservationState
from bot.domain.time_window import TimeWindow
from bot.services import continuing, finishing_early
from bot.services.transaction import Tx
from bot.store.claims import holdings_in
from bot.store.tables import ReservationRow

MINUTES_STEP = 15
"""Minutes are asked for in steps: nobody gives 17 minutes."""


@dataclass(frozen=True, slots=True)
class ExpectedEnd:
    """When the last epoch of a run will be done, with its range."""

    low_at: datetime
    likely_at: datetime
    high_at: datetime
    progress: Progress


@dataclass(frozen=True, slots=True)
class NextHolder:
    """Who holds the GPUs of a reservation next, and how many minutes could be asked for."""

    holding: Holding
    minutes: int


def expected_end(tx: Tx, row: ReservationRow, progress: Progress) -> ExpectedEnd | None:
    """Return when the run of ``row`` will be done; None while there is nothing to go by.

    An epoch that takes longer than it should pushes the end on: nothing is foretold in the past.
    """
    left = progress.range_left
    if row.run is None or left is None:
        return None
    ats = [epoch.at for attempt in row.run.attempts for epoch in attempt.epochs]
    if not ats:
        return None
    to_go = progress.epochs - progress.epoch
    one = left.likely / to_go if to_go > 0 else timedelta()
    since = max(*ats, tx.now - one)
    return ExpectedEnd(since + left.low, since + left.likely, since + left.high, progress)


def last_moment(tx: Tx, row: ReservationRow) -> datetime:
    """Return until when a run may train: it is asked to stop in time to be gone at the end."""
    return row.ends_at - tx.policy.stop_lead


def late_notice(
    tx: Tx,
    row: ReservationRow,
    end: ExpectedEnd,
    *,
    minutes: int = 0,
    again: bool = False,
) -> RunLate:
    """Return what the holder is told, with everything that could be done about it now."""
    extend_to = possible_end(tx, row, end.high_at)
    enough = extend_to is not None and extend_to - tx.policy.stop_lead >= end.likely_at
    planned = continuing.planned_for(tx, row)
    asked = None if enough else next_holder(tx, row, end)
    window = None
    if planned is None:
        length = continuing.length_left(tx, row, row.ends_at)
        found = continuing.find_continuation_window(tx, row, length, row.ends_at)
        window = found[0] if found is not None else None
    return RunLate(
        row.id,
        row.member.slack_user_id,
        row.ends_at,
        end.low_at,
        end.likely_at,
        end.high_at,
        end.progress.epoch,
        end.progress.epochs,
        minutes=minutes,
        again=again,
        extend_to=extend_to,
        extend_enough=enough,
        next_slack_id=asked.holding.holder_slack_id if asked else "",
        next_reservation_id=asked.holding.reservation_id if asked else 0,
        ask_minutes=asked.minutes if asked else 0,
        continue_start=window.start if window else None,
        continue_end=window.end if window else None,
        fits_epochs=finishing_early.epochs_that_fit(tx, row, end.progress),
        continues_in=planned.id if planned is not None else 0,
        finishes_early=finishing_early.is_set(tx, row),
    )


def possible_end(tx: Tx, row: ReservationRow, until: datetime) -> datetime | None:
    """Return to which slot boundary a reservation could go on, at most what ``until`` needs.

    None where somebody holds a GPU at once, or the longest reservation is reached.
    """
    grid, policy = tx.policy.grid, tx.policy
    wanted = grid.ceil(max(until, row.ends_at) + policy.stop_lead)
    longest = grid.floor(row.starts_at + policy.longest_reservation)
    reachable = min(wanted, longest)
    gpu_ids = [claim.gpu_id for claim in row.claims]
    if reachable > row.ends_at:
        held = holdings_in(tx.session, TimeWindow(row.ends_at, reachable), gpu_ids, without=row.id)
        reachable = min([reachable, *(grid.floor(each.window.start) for each in held)])
    return reachable if reachable > row.ends_at else None


def next_holder(tx: Tx, row: ReservationRow, end: ExpectedEnd) -> NextHolder | None:
    """Return who could be asked for the minutes that are missing.

    None where nobody is in the way, several are, theirs has begun, or it would be too much to ask
    (policy ``minutes_most``).
    """
    missing = end.high_at + tx.policy.stop_lead - row.ends_at
    likely_missing = end.likely_at + tx.policy.stop_lead - row.ends_at
    most = tx.policy.minutes_most
    if likely_missing > most or missing <= timedelta():
        return None
    wanted = min(_in_steps(missing), round(most / timedelta(minutes=1)))
    added = TimeWindow(row.ends_at, row.ends_at + timedelta(minutes=wanted))
    held = holdings_in(tx.session, added, [claim.gpu_id for claim in row.claims], without=row.id)
    if len(held) != 1 or held[0].holder_slack_id == row.member.slack_user_id:
        return None
    other = tx.session.get(ReservationRow, held[0].reservation_id)
    if other is None or other.state != ReservationState.BOOKED or other.starts_at <= tx.now:
        return None
    if other.kind != row.kind:
        return None
    return NextHolder(held[0], wanted)


def _in_steps(length: timedelta) -> int:
    return math.ceil(length / timedelta(minutes=MINUTES_STEP)) * MINUTES_STEP

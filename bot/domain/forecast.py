"""How long something still takes, with a range; and when a change of that is worth telling.

The rule, for a run: the likely time left is the median of the last `RECENT_EPOCHS` epochs times
the epochs that are left.  Its range is meant to hold in four cases of five.  It is made of three
parts that add up as squares: the noise of single epochs, which averages out over many; how well so
few epochs tell the level; and how far the level itself may drift before the end.  All but the last
shrink as epochs come in, and all shrink with what is left.  Epochs that stick out (a busy disk, a
neighbour on the host) leave the likely value alone and count at the upper end, as often as they
have come lately.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median

from bot.domain.slot_grid import SlotGrid

RECENT_EPOCHS = 10
"""So many epochs tell the level and the noise."""

IN_FOUR_OF_FIVE = 1.2816
"""Standard deviations on either side of the middle that hold 80 % of a normal distribution."""

PRIOR_NOISE, PRIOR_EPOCHS = 0.10, 2.0
"""Before epochs have told otherwise they vary by a tenth; that counts like two of them."""

DRIFT = 0.045
"""How far the level drifts over a whole run, as a share of it (one standard deviation)."""

OUTLIER = 4.0
"""An epoch sticks out when it is so many standard deviations above the median."""

MOST_OUTLIER_SHARE = 0.25
_TO_SIGMA = 1.4826  # of the median absolute deviation, for a normal distribution
LONGEST_FORECAST_S = timedelta(days=3650).total_seconds()


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time that is not known exactly: ``low <= likely <= high``, never negative."""

    low: timedelta
    likely: timedelta
    high: timedelta

    @classmethod
    def of_seconds(cls, low_s: float, likely_s: float, high_s: float) -> Span:
        """Return the span; ends that crossed by rounding are put right."""
        low, likely, high = (
            timedelta(seconds=min(max(0.0, value), LONGEST_FORECAST_S))
            for value in (low_s, likely_s, high_s)
        )
        return cls(min(low, likely), likely, max(high, likely))

    def __add__(self, other: timedelta) -> Span:
        """Return the span later by ``other``."""
        return Span(self.low + other, self.likely + other, self.high + other)


def forecast_left(to_go: int, epoch_seconds: Sequence[float], epochs: int) -> Span:
    """Return how long ``to_go`` of ``epochs`` take, from the epochs that may be judged by.

    Args:
        to_go: epochs that are left; below 1 there is nothing left.
        epoch_seconds: duration of finished epochs, validation included, oldest first; at least one.
        epochs: epochs of the whole run.

    Raises:
        ValueError: there is no epoch to judge by.
    """
    if not epoch_seconds:
        raise ValueError("no epoch to judge by")
    recent = [min(each, LONGEST_FORECAST_S) for each in epoch_seconds[-RECENT_EPOCHS:]]
    level = median(recent)
    if to_go < 1 or level <= 0:
        return Span(timedelta(), timedelta(), timedelta())
    likely_s = level * to_go
    relative = IN_FOUR_OF_FIVE * _relative_error(to_go, recent, level, epochs)
    high_s = likely_s * (1 + relative + _outlier_share(recent, level))
    return Span.of_seconds(likely_s / (1 + relative), likely_s, high_s)


def _relative_error(to_go: int, recent: Sequence[float], level: float, epochs: int) -> float:
    """Return one standard deviation of what is left, as a share of it."""
    count = len(recent)
    noise = _noise(recent, level)
    of_single_epochs = noise**2 / to_go
    of_the_level = (1.2533 * noise) ** 2 / count  # the standard error of a median
    of_drift = DRIFT**2 * min(1.0, to_go / max(1, epochs))
    return math.sqrt(of_single_epochs + of_the_level + of_drift)


def _noise(recent: Sequence[float], level: float) -> float:
    """Return how much single epochs vary, as a share of the level, drawn towards `PRIOR_NOISE`."""
    seen = _TO_SIGMA * median(abs(each - level) for each in recent) / level
    count = len(recent)
    weighed = count * min(seen, 1.0) ** 2 + PRIOR_EPOCHS * PRIOR_NOISE**2
    return math.sqrt(weighed / (count + PRIOR_EPOCHS))


def _outlier_share(recent: Sequence[float], level: float) -> float:
    """Return what epochs that stick out have cost lately, as a share of the level."""
    limit = level * (1 + OUTLIER * _noise(recent, level))
    lost = sum(each - level for each in recent if each > limit)
    return min(MOST_OUTLIER_SHARE, lost / (level * len(recent)))


class Outlook(StrEnum):
    """What to tell the holder of a run about its end, if anything."""

    NOTHING = "nothing"
    LATE = "late"
    IN_TIME_AGAIN = "in_time_again"


FIRST_LATE = timedelta(minutes=5)
"""A run that is later than this is worth a message, once there is enough to judge by."""

WORSE_BY, WORSE_TIMES = timedelta(minutes=30), 1.5
"""Told again only when it is later by both of these than what was told last."""

EPOCHS_TO_JUDGE = 3


def outlook(
    late_by: timedelta, spread: timedelta, epochs_seen: int, told_late_by: timedelta | None
) -> Outlook:
    """Return what is worth telling, so that a forecast that wavers around the end says it once.

    Args:
        late_by: how long after the last moment the likely end lies; negative: before it.
        spread: from the likely to the latest end.
        epochs_seen: how many epochs the forecast goes by.
        told_late_by: how late the holder has been told it will be; None: not that it will be.
    """
    if epochs_seen < EPOCHS_TO_JUDGE:
        return Outlook.NOTHING
    if told_late_by is None:
        return Outlook.LATE if late_by >= FIRST_LATE else Outlook.NOTHING
    if late_by >= max(told_late_by + WORSE_BY, told_late_by * WORSE_TIMES):
        return Outlook.LATE
    # Good news must be safe: the upper end of the range fits too.
    return Outlook.IN_TIME_AGAIN if late_by + spread <= timedelta() else Outlook.NOTHING


EPOCHS_TO_SHORTEN, PART_TO_SHORTEN = 5, 0.2


def may_end_at(latest_finish: datetime, ends_at: datetime, grid: SlotGrid) -> datetime | None:
    """Return the slot boundary at which a reservation could end for its run, or None.

    That is when at least one whole slot can be given back even if the run takes as long as the
    upper end of its range says.
    """
    boundary = grid.ceil(latest_finish)
    return boundary if boundary + grid.slot <= ends_at else None

"""Who has used least recently goes first: GPU-hours that fade with a half-life."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta

_HOUR = timedelta(hours=1)
_SAME_H = 0.05
"""Uses that differ by less than this, in GPU-hours, count as the same: three minutes of a GPU."""


def decayed_hours(start: datetime, end: datetime, now: datetime, half_life: timedelta) -> float:
    """Return what holding one GPU from ``start`` to ``end`` still counts for at ``now``, in hours.

    Every instant counts ``2 ** (-age / half_life)``; this is the integral over the part that has
    passed, in closed form.  What is still ahead counts nothing.
    """
    until = min(end, now)
    if until <= start:
        return 0.0
    rate = math.log(2) / (half_life / _HOUR)
    # expm1 keeps the digits of a short claim, where two exponentials would cancel out.
    faded = math.exp(-rate * ((now - until) / _HOUR))
    return faded * -math.expm1(-rate * ((until - start) / _HOUR)) / rate


def rank(use_hours: float, asked_at: datetime) -> tuple[int, datetime]:
    """Return the key by which wishes are served, smallest first.

    The least recent use comes first, and among the same who has waited longest.

    ``use_hours`` is the decayed use of who asks, 0.0 for who has had nothing: a newcomer is not
    behind those who have.
    """
    return round(use_hours / _SAME_H), asked_at


def places(use_hours: Mapping[int, float]) -> dict[int, int]:
    """Return the place in line of each, from 1 on, by decayed use; the same use, the same place."""
    steps = {key: round(hours / _SAME_H) for key, hours in use_hours.items()}
    return {key: 1 + sum(other < mine for other in steps.values()) for key, mine in steps.items()}

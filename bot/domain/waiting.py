"""Those who wait: who comes first, and who stands before whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.fairness import rank
from bot.domain.offers import OfferState
from bot.domain.requests import ReserveRequest
from bot.domain.time_window import TimeWindow


class WaitKind(StrEnum):
    """``waitlist`` waits for a full window, ``queue`` for idle GPUs as soon as there are some."""

    WAITLIST = "waitlist"
    QUEUE = "queue"


@dataclass(frozen=True, slots=True)
class Waiter:
    """One wish that waits.  ``window`` is None where any time will do."""

    wait_id: int
    team_id: int
    slack_user_id: str
    since: datetime
    window: TimeWindow | None = None

    def competes_with(self, other: Waiter) -> bool:
        """Tell whether both could be after the same time."""
        if self.window is None or other.window is None:
            return True
        return self.window.overlaps(other.window)


def by_turn(waiters: Sequence[Waiter], recent_use_hours: Mapping[int, float]) -> list[Waiter]:
    """Return who comes first: the team that used least of late, then who has waited longest.

    Args:
        waiters: all of one kind.
        recent_use_hours: GPU-hours of late, by team; a team that is not named used none.
    """
    return sorted(
        waiters,
        key=lambda one: (*rank(recent_use_hours.get(one.team_id, 0.0), one.since), one.wait_id),
    )


def ahead_of(wait_id: int, in_turn: Sequence[Waiter]) -> tuple[Waiter, ...]:
    """Return those who come before a waiter and are after the same time, the first first.

    Raises:
        KeyError: the waiter is not among them.
    """
    ahead: list[Waiter] = []
    for one in in_turn:
        if one.wait_id == wait_id:
            return tuple(each for each in ahead if each.competes_with(one))
        ahead.append(one)
    raise KeyError(wait_id)


@dataclass(frozen=True, slots=True)
class WaitView:
    """A place on the waitlist or in the queue, as it is shown.

    ``ahead`` are the Slack ids of those who come before, the first first.  ``held`` names the
    reservation that holds the window while it is offered, until ``offered_until``.
    ``expected_start`` is the forecast of the queue; None where nothing can be foreseen.  The place
    is given up at ``expires_at``, if it has not been served by then.
    """

    wait_id: int
    kind: WaitKind
    slack_user_id: str
    request: ReserveRequest
    state: OfferState
    since: datetime
    window: TimeWindow | None = None
    ahead: tuple[str, ...] = ()
    held: int | None = None
    offered_until: datetime | None = None
    expected_start: datetime | None = None
    expires_at: datetime | None = None

    @property
    def place(self) -> int:
        """The place in the row, from 1."""
        return len(self.ahead) + 1

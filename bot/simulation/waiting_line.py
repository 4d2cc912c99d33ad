"""Who would rather start now, in a simulation: time that is given back goes to them in turn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bot.domain.fairness import decayed_hours
from bot.domain.waiting import Waiter, by_turn
from bot.simulation.bookings import Booking
from bot.simulation.jobs import MINUTE, Scenario

Group = tuple[int, int, int]


@dataclass(slots=True)
class _TeamUse:
    hours: float = 0.0
    gpus: int = 0
    at_min: int = 0


class RecentUse:
    """GPU-hours of late by team, fading by the domain's rule, kept up as claims come and go."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._teams: defaultdict[int, _TeamUse] = defaultdict(_TeamUse)

    def change(self, team_id: int, gpus: int, now: int) -> None:
        """Note that a team holds so many GPUs more (or fewer) from now on."""
        self._advance(self._teams[team_id], now)
        self._teams[team_id].gpus += gpus

    def hours(self, now: int) -> dict[int, float]:
        """Return what counts at a minute."""
        for use in self._teams.values():
            self._advance(use, now)
        return {team_id: use.hours for team_id, use in self._teams.items()}

    def _advance(self, use: _TeamUse, now: int) -> None:
        half_life = self._scenario.policy.fairness_half_life
        since, until = self._scenario.instant(use.at_min), self._scenario.instant(now)
        fade = 0.5 ** ((until - since) / half_life)
        held = use.gpus * decayed_hours(since, until, until, half_life)
        use.hours, use.at_min = use.hours * fade + held, now


class WaitingLine:
    """Bookings that lie ahead and whose members would take an earlier start."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._groups: defaultdict[Group, dict[int, Booking]] = defaultdict(dict)

    def join(self, booking: Booking) -> None:
        """Put a booking in line."""
        self._groups[_group(booking)][booking.number] = booking

    def leave(self, booking: Booking) -> None:
        """Take it out; nothing if it is not in line."""
        group = _group(booking)
        if group in self._groups:
            self._groups[group].pop(booking.number, None)
            if not self._groups[group]:
                del self._groups[group]

    def serve(self, use: dict[int, float], bring_forward: Callable[[Booking], bool]) -> None:
        """Offer what is free to those in line, whose turn it is first.

        Of bookings of one team, size and kind of length only the longest waiting is looked at;
        once it has been brought forward the next one is.  Who is no smaller and no shorter than
        one that found nothing finds nothing either.
        """
        failed: set[tuple[int, int]] = set()
        tried: set[Group] = set()
        while True:
            moved = False
            heads = {key: next(iter(one.values())) for key, one in self._groups.items()}
            for head in self._in_turn({k: v for k, v in heads.items() if k not in tried}, use):
                key = _group(head)
                if any(key[1] >= count and key[2] >= length for count, length in failed):
                    tried.add(key)
                elif bring_forward(head):
                    moved = True
                else:
                    failed.add(key[1:])
                    tried.add(key)
            if not moved:
                return

    def _in_turn(self, heads: dict[Group, Booking], use: dict[int, float]) -> Iterator[Booking]:
        by_number = {one.number: one for one in heads.values()}
        waiters = [
            Waiter(one.number, one.job.team_id, "", self._scenario.instant(one.job.arrives_min))
            for one in by_number.values()
        ]
        return (by_number[one.wait_id] for one in by_turn(waiters, use))


def _group(booking: Booking) -> Group:
    hours = (booking.booked[1] - booking.booked[0]) * MINUTE // (60 * MINUTE)
    return booking.job.team_id, booking.job.gpu_count, hours.bit_length()

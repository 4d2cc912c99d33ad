"""What must hold at every boundary in time, worked out from the rows before and after it."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationKind
from bot.services import booking
from bot.services.due import TimerKind
from tests.support.machine_answers import AnswerRules, others
from tests.support.machine_rows import Snapshot
from tests.support.machine_world import HOUR, POLICY, SEEN, picks
from tests.support.world import TINY_RUN

NOTICE = {"ends_soon", "run_late", "run_goes_over", "job_dispatched", "usage_asked"}
"""What tells a holder that the end is near; cutting short tells otherwise, and is an event."""
CUT = {"reservation.shortened", "maintenance.planned", "reservation.moved", "gpu.broken"}


def assert_boundaries(now: datetime, before: Snapshot, after: Snapshot) -> None:
    """Check one transaction: nobody stopped unwarned, all that is freed offered, overruns small."""
    _nobody_is_stopped_without_notice(now, before, after)
    _what_is_freed_is_offered(now, before, after)
    _overruns_are_small(after)


def _nobody_is_stopped_without_notice(now: datetime, before: Snapshot, after: Snapshot) -> None:
    for old, new in before.changed_in(after, "attempts"):
        if new.stop_reason != "expired" or (old is not None and old.stop_reason is not None):
            continue
        run = after.one("runs", new.run_id)
        row = after.one("reservations", run.reservation_id)
        told = [
            each
            for each in after.all("outbox")
            if each.reservation_id == row.id and each.payload.get("kind") in NOTICE
        ]
        short = row.ends_at - row.starts_at <= max(POLICY.end_notices)
        cut = [
            event
            for event in after.all("audit_events")
            if event.action in CUT and event.at <= now and _is_about(event, row.id)
        ]
        assert told or cut or short, f"R{row.id} is stopped, and nobody was told before"
        SEEN["stopped at the end, with notice"] += 1


def _is_about(event: Any, number: int) -> bool:
    lists = [event.data.get(name, ()) for name in ("shortened", "moved", "asked", "reservations")]
    return event.subject_id == number or any(number in each for each in lists if each)


def _what_is_freed_is_offered(now: datetime, before: Snapshot, after: Snapshot) -> None:
    """Whatever becomes free ahead is offered to those who wait, by the clockwork, at once."""
    held = _held(after)
    for claim in before.all("claims"):
        if not claim.live or claim.ends_at <= now:
            continue
        free = _rest(max(claim.starts_at, now), claim.ends_at, held[claim.gpu_id])
        if free > timedelta():
            SEEN["GPU-minutes freed"] += round(free / timedelta(minutes=1))
            offered = (TimerKind.SERVE_WAITING, 0) in after.armed
            assert offered, f"{free} of GPU {claim.gpu_id} became free, and nobody is offered it"


def _held(rows: Snapshot) -> defaultdict[int, list[tuple[datetime, datetime]]]:
    found: defaultdict[int, list[tuple[datetime, datetime]]] = defaultdict(list)
    for claim in rows.all("claims"):
        if claim.live:
            found[claim.gpu_id].append((claim.starts_at, claim.ends_at))
    for spans in found.values():
        spans.sort()
    return found


def _rest(start: datetime, end: datetime, spans: list[tuple[datetime, datetime]]) -> timedelta:
    free, at = timedelta(), start
    for begins, ends in spans:
        if ends <= at or begins >= end:
            continue
        free += max(begins - at, timedelta())
        at = max(at, ends)
    return free + max(end - at, timedelta())


def _overruns_are_small(after: Snapshot) -> None:
    for overrun in after.all("overruns"):
        row = after.one("reservations", overrun.reservation_id)
        assert row.kind == ReservationKind.WORK
        if overrun.ended_at is None:
            booked = overrun.booked_until - row.starts_at
            allowed = booked * POLICY.overrun_fraction
            assert row.ends_at == overrun.until <= overrun.booked_until + allowed
            assert row.state in ("active", "releasing"), f"R{row.id} is over, and goes over"
    for delay in after.all("overrun_delays"):
        waited = delay.moved_to - delay.starts_at
        assert timedelta() < waited <= POLICY.overrun_next_waits
        other = after.one("reservations", delay.reservation_id)
        assert other.priority != "p0"


class BoundaryRules(AnswerRules):
    """Runs that are late, with and without somebody who is next; every transaction is checked."""

    def look(self, before: Snapshot) -> None:
        super().look(before)
        assert_boundaries(self.now, before, self.rows)

    @rule(name=others, nxt=others, late=st.integers(0, 12), foretold=st.booleans())
    def one_is_late_and_another_is_next(
        self, name: str, nxt: str, late: int, foretold: bool
    ) -> None:
        """Let a run come to its end with an epoch to go, and somebody wait for its GPU."""
        self.act(booking.reserve, self.members[name], ReserveRequest(2 * HOUR, run=TINY_RUN))
        running = [
            row
            for row in self.rows.of_state("reservations", "active")
            if row.id in self.rows.run_of and row.ends_at > self.now
        ]
        if not running:
            return
        row = self.pick(running, late)
        wish = ReserveRequest(2 * HOUR, start=row.ends_at, gpu_names=self._gpu_names(row))
        if late % 3:
            self.act(booking.reserve, self.members[nxt], wish)
        self._train_to_the_end(row, foretold)
        self.pass_time(timedelta(minutes=late))
        for agent in self.agents:
            agent.work()
        self.hosts_report()
        self.catch_up()

    def _train_to_the_end(self, row: Any, foretold: bool) -> None:
        stop = row.ends_at - POLICY.stop_lead
        for part in (2, 1):
            self.pass_time(max((stop - self.now) / part - timedelta(seconds=1), timedelta()))
            if foretold:
                for agent in self.agents:
                    agent.work()
                self.hosts_report()
        self.pass_time(max(row.ends_at - self.now, timedelta()))

    @precondition(lambda self: self._own("active"))
    @rule(which=picks, minutes=st.sampled_from([-1, 0, 1, 5]))
    def come_to_an_end(self, which: int, minutes: int) -> None:
        row = self.pick(self._own("active"), which)
        self.pass_time(max(row.ends_at - self.now + minutes * timedelta(minutes=1), timedelta()))

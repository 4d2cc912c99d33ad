"""What a team is told that it holds is what its claims add up to, whatever was done, by many."""

from __future__ import annotations

import os
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

import pytest
from sqlalchemy import select

from bot.domain.errors import BerthError
from bot.domain.limits import gpu_hours, iso_week, most_at_once
from bot.domain.offers import OfferState
from bot.domain.people import Member, Role
from bot.domain.policy import Policy
from bot.domain.priority import Priority
from bot.domain.requests import ReserveRequest
from bot.domain.time_window import TimeWindow
from bot.domain.views import ReservationView
from bot.services import approvals, booking, changing, fairness, limits, queries, shares, upkeep
from bot.services.transaction import Tx, UseCases
from bot.store.database import Database
from bot.store.offer_tables import ApprovalRow
from bot.store.tables import AuditEventRow, ClaimRow, ReservationRow
from tests.conftest import T0, use_cases
from tests.support.clock import SetClock
from tests.support.rival import RIVALS, all_at_once
from tests.support.teams import a_member_of, a_team
from tests.support.world import a_host

HOUR = timedelta(hours=1)
STRICT = "strict"
QUOTAS = {"vision": (6, 300.0), STRICT: (4, 100.0), "nlp": (None, 250.0)}
DAYS = 25


@pytest.fixture
def operations() -> int:
    """How many operations; ``BERTH_TEST_OPERATIONS`` of the shell is read before it is cleaned."""
    return OPERATIONS


OPERATIONS = int(os.environ.get("BERTH_TEST_OPERATIONS", "320"))


pytestmark = pytest.mark.timeout(300 + OPERATIONS)  # seconds; a long run is asked for


@dataclass
class Crowd:
    """Sixteen people of three teams who book, change and decide at random."""

    berth: UseCases
    clock: SetClock
    members: list[Member]
    leads: Mapping[int, Member]
    strict_team_id: int
    done: Counter[str] = field(default_factory=Counter)
    lock: Lock = field(default_factory=Lock)

    def act(self, dice: random.Random, worker: int) -> None:
        """Do one thing at random, and count what came of it."""
        member = self.members[worker]
        kinds = ("book", "cancel", "extend", "approve", "decline", "expire")
        (kind,) = dice.choices(kinds, (50, 12, 12, 10, 8, 3))
        acts: dict[str, Callable[[random.Random, Member], str]] = {
            "book": self._book,
            "cancel": self._cancel,
            "extend": self._extend,
            "approve": self._approve,
            "decline": self._decline,
            "expire": self._expire,
        }
        try:
            what = acts[kind](dice, member)
        except BerthError as error:
            what = f"{kind}: {error.code}"
        with self.lock:
            self.done[what] += 1

    def _book(self, dice: random.Random, member: Member) -> str:
        request = ReserveRequest(
            dice.choice((2, 2, 4, 4, 8, 8, 30)) * HOUR,
            gpu_count=dice.randint(1, 3),
            start=self.clock.now() + dice.uniform(0, DAYS * 24) * HOUR,
            priority=dice.choice((Priority.P0, *[Priority.P2] * 7)),
        )
        return f"book: {self.berth.run(booking.reserve, member, request).state}"

    def _cancel(self, dice: random.Random, member: Member) -> str:
        view = self._one(dice, member)
        return f"cancel: {self.berth.run(booking.cancel, member, view.reservation_id, 'r').state}"

    def _extend(self, dice: random.Random, member: Member) -> str:
        view = self._one(dice, member)
        end = view.window.end + dice.choice((2, 4)) * HOUR
        self.berth.run(changing.extend, member, view.reservation_id, end)
        return "extend: done"

    def _approve(self, dice: random.Random, member: Member) -> str:
        if member.team_id == self.strict_team_id:
            return self._decline(dice, member)
        lead = self.leads[member.team_id]
        self.berth.run(approvals.approve, lead, self._open_request(dice, member.team_id))
        return "approve: done"

    def _decline(self, dice: random.Random, member: Member) -> str:
        lead = self.leads[member.team_id]
        self.berth.run(approvals.decline, lead, self._open_request(dice, member.team_id), "no")
        return "decline: done"

    def _expire(self, dice: random.Random, _member: Member) -> str:
        with self.lock:
            self.clock.advance(minutes=dice.randint(1, 20))
        return f"expire: {min(self.fire_due(), 1)}"

    def fire_due(self) -> int:
        """Fire the timers that are due, and return how many."""
        owner = f"c{random.random()}"
        timers = self.berth.write(upkeep.claim_timers, owner)
        for timer in timers:
            self.berth.write(upkeep.fire, timer, owner)
        return len(timers)

    def _one(self, dice: random.Random, member: Member) -> ReservationView:
        views = self.berth.run(queries.mine, member)
        if not views:
            raise BerthError
        return dice.choice(views)

    def _open_request(self, dice: random.Random, team_id: int) -> int:
        def find(tx: Tx) -> list[int]:
            query = (
                select(ApprovalRow.id)
                .join(ReservationRow, ReservationRow.id == ApprovalRow.reservation_id)
                .where(ApprovalRow.state == OfferState.OPEN, ReservationRow.team_id == team_id)
            )
            return list(tx.session.scalars(query))

        numbers = self.berth.read(find)
        if not numbers:
            raise BerthError
        return dice.choice(numbers)


@pytest.fixture
def crowd(database: Database, clock: SetClock) -> Crowd:
    berth = use_cases(database, clock, Policy(progress_edit_interval=timedelta(0)))
    for host in ("host1", "host2"):
        a_host(berth, host, gpus=6)
    ids = [
        a_team(berth, name, gpus_at_once=at_once, gpu_hours_per_week=hours)
        for name, (at_once, hours) in QUOTAS.items()
    ]
    members = [a_member_of(berth, ids[n % len(ids)], f"U0M{n}") for n in range(RIVALS)]
    leads = {team_id: a_member_of(berth, team_id, f"U0L{team_id}", Role.LEAD) for team_id in ids}
    return Crowd(berth, clock, members, leads, ids[1])


def test_quota_sums_equal_the_claims_after_anything(crowd: Crowd, operations: int) -> None:
    started_s = time.monotonic()

    def work(worker: int) -> None:
        dice = random.Random(worker)
        for _ in range(operations // RIVALS):
            crowd.act(dice, worker)

    all_at_once(work)
    took_s = time.monotonic() - started_s
    while crowd.fire_due():
        pass
    print(f"{operations} operations in {took_s:.1f} s: {dict(crowd.done.most_common())}")  # noqa: T201 - figures
    assert_all_kinds_happened(crowd)
    held = held_by_team(crowd.berth)
    assert_told_is_held(crowd, held)
    assert_nothing_was_forgotten(crowd.berth)
    assert_quota_kept(crowd, held[crowd.strict_team_id])
    assert_requests_are_decided_once(crowd.berth)


def assert_all_kinds_happened(crowd: Crowd) -> None:
    for what in ("book: booked", "book: pending", "extend: done", "approve: done", "decline: done"):
        assert crowd.done[what], crowd.done


def held_by_team(berth: UseCases) -> dict[int, list[TimeWindow]]:
    """Every live claim, read without a word of the services."""

    def read(tx: Tx) -> dict[int, list[TimeWindow]]:
        found: defaultdict[int, list[TimeWindow]] = defaultdict(list)
        for claim in tx.session.scalars(select(ClaimRow).where(ClaimRow.live)):
            found[claim.reservation.team_id].append(TimeWindow(claim.starts_at, claim.ends_at))
        return found

    return berth.read(read)


def assert_told_is_held(crowd: Crowd, held: Mapping[int, list[TimeWindow]]) -> None:
    told = crowd.berth.run(shares.shares, crowd.members[0])
    by_name = {team.team_name: team for team in told.teams}
    now = crowd.clock.now()
    for team_id, lead in crowd.leads.items():
        share, claims = by_name[lead.team_name], held[team_id]
        assert share.week_gpu_hours == pytest.approx(slow_hours(claims, iso_week(now)))
        ahead = [max(claim.start, now) for claim in claims if claim.end > now]
        busiest = (sum(claim.contains(start) for claim in claims) for start in ahead)
        assert share.most_at_once == max(busiest, default=0)
        span = TimeWindow(T0 - 30 * HOUR, T0 + timedelta(days=60))
        seen = crowd.berth.read(limits.held_in, team_id, span)
        assert sorted(seen) == sorted(claims)
    use = crowd.berth.read(fairness.recent_use_hours)
    assert sum(use.values()) <= sum(
        slow_hours(claims, TimeWindow(T0 - HOUR, now + HOUR / 60)) for claims in held.values()
    )


def slow_hours(claims: list[TimeWindow], within: TimeWindow) -> float:
    seconds = 0.0
    for claim in claims:
        begin, end = max(claim.start, within.start), min(claim.end, within.end)
        seconds += max(0.0, (end - begin).total_seconds())
    return seconds / 3600


def assert_nothing_was_forgotten(berth: UseCases) -> None:
    """The log of events alone tells the same GPU-hours as the claims."""
    span = TimeWindow(T0 - HOUR, T0 + timedelta(days=60))
    expected = berth.read(hours_by_log)
    claims = held_by_team(berth)
    assert expected == pytest.approx(sum(gpu_hours(held, span) for held in claims.values()))


def hours_by_log(tx: Tx) -> float:
    """Replay what was booked, extended and given back."""
    open_: dict[int, dict[str, Any]] = {}
    for event in tx.session.scalars(select(AuditEventRow).order_by(AuditEventRow.id)):
        name = event.action.removeprefix("reservation.")
        if name in ("booked", "asked"):
            open_[event.subject_id] = dict(event.data)
        elif name == "extended":
            open_[event.subject_id]["ends_at"] = event.data["ends_at"]
        elif name in ("cancelled", "approval.declined", "approval.expired"):
            del open_[event.subject_id]
        elif name == "released":
            open_[event.subject_id]["ends_at"] = event.at.isoformat()
    return sum(_hours(booked) for booked in open_.values())


def _hours(booked: Mapping[str, Any]) -> float:
    start, end = (datetime.fromisoformat(booked[name]) for name in ("starts_at", "ends_at"))
    return len(booked["gpus"]) * (end - start).total_seconds() / 3600


def assert_quota_kept(crowd: Crowd, held: list[TimeWindow]) -> None:
    """Where nobody ever approves, what is not waiting stays within the quota."""

    def waiting(tx: Tx) -> list[TimeWindow]:
        query = (
            select(ClaimRow)
            .join(ReservationRow)
            .where(
                ClaimRow.live,
                ReservationRow.state == "pending",
                ReservationRow.team_id == crowd.strict_team_id,
            )
        )
        return [TimeWindow(one.starts_at, one.ends_at) for one in tx.session.scalars(query)]

    firm = list(held)
    for claim in crowd.berth.read(waiting):
        firm.remove(claim)
    at_once, hours = QUOTAS[STRICT]
    assert firm
    assert most_at_once(firm, TimeWindow(T0 - HOUR, T0 + timedelta(days=60))) <= (at_once or 0)
    for week in range(6):
        assert gpu_hours(firm, iso_week(T0 + timedelta(weeks=week))) <= hours


def assert_requests_are_decided_once(berth: UseCases) -> None:
    def read(tx: Tx) -> Counter[int]:
        query = select(AuditEventRow).where(AuditEventRow.action.like("approval.%"))
        events = tx.session.scalars(query.where(AuditEventRow.action != "approval.asked"))
        return Counter(event.data["approval"] for event in events)

    assert set(berth.read(read).values()) == {1}

"""Many writers at once, on real databases: the promises hold, and nobody sees a deadlock."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from threading import Lock

import pytest
from sqlalchemy import func, select, text

from bot.domain.errors import BerthError, ClaimOverlap
from bot.domain.people import Member
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState, RunState
from bot.protocol.messages import AttemptEnd, AttemptObservation, AttemptState, EndCause, Report
from bot.services import booking, hosts, outbox, queries, upkeep
from bot.services.transaction import UseCases
from bot.store.database import Database
from bot.store.tables import AuditEventRow, ClaimRow, OutboxRow, ReservationRow, TimerRow
from tests.support.clock import SetClock
from tests.support.rival import (
    RIVALS,
    Outcome,
    all_at_once,
    processes_book,
    try_to_book,
    use_cases_over,
)
from tests.support.world import TINY_RUN, a_host, a_member

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
TWO_HOURS = timedelta(hours=2)
OPERATIONS_EACH = 20


@pytest.fixture
def berth(database: Database) -> UseCases:
    return use_cases_over(database, NOW)


def assert_one_winner(outcomes: list[Outcome]) -> None:
    winners = [names for what, names in outcomes if what == "won"]
    assert len(winners) == 1, Counter(what for what, _ in outcomes)
    losers = [each for each in outcomes if each[0] != "won"]
    assert losers == [("window_taken", winners[0])] * (RIVALS - 1)


def assert_no_overlap(database: Database) -> None:
    """Look in two ways that share nothing with the guard: sorted in Python, and joined in SQL."""
    by_gpu: defaultdict[int, list[tuple[datetime, datetime]]] = defaultdict(list)
    for claim in database.read(lambda s: s.scalars(select(ClaimRow).where(ClaimRow.live)).all()):
        by_gpu[claim.gpu_id].append((claim.starts_at, claim.ends_at))
    for windows in by_gpu.values():
        for earlier, later in pairwise(sorted(windows)):
            assert earlier[1] <= later[0]
    joined = text(
        "SELECT count(*) FROM claims a JOIN claims b ON a.gpu_id = b.gpu_id AND a.id < b.id"
        " WHERE a.live AND b.live AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at"
    )
    assert database.read(lambda s: s.execute(joined).scalar()) == 0


def test_sixteen_members_book_the_same_gpu_and_one_wins(berth: UseCases) -> None:
    a_host(berth, gpus=1)
    for number in range(RIVALS):
        a_member(berth, f"U0T{number}")
    request = ReserveRequest(TWO_HOURS, start=NOW + TWO_HOURS)
    outcomes = all_at_once(lambda number: try_to_book(berth, f"U0T{number}", request))
    assert_one_winner(outcomes)
    assert_no_overlap(berth.database)


def test_sixteen_processes_book_the_same_gpu_and_one_wins(sqlite: Database) -> None:
    berth = use_cases_over(sqlite, NOW)
    a_host(berth, gpus=1)
    url = sqlite.engine.url.render_as_string(hide_password=False)
    request = ReserveRequest(TWO_HOURS, start=NOW + TWO_HOURS)
    assert_one_winner(list(processes_book(url, NOW, request)))
    assert_no_overlap(sqlite)


def test_sixteen_newcomers_who_are_one_person_become_one_member(berth: UseCases) -> None:
    members = all_at_once(lambda _: a_member(berth, "U0SAME"))
    assert len(set(members)) == 1


def test_one_asking_delivered_sixteen_times_books_once(berth: UseCases) -> None:
    a_host(berth, gpus=4)
    alice = a_member(berth)
    request = ReserveRequest(TWO_HOURS, gpu_count=1, request_key="modal V123")
    views = all_at_once(lambda _: berth.run(booking.reserve, alice, request))
    assert len({view.reservation_id for view in views}) == 1
    assert berth.database.read(lambda s: s.scalar(select(func.count(ReservationRow.id)))) == 1
    assert berth.run(queries.status).free_count == 3


class Rival:
    """Books, extends and cancels at random; notes every error that is not of the domain."""

    def __init__(self, berth: UseCases, member: Member, seed: int) -> None:
        self._berth, self._member, self._random = berth, member, random.Random(seed)
        self._mine: list[int] = []
        self.outcomes: Counter[str] = Counter()

    def act(self) -> None:
        choice = self._random.random()
        if self._mine and choice < 0.25:
            self._try("cancelled", self._cancel)
        elif self._mine and choice < 0.4:
            self._try("extended", self._extend)
        else:
            self._try("booked", self._book)

    def _try(self, what: str, act: Callable[[], None]) -> None:
        try:
            act()
        except BerthError as error:
            what = error.code
        self.outcomes[what] += 1

    def _book(self) -> None:
        pick = self._random
        request = ReserveRequest(
            pick.randint(1, 4) * TWO_HOURS,
            gpu_count=pick.randint(1, 4),
            start=NOW + pick.randint(0, 12) * timedelta(hours=1),
            run=TINY_RUN if pick.random() < 0.3 else None,
        )
        view = self._berth.run(booking.reserve, self._member, request)
        self._mine.append(view.reservation_id)

    def _cancel(self) -> None:
        chosen = self._mine.pop(self._random.randrange(len(self._mine)))
        self._berth.run(booking.cancel, self._member, chosen, "made room")

    def _extend(self) -> None:
        chosen = self._random.choice(self._mine)
        end = self._berth.run(queries.reservation, chosen).window.end
        self._berth.run(booking.extend, self._member, chosen, end + TWO_HOURS)


def test_hundreds_of_operations_at_once_leave_no_overlap_and_no_strange_error(
    berth: UseCases,
) -> None:
    a_host(berth, "host1", 4)
    a_host(berth, "host2", 4)
    rivals = [
        Rival(berth, a_member(berth, f"U0T{number}"), seed=number) for number in range(RIVALS)
    ]

    def work(number: int) -> Counter[str]:
        for _ in range(OPERATIONS_EACH):
            rivals[number].act()
        return rivals[number].outcomes

    outcomes = sum(all_at_once(work), Counter[str]())
    assert outcomes.total() == RIVALS * OPERATIONS_EACH
    assert set(outcomes) <= {"booked", "cancelled", "extended", "window_taken"}, outcomes
    assert all(outcomes[each] for each in ("booked", "cancelled", "window_taken")), outcomes
    assert ClaimOverlap.code not in outcomes, "losing a race is told as who won it"
    assert_no_overlap(berth.database)
    assert_claims_match_their_reservations(berth.database)


def assert_claims_match_their_reservations(database: Database) -> None:
    for row in database.read(lambda s: s.scalars(select(ReservationRow)).all()):
        booked = row.state == ReservationState.BOOKED
        assert row.claims
        assert all(claim.live is booked for claim in row.claims)
        if booked:
            windows = {(claim.starts_at, claim.ends_at) for claim in row.claims}
            assert windows == {(row.starts_at, row.ends_at)}


def test_clockworks_side_by_side_fire_each_timer_once(berth: UseCases) -> None:
    a_host(berth, gpus=8)
    alice = a_member(berth)
    for number in range(24):
        start = NOW.replace(minute=0) + (number // 8 + 1) * TWO_HOURS
        berth.run(booking.reserve, alice, ReserveRequest(TWO_HOURS, start=start))
    clock = berth.clock
    assert isinstance(clock, SetClock)
    clock.advance(hours=3)
    fired: list[int] = []
    lock = Lock()

    def turn(number: int) -> None:
        owner = f"clockwork {number}"
        while timers := berth.write(upkeep.claim_timers, owner):
            for timer in timers:
                berth.write(upkeep.fire, timer, owner)
                with lock:
                    fired.append(timer.timer_id)

    all_at_once(turn, rivals=4)
    assert len(fired) == len(set(fired))
    started = berth.database.read(
        lambda s: s.scalars(
            select(AuditEventRow.subject_id).where(AuditEventRow.action == "reservation.started")
        ).all()
    )
    assert len(started) == len(set(started)) == 8
    open_and_due = select(func.count(TimerRow.id)).where(
        TimerRow.done_at.is_(None), TimerRow.due_at <= clock.now()
    )
    assert berth.database.read(lambda s: s.scalar(open_and_due)) == 0


def test_sixteen_senders_deliver_each_message_once_and_in_order(berth: UseCases) -> None:
    a_host(berth, gpus=8)
    members = [a_member(berth, f"U0T{number}") for number in range(4)]
    for member in members:
        for hours in (1, 2):
            request = ReserveRequest(TWO_HOURS, start=NOW + hours * TWO_HOURS)
            view = berth.run(booking.reserve, member, request)
            berth.run(booking.cancel, member, view.reservation_id, "no need")
    waiting = berth.database.read(lambda s: s.scalar(select(func.count(OutboxRow.id)))) or 0
    assert waiting >= 16
    delivered: list[tuple[str, int]] = []
    out: Counter[str] = Counter()
    lock = Lock()

    def send(number: int) -> None:
        owner = f"sender {number}"
        while len(delivered) < waiting:
            for parcel in berth.write(outbox.claim_deliveries, owner):
                lane = parcel.delivery.lane
                with lock:
                    out[lane] += 1
                    assert out[lane] == 1, "two of one channel are out at once"
                    delivered.append((lane, parcel.delivery.delivery_id))
                    out[lane] -= 1
                berth.write(outbox.record_sent, parcel, owner)

    all_at_once(send)
    assert len(delivered) == len(set(delivered)) == waiting
    for lane in {lane for lane, _ in delivered}:
        numbers = [number for its_lane, number in delivered if its_lane == lane]
        assert numbers == sorted(numbers)


def test_an_end_that_is_reported_while_its_holder_gives_it_back_is_lost_by_neither(
    berth: UseCases,
) -> None:
    host_id, alice = a_host(berth, gpus=8), a_member(berth)
    for _ in range(8):
        berth.run(booking.reserve, alice, ReserveRequest(TWO_HOURS, run=TINY_RUN))
    for timer in berth.write(upkeep.claim_timers, "c"):
        berth.write(upkeep.fire, timer, "c")
    attempts = berth.run(hosts.desired_state, host_id).attempts
    assert len(attempts) == 8
    reservation_ids = [view.reservation_id for view in berth.run(queries.mine, alice)]
    end = AttemptEnd(cause=EndCause.SUCCEEDED, at=NOW)

    def report_or_cancel(number: int) -> None:
        which, cancels = divmod(number, 2)
        if cancels:
            berth.run(booking.cancel, alice, reservation_ids[which], "enough")
            return
        seen = AttemptObservation(
            attempt_id=attempts[which].attempt_id, fence=1, state=AttemptState.ENDED, end=end
        )
        berth.write(hosts.take_report, Report(host_id=host_id, sent_at=NOW, observations=(seen,)))

    all_at_once(report_or_cancel)
    for reservation_id in reservation_ids:
        view = berth.run(queries.reservation, reservation_id)
        assert view.run is not None
        assert view.run.state is RunState.SUCCEEDED
        assert view.state is ReservationState.ENDED
    assert berth.run(queries.status).free_count == 8

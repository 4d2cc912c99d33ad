"""The ground that the machine of all commands stands on: people, hosts, a clock, and the checks.

Every command and every timer is one transaction, and each is checked by itself: the rows before
and after it are compared, so that nothing can go wrong and be mended in between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine
from sqlalchemy import text

from bot.domain.errors import BerthError
from bot.domain.people import Member, Role
from bot.domain.policy import Policy
from bot.domain.run_spec import TrainingSpec
from bot.services import upkeep
from bot.services.due import TimerKind
from bot.services.transaction import Defaults, UseCases, is_read_only
from bot.store.database import Database
from bot.store.every_table import Base
from tests.support.clock import SetClock
from tests.support.clockwork import OWNER, Postman
from tests.support.machine_agents import MeasuringAgent
from tests.support.machine_changes import assert_lawful, dispatched_in
from tests.support.machine_checks import assert_nothing_is_late, assert_sound
from tests.support.machine_promises import is_promised
from tests.support.machine_rows import Ledger, Snapshot
from tests.support.machine_wishes import (
    assert_nobody_waits_for_what_is_free,
    assert_waitlist_went_first,
)
from tests.support.teams import a_member_of, a_team
from tests.support.world import a_member

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOSTS = {"host1": 3, "host2": 2}
FEW_TIMERS = 2_000
POLICY = Policy(
    horizon=timedelta(days=3),
    longest_reservation=timedelta(days=2),
    long_reservation=timedelta(hours=12),
    progress_edit_interval=timedelta(0),
    # Reports are as far apart as events are, here, and must still be good for something.
    reading_good_for=timedelta(hours=1),
    handover_looks_every=timedelta(minutes=30),
)
PEOPLE = {
    "U0ALICE": ("vision", Role.MEMBER),
    "U0BOB": ("vision", Role.MEMBER),
    "U0LEA": ("vision", Role.LEAD),
    "U0CAROL": ("nlp", Role.MEMBER),
    "U0DAN": ("nlp", Role.MEMBER),
    "U0EVE": ("open", Role.MEMBER),
    "U0FRANK": ("open", Role.MEMBER),
    "U0VIC": ("open", Role.VIEWER),
    "U0ADA": ("open", Role.ADMIN),
}
TEAMS: dict[str, dict[str, Any]] = {
    "vision": {"gpus_at_once": 3, "approval_channel_id": "C0APPROVE"},
    "nlp": {"gpu_hours_per_week": 60.0},
    "open": {},
}
people = st.sampled_from(["U0ALICE", "U0BOB", "U0CAROL", "U0EVE", "U0FRANK"] * 3 + [*PEOPLE])
picks = st.integers(0, 6) | st.integers(0, 40)
mostly = st.sampled_from([True] * 7 + [False])
SEEN: Counter[str] = Counter()
"""What was done, and what came of it, over all examples: a machine that tries nothing shows."""


class World(RuleBasedStateMachine):
    """Nine people of three teams, two hosts with their agents, the clockwork and the postman."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database = database
        defaults = Defaults("open", "C0GPU", TrainingSpec("tiny.yaml", "shapes/data.yaml"))
        self.berth = UseCases(database, SetClock(NOW), POLICY, defaults)
        self.ledger = Ledger(database)
        self.rows = Snapshot()
        self.postman = Postman()
        self.members: dict[str, Member] = {}
        self.agents: list[MeasuringAgent] = []
        self.silent: set[int] = set()
        self.hanging: set[int] = set()
        self.unlimited: set[int] = set()

    def open_the_office(self) -> None:
        """Empty the database and let everybody in; to be called first."""
        _empty(self.database)
        teams = {name: a_team(self.berth, name, **quota) for name, quota in TEAMS.items()}
        self.unlimited = {teams["open"]}
        a_member(self.berth, "U0ADA", admin=True)
        for name, (team, role) in PEOPLE.items():
            self.members[name] = a_member_of(self.berth, teams[team], name, role)
        self.agents = [MeasuringAgent.of(self.berth, name, gpus) for name, gpus in HOSTS.items()]
        self.rows = self.ledger.read()
        self.catch_up()

    @property
    def clock(self) -> SetClock:
        """The clock of all."""
        clock = self.berth.clock
        assert isinstance(clock, SetClock)
        return clock

    @property
    def now(self) -> datetime:
        """The instant that the clock stands at."""
        return self.clock.now()

    def member_by_id(self, member_id: int) -> Member:
        """Return the member of that number."""
        return next(one for one in self.members.values() if one.member_id == member_id)

    def someone(self, name: str, member_id: int, rightly: bool) -> Member:
        """Return the member of that number where it is done ``rightly``, else the one named."""
        return self.member_by_id(member_id) if rightly else self.members[name]

    def every(self, table: str) -> list[Any]:
        """Return all rows of a table, by number."""
        return sorted(self.rows.all(table), key=lambda row: int(row.id))

    def pick(self, rows: Sequence[Any], which: int) -> Any:
        """Return one of some rows; the newest are picked most."""
        return rows[-1 - which % len(rows)]

    def hours_ahead(self, hours: int | None) -> datetime | None:
        """Return an instant so many hours from now; None is now itself, as people leave it out."""
        return None if hours is None else self.now + hours * HOUR

    def a_key(self) -> str:
        """Return a key for an asking that has not been before."""
        return f"asked {len(self.rows.rows['audit_events'])}"

    # One transaction at a time -----------------------------------------------------------------

    def act(
        self, use_case: Callable[..., Any], *args: Any, again: bool = False, **named: Any
    ) -> Any:
        """Run a use case and return what it returns, or the error with which it refuses.

        A refusal must be promised and change nothing.  ``again``: done twice, it must change
        nothing the second time.
        """
        name = f"{use_case.__module__.rpartition('.')[2]}.{use_case.__name__}"
        before = self.rows
        try:
            result = self.berth.run(use_case, *args, **named)
        except BerthError as error:
            self._refused(name, use_case, error)
            return error
        self.look(before)
        SEEN[f"{name}: done"] += 1
        if is_read_only(use_case):
            assert not before.differences(self.rows)
        if again:
            self._repeat(name, use_case, *args, **named)
        return result

    def _refused(self, name: str, use_case: Callable[..., Any], error: BerthError) -> None:
        before, self.rows = self.rows, self.ledger.read()
        assert is_promised(use_case, error), f"{name} does not say that it raises {error!r}"
        assert not (changes := before.differences(self.rows)), f"{name} refused: {changes}"
        SEEN[f"{name}: {error.code}"] += 1

    def _repeat(self, name: str, use_case: Callable[..., Any], *args: Any, **named: Any) -> None:
        before = self.rows
        try:
            self.berth.run(use_case, *args, **named)
        except BerthError as error:
            self._refused(f"{name}, again", use_case, error)
        self.rows = self.ledger.read()
        assert not (changes := before.differences(self.rows)), f"{name}, again, changed {changes}"

    def look(self, before: Snapshot) -> None:
        """Check what the last transaction has done."""
        self.rows = self.ledger.read()
        assert_lawful(self.now, before, self.rows)
        assert_sound(self.now, POLICY, self.rows)
        queued = dispatched_in(before, self.rows)
        if queued:
            assert_waitlist_went_first(self.now, POLICY, self.rows, queued, self.unlimited)

    def write(self, use_case: Callable[..., Any], *args: Any) -> Any:
        """Run what no person asks for (an agent's report) in one transaction that is checked."""
        before = self.rows
        result = self.berth.write(use_case, *args)
        self.look(before)
        return result

    @contextmanager
    def one_transaction(self) -> Iterator[None]:
        """Check what one transaction does that is made within."""
        before = self.rows
        yield
        self.look(before)

    # Time --------------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Let the clockwork do all that is due, also what comes due by that."""
        fired = 0
        while timers := self.berth.write(upkeep.claim_timers, OWNER):
            self.rows = self.ledger.read()
            for timer in timers:
                self.write(upkeep.fire, timer, OWNER)
                SEEN[f"timer {timer.kind}"] += 1
            fired += len(timers)
            assert fired < FEW_TIMERS, "timers set each other off for ever"
        assert_nothing_is_late(self.now, self.rows)
        assert_nobody_waits_for_what_is_free(self.now, POLICY, self.rows, self.unlimited)

    def pass_time(self, length: timedelta) -> None:
        """Let time pass, with all that is due on the way done at its instant."""
        target = self.now + length
        while True:
            instant = self._next_event()
            if instant is None or instant > target:
                break
            self.clock.move_to(max(instant, self.now))
            self.hosts_report()
            self.catch_up()
        self.clock.move_to(target)
        self.hosts_report()
        self.catch_up()

    def _next_event(self) -> datetime | None:
        answering = {agent.host_id for agent in self.agents} - self.silent
        return min(
            (
                due_at
                for (kind, subject), due_at in self.rows.armed.items()
                if kind != TimerKind.HOST_LOST or subject not in answering
            ),
            default=None,
        )

    def hosts_report(self) -> None:
        """Let each host that is not cut off obey what is wanted of it, and report."""
        for agent in self.agents:
            self.host_reports(agent)

    def host_reports(self, agent: MeasuringAgent) -> None:
        """Let one host report; one that is cut off cannot, and one that hangs does not obey."""
        if agent.host_id in self.silent:
            return
        if agent.host_id not in self.hanging:
            agent.look()
        with self.one_transaction():
            agent.report()


def _empty(database: Database) -> None:
    names = ", ".join(f'"{table.name}"' for table in Base.metadata.sorted_tables)
    with database.engine.begin() as connection:
        if database.engine.dialect.name == "postgresql":
            connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
            return
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())

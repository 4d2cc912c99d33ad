"""What agents report: late, repeated, in any order, from the wrong place, or broken."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from bot.domain.errors import UnknownHost
from bot.domain.requests import ReserveRequest
from bot.domain.states import RunState
from bot.domain.views import RunView
from bot.protocol.messages import (
    AttemptEnd,
    AttemptObservation,
    AttemptReceipt,
    AttemptState,
    EndCause,
    EpochProgress,
    Report,
    StopReason,
)
from bot.services import booking, hosts, queries, upkeep
from bot.services.transaction import UseCases
from bot.store.database import Database, open_engine
from bot.store.tables import AttemptRow, Base, EpochRow, RunRow
from tests.strategies import MODEST
from tests.support.audit_trail import audited
from tests.support.clock import SetClock
from tests.support.clockwork import OWNER, fire_due
from tests.support.rival import use_cases_over
from tests.support.world import TINY_RUN, a_host, a_member

T0 = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Scene:
    """One run that has been started on its host, and what its agent may say of it."""

    def __init__(self, berth: UseCases, host_name: str = "host1") -> None:
        self.berth = berth
        self.host_id = a_host(berth, host_name, 1)
        self.alice = a_member(berth)
        request = ReserveRequest(timedelta(hours=2), gpu_names=(f"gpu0@{host_name}",), run=TINY_RUN)
        self.view = berth.run(booking.reserve, self.alice, request)
        fire_due(berth)
        (self.attempt,) = berth.run(hosts.desired_state, self.host_id).attempts

    def seen(self, state: AttemptState, **fields: Any) -> AttemptObservation:
        told = {"attempt_id": self.attempt.attempt_id, "fence": 1, "state": state, **fields}
        return AttemptObservation(**told)

    def report(
        self, *observations: AttemptObservation, host_id: int | None = None
    ) -> tuple[AttemptReceipt, ...]:
        report = Report(host_id=host_id or self.host_id, sent_at=T0, observations=observations)
        return self.berth.write(hosts.take_report, report).receipts

    @property
    def run(self) -> RunView:
        run = self.berth.run(queries.reservation, self.view.reservation_id).run
        assert run is not None
        return run

    def rows(self) -> list[dict[str, Any]]:
        """Everything that is kept of the attempt, its run and its epochs."""

        def read(session: Any) -> list[dict[str, Any]]:
            return [
                {column.name: getattr(row, column.name) for column in kind.__table__.columns}
                for kind in (AttemptRow, RunRow, EpochRow)
                for row in session.scalars(select(kind).order_by(*kind.__table__.primary_key))
            ]

        return self.berth.database.read(read)


@pytest.fixture
def scene(berth: UseCases) -> Scene:
    return Scene(berth)


def epoch(number: int, **fields: Any) -> EpochProgress:
    told = {"epoch": number, "epochs": 3, "epoch_s": 60, "at": T0 + number * 60 * SECOND, **fields}
    return EpochProgress(**told)


def an_end(cause: EndCause = EndCause.SUCCEEDED, **fields: Any) -> AttemptEnd:
    return AttemptEnd(cause=cause, at=T0 + 600 * SECOND, **fields)


def test_epochs_are_acknowledged_and_kept_once(scene: Scene) -> None:
    running = {"pid": 7, "trainer_started_at": T0 + SECOND}
    (receipt,) = scene.report(scene.seen(AttemptState.RUNNING, **running, epochs=(epoch(1),)))
    assert (receipt.acknowledged_epoch, receipt.forget, receipt.stale) == (1, False, False)
    both = scene.seen(AttemptState.RUNNING, **running, epochs=(epoch(1), epoch(2), epoch(2)))
    for _ in range(2):
        assert scene.report(both)[0].acknowledged_epoch == 2
    assert scene.run.progress.epoch == 2
    assert scene.run.started_at == T0 + SECOND


def test_a_gap_is_filled_when_the_lost_epoch_arrives(scene: Scene) -> None:
    for numbers in ((1,), (3,), (2,)):
        told = tuple(epoch(number) for number in numbers)
        scene.report(scene.seen(AttemptState.RUNNING, epochs=told))
    assert scene.run.progress.epoch == 3


def test_an_end_is_recorded_once_and_the_agent_may_forget(scene: Scene) -> None:
    end = scene.seen(
        AttemptState.ENDED,
        end=an_end(EndCause.OUT_OF_MEMORY, detail="CUDA out of memory", log_tail=("a", "b")),
    )
    with audited(scene.berth) as trail:
        assert scene.report(end)[0].forget
    event = trail.only()
    assert (event.action, event.reason) == ("run.failed", "CUDA out of memory")
    assert (scene.run.state, scene.run.end_cause) == (RunState.FAILED, "out_of_memory")
    assert scene.run.log_tail == ("a", "b")
    before = scene.rows()
    with audited(scene.berth) as trail:
        assert scene.report(end)[0].forget
        (late,) = scene.report(scene.seen(AttemptState.RUNNING, epochs=(epoch(1),), pid=9))
        assert (late.stale, late.forget) == (True, False), "whatever still runs must stop"
        scene.report(scene.seen(AttemptState.ENDED, end=an_end(EndCause.SUCCEEDED)))
    assert trail.actions == []
    assert scene.rows() == before


@pytest.mark.parametrize("change", [{"fence": 2}, {"attempt_id": 99}])
def test_another_fence_or_an_unknown_attempt_changes_nothing(
    scene: Scene, change: dict[str, int]
) -> None:
    before = scene.rows()
    told = scene.seen(AttemptState.ENDED, end=an_end(), epochs=(epoch(1),))
    (receipt,) = scene.report(told.model_copy(update=change))
    assert receipt.stale
    assert receipt.forget == ("attempt_id" in change)
    assert scene.rows() == before


def test_another_host_cannot_speak_for_it(scene: Scene) -> None:
    before, other = scene.rows(), a_host(scene.berth, "host2", 1)
    (receipt,) = scene.report(scene.seen(AttemptState.ENDED, end=an_end()), host_id=other)
    assert receipt.stale
    assert not receipt.forget
    assert scene.rows() == before


def test_a_host_that_nobody_knows_is_told_so(scene: Scene) -> None:
    with pytest.raises(UnknownHost):
        scene.report(host_id=99)
    with pytest.raises(UnknownHost):
        scene.berth.run(hosts.desired_state, 99)


def test_an_end_without_its_story_is_waited_for(scene: Scene) -> None:
    (receipt,) = scene.report(scene.seen(AttemptState.ENDED))
    assert not receipt.forget
    assert scene.run.state is RunState.STARTING


@pytest.mark.parametrize(
    ("asked", "cause", "state"),
    [
        (None, EndCause.SUCCEEDED, RunState.SUCCEEDED),
        (None, EndCause.STOPPED, RunState.STOPPED),
        (None, EndCause.EXPIRED, RunState.EXPIRED),
        (None, EndCause.KILLED, RunState.RETRYING),
        (None, EndCause.CRASHED, RunState.RETRYING),
        (None, EndCause.DISK_FULL, RunState.RETRYING),
        (None, EndCause.OUT_OF_MEMORY, RunState.FAILED),
        (None, EndCause.DIVERGED, RunState.FAILED),
        (None, EndCause.DATA_ERROR, RunState.FAILED),
        (StopReason.REQUESTED, EndCause.CRASHED, RunState.FAILED),
        (None, EndCause.REFUSED, RunState.FAILED),
        (StopReason.REQUESTED, EndCause.STOPPED, RunState.STOPPED),
        (StopReason.REQUESTED, EndCause.KILLED, RunState.STOPPED),
        (StopReason.REQUESTED, EndCause.SUCCEEDED, RunState.SUCCEEDED),
        (StopReason.PREEMPTED, EndCause.STOPPED, RunState.PREEMPTED),
        (StopReason.PREEMPTED, EndCause.KILLED, RunState.PREEMPTED),
        (StopReason.EXPIRED, EndCause.STOPPED, RunState.EXPIRED),
        (StopReason.EXPIRED, EndCause.OUT_OF_MEMORY, RunState.FAILED),
    ],
)
def test_an_end_that_was_asked_for_is_never_called_a_failure(
    sqlite: Database, asked: StopReason | None, cause: EndCause, state: RunState
) -> None:
    scene = Scene(use_cases_over(sqlite, T0))

    def ask(session: Any) -> None:
        session.get_one(AttemptRow, scene.attempt.attempt_id).stop_reason = asked

    sqlite.write(ask)
    scene.report(scene.seen(AttemptState.ENDED, end=an_end(cause)))
    assert (scene.run.state, scene.run.end_cause) == (state, cause)


def test_what_no_database_takes_does_not_keep_an_end_from_being_recorded(scene: Scene) -> None:
    scene.report(
        scene.seen(
            AttemptState.ENDED,
            epochs=(
                epoch(1, losses={"box_loss": math.nan, "cls_loss": 2.0}, epoch_s=math.inf),
                epoch(2, metrics={"map50": math.inf}),
            ),
            end=an_end(
                EndCause.DIVERGED,
                detail="loss is nan\x00",
                log_tail=("epoch 2\x00",),
                metrics={"map50": math.nan, "map50_95": 0.25},
            ),
        )
    )
    assert scene.run.state is RunState.FAILED
    assert scene.run.metrics == {"map50_95": 0.25}
    assert scene.run.progress.epoch == 2
    assert scene.run.end_detail.startswith("loss is nan\ufffd")


def test_only_the_last_log_lines_are_kept(scene: Scene) -> None:
    lines = tuple(str(number) for number in range(500))
    scene.report(scene.seen(AttemptState.ENDED, end=an_end(EndCause.CRASHED, log_tail=lines)))
    assert scene.run.log_tail == lines[-scene.berth.policy.log_tail_lines :]


def test_several_runs_of_one_host_in_one_report(berth: UseCases, clock: SetClock) -> None:
    one = Scene(berth)
    a_host(berth, "host1", 2)
    request = ReserveRequest(timedelta(hours=2), gpu_names=("gpu1@host1",), run=TINY_RUN)
    berth.run(booking.reserve, one.alice, request)
    for timer in berth.write(upkeep.claim_timers, OWNER):
        berth.write(upkeep.fire, timer, OWNER)
    attempts = berth.run(hosts.desired_state, one.host_id).attempts
    observations = [
        AttemptObservation(
            attempt_id=each.attempt_id, fence=1, state=AttemptState.ENDED, end=an_end()
        )
        for each in reversed(attempts)
    ]
    receipts = one.report(*observations)
    assert [each.attempt_id for each in receipts] == [
        each.attempt_id for each in reversed(attempts)
    ]
    assert all(each.forget for each in receipts)
    assert berth.run(hosts.desired_state, one.host_id).attempts == ()


def story(scene: Scene) -> list[AttemptObservation]:
    """Five things that an agent says of one attempt, each the whole truth of its moment."""
    started = {"pid": 7, "trainer_started_at": T0 + SECOND}
    told = [scene.seen(AttemptState.STARTING)]
    told += [
        scene.seen(
            AttemptState.RUNNING, **started, epochs=tuple(epoch(each) for each in range(1, n + 1))
        )
        for n in range(3)
    ]
    last = tuple(epoch(each) for each in range(1, 4))
    end = an_end(metrics={"map50": 0.9}, epochs_done=3)
    return [*told, scene.seen(AttemptState.ENDED, **started, epochs=last, end=end)]


@pytest.fixture
def in_memory() -> Iterator[Database]:
    database = Database(open_engine("sqlite://"))
    Base.metadata.create_all(database.engine)
    yield database
    database.close()


numbers_of_hosts = iter(range(10_000))


@settings(MODEST, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 4), max_size=8), st.permutations(range(5)))
def test_any_order_and_repetition_ends_in_the_same_rows(
    in_memory: Database, repeated: list[int], order: list[int]
) -> None:
    """Whatever the network does, what is kept in the end is what happened."""
    straight = Scene(use_cases_over(in_memory, T0), f"straight{next(numbers_of_hosts)}")
    for each in story(straight):
        straight.report(each)
    mixed = Scene(use_cases_over(in_memory, T0), f"mixed{next(numbers_of_hosts)}")
    told = story(mixed)
    for index in [*order[:3], *repeated, *order[3:], *repeated]:
        mixed.report(told[index])
    assert kept_of(mixed) == kept_of(straight)
    assert len(kept_of(mixed)) == 5, "an attempt, its run and three epochs"


def kept_of(scene: Scene) -> list[tuple[Any, ...]]:
    """What is kept, without the numbers that differ from scene to scene."""
    own = {"id", "run_id", "host_id", "reservation_id", "attempt_id", "gpu_uuids"}
    attempt_id, run_id = scene.attempt.attempt_id, scene.attempt.run_id

    def is_ours(row: dict[str, Any]) -> bool:
        if "number" in row:
            return bool(row["id"] == attempt_id)
        return bool(row.get("attempt_id") == attempt_id or row.get("reservation_id") == run_id)

    return [
        tuple((name, repr(value)) for name, value in row.items() if name not in own)
        for row in scene.rows()
        if is_ours(row)
    ]

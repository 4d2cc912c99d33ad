"""Processes on GPUs that no booking explains: noticed, told, adopted, stopped, settled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar

import pytest
from sqlalchemy import select

from bot.clockwork.process_round import ProcessRound
from bot.domain.errors import (
    AdminsOnly,
    CannotAdopt,
    NotPermitted,
    ProcessSettled,
    UnknownProcess,
)
from bot.domain.people import Role
from bot.domain.policy import Policy
from bot.domain.processes import ProcessState, ProcessView, RoguePolicy
from bot.domain.requests import ReserveRequest
from bot.ports.messenger import DeliveryFailed
from bot.protocol.messages import GpuProcess, GpuReading, ProcessStopped, Report
from bot.services import booking, hosts, process_answers, process_views, queries
from bot.services.transaction import Tx, UseCases
from bot.store.database import Database
from bot.store.process_tables import GpuProcessRow, UnixUserRow
from tests.conftest import T0, use_cases
from tests.fakes.messenger import FakeMessenger
from tests.support.audit_trail import audited
from tests.support.clock import SetClock
from tests.support.firing import fire_all
from tests.support.teams import a_member_of
from tests.support.world import TINY_RUN, a_host, a_member

P = ParamSpec("P")
T = TypeVar("T")
H = timedelta(hours=1)
START = datetime(2026, 11, 23, 12, 10, tzinfo=UTC)


def process(pid: int = 4711, **more: Any) -> GpuProcess:
    fields: dict[str, Any] = {
        "user": "bob",
        "command": "python train.py",
        "started_at": START,
        "memory_used_mib": 2048.0,
        **more,
    }
    return GpuProcess(pid=pid, **fields)


class Site:
    """A host whose GPUs a test puts processes on, and the messages that come of it."""

    def __init__(self, berth: UseCases, clock: SetClock, gpus: int = 4) -> None:
        self.berth, self.clock = berth, clock
        self.host_id = a_host(berth, gpus=gpus)
        self.gpus = gpus
        self.slack = FakeMessenger()

    def report(self, *on: tuple[int, GpuProcess], stopped: tuple[ProcessStopped, ...] = ()) -> None:
        """Report those processes on the GPUs of those indices, and nothing on the others."""
        readings = [
            GpuReading(
                uuid=f"GPU-host1-{index}",
                utilisation_percent=50.0,
                process_pids=tuple(one.pid for at, one in on if at == index),
                processes=tuple(one for at, one in on if at == index),
            )
            for index in range(self.gpus)
        ]
        report = Report(
            host_id=self.host_id, sent_at=self.clock.now(), gpus=tuple(readings), stopped=stopped
        )
        self.berth.write(hosts.take_report, report)

    def later(self, **span: float) -> None:
        self.clock.advance(**span)
        fire_all(self.berth)

    def noticed(self, *on: tuple[int, GpuProcess]) -> tuple[ProcessView, ...]:
        """Report the same twice, far enough apart, and return what is open then."""
        self.report(*on)
        self.later(seconds=21)
        self.report(*on)
        return self.open()

    def open(self) -> tuple[ProcessView, ...]:
        return self.berth.read(process_views.open_ones)

    def deliver(self) -> dict[str, ProcessView]:
        """Send what is due, and return what each place shows."""
        one_round = ProcessRound(_Run(self.berth), self.slack, "test")
        while asyncio.run(one_round.show_due()):
            pass
        return {card.lane: card.views[-1] for card in self.slack.process_cards}


class _Run:
    """Use cases at once, for the asynchronous edge."""

    def __init__(self, berth: UseCases) -> None:
        self._berth = berth

    async def __call__(
        self, use_case: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return self._berth.run(use_case, *args, **kwargs)


@pytest.fixture
def site(berth: UseCases, clock: SetClock) -> Site:
    return Site(berth, clock)


def test_a_process_on_a_gpu_that_nobody_booked_is_told_in_the_channel(site: Site) -> None:
    site.report((0, process()))
    assert site.open() == ()
    site.later(seconds=5)
    site.report((0, process()))
    assert site.open() == (), "two readings too close to each other are one"
    site.later(seconds=16)
    with audited(site.berth) as trail:
        site.report((0, process()))
    assert trail.only().action == "process.noticed"
    (view,) = site.open()
    assert (view.user, view.pid, view.command) == ("bob", 4711, "python train.py")
    assert (view.started_at, view.memory_mib) == (START, 2048.0)
    assert [gpu.reservation_id for gpu in view.gpus] == [None]
    assert set(site.deliver()) == {"C0GPU"}


def test_one_that_comes_and_goes_between_is_never_told(site: Site) -> None:
    site.report((0, process()))
    site.later(seconds=21)
    site.report()
    site.later(seconds=21)
    site.report((0, process()))
    assert site.open() == ()


def test_a_booking_without_a_training_explains_every_process(site: Site) -> None:
    site.berth.write(booking.reserve, a_member(site.berth), ReserveRequest(2 * H, gpu_count=4))
    site.later(seconds=1)
    assert site.noticed((0, process())) == ()


def test_beside_a_training_another_process_is_told_to_holder_and_team(site: Site) -> None:
    alice = a_member(site.berth)
    site.berth.write(booking.reserve, alice, ReserveRequest(2 * H, gpu_count=4, run=TINY_RUN))
    site.later(seconds=1)
    ours = process(99, attempt_id=1)
    (view,) = site.noticed((1, process()), (1, ours))
    assert view.pid == 4711
    assert [gpu.holder_slack_id for gpu in view.gpus] == ["U0ALICE"]
    shown = site.deliver()
    assert set(shown) == {"U0ALICE", "C0GPU"}


def test_where_the_host_cannot_tell_who_it_is_it_may_be_the_training_itself(site: Site) -> None:
    alice = a_member(site.berth)
    held = site.berth.write(
        booking.reserve, alice, ReserveRequest(2 * H, gpu_count=1, run=TINY_RUN)
    )
    site.later(seconds=1)
    index = held.gpus[0].index
    unknown = GpuProcess(pid=99)
    assert site.noticed((index, unknown)) == ()
    (view,) = site.noticed(((index + 1) % 4, unknown))
    assert (view.user, view.command) == ("", "")


def test_a_known_unix_user_on_somebody_elses_booking_is_told(site: Site) -> None:
    alice, bob = a_member(site.berth), a_member(site.berth, "U0BOB")
    _knows(site.berth, "bob", bob.member_id)
    site.berth.write(booking.reserve, alice, ReserveRequest(2 * H, gpu_count=4))
    site.later(seconds=1)
    (view,) = site.noticed((0, process()))
    assert view.likely_slack_id == "U0BOB"
    assert set(site.deliver()) == {"U0ALICE", "C0GPU", "U0BOB"}


def test_a_known_unix_user_on_their_own_training_booking_is_no_stranger(site: Site) -> None:
    bob = a_member(site.berth, "U0BOB")
    _knows(site.berth, "bob", bob.member_id)
    site.berth.write(booking.reserve, bob, ReserveRequest(2 * H, gpu_count=4, run=TINY_RUN))
    site.later(seconds=1)
    assert site.noticed((0, process())) == ()


def _knows(berth: UseCases, name: str, member_id: int) -> None:
    def write(tx: Tx) -> None:
        tx.session.add(UnixUserRow(name=name, member_id=member_id, created_at=tx.now))

    berth.write(write)


def test_what_stays_after_a_booking_is_told_to_whoever_had_the_gpu(site: Site) -> None:
    alice = a_member(site.berth)
    site.berth.write(booking.reserve, alice, ReserveRequest(2 * H, gpu_count=4))
    site.later(hours=3)
    began = T0 + timedelta(minutes=10)
    site.later(hours=1)
    (view,) = site.noticed((2, process(started_at=began)))
    assert view.likely_slack_id == "U0ALICE"
    assert set(site.deliver()) == {"C0GPU", "U0ALICE"}


def test_a_process_on_several_gpus_is_one(site: Site) -> None:
    (view,) = site.noticed((0, process()), (1, process()))
    assert [gpu.name for gpu in view.gpus] == ["gpu0@host1", "gpu1@host1"]
    assert view.memory_mib == 4096.0


def test_gone_it_settles_itself_and_back_it_is_the_same(site: Site) -> None:
    (view,) = site.noticed((0, process()))
    site.deliver()
    with audited(site.berth) as trail:
        site.report()
    assert trail.only().action == "process.gone"
    assert site.deliver()["C0GPU"].state is ProcessState.GONE
    site.later(minutes=5)
    wobbly = process(started_at=START + timedelta(seconds=1))
    (back,) = site.noticed((0, wobbly))
    assert back.process_id == view.process_id
    assert site.deliver()["C0GPU"].state is ProcessState.OPEN
    assert len(site.slack.process_cards) == 1


def test_another_process_of_the_same_number_is_another(site: Site) -> None:
    (first,) = site.noticed((0, process()))
    (second,) = site.noticed((0, process(started_at=START + H, command="sleep")))
    assert second.process_id != first.process_id
    assert site.deliver()["C0GPU"] is not None
    states = {card.views[-1].state for card in site.slack.process_cards}
    assert states == {ProcessState.GONE, ProcessState.OPEN}


def test_a_reading_that_is_missing_settles_nothing(site: Site) -> None:
    site.noticed((0, process()))
    report = Report(host_id=site.host_id, sent_at=site.clock.now(), gpus=())
    site.berth.write(hosts.take_report, report)
    assert len(site.open()) == 1


def test_adopted_on_a_free_gpu_it_books_the_rest_of_the_slot(site: Site) -> None:
    (view,) = site.noticed((0, process()), (1, process()))
    bob = a_member(site.berth, "U0BOB")
    with audited(site.berth) as trail:
        adopted = site.berth.write(process_answers.adopt, bob, view.process_id)
    assert set(trail.actions) == {"reservation.booked", "process.adopted"}
    assert adopted.reservation_id is not None
    assert adopted.view.state is ProcessState.ADOPTED
    booked = site.berth.read(queries.reservation, adopted.reservation_id)
    assert [gpu.name for gpu in booked.gpus] == ["gpu0@host1", "gpu1@host1"]
    assert booked.window.end == T0.replace(hour=14, minute=0)
    again = site.berth.write(process_answers.adopt, bob, view.process_id)
    assert again.reservation_id is None
    site.later(seconds=30)
    assert site.noticed((0, process()), (1, process())) == ()
    assert site.deliver()["C0GPU"].adopted_by_slack_id == "U0BOB"


def test_shortly_before_the_end_of_a_slot_the_next_one_is_booked_too(site: Site) -> None:
    site.clock.advance(hours=1, minutes=19)
    (view,) = site.noticed((0, process()))
    bob = a_member(site.berth, "U0BOB")
    adopted = site.berth.write(process_answers.adopt, bob, view.process_id)
    assert adopted.reservation_id is not None
    booked = site.berth.read(queries.reservation, adopted.reservation_id)
    assert booked.window.end == T0.replace(hour=16, minute=0)


def test_when_the_adopted_time_is_over_it_is_open_again(site: Site) -> None:
    (view,) = site.noticed((0, process()))
    bob = a_member(site.berth, "U0BOB")
    site.berth.write(process_answers.adopt, bob, view.process_id)
    site.report((0, process()))
    site.later(hours=2)
    (again,) = site.noticed((0, process()))
    assert again.process_id == view.process_id
    assert again.likely_slack_id == "U0BOB"
    assert "U0BOB" in site.deliver()


def test_beside_ones_own_training_it_becomes_part_of_the_booking(site: Site) -> None:
    alice = a_member(site.berth)
    site.berth.write(booking.reserve, alice, ReserveRequest(2 * H, gpu_count=4, run=TINY_RUN))
    site.later(seconds=1)
    (view,) = site.noticed((0, process()))
    adopted = site.berth.write(process_answers.adopt, alice, view.process_id)
    assert adopted.reservation_id is None
    assert site.noticed((0, process())) == ()


def test_on_somebody_elses_gpu_it_cannot_be_adopted(site: Site) -> None:
    alice, bob = a_member(site.berth), a_member(site.berth, "U0BOB")
    held = site.berth.write(
        booking.reserve, alice, ReserveRequest(2 * H, gpu_count=1, run=TINY_RUN)
    )
    site.later(seconds=1)
    index = held.gpus[0].index
    other = (index + 1) % 4
    (view,) = site.noticed((index, process()), (other, process()))
    with pytest.raises(CannotAdopt) as refused:
        site.berth.write(process_answers.adopt, bob, view.process_id)
    assert refused.value.holder_slack_id == "U0ALICE"
    assert site.berth.read(queries.mine, bob) == ()
    viewer = a_member_of(site.berth, bob.team_id, "U0VIC", Role.VIEWER)
    with pytest.raises(NotPermitted):
        site.berth.write(process_answers.adopt, viewer, view.process_id)


def test_not_mine_is_noted_once(site: Site) -> None:
    (view,) = site.noticed((0, process()))
    bob = a_member(site.berth, "U0BOB")
    with audited(site.berth) as trail:
        for _ in range(2):
            site.berth.write(process_answers.deny, bob, view.process_id)
    assert trail.actions == ["process.denied"]
    assert site.deliver()["C0GPU"].denied_by == ("U0BOB",)


def test_an_admin_has_it_stopped_and_hears_what_came_of_it(site: Site) -> None:
    (view,) = site.noticed((0, process()))
    bob, admin = a_member(site.berth, "U0BOB"), a_member(site.berth, "U0ADA", admin=True)
    with pytest.raises(AdminsOnly):
        site.berth.write(process_answers.stop, bob, view.process_id)
    before = site.berth.read(hosts.desired_state, site.host_id)
    assert before.stop_processes == ()
    with audited(site.berth) as trail:
        for _ in range(2):
            site.berth.write(process_answers.stop, admin, view.process_id)
    assert trail.only().action == "process.stop_asked"
    desired = site.berth.read(hosts.desired_state, site.host_id)
    assert desired.revision > before.revision
    (wanted,) = desired.stop_processes
    assert (wanted.pid, wanted.started_at) == (4711, START)
    answer = ProcessStopped(process_id=wanted.process_id, outcome="signalled")
    site.report((0, process()), stopped=(answer,))
    assert site.berth.read(hosts.desired_state, site.host_id).stop_processes == ()
    assert site.deliver()["C0GPU"].stop_outcome == "signalled"
    site.report()
    with pytest.raises(ProcessSettled) as settled:
        site.berth.write(process_answers.stop, admin, view.process_id)
    assert settled.value.state == "gone"
    with pytest.raises(UnknownProcess):
        site.berth.write(process_answers.deny, bob, 999)


def test_by_default_nothing_is_ever_stopped_by_itself(site: Site) -> None:
    site.noticed((0, process()))
    site.deliver()
    for _ in range(20):
        site.later(minutes=30)
        site.report((0, process()))
    assert site.berth.read(hosts.desired_state, site.host_id).stop_processes == ()


def test_the_policy_to_stop_waits_for_its_notice(database: Database, clock: SetClock) -> None:
    policy = Policy(rogue_policy=RoguePolicy.STOP_AFTER_NOTICE)
    site = Site(use_cases(database, clock, policy), clock)
    (view,) = site.noticed((0, process()))
    assert view.stop_at == clock.now() + timedelta(minutes=30)
    site.later(minutes=31)
    site.report((0, process()))
    wanted = site.berth.read(hosts.desired_state, site.host_id)
    assert wanted.stop_processes == (), "nobody has been told yet: Slack was down"
    site.deliver()
    with audited(site.berth) as trail:
        site.report((0, process()))
    assert trail.only().action == "process.stop_asked"
    (stopping,) = site.berth.read(hosts.desired_state, site.host_id).stop_processes
    assert stopping.pid == 4711
    assert site.deliver()["C0GPU"].stop_asked_by == "policy"


def test_a_message_is_sent_once_though_its_answer_is_lost(site: Site) -> None:
    site.noticed((0, process()))
    site.slack.lose_next_answer()
    site.deliver()
    site.later(seconds=30)
    site.deliver()
    assert len(site.slack.process_cards) == 1
    site.slack.fail_next(DeliveryFailed("ratelimited"))
    site.report()
    site.deliver()
    site.later(seconds=30)
    assert site.deliver()["C0GPU"].state is ProcessState.GONE


def test_the_next_holder_of_the_gpu_is_told_as_well(site: Site) -> None:
    alice = a_member(site.berth)
    start = T0.replace(hour=14, minute=0)
    request = ReserveRequest(2 * H, gpu_count=4, start=start, run=TINY_RUN)
    site.berth.write(booking.reserve, alice, request)
    site.noticed((0, process()))
    assert set(site.deliver()) == {"C0GPU"}
    site.later(hours=2)
    site.report((0, process()))
    assert set(site.deliver()) == {"C0GPU", "U0ALICE"}


def test_states_are_kept_as_they_are_called(site: Site) -> None:
    site.noticed((0, process()))
    states = site.berth.database.read(lambda s: list(s.scalars(select(GpuProcessRow.state))))
    assert states == ["open"]

"""What to do next is a pure function; here with examples, and with whatever hypothesis invents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.agent.reconcile_plan import (
    Action,
    EndUnstarted,
    Kill,
    KnownAttempt,
    Renew,
    Start,
    StopSoftly,
    plan,
)
from bot.protocol.messages import DesiredAttempt, DesiredState, EndCause, RunSpec, StopReason

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MARGIN_S = 10.0
SPEC = RunSpec(model="yolov8n.yaml", data="d.yaml", epochs=1, imgsz=64, batch=4)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def wanted(
    attempt_id: int = 1,
    *,
    run_id: int = 1,
    fence: int = 1,
    gpu: str = "A",
    stop: StopReason | None = None,
    ends_in_s: float = 7200,
    kill_after_s: float = 120,
) -> DesiredAttempt:
    return DesiredAttempt(
        attempt_id=attempt_id,
        run_id=run_id,
        fence=fence,
        gpu_uuids=(gpu,),
        spec=SPEC,
        claim_ends_at=after(ends_in_s),
        stop=stop,
        kill_after_s=kill_after_s,
    )


def started(desired: DesiredAttempt, at: datetime = NOW, *, live: bool = True) -> KnownAttempt:
    return KnownAttempt(
        attempt_id=desired.attempt_id,
        run_id=desired.run_id,
        fence=desired.fence,
        gpu_uuids=frozenset(desired.gpu_uuids),
        live=live,
        accepted_at=at,
        claim_ends_at=desired.claim_ends_at,
        kill_after_s=desired.kill_after_s,
    )


def state(*attempts: DesiredAttempt) -> DesiredState:
    return DesiredState(host_id=1, revision=1, server_time=NOW, attempts=attempts)


def decide(
    desired: DesiredState | None, *known: KnownAttempt, now: datetime = NOW
) -> tuple[Action, ...]:
    return plan(desired, known, now, margin_s=MARGIN_S)


def test_what_is_new_is_started() -> None:
    assert decide(state(wanted())) == (Start(wanted()),)


def test_what_runs_is_left_alone() -> None:
    assert decide(state(wanted()), started(wanted())) == ()


def test_what_has_ended_is_not_started_again() -> None:
    assert decide(state(wanted()), started(wanted(), live=False)) == ()


def test_nothing_is_absent_before_the_first_desired_state() -> None:
    assert decide(None, started(wanted())) == ()


def test_what_is_absent_is_stopped() -> None:
    assert decide(state(), started(wanted())) == (StopSoftly(1, StopReason.REQUESTED),)


@pytest.mark.parametrize("reason", list(StopReason))
def test_a_stop_is_passed_on_once(reason: StopReason) -> None:
    known = started(wanted())
    assert decide(state(wanted(stop=reason)), known) == (StopSoftly(1, reason),)
    stopping = replace(known, stop=reason, stop_sent_at=NOW)
    assert decide(state(wanted(stop=reason)), stopping, now=after(119)) == ()
    assert decide(state(wanted(stop=reason)), stopping, now=after(120)) == (Kill(1),)


def test_a_kill_is_repeated_but_not_at_once() -> None:
    known = replace(
        started(wanted()), stop=StopReason.REQUESTED, stop_sent_at=NOW, kill_sent_at=after(120)
    )
    assert decide(None, known, now=after(121)) == ()
    assert decide(None, known, now=after(122)) == (Kill(1),)


def test_leftovers_of_a_training_that_is_over_are_killed() -> None:
    known = replace(started(wanted()), kill_by=after(5))
    assert decide(state(), known) == ()
    assert decide(state(), known, now=after(5)) == (Kill(1),)


@pytest.mark.parametrize(
    ("reason", "ends_in_s", "cause"),
    [
        (StopReason.REQUESTED, 7200, EndCause.STOPPED),
        (StopReason.PREEMPTED, 7200, EndCause.STOPPED),
        (StopReason.EXPIRED, 7200, EndCause.EXPIRED),
        (None, 0, EndCause.EXPIRED),
    ],
)
def test_what_need_not_begin_is_ended_unstarted(
    reason: StopReason | None, ends_in_s: float, cause: EndCause
) -> None:
    (action,) = decide(state(wanted(stop=reason, ends_in_s=ends_in_s)))
    assert isinstance(action, EndUnstarted)
    assert action.cause is cause


def test_a_lower_fence_of_the_same_run_is_ignored() -> None:
    newer = started(wanted(2, fence=5), live=False)
    assert decide(state(wanted(1, fence=4)), newer) == ()
    assert decide(state(wanted(1, run_id=9, fence=4)), newer) != ()


def test_a_newer_attempt_of_a_run_waits_for_the_older_to_go() -> None:
    old, new = wanted(1, fence=1), wanted(2, fence=2, gpu="B")
    assert decide(state(old, new), started(old)) == (StopSoftly(1, StopReason.REQUESTED),)
    assert decide(state(new), started(old, live=False)) == (Start(new),)


def test_a_taken_gpu_is_waited_for() -> None:
    first, second = wanted(1), wanted(2, run_id=2)
    assert decide(state(first, second)) == (Start(first),)
    assert decide(state(first, second), started(first)) == ()
    assert decide(state(first, second), started(first, live=False)) == (Start(second),)


def test_the_agent_stops_in_time_for_the_end_of_the_claim() -> None:
    known = started(wanted())
    stop_at_s = 7200 - 120 - MARGIN_S
    assert decide(None, known, now=after(stop_at_s - 1)) == ()
    action = StopSoftly(1, StopReason.EXPIRED, by_agent=True)
    assert decide(None, known, now=after(stop_at_s)) == (action,)
    stopping = replace(
        known, stop=StopReason.EXPIRED, stop_by_agent=True, stop_sent_at=after(stop_at_s)
    )
    assert decide(None, stopping, now=after(7200 - MARGIN_S)) == (Kill(1),)


def test_a_claim_shorter_than_its_grace_is_half_used() -> None:
    known = started(wanted(ends_in_s=60))
    assert decide(None, known, now=after(20)) == ()
    assert decide(None, known, now=after(24)) != ()


def test_a_moved_end_is_taken_over_before_it_is_judged() -> None:
    known = started(wanted(ends_in_s=130), NOW - timedelta(hours=2))
    longer = wanted(ends_in_s=3600)
    assert decide(state(longer), known) == (Renew(longer),)


def test_an_echo_with_another_fence_moves_nothing() -> None:
    known = started(wanted(fence=2))
    assert decide(state(wanted(fence=1, stop=StopReason.REQUESTED, ends_in_s=5)), known) == ()


def test_what_is_stale_is_stopped() -> None:
    known = replace(started(wanted()), stale=True)
    assert decide(state(wanted()), known) == (StopSoftly(1, StopReason.REQUESTED),)


# Whatever comes, in whatever order, and whoever dies in between.

attempts = st.builds(
    wanted,
    st.integers(1, 5),
    run_id=st.integers(1, 3),
    fence=st.integers(1, 4),
    gpu=st.sampled_from("ABC"),
    stop=st.none() | st.sampled_from(StopReason),
    ends_in_s=st.integers(-100, 4000),
    kill_after_s=st.sampled_from([0.0, 30.0, 120.0]),
)
desired_states = st.none() | st.builds(lambda some: state(*some), st.lists(attempts, max_size=5))
events = st.tuples(desired_states, st.integers(0, 300), st.sets(st.integers(1, 5)))


class Host:
    """Carries actions out as the supervisor does, in memory."""

    def __init__(self) -> None:
        self.known: dict[int, KnownAttempt] = {}
        self.starts: Counter[int] = Counter()

    def apply(self, actions: Iterable[Action], now: datetime) -> None:
        for action in actions:
            match action:
                case Start():
                    self.starts[action.desired.attempt_id] += 1
                    self.known[action.desired.attempt_id] = started(action.desired, now)
                case EndUnstarted():
                    ended = started(action.desired, now, live=False)
                    self.known[action.desired.attempt_id] = ended
                case Renew():
                    self._change(
                        action.desired.attempt_id,
                        claim_ends_at=action.desired.claim_ends_at,
                        kill_after_s=action.desired.kill_after_s,
                    )
                case StopSoftly():
                    self._change(
                        action.attempt_id,
                        stop=action.reason,
                        stop_by_agent=action.by_agent,
                        stop_sent_at=now,
                    )
                case Kill():
                    self._change(action.attempt_id, kill_sent_at=now)

    def _change(self, attempt_id: int, **changes: object) -> None:
        self.known[attempt_id] = replace(self.known[attempt_id], **changes)  # type: ignore[arg-type]  # names are checked by replace

    def end(self, attempt_ids: set[int]) -> None:
        for attempt_id in attempt_ids & self.known.keys():
            self._change(attempt_id, live=False)

    def live_gpus(self) -> list[str]:
        return [gpu for one in self.known.values() if one.live for gpu in one.gpu_uuids]


@settings(max_examples=200, deadline=None)
@given(st.lists(events, max_size=12))
def test_no_history_starts_twice_or_shares_a_gpu(
    history: list[tuple[DesiredState | None, int, set[int]]],
) -> None:
    host, now = Host(), NOW
    for desired, passed_s, ended in history:
        now += timedelta(seconds=passed_s)
        actions = plan(desired, list(host.known.values()), now, margin_s=MARGIN_S)
        host.apply(actions, now)
        again = plan(desired, list(host.known.values()), now, margin_s=MARGIN_S)
        assert again == (), "carried out and asked again, nothing is left to do"
        assert len(host.live_gpus()) == len(set(host.live_gpus()))
        live_runs = [one.run_id for one in host.known.values() if one.live]
        assert len(live_runs) == len(set(live_runs))
        host.end(ended)
    assert all(count == 1 for count in host.starts.values())


@settings(max_examples=100, deadline=None)
@given(attempts, st.integers(0, 4000))
def test_left_alone_every_training_is_killed_by_the_end_of_its_claim(
    desired: DesiredAttempt, begin_s: int
) -> None:
    host, now = Host(), after(begin_s)
    host.apply(plan(state(desired), [], now, margin_s=MARGIN_S), now)
    known = host.known[desired.attempt_id]
    if not known.live:
        return
    while now < desired.claim_ends_at:
        now = min(now + timedelta(seconds=0.5), desired.claim_ends_at)
        host.apply(plan(None, list(host.known.values()), now, margin_s=MARGIN_S), now)
        if host.known[desired.attempt_id].kill_sent_at is not None:
            break
    assert host.known[desired.attempt_id].kill_sent_at is not None

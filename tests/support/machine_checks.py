"""What must hold after every transaction, worked out from the rows alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any

from bot.domain.offers import OfferState
from bot.domain.policy import Policy
from bot.domain.recurrence import SeriesState
from bot.domain.states import ReservationKind, ReservationState, RunState
from bot.domain.waiting import WaitKind
from bot.protocol.messages import AttemptState
from bot.services.due import OF_A_RESERVATION, TimerKind
from bot.services.upkeep import OF_RESERVATIONS
from tests.support.machine_rows import Snapshot

AHEAD = (ReservationState.PENDING, ReservationState.OFFERED, ReservationState.BOOKED)
HELD = (*AHEAD, ReservationState.ACTIVE, ReservationState.RELEASING)
PLANNED = (ReservationState.BOOKED, ReservationState.ACTIVE)
SUBJECTS: Mapping[str, str | None] = {
    **dict.fromkeys(OF_RESERVATIONS, "reservations"),
    TimerKind.ENDS_SOON: "reservations",
    TimerKind.MAINTENANCE_BEGINS: "reservations",
    TimerKind.HOST_LOST: "hosts",
    TimerKind.GPU_GONE: "gpus",
    TimerKind.PREEMPTION_TAKES: "preemptions",
    TimerKind.PREEMPTION_REMINDS: "preemptions",
    TimerKind.SERIES_EXTENDS: "series",
    TimerKind.TRANSFER_EXPIRES: "transfers",
    TimerKind.SWAP_EXPIRES: "swaps",
    TimerKind.WAIT_OFFER_ENDS: "waits",
    TimerKind.WAIT_EXPIRES: "waits",
    TimerKind.MINUTES_EXPIRE: "minutes_asks",
    TimerKind.OVERRUN_OVER: "reservations",
    TimerKind.AUDIT_SEALS: None,
    TimerKind.FILES_EXPIRE: None,
    TimerKind.SERVE_WAITING: None,
}
"""The table of each timer's subject; None where it has none."""


def assert_sound(now: datetime, policy: Policy, rows: Snapshot) -> None:
    """Check everything that holds whether or not the clockwork has caught up."""
    _no_gpu_is_held_twice(rows)
    for row in rows.all("reservations"):
        _claims_belong(rows, row)
        _run_is_sound(rows, row)
        _timers_stand(now, policy, rows, row)
    _every_timer_has_a_subject(rows)
    _no_gpu_runs_two(rows)
    _approvals_are_sound(rows)
    _handovers_are_sound(rows)
    _waits_are_sound(rows)
    _others_are_sound(now, rows)


def assert_nothing_is_late(now: datetime, rows: Snapshot) -> None:
    """Check what holds once the clockwork has done all that is due."""
    undone = [key for key, due_at in rows.armed.items() if due_at <= now]
    assert not undone, f"due, and not done: {undone}"
    for row in rows.all("reservations"):
        if row.state in HELD and row.ends_at <= now:
            assert row.state == ReservationState.RELEASING, f"R{row.id} is over, and {row.state}"
        if row.state == ReservationState.BOOKED:
            late = row.starts_at <= now and not _is_in_use(rows, row)
            assert not late, f"R{row.id} should have started"
    _no_offer_is_late(now, rows)


def _no_offer_is_late(now: datetime, rows: Snapshot) -> None:
    for table in ("approvals", "transfers", "swaps", "minutes_asks"):
        for offer in rows.of_state(table, OfferState.OPEN):
            assert offer.expires_at > now, f"{table} {offer.id} is open beyond its time"
    for wait in rows.of_state("waits", OfferState.OPEN):
        assert wait.offered_until > now, f"wait {wait.id} is offered beyond its time"
        assert rows.one("reservations", wait.held_reservation_id).ends_at > now
    for wait in rows.of_state("waits", OfferState.WAITING):
        assert wait.starts_at is None or wait.starts_at > now, f"wait {wait.id} outlives its window"
    for transfer in rows.of_state("transfers", OfferState.OPEN):
        assert rows.one("reservations", transfer.reservation_id).ends_at > now
    for swap in rows.of_state("swaps", OfferState.OPEN):
        for number in (swap.first_reservation_id, swap.second_reservation_id):
            assert rows.one("reservations", number).starts_at > now, f"swap {swap.id} is too late"


def _no_gpu_is_held_twice(rows: Snapshot) -> None:
    by_gpu: defaultdict[int, list[Any]] = defaultdict(list)
    for claim in rows.all("claims"):
        if claim.live:
            by_gpu[claim.gpu_id].append(claim)
    for claims in by_gpu.values():
        claims.sort(key=lambda claim: (claim.starts_at, claim.ends_at))
        for one, following in pairwise(claims):
            assert one.ends_at <= following.starts_at, f"held twice: {one} and {following}"


def _no_gpu_runs_two(rows: Snapshot) -> None:
    used = Counter(
        uuid
        for attempt in rows.all("attempts")
        if attempt.state != AttemptState.ENDED
        for uuid in attempt.gpu_uuids
    )
    assert max(used.values(), default=0) <= 1, f"two runs on one GPU: {used}"


def _is_in_use(rows: Snapshot, row: Any) -> bool:
    """Tell whether a run of somebody else has not been seen to end on the GPUs of ``row``."""
    uuids = {rows.one("gpus", claim.gpu_id).uuid for claim in rows.claims_of[row.id]}
    own = rows.run_of[row.id].id if row.id in rows.run_of else None
    return any(
        uuids & {*attempt.gpu_uuids}
        for attempt in rows.all("attempts")
        if attempt.state != AttemptState.ENDED and attempt.run_id != own
    )


def _claims_belong(rows: Snapshot, row: Any) -> None:
    claims = rows.claims_of.get(row.id, [])
    assert claims, f"R{row.id} holds nothing"
    assert len({claim.gpu_id for claim in claims}) == len(claims), f"R{row.id}: a GPU twice"
    assert (row.ended_at is None) == (row.state in HELD)
    maintenance = row.kind == ReservationKind.MAINTENANCE
    for claim in claims:
        if row.state == ReservationState.CANCELLED:
            assert not claim.live, f"R{row.id} is cancelled, and holds {claim}"
        elif row.state == ReservationState.ENDED:
            assert not claim.live or claim.ends_at <= row.ended_at, f"R{row.id} still holds {claim}"
            held = not maintenance and claim.starts_at < row.ended_at
            assert claim.live or not held, f"what R{row.id} held is forgotten"
        elif maintenance:
            assert row.starts_at <= claim.starts_at
            assert claim.ends_at == row.ends_at
        else:
            assert claim.live, f"R{row.id} is {row.state}, and does not hold {claim}"
            assert (claim.starts_at, claim.ends_at) == (row.starts_at, row.ends_at), f"R{row.id}"
    run = rows.run_of.get(row.id)
    if run is not None and run.state not in (RunState.CANCELLED, RunState.EXPIRED):
        hosts = {rows.one("gpus", claim.gpu_id).host_id for claim in claims}
        assert len(hosts) == 1, f"the run of R{row.id} is on {hosts}"


def _run_is_sound(rows: Snapshot, row: Any) -> None:
    run = rows.run_of.get(row.id)
    if run is None:
        return
    over = RunState(run.state).is_over
    assert over == (run.ended_at is not None)
    assert over or row.state in HELD, f"the run of R{row.id} outlives it"
    alive = [
        attempt
        for attempt in rows.all("attempts")
        if attempt.run_id == run.id and attempt.state != AttemptState.ENDED
    ]
    assert len(alive) <= (not over), f"run {run.id} is {run.state}, with {len(alive)} attempts"
    if row.state == ReservationState.RELEASING:
        assert alive, f"R{row.id} waits for a process that is gone"
        assert alive[0].stop_reason is not None, f"nobody has asked the run of R{row.id} to stop"


def _timers_stand(now: datetime, policy: Policy, rows: Snapshot, row: Any) -> None:
    armed = rows.armed
    if row.state not in HELD:
        left = {kind.partition(":")[0] for kind, subject in armed if subject == row.id}
        assert not left & {*OF_A_RESERVATION, TimerKind.ENDS_SOON}, f"R{row.id} is over: {left}"
        return
    if row.state == ReservationState.BOOKED:
        due_at = armed.get((TimerKind.RESERVATION_STARTS, row.id))
        assert due_at == row.starts_at or (due_at and row.starts_at <= now), f"R{row.id}: {due_at}"
    if row.state in (ReservationState.BOOKED, ReservationState.ACTIVE, ReservationState.RELEASING):
        due_at = armed.get((TimerKind.RESERVATION_ENDS, row.id))
        assert due_at == row.ends_at or (row.ends_at <= now and row.state not in PLANNED)
    run = rows.run_of.get(row.id)
    if row.state in PLANNED and run is not None and not RunState(run.state).is_over:
        stops = row.ends_at - policy.stop_lead
        if stops > now:
            assert armed[TimerKind.RUN_STOPS, row.id] == stops
    if row.kind == ReservationKind.MAINTENANCE and row.ends_at > now:
        waiting = [claim for claim in rows.claims_of[row.id] if not claim.live]
        assert not waiting or (TimerKind.MAINTENANCE_BEGINS, row.id) in armed, f"M{row.id}"


def _every_timer_has_a_subject(rows: Snapshot) -> None:
    for kind, subject in rows.armed:
        table = SUBJECTS.get(kind.partition(":")[0])
        assert table is None or subject in rows.rows[table], f"{kind} of nothing: {subject}"


def _approvals_are_sound(rows: Snapshot) -> None:
    asked = Counter(
        approval.reservation_id for approval in rows.of_state("approvals", OfferState.OPEN)
    )
    pending = Counter(row.id for row in rows.of_state("reservations", ReservationState.PENDING))
    assert asked == pending, "each that waits for approval is asked for once, and nothing else"
    for approval in rows.of_state("approvals", OfferState.OPEN):
        due_at = rows.armed[TimerKind.APPROVAL_EXPIRES, approval.reservation_id]
        assert due_at == approval.expires_at
        assert due_at <= rows.one("reservations", approval.reservation_id).ends_at


def _handovers_are_sound(rows: Snapshot) -> None:
    offered = rows.of_state("transfers", OfferState.OPEN)
    assert len({transfer.reservation_id for transfer in offered}) == len(offered)
    for transfer in offered:
        row = rows.one("reservations", transfer.reservation_id)
        assert row.state in PLANNED, f"transfer {transfer.id} of R{row.id}, which is {row.state}"
        assert row.member_id == transfer.from_member_id != transfer.to_member_id
        assert rows.armed[TimerKind.TRANSFER_EXPIRES, transfer.id] == transfer.expires_at
    for swap in rows.of_state("swaps", OfferState.OPEN):
        assert rows.armed[TimerKind.SWAP_EXPIRES, swap.id] == swap.expires_at
        for number in (swap.first_reservation_id, swap.second_reservation_id):
            row = rows.one("reservations", number)
            assert row.state in PLANNED, f"swap {swap.id} of R{row.id}, which is {row.state}"


def _waits_are_sound(rows: Snapshot) -> None:
    offered = rows.of_state("waits", OfferState.OPEN)
    held = Counter(row.id for row in rows.of_state("reservations", ReservationState.OFFERED))
    assert Counter(wait.held_reservation_id for wait in offered) == held
    for wait in offered:
        row = rows.one("reservations", wait.held_reservation_id)
        assert wait.kind == WaitKind.WAITLIST
        assert row.member_id == wait.member_id, "held for one, offered to another"
        assert rows.armed[TimerKind.WAIT_OFFER_ENDS, wait.id] == wait.offered_until
        assert wait.offered_until < row.ends_at
    for wait in rows.of_state("waits", OfferState.WAITING):
        assert wait.held_reservation_id is None
        if wait.expires_at is not None:
            assert rows.armed[TimerKind.WAIT_EXPIRES, wait.id] == wait.expires_at


def _others_are_sound(now: datetime, rows: Snapshot) -> None:
    for check in rows.of_state("usage_checks", OfferState.OPEN):
        row = rows.one("reservations", check.reservation_id)
        assert row.state == ReservationState.ACTIVE, f"R{row.id} is {row.state}, and is asked about"
        assert (TimerKind.USAGE_CHECK_EXPIRES, row.id) in rows.armed
    for asked in rows.of_state("minutes_asks", OfferState.OPEN):
        assert rows.armed[TimerKind.MINUTES_EXPIRE, asked.id] == asked.expires_at
        assert rows.one("reservations", asked.reservation_id).state == ReservationState.ACTIVE
        following = rows.one("reservations", asked.next_reservation_id)
        assert following.state == ReservationState.BOOKED, f"R{following.id} has no minutes"
    for series in rows.of_state("series", SeriesState.ACTIVE):
        assert (TimerKind.SERIES_EXTENDS, series.id) in rows.armed
    for gpu in rows.all("gpus"):
        if not gpu.present and gpu.broken_at is None and _is_promised(now, rows, gpu.id):
            looked_for = (TimerKind.GPU_GONE, gpu.id) in rows.armed
            assert looked_for or _told(rows, gpu.id), f"nobody looks for GPU {gpu.id}"


def _is_promised(now: datetime, rows: Snapshot, gpu_id: int) -> bool:
    return any(
        claim.live
        and claim.ends_at > now
        and rows.one("reservations", claim.reservation_id).state in AHEAD
        for claim in rows.all("claims")
        if claim.gpu_id == gpu_id
    )


def _told(rows: Snapshot, gpu_id: int) -> bool:
    return any(
        event.action == "gpu.gone" and event.subject_id == gpu_id
        for event in rows.all("audit_events")
    )

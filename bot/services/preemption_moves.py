"""Taking GPUs back: one piece of code writes it, whether to show it or to do it.

`carry_out` cuts or moves whoever gives up GPUs, lets those have them who asked, and books each
victim again.  What a victim gives up and nobody needs yet is kept until the GPUs are taken, so that
all of it can be given back (`bot.services.preemption_restoring`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain.continuations import ContinuationReason, first_window
from bot.domain.errors import WindowTaken
from bot.domain.holdings import GpuOnHost
from bot.domain.placement import choose_gpus
from bot.domain.preemption import PreemptionPlan
from bot.domain.preemption_views import VictimState
from bot.domain.priority import Priority
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState
from bot.domain.time_window import TimeWindow
from bot.services import audit, continuing, due, holding, outbox, placing, run_links, stopping
from bot.services.people import member_of
from bot.services.transaction import Tx
from bot.store import timers
from bot.store.claims import gpu_on_host, load_calendar
from bot.store.preemption_tables import PreemptionRow, PreemptionVictimRow
from bot.store.tables import ClaimRow, GpuRow, ReservationRow

Piece = tuple[int, TimeWindow]
"""One GPU for a window."""


class NoPlaceForVictim(Exception):
    """Nothing fits within the horizon for one of those who would be taken back."""

    def __init__(self, reservation_id: int) -> None:
        super().__init__(reservation_id)
        self.reservation_id = reservation_id


def carry_out(
    tx: Tx, preemption: PreemptionRow, plan: PreemptionPlan, window: TimeWindow
) -> tuple[PreemptionVictimRow, ...]:
    """Take the GPUs of the plan for ``window``, and book again who gives them up.

    The order of the writes keeps the guard content: first the victims leave, then the GPUs are
    claimed, then what is left of the victims' time is kept, then each is booked again, where it
    may have its own time back.  Nobody is told: the caller does, who has taken a turn and has
    locked all of them.

    Raises:
        NoPlaceForVictim: one of them can be booked nowhere within the horizon.
    """
    rows = [
        tx.session.get_one(ReservationRow, loss.occupant.reservation_id) for loss in plan.losses
    ]
    victims = [_leave(tx, preemption, row, window.start) for row in rows]
    tx.session.flush()
    _claim(tx, preemption.reservation, plan.gpus, window)
    taken = {gpu.gpu_id for gpu in plan.gpus}
    for victim in victims:
        _keep(tx, victim, taken, window)
    for victim in victims:
        _book_again(tx, victim, window)
    tx.session.flush()
    return tuple(victims)


def _leave(
    tx: Tx, preemption: PreemptionRow, row: ReservationRow, takes_at: datetime
) -> PreemptionVictimRow:
    begun = row.starts_at < takes_at
    before = {
        "starts_at": row.starts_at.isoformat(),
        "ends_at": row.ends_at.isoformat(),
        "claims": [
            {
                "gpu_id": claim.gpu_id,
                "starts_at": claim.starts_at.isoformat(),
                "ends_at": claim.ends_at.isoformat(),
                "live": claim.live,
            }
            for claim in sorted(row.claims, key=lambda claim: claim.id)
        ],
    }
    victim = PreemptionVictimRow(
        preemption=preemption,
        reservation=row,
        state=VictimState.CUT if begun else VictimState.MOVED,
        before=before,
        after={},
        objection="",
    )
    tx.session.add(victim)
    for claim in row.claims:
        if begun:
            claim.ends_at = min(claim.ends_at, takes_at)
        else:
            claim.live = False
    return victim


def _claim(tx: Tx, row: ReservationRow, gpus: Sequence[GpuOnHost], window: TimeWindow) -> None:
    row.starts_at, row.ends_at = window.start, window.end
    row.version += 1
    _put_on(tx, row, gpus, window)


def _put_on(tx: Tx, row: ReservationRow, gpus: Sequence[GpuOnHost], window: TimeWindow) -> None:
    """Put claims that are not live onto GPUs that are free in the window, and make them live."""
    wanted = sorted(gpu.gpu_id for gpu in gpus)
    found = {gpu_id: tx.session.get_one(GpuRow, gpu_id) for gpu_id in wanted}
    for claim, gpu_id in zip(sorted(row.claims, key=lambda one: one.id), wanted, strict=True):
        claim.gpu = found[gpu_id]
        claim.starts_at, claim.ends_at, claim.live = window.start, window.end, True
    tx.session.flush()


def _pieces(victim: PreemptionVictimRow, taken: Iterable[int], window: TimeWindow) -> list[Piece]:
    """Return what a victim gives up beyond what is taken from it."""
    needed, found = set(taken), []
    for claim in victim.before["claims"]:
        begins = max(datetime.fromisoformat(claim["starts_at"]), window.start)
        if victim.state == VictimState.MOVED:
            begins = datetime.fromisoformat(claim["starts_at"])
        ends = datetime.fromisoformat(claim["ends_at"])
        cuts = [window] if claim["gpu_id"] in needed else []
        found += [(claim["gpu_id"], each) for each in _without(begins, ends, cuts)]
    return found


def _without(begins: datetime, ends: datetime, cuts: Iterable[TimeWindow]) -> list[TimeWindow]:
    left = [(begins, ends)]
    for cut in cuts:
        left = [
            piece
            for start, end in left
            for piece in ((start, min(end, cut.start)), (max(start, cut.end), end))
        ]
    return [TimeWindow(start, end) for start, end in left if start < end]


def _keep(tx: Tx, victim: PreemptionVictimRow, taken: set[int], window: TimeWindow) -> None:
    """Keep what a victim gives up and nobody needs: it is given back if all of it is undone."""
    pieces = _pieces(victim, taken, window)
    if pieces:
        victim.kept = _hold_pieces(tx, victim.reservation, pieces)
        tx.session.flush()


def _hold_pieces(tx: Tx, row: ReservationRow, pieces: Sequence[Piece]) -> ReservationRow:
    kept = ReservationRow(
        team_id=row.team_id,
        member_id=row.member_id,
        priority=row.priority,
        preemptible=False,
        state=ReservationState.OFFERED,
        kind=row.kind,
        starts_at=min(window.start for _, window in pieces),
        ends_at=max(window.end for _, window in pieces),
        note=f"kept for R{row.id} until its GPUs are taken back",
        created_at=tx.now,
    )
    kept.claims = [
        ClaimRow(gpu_id=gpu_id, starts_at=window.start, ends_at=window.end)
        for gpu_id, window in sorted(pieces, key=lambda piece: (piece[0], piece[1].start))
    ]
    tx.session.add(kept)
    tx.session.flush()
    tx.session.refresh(kept)
    return kept


def _book_again(tx: Tx, victim: PreemptionVictimRow, window: TimeWindow) -> None:
    row, kept = victim.reservation, victim.kept
    pieces = [] if kept is None else [_piece(claim) for claim in kept.claims]
    for claim in kept.claims if kept is not None else ():
        claim.live = False  # it may have its own time back
    tx.session.flush()
    if victim.state == VictimState.CUT:
        needed = continuing.length_left(tx, row, window.start)  # while its end is what it was
        row.ends_at = window.start
        row.version += 1
        victim.target = _rest(tx, row, victim, window.start, needed)
        own = victim.target.claims if victim.target is not None else []
    else:
        place = _nearest(tx, row, row.ends_at - row.starts_at, max(tx.now, row.starts_at))
        row.starts_at, row.ends_at = place[0].start, place[0].end
        row.version += 1
        _put_on(tx, row, place[1], place[0])
        own = row.claims
    victim.after = {"starts_at": row.starts_at.isoformat(), "ends_at": row.ends_at.isoformat()}
    _keep_rest(tx, victim, pieces, [_piece(claim) for claim in own])
    tx.session.flush()
    _set_timers(tx, row, moved=victim.state == VictimState.MOVED)


def _piece(claim: ClaimRow) -> Piece:
    return claim.gpu_id, TimeWindow(claim.starts_at, claim.ends_at)


def _rest(
    tx: Tx,
    row: ReservationRow,
    victim: PreemptionVictimRow,
    takes_at: datetime,
    needed: timedelta,
) -> ReservationRow | None:
    """Book what is left of a reservation that is cut; a run goes on there, wherever it is by now.

    Raises:
        NoPlaceForVictim: nothing fits within the horizon.
    """
    tx.session.flush()
    if row.run is None:
        rest = datetime.fromisoformat(victim.before["ends_at"]) - takes_at
        place = _nearest(tx, row, rest, takes_at)
        return _book_plain(tx, row, *place)
    if continuing.planned_for(tx, row) is not None:
        return None  # it keeps the one that it has
    try:
        return continuing.book_continuation(
            tx,
            row,
            member=None,
            length=needed,
            not_before=takes_at,
            reason=ContinuationReason.PREEMPTED,
        )
    except WindowTaken as taken:
        raise NoPlaceForVictim(row.id) from taken


def _book_plain(
    tx: Tx, row: ReservationRow, window: TimeWindow, gpus: Sequence[GpuOnHost]
) -> ReservationRow:
    holder = replace(member_of(row.member), team_id=row.team_id, team_name=row.team.name)
    request = ReserveRequest(
        window.length,
        len(gpus),
        priority=Priority(row.priority),
        preemptible=row.preemptible,
        note=row.note,
    )
    target = holding.hold(tx, holder, request, window, gpus, state=ReservationState.BOOKED)
    due.arm_reservation(tx, target)
    outbox.show(tx, target)
    audit.record(
        tx,
        audit.CLOCKWORK,
        "reservation.booked",
        ("reservation", target.id),
        reason=f"the rest of R{row.id}, whose GPUs are taken back",
        starts_at=window.start,
        ends_at=window.end,
    )
    return target


def _nearest(
    tx: Tx, row: ReservationRow, length: timedelta, not_before: datetime
) -> tuple[TimeWindow, tuple[GpuOnHost, ...]]:
    """Return the nearest window in which as many GPUs of its class are free, and which.

    Raises:
        NoPlaceForVictim: nothing fits within the horizon.
    """
    grid, one_host = tx.policy.grid, run_links.carries_run(tx, row)
    wanted = min(length, tx.policy.longest_reservation)
    first = first_window(not_before, wanted, now=tx.now, grid=grid)
    calendar = load_calendar(tx.session, grid.floor(first.start), placing.last_end(tx))
    models = {claim.gpu.model for claim in row.claims}
    usable = calendar.only([gpu for gpu in calendar.gpus if gpu.model in models])
    own = frozenset(claim.gpu_id for claim in row.claims)
    later = usable.nearest_windows(
        len(row.claims),
        TimeWindow(grid.floor(first.start), grid.ceil(grid.floor(first.start) + wanted)),
        grid=grid,
        one_host=one_host,
        last_start=tx.now + tx.policy.horizon,
        limit=1,
    )
    for window in (first, *(each.window for each in later)):
        gpus = choose_gpus(
            usable.free(window), len(row.claims), one_host=one_host, preferred_gpu_ids=own
        )
        if gpus is not None:
            return window, gpus
    raise NoPlaceForVictim(row.id)


def _keep_rest(
    tx: Tx, victim: PreemptionVictimRow, pieces: Sequence[Piece], own: Sequence[Piece]
) -> None:
    """Keep what is not used by the victim itself again; the reservation that kept it may go."""
    kept = victim.kept
    if kept is None:
        return
    left = [
        (gpu_id, each)
        for gpu_id, window in pieces
        for each in _without(
            window.start, window.end, [cut for other, cut in own if other == gpu_id]
        )
    ]
    for claim in list(kept.claims):
        tx.session.delete(claim)
    if not left:
        victim.kept = None
        tx.session.flush()
        tx.session.expire(kept, ["claims"])
        tx.session.delete(kept)
        return
    kept.starts_at = min(window.start for _, window in left)
    kept.ends_at = max(window.end for _, window in left)
    tx.session.flush()
    tx.session.expire(kept, ["claims"])
    for gpu_id, window in left:
        kept.claims.append(ClaimRow(gpu_id=gpu_id, starts_at=window.start, ends_at=window.end))
    tx.session.flush()


def _set_timers(tx: Tx, row: ReservationRow, *, moved: bool) -> None:
    if moved:
        due.disarm_reservation(tx, row)
    due.arm_reservation(tx, row)
    # What is taken back says so itself; "ends in 30 minutes, extend?" would only confuse.
    kinds = tuple(
        due.notice_kind(round(before.total_seconds() / 60)) for before in tx.policy.end_notices
    )
    if not moved:
        timers.disarm(tx.session, row.id, kinds, tx.now)
    attempt = stopping.live_attempt(row.run)
    if attempt is not None:
        stopping.bump_revision(tx, attempt.host_id)


def gpu_names(row: ReservationRow) -> tuple[str, ...]:
    """Return the names of the GPUs of a reservation."""
    return tuple(gpu_on_host(claim.gpu).name for claim in row.claims)

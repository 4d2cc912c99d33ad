"""The timeline: who has which GPU when, read in a handful of queries whatever its size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from bot.domain.people import Member
from bot.domain.priority import Priority
from bot.domain.states import ReservationKind, ReservationState, RunState
from bot.domain.teams import PALETTE
from bot.domain.time_window import TimeWindow
from bot.domain.timeline import (
    Bar,
    Filters,
    Timeline,
    TimelineTeam,
    Track,
    TrackGroup,
    may_book,
    share_done,
    shown_groups,
)
from bot.services.transaction import Tx, reads_only
from bot.store import timeline as queries

USUAL, LONGEST = timedelta(days=30), timedelta(days=62)
"""How much is shown, and how much may be asked for at once."""


@reads_only
def revision(tx: Tx) -> str:
    """Return a word that is another one after every change."""
    return queries.revision(tx.session)


@reads_only
def free_now(tx: Tx) -> tuple[int, int]:
    """Return how many GPUs can be had now, and how many there are."""
    return queries.free_now(tx.session, tx.now)


@reads_only
def snapshot(
    tx: Tx,
    member: Member,
    start: datetime | None = None,
    end: datetime | None = None,
    filters: Filters | None = None,
) -> Timeline:
    """Return all that is held in a window, as that member may see and change it.

    From now for 30 days where nothing else is said; what is longer than `LONGEST` is cut off at
    its end.  The number of queries is the same however much there is.
    """
    wanted = filters or Filters()
    begin = start or tx.now
    until = end if end is not None and end > begin else begin + USUAL
    window = TimeWindow(begin, min(until, begin + LONGEST))
    groups = shown_groups(_groups(queries.gpus(tx.session)), wanted)
    return Timeline(
        now=tx.now,
        revision=queries.revision(tx.session),
        window=window,
        slot=tx.policy.slot,
        longest=tx.policy.longest_reservation,
        last_start=tx.now + tx.policy.horizon,
        may_book=may_book(member),
        hosts=groups,
        teams=_teams(queries.teams(tx.session)),
        bars=tuple(_bars(tx, member, window, wanted, groups)),
    )


def _groups(rows: Sequence[Any]) -> Iterable[TrackGroup]:
    for (host_id, name, online, drained_at), gpus in groupby(rows, key=lambda row: tuple(row[:4])):
        tracks = tuple(
            Track(gpu_id, f"gpu{index}@{name}", index, model, broken_at is not None)
            for *_, gpu_id, index, model, broken_at in gpus
        )
        yield TrackGroup(host_id, name, online, drained_at is not None, tracks)


def _teams(rows: Sequence[Any]) -> tuple[TimelineTeam, ...]:
    palette = tuple(PALETTE.values())
    return tuple(
        TimelineTeam(name, colour or palette[number % len(palette)])
        for number, (name, colour) in enumerate(rows)
    )


def _bars(
    tx: Tx, member: Member, window: TimeWindow, wanted: Filters, groups: Iterable[TrackGroup]
) -> Iterable[Bar]:
    session, start, end = tx.session, window.start, window.end
    shown = {track.gpu_id for group in groups for track in group.tracks}
    of = {row.id: row for row in queries.reservations(session, start, end)}
    epochs = queries.last_epochs(session)
    preempted = queries.preemptions(session, start, end)
    claims = queries.claims(
        session, start, end, team_name=wanted.team_name, priority=wanted.priority
    )
    for (reservation_id, begins, ends), rows in groupby(
        claims, key=lambda row: (row[0], row[2], row[3])
    ):
        gpu_ids = tuple(row[1] for row in rows if row[1] in shown)
        if gpu_ids and ends > begins:
            held = TimeWindow(begins, ends)
            yield _bar(member, of[reservation_id], gpu_ids, held, epochs, preempted)


def _bar(
    member: Member,
    row: Any,
    gpu_ids: tuple[int, ...],
    window: TimeWindow,
    epochs: Mapping[int, int],
    preempted: Mapping[int, datetime],
) -> Bar:
    spec = row.spec or {}
    planned, epoch = int(spec.get("epochs", 0)), epochs.get(row.run_id, 0)
    taken_at = preempted.get(row.id)
    if taken_at is None and row.run_state == RunState.PREEMPTED:
        taken_at = row.run_ended_at
    return Bar(
        reservation_id=row.id,
        gpu_ids=gpu_ids,
        window=window,
        kind=ReservationKind(row.kind),
        state=ReservationState(row.state),
        team_name=row.team_name,
        holder_name=row.holder_name,
        holder_slack_id=row.slack_user_id,
        may_change=member.may_change(holder_member_id=row.member_id, team_id=row.team_id),
        priority=Priority(row.priority),
        preemptible=row.preemptible,
        note=row.note,
        run_id=row.run_id,
        run_state=row.run_state,
        model=str(spec.get("model", "")),
        epoch=epoch,
        epochs=planned,
        done=None if row.run_id is None else share_done(row.run_state, epoch, planned),
        preempted_at=taken_at,
    )

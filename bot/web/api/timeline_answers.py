"""The timeline as programs and the page get it: as JSON, with times in UTC."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from bot.domain.timeline import Bar, Timeline, TrackGroup


class TrackAnswer(BaseModel):
    """A GPU."""

    id: int
    name: str
    index: int
    model: str
    broken: bool


class TrackGroupAnswer(BaseModel):
    """A host with its GPUs."""

    name: str
    online: bool
    drained: bool
    gpus: list[TrackAnswer]

    @classmethod
    def of(cls, group: TrackGroup) -> TrackGroupAnswer:
        """Return the answer for a value."""
        tracks = [
            TrackAnswer(
                id=track.gpu_id,
                name=track.name,
                index=track.index,
                model=track.model,
                broken=track.broken,
            )
            for track in group.tracks
        ]
        return cls(name=group.name, online=group.online, drained=group.drained, gpus=tracks)


class TeamAnswer(BaseModel):
    """A team and its colour."""

    name: str
    colour: str


class BarAnswer(BaseModel):
    """GPUs (by `id`) that a reservation holds from `starts_at` to `ends_at`.

    `done` is the share of the run that is done, from 0 to 1.
    """

    reservation_id: int
    gpus: tuple[int, ...]
    starts_at: datetime
    ends_at: datetime
    kind: str
    state: str
    team_name: str
    holder_name: str
    holder_slack_id: str
    may_change: bool
    priority: str
    preemptible: bool
    note: str
    run_id: int | None
    run_state: str | None
    model: str
    epoch: int
    epochs: int
    done: float | None
    preempted_at: datetime | None
    booked_until: datetime | None

    @classmethod
    def of(cls, bar: Bar) -> BarAnswer:
        """Return the answer for a value."""
        return cls(
            reservation_id=bar.reservation_id,
            gpus=bar.gpu_ids,
            starts_at=bar.window.start,
            ends_at=bar.window.end,
            kind=bar.kind.value,
            state=bar.state.value,
            team_name=bar.team_name,
            holder_name=bar.holder_name,
            holder_slack_id=bar.holder_slack_id,
            may_change=bar.may_change,
            priority=bar.priority.value,
            preemptible=bar.preemptible,
            note=bar.note,
            run_id=bar.run_id,
            run_state=bar.run_state,
            model=bar.model,
            epoch=bar.epoch,
            epochs=bar.epochs,
            done=bar.done,
            preempted_at=bar.preempted_at,
            booked_until=bar.booked_until,
        )


class TimelineAnswer(BaseModel):
    """Everything in a window."""

    now: datetime
    revision: str
    starts_at: datetime
    ends_at: datetime
    slot_s: float
    longest_s: float
    last_start: datetime
    may_book: bool
    hosts: list[TrackGroupAnswer]
    teams: list[TeamAnswer]
    bars: list[BarAnswer]

    @classmethod
    def of(cls, timeline: Timeline) -> TimelineAnswer:
        """Return the answer for a value."""
        return cls(
            now=timeline.now,
            revision=timeline.revision,
            starts_at=timeline.window.start,
            ends_at=timeline.window.end,
            slot_s=timeline.slot.total_seconds(),
            longest_s=timeline.longest.total_seconds(),
            last_start=timeline.last_start,
            may_book=timeline.may_book,
            hosts=[TrackGroupAnswer.of(group) for group in timeline.hosts],
            teams=[TeamAnswer(name=team.name, colour=team.colour) for team in timeline.teams],
            bars=[BarAnswer.of(bar) for bar in timeline.bars],
        )


class RevisionAnswer(BaseModel):
    """What the timeline is at now; the same as before when nothing has changed."""

    revision: str

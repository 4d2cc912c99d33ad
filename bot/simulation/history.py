"""What was really asked for: jobs out of the audit log, as lines of JSON or from a database."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bot.domain.policy import Policy
from bot.domain.priority import Priority
from bot.simulation.jobs import MINUTE, Job, Scenario, hosts_of

_ASKED = frozenset({"reservation.booked", "reservation.asked"})
_JOINED = frozenset({"queue.joined", "waitlist.joined"})
_BERTH = "berth"
_NAME = re.compile(r"^gpu\d+@(?P<host>.+)$")


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One audit event, as far as it is needed."""

    at: datetime
    actor_kind: str
    actor: str
    action: str
    subject_kind: str
    subject_id: int
    reason: str
    data: Mapping[str, Any]


def events_from_lines(lines: Iterable[str]) -> Iterator[LoggedEvent]:
    """Yield the events of `berth audit export`, a JSON object on each line; empty ones are skipped.

    Raises:
        ValueError: a line is no audit event; the message has its number.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            kept = json.loads(line)
            yield LoggedEvent(
                at=datetime.fromisoformat(kept["at"]),
                actor_kind=kept["actor_kind"],
                actor=kept["actor"],
                action=kept["action"],
                subject_kind=kept["subject_kind"],
                subject_id=int(kept["subject_id"]),
                reason=kept.get("reason", ""),
                data=kept.get("data") or {},
            )
        except (ValueError, TypeError, KeyError) as problem:
            raise ValueError(f"line {number} is no audit event: {problem}") from problem


@dataclass(slots=True)
class _Story:
    """One reservation, as the log tells it."""

    asked: LoggedEvent
    gpu_count: int
    gpu_names: tuple[str, ...]
    start: datetime
    end: datetime
    started_at: datetime | None = None
    over_at: datetime | None = None
    is_cancelled: bool = False
    is_no_show: bool = False


def scenario_of(
    events: Iterable[LoggedEvent],
    *,
    gpu_count: int | None = None,
    gpus_per_host: int = 8,
    policy: Policy | None = None,
) -> Scenario:
    """Return the demand that a log tells of, on the site that it names or on one of ``gpu_count``.

    A reservation that a member booked is a job: it arrives when it was booked, is due when it was
    to end, and takes the time from its start to its end; one that was not over in the log takes
    all that was booked.  What Berth booked by itself follows from the policy and is left out.

    Raises:
        ValueError: nobody booked anything in it.
    """
    policy = policy or Policy()
    stories = _stories(events)
    if not stories or not (gpu_count or any(one.gpu_names for one in stories)):
        raise ValueError("no reservation was booked in this log")
    begins_at = policy.grid.floor(min(one.asked.at for one in stories))
    ends_at = policy.grid.ceil(max(max(one.end, one.over_at or one.end) for one in stories))
    sizes = hosts_of(gpu_count, gpus_per_host) if gpu_count else _host_sizes(stories)
    teams = {name: n for n, name in enumerate(sorted({one.asked.actor for one in stories}), 1)}
    jobs = [
        _job(number, one, begins_at, teams[one.asked.actor], sum(sizes))
        for number, one in enumerate(sorted(stories, key=lambda one: one.asked.at))
    ]
    return Scenario(sizes, (ends_at - begins_at) // MINUTE, jobs, begins_at, policy)


def _stories(events: Iterable[LoggedEvent]) -> list[_Story]:
    stories: dict[int, _Story] = {}
    wishes: dict[int, LoggedEvent] = {}
    for event in events:
        if event.subject_kind == "wait" and event.action in _JOINED:
            wishes[event.subject_id] = event
        elif event.action == "queue.dispatched" and event.subject_id in wishes:
            wish = wishes[event.subject_id]
            stories[int(event.data["reservation_id"])] = _story(event, wish)
        elif event.subject_kind != "reservation":
            continue
        elif event.subject_id in stories:
            _go_on(stories[event.subject_id], event)
        elif event.action in _ASKED and event.actor_kind != _BERTH:
            stories[event.subject_id] = _story(event, wishes.get(event.data.get("wait_id", 0)))
    return [one for one in stories.values() if one.gpu_count and one.end > one.start]


def _story(booked: LoggedEvent, wish: LoggedEvent | None) -> _Story:
    names = tuple(booked.data.get("gpus") or ())
    count = len(names) or int(wish.data.get("gpus", 0) if wish else 0)
    start = datetime.fromisoformat(booked.data["starts_at"])
    end = datetime.fromisoformat(booked.data["ends_at"])
    is_queued = booked.action == "queue.dispatched"
    asked = booked if wish is None else replace(wish, data={**booked.data})
    return _Story(asked, count, names, start, end, started_at=start if is_queued else None)


def _go_on(story: _Story, event: LoggedEvent) -> None:
    verb = event.action.partition(".")[2]
    if verb == "started":
        story.started_at = event.at
    elif verb in {"ended", "released"}:
        story.over_at = story.over_at or event.at
        story.is_no_show = story.is_no_show or event.reason == "no_show"
    elif verb == "cancelled":
        story.over_at, story.is_cancelled = event.at, story.started_at is None


def _host_sizes(stories: Iterable[_Story]) -> tuple[int, ...]:
    hosts: defaultdict[str, set[str]] = defaultdict(set)
    for name in (name for one in stories for name in one.gpu_names):
        found = _NAME.match(name)
        hosts[found["host"] if found else name].add(name)
    return tuple(len(hosts[host]) for host in sorted(hosts))


def _job(number: int, story: _Story, begins_at: datetime, team_id: int, most: int) -> Job:
    def minute(instant: datetime) -> int:
        return (instant - begins_at) // MINUTE

    began = story.started_at or story.start
    is_over = story.over_at is not None and not story.is_cancelled and not story.is_no_show
    took = (story.over_at or story.end) - began if is_over else story.end - story.start
    cancel_after = None
    if story.is_cancelled and story.over_at is not None:
        cancel_after = (story.over_at - story.asked.at) // MINUTE
    return Job(
        number=number,
        team_id=team_id,
        arrives_min=minute(story.asked.at),
        gpu_count=min(story.gpu_count, most),
        priority=Priority(story.asked.data.get("priority", Priority.P2)),
        work_min=max(1, max(took, timedelta()) // MINUTE),
        asked_min=max(1, (story.end - story.start) // MINUTE),
        due_min=minute(story.end),
        cancel_after_min=cancel_after,
        shows_up=not story.is_no_show,
    )

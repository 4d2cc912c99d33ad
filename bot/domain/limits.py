"""What a team may hold, and which wishes need somebody's approval: pure rules over claims."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from bot.domain.people import Member, Role
from bot.domain.priority import Priority
from bot.domain.time_window import TimeWindow

WEEK = timedelta(days=7)
_A_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
_HOUR = timedelta(hours=1)
_NOTHING_H = 1e-6
"""Less than this, in GPU-hours, is rounding."""


class RuleKind(StrEnum):
    """``gpus_at_once`` and ``gpu_hours`` are a team's quota; the others hold for everybody."""

    PRIORITY = "priority"
    LENGTH = "length"
    GPUS_AT_ONCE = "gpus_at_once"
    GPU_HOURS = "gpu_hours"
    PREEMPTION = "preemption"

    @property
    def is_quota(self) -> bool:
        """Tell whether the rule is about what the team holds altogether."""
        return self in (RuleKind.GPUS_AT_ONCE, RuleKind.GPU_HOURS)


_KINDS = frozenset(RuleKind)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that a wish breaks, with its numbers.

    ``comes_to`` is what it would come to and ``limit`` what is allowed: GPUs for ``gpus_at_once``,
    GPU-hours for ``gpu_hours`` (in the week that starts at ``week``), hours for ``length``; both
    are 0 for ``priority`` and ``preemption``: GPUs are to be taken from others.
    """

    kind: RuleKind
    comes_to: float = 0
    limit: float = 0
    week: datetime | None = None


@dataclass(frozen=True, slots=True)
class Quota:
    """What a team may hold; None is no limit."""

    gpus_at_once: int | None = None
    gpu_hours_per_week: float | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What is judged: so many GPUs for a window, at a priority."""

    window: TimeWindow
    gpu_count: int
    priority: Priority


def may_approve(member: Member, team_id: int) -> bool:
    """Tell whether a member decides about requests of that team: an admin, or its lead."""
    if member.role is Role.ADMIN:
        return True
    return member.role is Role.LEAD and member.team_id == team_id


def iso_week(instant: datetime) -> TimeWindow:
    """Return the ISO week of an instant: from Monday 00:00 UTC on, seven days."""
    start = _A_MONDAY + (instant.astimezone(UTC) - _A_MONDAY) // WEEK * WEEK
    return TimeWindow(start, start + WEEK)


def weeks_of(window: TimeWindow) -> Iterator[TimeWindow]:
    """Yield every ISO week that the window touches, by start."""
    week = iso_week(window.start)
    while week.start < window.end:
        yield week
        week = TimeWindow(week.end, week.end + WEEK)


def gpu_hours(held: Iterable[TimeWindow], within: TimeWindow) -> float:
    """Return how many GPU-hours those claims, each of one GPU, have in a window."""
    spans = (min(one.end, within.end) - max(one.start, within.start) for one in held)
    return sum((span for span in spans if span > timedelta()), timedelta()) / _HOUR


def most_at_once(held: Iterable[TimeWindow], within: TimeWindow) -> int:
    """Return the greatest number of those claims that hold at one instant of a window."""
    changes: list[tuple[datetime, int]] = []
    for one in held:
        if one.overlaps(within):
            # Ends sort before starts at the same instant: windows that only touch do not add up.
            changes += [(max(one.start, within.start), 1), (one.end, -1)]
    most = now = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most


def judge_quota(quota: Quota, held: Sequence[TimeWindow], wish: Wish) -> tuple[Rule, ...]:
    """Return the rules of the quota that a wish breaks.

    Args:
        quota: the team's.
        held: the team's live claims without the wish, at least those of every week it touches.
        wish: what is asked for.
    """
    return tuple(_broken_quota(quota, held, wish))


def _broken_quota(quota: Quota, held: Sequence[TimeWindow], wish: Wish) -> Iterator[Rule]:
    if quota.gpus_at_once is not None:
        at_once = most_at_once(held, wish.window) + wish.gpu_count
        if at_once > quota.gpus_at_once:
            yield Rule(RuleKind.GPUS_AT_ONCE, at_once, quota.gpus_at_once)
    if quota.gpu_hours_per_week is not None:
        wanted = [wish.window] * wish.gpu_count
        for week in weeks_of(wish.window):
            hours = gpu_hours(held, week) + gpu_hours(wanted, week)
            if hours > quota.gpu_hours_per_week + _NOTHING_H:
                yield Rule(RuleKind.GPU_HOURS, hours, quota.gpu_hours_per_week, week.start)


def judge_wish(wish: Wish, long_after: timedelta) -> tuple[Rule, ...]:
    """Return the rules that a wish breaks by itself, whatever the team holds."""
    broken = []
    if wish.priority is Priority.P0:
        broken.append(Rule(RuleKind.PRIORITY))
    if wish.window.length > long_after:
        broken.append(Rule(RuleKind.LENGTH, wish.window.length / _HOUR, long_after / _HOUR))
    return tuple(broken)


def rules_to_json(rules: Iterable[Rule]) -> dict[str, Any]:
    """Return rules as they are kept."""
    return {"v": 1, "rules": [_rule_to_json(rule) for rule in rules]}


def rules_from_json(kept: Mapping[str, Any]) -> tuple[Rule, ...]:
    """Return the rules that `rules_to_json` kept; kinds of a newer release are left out."""
    return tuple(_rule_from_json(one) for one in kept.get("rules", ()) if one["kind"] in _KINDS)


def rules_to_texts(rules: Iterable[Rule]) -> tuple[str, ...]:
    """Return rules as a notice carries them, a text for each."""
    return tuple(json.dumps(_rule_to_json(rule)) for rule in rules)


def rules_from_texts(texts: Iterable[str]) -> tuple[Rule, ...]:
    """Return the rules that `rules_to_texts` wrote; what cannot be read is left out."""
    return tuple(rule for text in texts for rule in _rules_in(text))


def _rules_in(text: str) -> tuple[Rule, ...]:
    try:
        return rules_from_json({"rules": [json.loads(text)]})
    except (ValueError, TypeError, KeyError):
        return ()


def _rule_to_json(rule: Rule) -> dict[str, Any]:
    week = rule.week.isoformat() if rule.week else None
    return {"kind": rule.kind, "comes_to": rule.comes_to, "limit": rule.limit, "week": week}


def _rule_from_json(kept: Mapping[str, Any]) -> Rule:
    week = datetime.fromisoformat(kept["week"]) if kept["week"] else None
    return Rule(RuleKind(kept["kind"]), kept["comes_to"], kept["limit"], week)

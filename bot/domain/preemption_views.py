"""Preemptions as they are shown: who would lose what, and where each goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from bot.domain.priority import Priority
from bot.domain.time_window import TimeWindow


class PreemptionState(StrEnum):
    """``asked`` waits for approval, ``agreed`` for its time; the others are its ends.

    ``taken``: the GPUs were taken; ``undone``: it was cancelled in time, and everything went on as
    if nothing had been; ``closed``: nobody approved it.
    """

    ASKED = "asked"
    AGREED = "agreed"
    TAKEN = "taken"
    UNDONE = "undone"
    CLOSED = "closed"


class VictimState(StrEnum):
    """``cut`` ends when the GPUs are taken, ``moved`` was booked elsewhere before it began.

    ``restored`` has all of it back; ``gone`` has given it up, and nothing is left to be restored.
    """

    CUT = "cut"
    MOVED = "moved"
    RESTORED = "restored"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class VictimView:
    """What one reservation would lose, and where it goes on.

    ``lost_work_s`` is the work since the last checkpoint when nobody saves one before.  ``ends_at``
    is its end as booked.  ``begun`` tells whether it will have begun when the GPUs are taken;
    otherwise all of it is booked again.  ``next_id`` is 0 in a plan: it is not booked yet.
    """

    reservation_id: int
    holder_slack_id: str
    team_name: str
    priority: Priority
    gpu_names: tuple[str, ...]
    ends_at: datetime
    begun: bool
    run_id: int | None
    model: str
    epoch: int
    epochs: int
    checkpoint_at: datetime | None
    lost_work_s: float
    next_id: int
    next_start: datetime
    next_end: datetime
    finishes_at: datetime | None

    @property
    def lost_work(self) -> timedelta:
        """The work since its last checkpoint, on each of its GPUs."""
        return timedelta(seconds=self.lost_work_s)

    @property
    def next_window(self) -> TimeWindow:
        """Where it goes on."""
        return TimeWindow(self.next_start, self.next_end)


@dataclass(frozen=True, slots=True)
class PlanView:
    """Which GPUs would be taken from whom, from when on.

    ``digest`` names the plan: another text is another plan.  ``fits`` tells that nobody would lose
    anything.
    """

    digest: str
    priority: Priority
    gpu_names: tuple[str, ...]
    window: TimeWindow
    victims: tuple[VictimView, ...]

    @property
    def takes_at(self) -> datetime:
        """When the GPUs would be taken."""
        return self.window.start

    @property
    def fits(self) -> bool:
        """Tell whether nobody would lose anything."""
        return not self.victims


@dataclass(frozen=True, slots=True)
class PreemptionView:
    """A preemption as those who decide about it and those who are met by it see it."""

    preemption_id: int
    reservation_id: int
    state: PreemptionState
    asked_by_slack_id: str
    approval_id: int
    plan: PlanView
    takes_at: datetime | None = None
    changed: bool = False
    """The plan is another one than the approver has seen: nothing has happened yet."""


@dataclass(frozen=True, slots=True)
class TakenBack:
    """For whom and when the GPUs of a reservation are taken back, as its card says it."""

    preemption_id: int
    for_reservation_id: int
    priority: Priority
    takes_at: datetime
    next_start: datetime


def victim_to_text(victim: VictimView) -> str:
    """Return one victim as a notice carries it."""
    return json.dumps(asdict(victim), default=_plain)


def victim_from_text(text: str) -> VictimView:
    """Return the victim that `victim_to_text` wrote; what a newer release adds is left out."""
    return _victim(json.loads(text))


def plan_to_json(plan: PlanView) -> dict[str, Any]:
    """Return a plan as it is kept."""
    kept: dict[str, Any] = json.loads(json.dumps(asdict(plan), default=_plain))
    return {"v": 1, **kept}


def plan_from_json(kept: Mapping[str, Any]) -> PlanView:
    """Return the plan that `plan_to_json` kept."""
    window = kept["window"]
    return PlanView(
        digest=kept["digest"],
        priority=Priority(kept["priority"]),
        gpu_names=tuple(kept["gpu_names"]),
        window=TimeWindow(
            datetime.fromisoformat(window["start"]), datetime.fromisoformat(window["end"])
        ),
        victims=tuple(_victim(each) for each in kept["victims"]),
    )


_INSTANTS = ("ends_at", "checkpoint_at", "next_start", "next_end", "finishes_at")


def _victim(kept: Mapping[str, Any]) -> VictimView:
    known = {field.name for field in fields(VictimView)}
    values = {name: value for name, value in kept.items() if name in known}
    for name in _INSTANTS:
        values[name] = datetime.fromisoformat(values[name]) if values[name] else None
    values["priority"] = Priority(values["priority"])
    values["gpu_names"] = tuple(values["gpu_names"])
    return VictimView(**values)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)

"""What is told about GPUs that a higher priority takes back; see `bot.domain.notices`.

``victims`` and ``victim`` are texts of `bot.domain.preemption_views.victim_to_text`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from bot.domain.notice_base import Notice


@dataclass(frozen=True, slots=True)
class PreemptionAsked(Notice):
    """Somebody needs GPUs of others, and a lead or an admin decides with the plan in view."""

    kind: ClassVar[str] = "preemption_asked"
    preemption_id: int
    approval_id: int
    digest: str
    asked_by_slack_id: str
    team_name: str
    priority: str
    gpu_names: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    expires_at: datetime
    victims: tuple[str, ...]
    approver_slack_ids: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class GpusTakenBack(Notice):
    """The GPUs of this reservation are taken back at ``takes_at``; its holder is told.

    ``choices`` are other starts to which the rest can be moved.  ``minutes`` is 0 at first, and
    then how long it still is.  ``can_finish_epoch`` tells that the epoch that runs will be done.
    """

    kind: ClassVar[str] = "gpus_taken_back"
    preemption_id: int
    for_reservation_id: int
    by_slack_id: str
    priority: str
    reason: str
    takes_at: datetime
    victim: str
    minutes: int = 0
    can_finish_epoch: bool = False
    choices: tuple[str, ...] = ()

    @property
    def stands_as(self) -> str:
        """Reminders edit the message: nobody has to tell which of three holds."""
        return f"preemption:{self.preemption_id}:{self.reservation_id}"


@dataclass(frozen=True, slots=True)
class TeamLosesGpus(Notice):
    """A team's channel is told that GPUs of the team are taken back, and from whom."""

    kind: ClassVar[str] = "team_loses_gpus"
    by_slack_id: str
    approved_by_slack_id: str
    priority: str
    takes_at: datetime
    victims: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PreemptionUndone(Notice):
    """The GPUs are not taken back after all: everything goes on as if nothing had been."""

    kind: ClassVar[str] = "preemption_undone"
    for_reservation_id: int
    holder_slack_id: str
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class PreemptionObjected(Notice):
    """A holder objects; whoever approved decides whether it stands."""

    kind: ClassVar[str] = "preemption_objected"
    preemption_id: int
    victim_id: int
    by_slack_id: str
    reason: str
    takes_at: datetime


@dataclass(frozen=True, slots=True)
class ObjectionAnswered(Notice):
    """Whoever approved has read an objection, and lets the preemption stand."""

    kind: ClassVar[str] = "objection_answered"
    for_reservation_id: int
    by_slack_id: str
    takes_at: datetime


PREEMPTION_NOTICES: tuple[type[Notice], ...] = (
    PreemptionAsked,
    GpusTakenBack,
    TeamLosesGpus,
    PreemptionUndone,
    PreemptionObjected,
    ObjectionAnswered,
)

"""What is simulated: jobs, a site, the numbers of the model, and the ways of sharing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from bot.domain.policy import Policy
from bot.domain.priority import Priority

MINUTE = timedelta(minutes=1)
HOUR_MIN, DAY_MIN = 60, 1440
A_MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
"""Where generated periods begin."""


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work as it is asked for; every number is in minutes of the period.

    ``work_min`` is what it really takes and ``asked_min`` what its member asks for; ``due_min`` is
    its deadline, None without one.  After ``cancel_after_min`` of waiting it is no longer wanted.
    Who does not show up lets the GPUs idle; ``releases`` tells whether its member gives them back
    at once when it is done.
    """

    number: int
    team_id: int
    arrives_min: int
    gpu_count: int
    priority: Priority
    work_min: int
    asked_min: int
    due_min: int | None = None
    cancel_after_min: int | None = None
    shows_up: bool = True
    releases: bool = True


class Sharing(StrEnum):
    """Ways of sharing that are compared."""

    FIRST_COME = "first come"
    RESERVATIONS = "reservations"
    WITH_OVERRUN = "reservations + overrun"
    WITH_PREEMPTION = "reservations + preemption"
    WITH_BOTH = "reservations + preemption + overrun"

    @property
    def preempts(self) -> bool:
        """Tell whether P0 may take GPUs back."""
        return self in (Sharing.WITH_PREEMPTION, Sharing.WITH_BOTH)

    @property
    def overruns(self) -> bool:
        """Tell whether a late run may go over its end."""
        return self in (Sharing.WITH_OVERRUN, Sharing.WITH_BOTH)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One world in which all ways of sharing are tried.

    ``host_sizes`` are GPUs per host.  ``checkpoint_every_min`` is how far apart checkpoints are,
    ``restart_min`` what it costs to resume.
    """

    host_sizes: tuple[int, ...]
    period_min: int
    jobs: Sequence[Job]
    begins_at: datetime = A_MONDAY
    policy: Policy = field(default_factory=Policy)
    checkpoint_every_min: int = 20
    restart_min: int = 5

    @property
    def gpu_count(self) -> int:
        """GPUs of the site."""
        return sum(self.host_sizes)

    def instant(self, minute: int) -> datetime:
        """Return the instant of a minute."""
        return self.begins_at + minute * MINUTE

    def minute(self, instant: datetime) -> int:
        """Return the first whole minute at or after an instant."""
        return -((self.begins_at - instant) // MINUTE)


def hosts_of(gpu_count: int, gpus_per_host: int) -> tuple[int, ...]:
    """Return the sizes of the hosts of a site; the last has what is left over."""
    full, rest = divmod(gpu_count, gpus_per_host)
    return (gpus_per_host,) * full + ((rest,) if rest else ())

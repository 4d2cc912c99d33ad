"""What is shown to people: snapshots, free of rows and of Slack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.domain.continuations import ContinuationView
from bot.domain.holdings import GpuOnHost, Holding
from bot.domain.limits import Rule
from bot.domain.offers import OfferState
from bot.domain.preemption_views import TakenBack
from bot.domain.priority import Priority
from bot.domain.progress import Progress
from bot.domain.run_spec import TrainingSpec
from bot.domain.states import ReservationKind, ReservationState, RunState
from bot.domain.time_window import TimeWindow


@dataclass(frozen=True, slots=True)
class RunView:
    """A run as its card shows it.

    ``losses`` and ``metrics`` are of the last finished epoch, or the final ones once it is over
    (names: ``box_loss``, ``cls_loss``, ``dfl_loss``; ``precision``, ``recall``, ``map50``,
    ``map50_95``).  ``finishes_at`` is the forecast.  ``end_cause`` is a value of
    `bot.protocol.messages.EndCause`, ``end_detail`` a sentence of likely cause.
    ``finishes_low_at`` and ``finishes_high_at`` are the ends of the forecast's range, and
    ``finishes_early`` tells that it stops after the last epoch that fits into its window.
    """

    run_id: int
    spec: TrainingSpec
    state: RunState
    progress: Progress
    losses: Mapping[str, float] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    started_at: datetime | None = None
    ended_at: datetime | None = None
    finishes_at: datetime | None = None
    end_cause: str | None = None
    end_detail: str = ""
    log_tail: tuple[str, ...] = ()
    host_online: bool = True
    retries_at: datetime | None = None
    plot_file_id: str | None = None
    """Slack's id of the uploaded results plot, once it is there."""
    finishes_low_at: datetime | None = None
    finishes_high_at: datetime | None = None
    finishes_early: bool = False


@dataclass(frozen=True, slots=True)
class ApprovalView:
    """Why a reservation needs approval, and what came of it."""

    approval_id: int
    state: OfferState
    rules: tuple[Rule, ...]
    expires_at: datetime
    decided_by_slack_id: str | None = None
    reason: str = ""
    occurrences: int = 1
    """How many reservations of a series are decided about at once."""


@dataclass(frozen=True, slots=True)
class UsageView:
    """A question to the holder that is still open; ``question`` is a `UsageQuestion`."""

    check_id: int
    question: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ReservationView:
    """A reservation with its GPUs and its run, as cards and lists show it."""

    reservation_id: int
    version: int
    state: ReservationState
    holder_slack_id: str
    holder_name: str
    team_name: str
    priority: Priority
    preemptible: bool
    gpus: tuple[GpuOnHost, ...]
    window: TimeWindow
    note: str = ""
    simulated: bool = False
    run: RunView | None = None
    ended_at: datetime | None = None
    end_reason: str = ""
    approval: ApprovalView | None = None
    kind: ReservationKind = ReservationKind.WORK
    usage: UsageView | None = None
    series_id: int | None = None
    series_words: str = ""
    """How people say the rule of its series: “every weekday 20:00”."""
    goes_on: ContinuationView | None = None
    """Where its run goes on, or has gone on."""
    carries_on: ContinuationView | None = None
    """Where its run came from, or is still: this reservation continues that one."""
    taken_back: TakenBack | None = None
    """For whom and when its GPUs are taken back."""

    @property
    def gpu_count(self) -> int:
        """How many GPUs it holds."""
        return len(self.gpus)


@dataclass(frozen=True, slots=True)
class GpuStatus:
    """One GPU now: who holds it, and who holds it next. Nothing new goes onto a broken one."""

    gpu: GpuOnHost
    holding: Holding | None
    next_holding: Holding | None
    broken: bool = False


@dataclass(frozen=True, slots=True)
class HostStatus:
    """One host now. Nothing new is booked on one that is ``drained``."""

    host_id: int
    name: str
    online: bool
    simulated: bool
    last_seen_at: datetime | None
    gpus: tuple[GpuStatus, ...]
    drained: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """Everything that ``/gpu status`` tells."""

    now: datetime
    hosts: tuple[HostStatus, ...]

    @property
    def gpu_count(self) -> int:
        """How many GPUs Berth knows."""
        return sum(len(host.gpus) for host in self.hosts)

    @property
    def free_count(self) -> int:
        """How many GPUs are in service on a reachable host and held by nobody."""
        return sum(
            gpu.holding is None and not gpu.broken
            for host in self.hosts
            if host.online and not host.drained
            for gpu in host.gpus
        )


@dataclass(frozen=True, slots=True)
class BookingForm:
    """What the booking form needs to be drawn.

    ``gpu_count`` is how many GPUs can be booked at all, ``gpu_models`` which kinds there are of
    them; ``run_defaults`` what a training gets where nothing else is said.
    """

    now: datetime
    slot: timedelta
    longest: timedelta
    gpu_count: int
    largest_host_gpus: int
    run_defaults: TrainingSpec
    gpu_models: tuple[str, ...] = ()

"""What programs are answered: the same snapshots that people see, as JSON. Times are in UTC."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime

from pydantic import BaseModel

from bot.domain.continuations import ContinuationView
from bot.domain.holdings import Alternative, GpuOnHost, Holding
from bot.domain.limits import Rule
from bot.domain.views import ApprovalView, GpuStatus, ReservationView, RunView, Status, UsageView


class Gpu(BaseModel):
    """A GPU by the name that people use."""

    name: str
    host: str
    index: int
    model: str

    @classmethod
    def of(cls, gpu: GpuOnHost) -> Gpu:
        """Return the answer for a value."""
        return cls(name=gpu.name, host=gpu.host_name, index=gpu.index, model=gpu.model)


class Held(BaseModel):
    """Who holds how many GPUs, from when to when."""

    reservation_id: int
    holder_slack_id: str
    holder_name: str
    team_name: str
    gpu_count: int
    starts_at: datetime
    ends_at: datetime

    @classmethod
    def of(cls, holding: Holding) -> Held:
        """Return the answer for a value."""
        return cls(
            reservation_id=holding.reservation_id,
            holder_slack_id=holding.holder_slack_id,
            holder_name=holding.holder_name,
            team_name=holding.team_name,
            gpu_count=holding.gpu_count,
            starts_at=holding.window.start,
            ends_at=holding.window.end,
        )


class GpuNow(Gpu):
    """A GPU, who holds it now and who holds it next."""

    online: bool
    held: Held | None
    next_held: Held | None

    @classmethod
    def seen(cls, status: GpuStatus, *, online: bool) -> GpuNow:
        """Return the answer for a value."""
        holding, following = status.holding, status.next_holding
        return cls(
            **Gpu.of(status.gpu).model_dump(),
            online=online,
            held=Held.of(holding) if holding else None,
            next_held=Held.of(following) if following else None,
        )


class HostNow(BaseModel):
    """A host with its GPUs."""

    name: str
    online: bool
    simulated: bool
    last_seen_at: datetime | None
    gpus: list[GpuNow]


class StatusAnswer(BaseModel):
    """Everything now."""

    now: datetime
    gpu_count: int
    free_count: int
    hosts: list[HostNow]

    @classmethod
    def of(cls, status: Status) -> StatusAnswer:
        """Return the answer for a value."""
        return cls(
            now=status.now,
            gpu_count=status.gpu_count,
            free_count=status.free_count,
            hosts=[
                HostNow(
                    name=host.name,
                    online=host.online,
                    simulated=host.simulated,
                    last_seen_at=host.last_seen_at,
                    gpus=[GpuNow.seen(gpu, online=host.online) for gpu in host.gpus],
                )
                for host in status.hosts
            ],
        )


class GpuList(BaseModel):
    """All GPUs."""

    gpus: list[GpuNow]

    @classmethod
    def of(cls, status: Status) -> GpuList:
        """Return the answer for a value."""
        return cls(gpus=[gpu for host in StatusAnswer.of(status).hosts for gpu in host.gpus])


class RunAnswer(BaseModel):
    """A training: how far it is, or how it ended."""

    run_id: int
    state: str
    model: str
    data: str
    epoch: int
    epochs: int
    losses: dict[str, float | None]
    metrics: dict[str, float | None]
    started_at: datetime | None
    ended_at: datetime | None
    finishes_at: datetime | None
    finishes_low_at: datetime | None
    finishes_high_at: datetime | None
    end_cause: str | None
    end_detail: str

    @classmethod
    def of(cls, run: RunView) -> RunAnswer:
        """Return the answer for a value."""
        return cls(
            run_id=run.run_id,
            state=run.state.value,
            model=run.spec.model,
            data=run.spec.data,
            epoch=run.progress.epoch,
            epochs=run.progress.epochs,
            losses=_finite(run.losses),
            metrics=_finite(run.metrics),
            started_at=run.started_at,
            ended_at=run.ended_at,
            finishes_at=run.finishes_at,
            finishes_low_at=run.finishes_low_at,
            finishes_high_at=run.finishes_high_at,
            end_cause=run.end_cause,
            end_detail=run.end_detail,
        )


def _finite(figures: Mapping[str, float]) -> dict[str, float | None]:
    """Return the figures with null for what JSON has no number for: a loss that has diverged."""
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}


class RuleAnswer(BaseModel):
    """A rule that a wish breaks: what it comes to, and what is allowed (GPUs or hours)."""

    kind: str
    comes_to: float
    limit: float
    week: datetime | None

    @classmethod
    def of(cls, rule: Rule) -> RuleAnswer:
        """Return the answer for a value."""
        return cls(kind=rule.kind.value, comes_to=rule.comes_to, limit=rule.limit, week=rule.week)


class ApprovalAnswer(BaseModel):
    """Why something needs approval, and what came of it."""

    id: int
    state: str
    rules: list[RuleAnswer]
    expires_at: datetime
    decided_by_slack_id: str | None
    reason: str
    occurrences: int

    @classmethod
    def of(cls, view: ApprovalView) -> ApprovalAnswer:
        """Return the answer for a value."""
        return cls(
            id=view.approval_id,
            state=view.state.value,
            rules=[RuleAnswer.of(rule) for rule in view.rules],
            expires_at=view.expires_at,
            decided_by_slack_id=view.decided_by_slack_id,
            reason=view.reason,
            occurrences=view.occurrences,
        )


class UsageCheckAnswer(BaseModel):
    """An open question whether GPUs are still needed: `no_show` or `idle`."""

    id: int
    question: str
    expires_at: datetime

    @classmethod
    def of(cls, view: UsageView) -> UsageCheckAnswer:
        """Return the answer for a value."""
        return cls(id=view.check_id, question=view.question, expires_at=view.expires_at)


class ContinuationAnswer(BaseModel):
    """The other reservation of a training in parts: where it goes on, or where it came from."""

    reservation_id: int
    reason: str
    state: str
    starts_at: datetime
    ends_at: datetime
    approved: bool

    @classmethod
    def of(cls, view: ContinuationView) -> ContinuationAnswer:
        """Return the answer for a value."""
        return cls(
            reservation_id=view.reservation_id,
            reason=view.reason.value,
            state=view.state.value,
            starts_at=view.window.start,
            ends_at=view.window.end,
            approved=view.approved,
        )


class ReservationAnswer(BaseModel):
    """A reservation with its GPUs and its run; `id` 12 is what people call R12."""

    id: int
    version: int
    kind: str
    state: str
    holder_slack_id: str
    holder_name: str
    team_name: str
    priority: str
    preemptible: bool
    gpus: list[Gpu]
    starts_at: datetime
    ends_at: datetime
    note: str
    simulated: bool
    run: RunAnswer | None
    approval: ApprovalAnswer | None
    usage_check: UsageCheckAnswer | None
    series_id: int | None
    ended_at: datetime | None
    end_reason: str
    goes_on: ContinuationAnswer | None = None
    carries_on: ContinuationAnswer | None = None

    @classmethod
    def of(cls, view: ReservationView) -> ReservationAnswer:
        """Return the answer for a value."""
        return cls(
            id=view.reservation_id,
            version=view.version,
            kind=view.kind.value,
            state=view.state.value,
            holder_slack_id=view.holder_slack_id,
            holder_name=view.holder_name,
            team_name=view.team_name,
            priority=view.priority.value,
            preemptible=view.preemptible,
            gpus=[Gpu.of(gpu) for gpu in view.gpus],
            starts_at=view.window.start,
            ends_at=view.window.end,
            note=view.note,
            simulated=view.simulated,
            run=RunAnswer.of(view.run) if view.run else None,
            approval=ApprovalAnswer.of(view.approval) if view.approval else None,
            usage_check=UsageCheckAnswer.of(view.usage) if view.usage else None,
            series_id=view.series_id,
            ended_at=view.ended_at,
            end_reason=view.end_reason,
            goes_on=ContinuationAnswer.of(view.goes_on) if view.goes_on else None,
            carries_on=ContinuationAnswer.of(view.carries_on) if view.carries_on else None,
        )


class ReservationList(BaseModel):
    """Reservations by start."""

    reservations: list[ReservationAnswer]


class OtherWindow(BaseModel):
    """What fits instead; with `reservation_id` that reservation changed, else a new one."""

    kind: str
    gpu_count: int
    gpu_type: str | None
    gpu_names: list[str]
    starts_at: datetime
    ends_at: datetime
    reservation_id: int | None
    finishes_at: datetime | None = None
    finishes_low_at: datetime | None = None
    finishes_high_at: datetime | None = None
    second_starts_at: datetime | None = None
    second_ends_at: datetime | None = None

    @classmethod
    def of(cls, alternative: Alternative) -> OtherWindow:
        """Return the answer for a value."""
        return cls(
            kind=alternative.kind.value,
            gpu_count=alternative.gpu_count,
            gpu_type=alternative.gpu_type,
            gpu_names=list(alternative.gpu_names),
            starts_at=alternative.window.start,
            ends_at=alternative.window.end,
            reservation_id=alternative.reservation_id,
            finishes_at=alternative.finishes_at,
            finishes_low_at=alternative.finishes_low_at,
            finishes_high_at=alternative.finishes_high_at,
            second_starts_at=alternative.second.start if alternative.second else None,
            second_ends_at=alternative.second.end if alternative.second else None,
        )


class ErrorAnswer(BaseModel):
    """Why not: a stable code, one sentence with the next step, and the numbers in it."""

    error: str
    sentence: str
    data: dict[str, object] = {}
    holdings: list[Held] = []
    alternatives: list[OtherWindow] = []

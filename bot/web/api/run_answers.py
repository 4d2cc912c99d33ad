"""Runs and templates as JSON. Times are in UTC."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime

from pydantic import BaseModel

from bot.domain.run_reports import RunReport, RunSummary
from bot.domain.run_spec import TrainingSpec
from bot.domain.templates import TemplateView

Figures = dict[str, float | None]


def _finite(figures: Mapping[str, float]) -> Figures:
    """Return the figures with null for what JSON has no number for."""
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}


class Training(BaseModel):
    """What is trained."""

    task: str
    model: str
    data: str
    epochs: int
    imgsz: int
    batch: int
    seed: int
    extra: dict[str, bool | int | float | str]

    @classmethod
    def of(cls, spec: TrainingSpec) -> Training:
        """Return the answer for a value."""
        return cls(
            task=spec.task,
            model=spec.model,
            data=spec.data,
            epochs=spec.epochs,
            imgsz=spec.imgsz,
            batch=spec.batch,
            seed=spec.seed,
            extra=dict(spec.extra),
        )


class RunLine(BaseModel):
    """A run in a list."""

    id: int
    reservation_id: int
    state: str
    training: Training
    holder_slack_id: str
    holder_name: str
    team_name: str
    epoch: int
    epochs: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    end_cause: str | None
    end_detail: str
    metrics: Figures

    @classmethod
    def of(cls, run: RunSummary) -> RunLine:
        """Return the answer for a value."""
        return cls(
            id=run.run_id,
            reservation_id=run.reservation_id,
            state=run.state.value,
            training=Training.of(run.spec),
            holder_slack_id=run.holder_slack_id,
            holder_name=run.holder_name,
            team_name=run.team_name,
            epoch=run.epoch,
            epochs=run.spec.epochs,
            created_at=run.created_at,
            started_at=run.started_at,
            ended_at=run.ended_at,
            end_cause=run.end_cause,
            end_detail=run.end_detail,
            metrics=_finite(run.metrics),
        )


class RunList(BaseModel):
    """Runs, the newest first."""

    runs: list[RunLine]


class RunAttempt(BaseModel):
    """One execution of a run on a host."""

    number: int
    host: str
    state: str
    gpu_uuids: list[str]
    assigned_at: datetime
    trainer_started_at: datetime | None
    ended_at: datetime | None
    end_cause: str | None
    stop_reason: str | None


class RunEpoch(BaseModel):
    """One finished epoch."""

    attempt: int
    epoch: int
    epoch_s: float
    losses: Figures
    metrics: Figures
    at: datetime


class RunFile(BaseModel):
    """A file that is kept; fetch it from `/runs/{id}/artifacts/{name}`."""

    attempt: int
    name: str
    size_bytes: int
    sha256: str
    stored_at: datetime


class WholeRun(RunLine):
    """All of a run."""

    attempts: list[RunAttempt]
    epochs_done: list[RunEpoch]
    artifacts: list[RunFile]
    log_tail: list[str]

    @classmethod
    def whole(cls, report: RunReport) -> WholeRun:
        """Return the answer for a value."""
        return cls(
            **RunLine.of(report.summary).model_dump(),
            attempts=[
                RunAttempt(
                    number=one.number,
                    host=one.host_name,
                    state=one.state,
                    gpu_uuids=list(one.gpu_uuids),
                    assigned_at=one.assigned_at,
                    trainer_started_at=one.trainer_started_at,
                    ended_at=one.ended_at,
                    end_cause=one.end_cause,
                    stop_reason=one.stop_reason,
                )
                for one in report.attempts
            ],
            epochs_done=[
                RunEpoch(
                    attempt=one.attempt,
                    epoch=one.epoch,
                    epoch_s=one.epoch_s,
                    losses=_finite(one.losses),
                    metrics=_finite(one.metrics),
                    at=one.at,
                )
                for one in report.epochs
            ],
            artifacts=[
                RunFile(
                    attempt=one.attempt,
                    name=one.name,
                    size_bytes=one.size_bytes,
                    sha256=one.sha256,
                    stored_at=one.stored_at,
                )
                for one in report.files
            ],
            log_tail=list(report.log_tail),
        )


class TemplateAnswer(BaseModel):
    """A training that a team keeps under a name."""

    name: str
    team_name: str
    training: Training
    gpu_count: int
    by_slack_id: str
    changed_at: datetime

    @classmethod
    def of(cls, view: TemplateView) -> TemplateAnswer:
        """Return the answer for a value."""
        return cls(
            name=view.name,
            team_name=view.team_name,
            training=Training.of(view.spec),
            gpu_count=view.gpu_count,
            by_slack_id=view.by_slack_id,
            changed_at=view.changed_at,
        )


class TemplateList(BaseModel):
    """The templates of a team, by name."""

    templates: list[TemplateAnswer]

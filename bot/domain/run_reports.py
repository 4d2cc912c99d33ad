"""Runs as programs and pages read them: their attempts, epochs and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.domain.run_spec import TrainingSpec
from bot.domain.states import RunState


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run in a list; ``epoch`` is the last one that is finished."""

    run_id: int
    reservation_id: int
    state: RunState
    spec: TrainingSpec
    holder_slack_id: str
    holder_name: str
    team_name: str
    epoch: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    end_cause: str | None
    end_detail: str
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class EpochReport:
    """One finished epoch; ``attempt`` is the attempt's number."""

    attempt: int
    epoch: int
    epoch_s: float
    losses: Mapping[str, float]
    metrics: Mapping[str, float]
    at: datetime


@dataclass(frozen=True, slots=True)
class AttemptReport:
    """One execution of a run on a host."""

    number: int
    host_name: str
    state: str
    gpu_uuids: tuple[str, ...]
    assigned_at: datetime
    trainer_started_at: datetime | None
    ended_at: datetime | None
    end_cause: str | None
    stop_reason: str | None


@dataclass(frozen=True, slots=True)
class FileReport:
    """A file that is kept of an attempt; ``key`` is where the artifact store has it."""

    attempt: int
    name: str
    size_bytes: int
    sha256: str
    stored_at: datetime
    key: str


@dataclass(frozen=True, slots=True)
class RunReport:
    """All of a run."""

    summary: RunSummary
    attempts: tuple[AttemptReport, ...]
    epochs: tuple[EpochReport, ...]
    files: tuple[FileReport, ...]
    log_tail: tuple[str, ...]

"""Runs that are over, as rows: what plans go by."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.domain.people import Member
from bot.domain.run_spec import TrainingSpec
from bot.services.transaction import UseCases
from bot.services.views import spec_to_json
from bot.store.forecast_tables import AttemptPaceRow
from bot.store.tables import AttemptRow, HostRow, ReservationRow, RunRow


def a_finished_run(
    berth: UseCases,
    member: Member,
    spec: TrainingSpec,
    epoch_s: float,
    *,
    gpu_type: str = "A100",
    gpus: int = 1,
    startup_s: float | None = 60.0,
) -> None:
    """Keep that a run has had epochs of so many seconds; a host must be there."""

    def add(session: Session) -> None:
        ended = berth.clock.now() - timedelta(days=1)
        host_id = session.scalar(select(HostRow.id).limit(1))
        assert host_id is not None
        reservation = ReservationRow(
            team_id=member.team_id,
            member_id=member.member_id,
            priority="p2",
            preemptible=True,
            state="ended",
            starts_at=ended - timedelta(hours=4),
            ends_at=ended,
            note="",
            created_at=ended,
        )
        run = RunRow(
            reservation=reservation, spec=spec_to_json(spec), state="succeeded", created_at=ended
        )
        attempt = AttemptRow(
            run=run,
            host_id=host_id,
            number=1,
            fence=1,
            state="ended",
            gpu_uuids=[f"GPU-{index}" for index in range(gpus)],
            assigned_at=ended,
        )
        session.add(attempt)
        session.flush()
        session.add(
            AttemptPaceRow(
                attempt_id=attempt.id,
                run_id=run.id,
                task=spec.task,
                model=spec.model.removesuffix(".yaml").removesuffix(".pt"),
                data=spec.data,
                imgsz=spec.imgsz,
                batch=spec.batch,
                gpu_type=gpu_type,
                gpu_count=gpus,
                first_epoch=1,
                last_epoch=spec.epochs,
                last_epoch_at=ended,
                first_epoch_s=epoch_s,
                first_epoch_at=ended,
                counted=spec.epochs - 1,
                recent_s=[epoch_s] * min(10, spec.epochs - 1),
                epoch_s=epoch_s,
                startup_s=startup_s,
                updated_at=ended,
            )
        )

    berth.database.write(add)

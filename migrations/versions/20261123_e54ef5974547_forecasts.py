"""forecasts of runs

Why: what was foretold of a run is kept, so that its error can be told; how fast an attempt was, so
that plans go by what was measured; and what a holder has asked the next one for.

Revision: e54ef5974547
Follows: 9fb6adabd501
"""

from __future__ import annotations

import re
from statistics import median
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "e54ef5974547"
down_revision = "9fb6adabd501"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "forecast_watches",
        sa.Column("reservation_id", ID, autoincrement=False, nullable=False),
        sa.Column("told_late_s", sa.Double(), nullable=True),
        sa.Column("told_end", INSTANT, nullable=True),
        sa.Column("told_at", INSTANT, nullable=True),
        sa.Column("told_early_at", INSTANT, nullable=True),
        sa.Column("finish_early_since", INSTANT, nullable=True),
        sa.Column("finish_early_by", sa.String(length=255), nullable=False),
        sa.Column("stopped_after_epoch", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["reservation_id"],
            ["reservations.id"],
            name=op.f("fk_forecast_watches_reservation_id_reservations"),
        ),
        sa.PrimaryKeyConstraint("reservation_id", name=op.f("pk_forecast_watches")),
    )
    op.create_table(
        "minutes_asks",
        sa.Column("id", ID, nullable=False),
        sa.Column("reservation_id", ID, nullable=False),
        sa.Column("next_reservation_id", ID, nullable=False),
        sa.Column("asked_by_member_id", ID, nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("shown_end", INSTANT, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("decided_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["asked_by_member_id"],
            ["members.id"],
            name=op.f("fk_minutes_asks_asked_by_member_id_members"),
        ),
        sa.ForeignKeyConstraint(
            ["next_reservation_id"],
            ["reservations.id"],
            name=op.f("fk_minutes_asks_next_reservation_id_reservations"),
        ),
        sa.ForeignKeyConstraint(
            ["reservation_id"],
            ["reservations.id"],
            name=op.f("fk_minutes_asks_reservation_id_reservations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_minutes_asks")),
    )
    op.create_index(
        op.f("ix_minutes_asks_next_reservation_id"),
        "minutes_asks",
        ["next_reservation_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_minutes_asks_reservation_id"), "minutes_asks", ["reservation_id"], unique=False
    )
    op.create_table(
        "run_forecasts",
        sa.Column("id", ID, nullable=False),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("attempt_id", ID, nullable=False),
        sa.Column("mark", sa.String(length=16), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("epochs", sa.Integer(), nullable=False),
        sa.Column("low_at", INSTANT, nullable=False),
        sa.Column("likely_at", INSTANT, nullable=False),
        sa.Column("high_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("error", sa.Double(), nullable=True),
        sa.Column("within", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_forecasts_run_id_runs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_forecasts")),
        sa.UniqueConstraint("run_id", "mark", name=op.f("uq_run_forecasts_run_id_mark")),
    )
    op.create_index(
        "ix_run_forecasts_mark_ended_at", "run_forecasts", ["mark", "ended_at"], unique=False
    )
    op.create_table(
        "attempt_paces",
        sa.Column("attempt_id", ID, autoincrement=False, nullable=False),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("task", sa.String(length=16), nullable=False),
        sa.Column("model", sa.String(length=255), nullable=False),
        sa.Column("data", sa.String(length=255), nullable=False),
        sa.Column("imgsz", sa.Integer(), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.Column("gpu_type", sa.String(length=255), nullable=False),
        sa.Column("gpu_count", sa.Integer(), nullable=False),
        sa.Column("first_epoch", sa.Integer(), nullable=False),
        sa.Column("last_epoch", sa.Integer(), nullable=False),
        sa.Column("last_epoch_at", INSTANT, nullable=False),
        sa.Column("first_epoch_s", sa.Double(), nullable=False),
        sa.Column("first_epoch_at", INSTANT, nullable=False),
        sa.Column("counted", sa.Integer(), nullable=False),
        sa.Column("recent_s", sa.JSON(), nullable=False),
        sa.Column("epoch_s", sa.Double(), nullable=False),
        sa.Column("startup_s", sa.Double(), nullable=True),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_attempt_paces_attempt_id_attempts")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_attempt_paces_run_id_runs")),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_attempt_paces")),
    )
    op.create_index(op.f("ix_attempt_paces_run_id"), "attempt_paces", ["run_id"], unique=False)
    op.create_index(
        "ix_attempt_paces_task_data", "attempt_paces", ["task", "data", "attempt_id"], unique=False
    )

    _fill_paces()


def downgrade() -> None:
    op.drop_index("ix_attempt_paces_task_data", table_name="attempt_paces")
    op.drop_index(op.f("ix_attempt_paces_run_id"), table_name="attempt_paces")
    op.drop_table("attempt_paces")
    op.drop_index("ix_run_forecasts_mark_ended_at", table_name="run_forecasts")
    op.drop_table("run_forecasts")
    op.drop_index(op.f("ix_minutes_asks_reservation_id"), table_name="minutes_asks")
    op.drop_index(op.f("ix_minutes_asks_next_reservation_id"), table_name="minutes_asks")
    op.drop_table("minutes_asks")
    op.drop_table("forecast_watches")


RECENT = 10
_MAKERS = re.compile(r"\A(?:(?:nvidia|tesla|geforce|quadro|amd|instinct)[\s_-]+)+", re.IGNORECASE)

RUNS = sa.table("runs", sa.column("id"), sa.column("spec", sa.JSON()))
GPUS = sa.table("gpus", sa.column("uuid"), sa.column("model"))
ATTEMPTS = sa.table(
    "attempts",
    sa.column("id"),
    sa.column("run_id"),
    sa.column("gpu_uuids", sa.JSON()),
    sa.column("trainer_started_at", INSTANT),
)
EPOCHS = sa.table(
    "epochs",
    sa.column("attempt_id"),
    sa.column("epoch"),
    sa.column("epoch_s"),
    sa.column("at", INSTANT),
)
PACES = sa.table(
    "attempt_paces",
    *(sa.column(name) for name in ("attempt_id", "run_id", "task", "model", "data", "imgsz")),
    *(sa.column(name) for name in ("batch", "gpu_type", "gpu_count", "first_epoch", "last_epoch")),
    *(sa.column(name) for name in ("first_epoch_s", "counted", "epoch_s", "startup_s")),
    *(sa.column(name, INSTANT) for name in ("first_epoch_at", "last_epoch_at", "updated_at")),
    sa.column("recent_s", sa.JSON()),
)


def _fill_paces() -> None:
    """Write what attempts of earlier releases have measured, so that plans have a history."""
    bind = op.get_bind()
    gpus = bind.execute(sa.select(GPUS.c.uuid, GPUS.c.model))
    models = {gpu.uuid: gpu.model for gpu in gpus}
    attempts = bind.execute(
        sa.select(
            ATTEMPTS.c.id,
            ATTEMPTS.c.run_id,
            ATTEMPTS.c.gpu_uuids,
            ATTEMPTS.c.trainer_started_at,
            RUNS.c.spec,
        ).join_from(ATTEMPTS, RUNS, RUNS.c.id == ATTEMPTS.c.run_id)
    ).all()
    for attempt_id, run_id, uuids, started_at, spec in attempts:
        epochs = bind.execute(
            sa.select(EPOCHS.c.epoch, EPOCHS.c.epoch_s, EPOCHS.c.at)
            .where(EPOCHS.c.attempt_id == attempt_id)
            .order_by(EPOCHS.c.epoch)
        ).all()
        counted = [epoch.epoch_s for epoch in epochs[1:] if epoch.epoch_s > 0]
        if not counted:
            continue
        first, last, level = epochs[0], epochs[-1], median(counted[-RECENT:])
        startup_s = None
        if started_at is not None:
            loading_s = (first.at - started_at).total_seconds() - first.epoch_s
            startup_s = max(0.0, loading_s) + max(0.0, first.epoch_s - level)
        bind.execute(
            PACES.insert().values(
                attempt_id=attempt_id,
                run_id=run_id,
                **_key(spec, [models.get(uuid, "") for uuid in uuids]),
                first_epoch=first.epoch,
                last_epoch=last.epoch,
                first_epoch_at=first.at,
                last_epoch_at=last.at,
                first_epoch_s=first.epoch_s,
                counted=len(counted),
                recent_s=counted[-RECENT:],
                epoch_s=level,
                startup_s=startup_s,
                updated_at=last.at,
            )
        )


def _key(spec: dict[str, Any], models: list[str]) -> dict[str, object]:
    model = str(spec.get("model", ""))
    if "/" not in model:
        model = model.removesuffix(".yaml").removesuffix(".pt")
    words = re.findall(r"[A-Za-z0-9]+", _MAKERS.sub("", models[0].strip())) if models else []
    return {
        "task": str(spec.get("task", "detect")),
        "model": model[:255],
        "data": str(spec.get("data", ""))[:255],
        "imgsz": int(spec.get("imgsz", 640)),
        "batch": int(spec.get("batch", 16)),
        "gpu_type": ("-".join(words) or "unknown")[:255],
        "gpu_count": len(models),
    }

"""forecasts of runs

Why: what was foretold of a run is kept, so that its error can be told; how fast an attempt was, so
that plans go by what was measured; and what a holder has asked the next one for.

Revision: e54ef5974547
Follows: 9fb6adabd501
"""

from __future__ import annotations

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

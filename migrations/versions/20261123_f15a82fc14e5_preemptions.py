"""preemptions

Why: a higher priority takes GPUs back, with notice and by approval.

Revision: f15a82fc14e5
Follows: 2ffeb1fca063
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "f15a82fc14e5"
down_revision = "2ffeb1fca063"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "preemptions",
        sa.Column("id", ID, nullable=False),
        sa.Column("reservation_id", ID, nullable=False),
        sa.Column("asked_by_member_id", ID, nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("takes_at", INSTANT, nullable=True),
        sa.Column("decided_at", INSTANT, nullable=True),
        sa.Column("decided_by_member_id", ID, nullable=True),
        _refers_to("preemptions", "reservation_id", "reservations"),
        _refers_to("preemptions", "asked_by_member_id", "members"),
        _refers_to("preemptions", "decided_by_member_id", "members"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_preemptions")),
        sa.UniqueConstraint("reservation_id", name=op.f("uq_preemptions_reservation_id")),
    )
    op.create_table(
        "preemption_victims",
        sa.Column("id", ID, nullable=False),
        sa.Column("preemption_id", ID, nullable=False),
        sa.Column("reservation_id", ID, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("to_reservation_id", ID, nullable=True),
        sa.Column("kept_reservation_id", ID, nullable=True),
        sa.Column("finish_epoch", ID, nullable=True),
        sa.Column("objection", sa.Text(), nullable=False),
        _refers_to("preemption_victims", "preemption_id", "preemptions"),
        _refers_to("preemption_victims", "reservation_id", "reservations"),
        _refers_to("preemption_victims", "to_reservation_id", "reservations"),
        _refers_to("preemption_victims", "kept_reservation_id", "reservations"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_preemption_victims")),
        sa.UniqueConstraint(
            "preemption_id",
            "reservation_id",
            name=op.f("uq_preemption_victims_preemption_id_reservation_id"),
        ),
    )
    op.create_index(
        op.f("ix_preemption_victims_reservation_id"), "preemption_victims", ["reservation_id"]
    )
    op.create_table(
        "team_defaults",
        sa.Column("team_id", ID, autoincrement=False, nullable=False),
        sa.Column("priority", sa.String(length=4), nullable=False),
        sa.Column("preemptible", sa.Boolean(), nullable=False),
        _refers_to("team_defaults", "team_id", "teams"),
        sa.PrimaryKeyConstraint("team_id", name=op.f("pk_team_defaults")),
    )
    op.create_table(
        "standing_notices",
        sa.Column("id", ID, nullable=False),
        sa.Column("lane", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("channel_id", sa.String(length=255), nullable=False),
        sa.Column("ts", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_standing_notices")),
        sa.UniqueConstraint("lane", "name", name=op.f("uq_standing_notices_lane_name")),
    )


def _refers_to(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}_{other}")
    )


def downgrade() -> None:
    op.drop_table("standing_notices")
    op.drop_table("team_defaults")
    op.drop_table("preemption_victims")
    op.drop_table("preemptions")

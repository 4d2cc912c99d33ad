"""continuations of runs

Why: a run that is stopped or moved goes on in another reservation, and what it did stays told of
where it did it.

Revision: b4d472c3225b
Follows: ca38c5d94a48
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "b4d472c3225b"
down_revision = "ca38c5d94a48"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "continuations",
        sa.Column("id", ID, nullable=False),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("from_reservation_id", ID, nullable=False),
        sa.Column("to_reservation_id", ID, nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("decided_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_continuations_run_id_runs")),
        sa.ForeignKeyConstraint(
            ["from_reservation_id"],
            ["reservations.id"],
            name=op.f("fk_continuations_from_reservation_id_reservations"),
        ),
        sa.ForeignKeyConstraint(
            ["to_reservation_id"],
            ["reservations.id"],
            name=op.f("fk_continuations_to_reservation_id_reservations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_continuations")),
        sa.UniqueConstraint("to_reservation_id", name=op.f("uq_continuations_to_reservation_id")),
    )
    op.create_index(
        op.f("ix_continuations_from_reservation_id"), "continuations", ["from_reservation_id"]
    )
    op.create_index(
        "ix_continuations_planned",
        "continuations",
        ["run_id"],
        unique=True,
        postgresql_where=sa.text("state = 'planned'"),
        sqlite_where=sa.text("state = 'planned'"),
    )
    op.add_column("attempts", sa.Column("reservation_id", ID, nullable=True))
    op.add_column("attempts", sa.Column("late_s", sa.Double(), nullable=True))
    op.add_column("attempts", sa.Column("batch_that_fits", sa.Integer(), nullable=True))
    op.execute(
        "UPDATE attempts SET reservation_id ="
        " (SELECT reservation_id FROM runs WHERE runs.id = attempts.run_id)"
    )


def downgrade() -> None:
    op.drop_column("attempts", "batch_that_fits")
    op.drop_column("attempts", "late_s")
    op.drop_column("attempts", "reservation_id")
    op.drop_table("continuations")

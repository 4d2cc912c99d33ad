"""overruns

Why: a run that is a little late goes on over the end of its booking; that end is kept, and whom it
has made wait.

Revision: 7c41d0b9ae36
Follows: dd8ad08b7c4f
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "7c41d0b9ae36"
down_revision = "dd8ad08b7c4f"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "overruns",
        sa.Column("id", ID, nullable=False),
        sa.Column("reservation_id", ID, nullable=False),
        sa.Column("booked_until", INSTANT, nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.Column("steps", sa.Integer(), nullable=False),
        sa.Column("began_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["reservation_id"],
            ["reservations.id"],
            name=op.f("fk_overruns_reservation_id_reservations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_overruns")),
    )
    op.create_index(op.f("ix_overruns_reservation_id"), "overruns", ["reservation_id"])
    op.create_table(
        "overrun_delays",
        sa.Column("id", ID, nullable=False),
        sa.Column("overrun_id", ID, nullable=False),
        sa.Column("reservation_id", ID, nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("moved_to", INSTANT, nullable=False),
        sa.Column("settled_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["overrun_id"], ["overruns.id"], name=op.f("fk_overrun_delays_overrun_id_overruns")
        ),
        sa.ForeignKeyConstraint(
            ["reservation_id"],
            ["reservations.id"],
            name=op.f("fk_overrun_delays_reservation_id_reservations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_overrun_delays")),
        sa.UniqueConstraint("reservation_id", name=op.f("uq_overrun_delays_reservation_id")),
    )
    op.create_index(op.f("ix_overrun_delays_overrun_id"), "overrun_delays", ["overrun_id"])


def downgrade() -> None:
    op.drop_table("overrun_delays")
    op.drop_table("overruns")

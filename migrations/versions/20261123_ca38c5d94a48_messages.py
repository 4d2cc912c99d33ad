"""messages of their own

Why: notices that belong to no reservation are kept until they are told; why a swap was proposed is
kept with it.

Revision: ca38c5d94a48
Follows: fc6f60b555f5
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ca38c5d94a48"
down_revision = "fc6f60b555f5"
branch_labels = None
depends_on = None


ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "direct_messages",
        sa.Column("id", ID, nullable=False),
        sa.Column("lane", sa.String(length=255), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("not_before", INSTANT, nullable=False),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", INSTANT, nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_direct_messages")),
    )
    op.create_index(
        "ix_direct_messages_pending",
        "direct_messages",
        ["lane", "created_at"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
        sqlite_where=sa.text("state = 'pending'"),
    )
    op.add_column("swaps", sa.Column("reason", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("swaps", "reason")
    op.drop_table("direct_messages")

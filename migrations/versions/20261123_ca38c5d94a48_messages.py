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


def upgrade() -> None:
    op.add_column("swaps", sa.Column("reason", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("swaps", "reason")

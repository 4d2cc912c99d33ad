"""preemptions

Why: a higher priority takes GPUs back, with notice and by approval.

Revision: f15a82fc14e5
Follows: 2ffeb1fca063
"""

from __future__ import annotations

revision = "f15a82fc14e5"
down_revision = "2ffeb1fca063"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass

"""templates and processes on GPUs

Why: a team keeps its trainings, and processes that nobody booked are named.

Revision: 02e56e925392
Follows: e54ef5974547
"""

from __future__ import annotations

revision = "02e56e925392"
down_revision = "e54ef5974547"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass

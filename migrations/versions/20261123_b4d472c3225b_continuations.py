"""continuations of runs

Why: a run that is stopped or moved goes on in another reservation.

Revision: b4d472c3225b
Follows: ca38c5d94a48
"""

from __future__ import annotations

revision = "b4d472c3225b"
down_revision = "ca38c5d94a48"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass

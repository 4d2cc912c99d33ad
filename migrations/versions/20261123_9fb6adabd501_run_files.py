"""files of runs in chunks

Why: large files of runs arrive in chunks and are resumed where they broke off.

Revision: 9fb6adabd501
Follows: b4d472c3225b
"""

from __future__ import annotations

revision = "9fb6adabd501"
down_revision = "b4d472c3225b"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass

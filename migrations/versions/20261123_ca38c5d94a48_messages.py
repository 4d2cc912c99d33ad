"""messages of their own

Why: notices that belong to no reservation are kept until they are told.

Revision: ca38c5d94a48
Follows: fc6f60b555f5
"""

from __future__ import annotations

revision = "ca38c5d94a48"
down_revision = "fc6f60b555f5"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass

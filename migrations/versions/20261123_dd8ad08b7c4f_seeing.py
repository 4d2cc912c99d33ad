"""seals, feeds and incidents

Why: the audit log is sealed, calendars are fed, and incidents stay one card.

Revision: dd8ad08b7c4f
Follows: f15a82fc14e5
"""

from __future__ import annotations

revision = "dd8ad08b7c4f"
down_revision = "f15a82fc14e5"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass

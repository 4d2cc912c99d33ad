"""signing in to the pages

Why: people open the pages through Slack or a short-lived link.

Revision: 2ffeb1fca063
Follows: 02e56e925392
"""

from __future__ import annotations

revision = "2ffeb1fca063"
down_revision = "02e56e925392"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass

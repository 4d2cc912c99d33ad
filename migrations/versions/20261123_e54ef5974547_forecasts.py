"""forecasts of runs

Why: what was foretold of a run is kept, so that its error can be told.

Revision: e54ef5974547
Follows: 9fb6adabd501
"""

from __future__ import annotations

revision = "e54ef5974547"
down_revision = "9fb6adabd501"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass

"""seals, feeds and incidents

Why: the audit log is sealed, calendars are fed, and incidents stay one card.

Revision: dd8ad08b7c4f
Follows: f15a82fc14e5
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "dd8ad08b7c4f"
down_revision = "f15a82fc14e5"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _incidents()


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("host_id", ID, nullable=False),
        sa.Column("gpu_id", ID, nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("mark", ID, nullable=True),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("worst", sa.Double(), nullable=True),
        sa.Column("opened_at", INSTANT, nullable=True),
        sa.Column("resolved_at", INSTANT, nullable=True),
        sa.Column("acknowledged_at", INSTANT, nullable=True),
        sa.Column("acknowledged_by_member_id", ID, nullable=True),
        sa.Column("version", ID, nullable=False),
        sa.ForeignKeyConstraint(["host_id"], ["hosts.id"], name=op.f("fk_incidents_host_id_hosts")),
        sa.ForeignKeyConstraint(["gpu_id"], ["gpus.id"], name=op.f("fk_incidents_gpu_id_gpus")),
        sa.ForeignKeyConstraint(
            ["acknowledged_by_member_id"],
            ["members.id"],
            name=op.f("fk_incidents_acknowledged_by_member_id_members"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
    )
    op.create_index("ix_incidents_host_id_state", "incidents", ["host_id", "state"], unique=False)
    op.create_index("ix_incidents_opened_at", "incidents", ["opened_at"], unique=False)
    op.create_table(
        "incident_cards",
        sa.Column("id", ID, nullable=False),
        sa.Column("incident_id", ID, nullable=False),
        sa.Column("lane", sa.String(length=255), nullable=False),
        sa.Column("channel_id", sa.String(length=255), nullable=False),
        sa.Column("ts", sa.String(length=32), nullable=False),
        sa.Column("shown_version", ID, nullable=False),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", INSTANT, nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_incident_cards_incident_id_incidents")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_cards")),
        sa.UniqueConstraint("incident_id", "lane", name=op.f("uq_incident_cards_incident_id_lane")),
    )
    op.create_index(op.f("ix_incident_cards_due_at"), "incident_cards", ["due_at"], unique=False)


def downgrade() -> None:
    op.drop_table("incident_cards")
    op.drop_table("incidents")

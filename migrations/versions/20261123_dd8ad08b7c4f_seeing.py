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
    op.create_table(
        "audit_seals",
        sa.Column("id", ID, nullable=False),
        sa.Column("first_event_id", ID, nullable=False),
        sa.Column("last_event_id", ID, nullable=False),
        sa.Column("event_count", sa.Integer(), nullable=False),
        sa.Column("previous_sha256", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("sealed_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_seals")),
        sa.UniqueConstraint("last_event_id", name=op.f("uq_audit_seals_last_event_id")),
    )
    op.create_index(op.f("ix_audit_seals_sealed_at"), "audit_seals", ["sealed_at"])
    op.create_table(
        "audit_links",
        sa.Column("event_id", ID, autoincrement=False, nullable=False),
        sa.Column("previous_event_id", ID, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_audit_links")),
    )
    op.create_table(
        "calendar_links",
        sa.Column("id", ID, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("member_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", ID, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("last_used_at", INSTANT, nullable=True),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_calendar_links_member_id_members")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_links")),
        sa.UniqueConstraint("sha256", name=op.f("uq_calendar_links_sha256")),
    )
    op.create_index("ix_calendar_links_member_id", "calendar_links", ["member_id"])
    op.create_table(
        "gpu_hours_used",
        sa.Column("gpu_id", ID, autoincrement=False, nullable=False),
        sa.Column("hour", INSTANT, nullable=False),
        sa.Column("read_s", sa.Double(), nullable=False),
        sa.Column("process_s", sa.Double(), nullable=False),
        sa.Column("busy_s", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["gpu_id"], ["gpus.id"], name=op.f("fk_gpu_hours_used_gpu_id_gpus")
        ),
        sa.PrimaryKeyConstraint("gpu_id", "hour", name=op.f("pk_gpu_hours_used")),
    )
    op.create_index("ix_gpu_hours_used_hour", "gpu_hours_used", ["hour"])
    op.create_table(
        "refused_places",
        sa.Column("lane", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("told_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("lane", "reason", name=op.f("pk_refused_places")),
    )
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
    op.drop_table("refused_places")
    op.drop_table("incident_cards")
    op.drop_table("incidents")
    op.drop_table("gpu_hours_used")
    op.drop_table("calendar_links")
    op.drop_table("audit_links")
    op.drop_table("audit_seals")

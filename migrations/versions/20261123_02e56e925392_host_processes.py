"""templates and processes on GPUs

Why: a team keeps its trainings, and processes that nobody booked are named.

Revision: 02e56e925392
Follows: e54ef5974547
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "02e56e925392"
down_revision = "e54ef5974547"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "templates",
        sa.Column("id", ID, nullable=False),
        sa.Column("team_id", ID, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("gpu_count", sa.Integer(), nullable=False),
        sa.Column("member_id", ID, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_templates_team_id_teams")),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_templates_member_id_members")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_templates")),
        sa.UniqueConstraint("team_id", "name", name=op.f("uq_templates_team_id_name")),
    )
    op.create_table(
        "unix_users",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("member_id", ID, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_unix_users_member_id_members")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_unix_users")),
    )
    op.create_index(op.f("ix_unix_users_member_id"), "unix_users", ["member_id"], unique=False)
    _processes()


def _processes() -> None:
    op.create_table(
        "gpu_processes",
        sa.Column("id", ID, nullable=False),
        sa.Column("host_id", ID, nullable=False),
        sa.Column("pid", ID, nullable=False),
        sa.Column("started_at", INSTANT, nullable=True),
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("command", sa.String(length=255), nullable=False),
        sa.Column("gpu_uuids", sa.JSON(), nullable=False),
        sa.Column("memory_mib", sa.Double(), nullable=True),
        sa.Column("reservation_ids", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("version", ID, nullable=False),
        sa.Column("first_seen_at", INSTANT, nullable=False),
        sa.Column("last_seen_at", INSTANT, nullable=False),
        sa.Column("opened_at", INSTANT, nullable=True),
        sa.Column("gone_at", INSTANT, nullable=True),
        sa.Column("adopted_by_member_id", ID, nullable=True),
        sa.Column("denied_by", sa.JSON(), nullable=False),
        sa.Column("stop_asked_at", INSTANT, nullable=True),
        sa.Column("stop_asked_by", sa.String(length=255), nullable=False),
        sa.Column("stop_outcome", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["host_id"], ["hosts.id"], name=op.f("fk_gpu_processes_host_id_hosts")
        ),
        sa.ForeignKeyConstraint(
            ["adopted_by_member_id"],
            ["members.id"],
            name=op.f("fk_gpu_processes_adopted_by_member_id_members"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gpu_processes")),
    )
    op.create_index(
        "ix_gpu_processes_host_id_state", "gpu_processes", ["host_id", "state"], unique=False
    )
    op.create_table(
        "process_cards",
        sa.Column("id", ID, nullable=False),
        sa.Column("process_id", ID, nullable=False),
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
            ["process_id"],
            ["gpu_processes.id"],
            name=op.f("fk_process_cards_process_id_gpu_processes"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_process_cards")),
        sa.UniqueConstraint("process_id", "lane", name=op.f("uq_process_cards_process_id_lane")),
    )
    op.create_index(op.f("ix_process_cards_due_at"), "process_cards", ["due_at"], unique=False)


def downgrade() -> None:
    op.drop_table("process_cards")
    op.drop_table("gpu_processes")
    op.drop_table("unix_users")
    op.drop_table("templates")

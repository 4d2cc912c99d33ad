"""files of runs in chunks

Why: large files of runs arrive in chunks and are resumed where they broke off.

Revision: 9fb6adabd501
Follows: b4d472c3225b
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "9fb6adabd501"
down_revision = "b4d472c3225b"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "discarded_files",
        sa.Column("id", ID, nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("delete_after", INSTANT, nullable=False),
        sa.Column("taken_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_discarded_files")),
        sa.UniqueConstraint("key", name=op.f("uq_discarded_files_key")),
    )
    op.create_index(op.f("ix_discarded_files_delete_after"), "discarded_files", ["delete_after"])
    op.create_table(
        "uploads",
        sa.Column("id", ID, nullable=False),
        sa.Column("attempt_id", ID, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", ID, nullable=False),
        sa.Column("received_bytes", ID, nullable=False),
        sa.Column("touched_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_uploads_attempt_id_attempts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
        sa.UniqueConstraint("attempt_id", "name", name=op.f("uq_uploads_attempt_id_name")),
    )
    op.create_index(op.f("ix_uploads_touched_at"), "uploads", ["touched_at"])
    op.create_table(
        "upload_parts",
        sa.Column("id", ID, nullable=False),
        sa.Column("upload_id", ID, nullable=False),
        sa.Column("first_byte", ID, nullable=False),
        sa.Column("size_bytes", ID, nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["upload_id"], ["uploads.id"], name=op.f("fk_upload_parts_upload_id_uploads")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload_parts")),
        sa.UniqueConstraint(
            "upload_id", "first_byte", name=op.f("uq_upload_parts_upload_id_first_byte")
        ),
    )
    op.create_table(
        "attempt_checkpoints",
        sa.Column("attempt_id", ID, nullable=False),
        sa.Column("epochs_done", sa.Integer(), nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.Column("stored_epochs_done", sa.Integer(), nullable=True),
        sa.Column("stored_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["attempt_id"],
            ["attempts.id"],
            name=op.f("fk_attempt_checkpoints_attempt_id_attempts"),
        ),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_attempt_checkpoints")),
    )
    op.create_table(
        "attempt_logs",
        sa.Column("attempt_id", ID, nullable=False),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_attempt_logs_attempt_id_attempts")
        ),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_attempt_logs")),
    )


def downgrade() -> None:
    op.drop_table("attempt_logs")
    op.drop_table("attempt_checkpoints")
    op.drop_table("upload_parts")
    op.drop_table("uploads")
    op.drop_table("discarded_files")

"""Copies of the wrapped keys of jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table. The projector fills it."""
    op.create_table(
        "key_archive",
        sa.Column("key_id", sa.Text(collation="C"), primary_key=True),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        schema="kinolog",
    )
    op.create_index("key_archive_by_position", "key_archive", ["position"], schema="kinolog")

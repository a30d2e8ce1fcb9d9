"""Sealed notes of log lines."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("log_lines", sa.Column("note", sa.LargeBinary), schema="kinolog")

"""Jobs whose texts were erased, until the files of the database hold them no more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, with one row: files may hold texts that an earlier version erased."""
    op.create_table(
        "erased_prompts",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("deleted_by", sa.BigInteger, nullable=False),
        schema="kinolog",
    )
    op.execute("INSERT INTO kinolog.erased_prompts VALUES (0, pg_current_xact_id()::text::bigint)")

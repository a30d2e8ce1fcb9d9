"""The archive of the facts about API keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table. The projector fills it from the stream."""
    op.create_table(
        "access_archive",
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("key_id", sa.Text(collation="C"), nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        schema="kinolog",
    )
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON kinolog.access_archive"
        " FOR EACH STATEMENT EXECUTE FUNCTION kinolog.refuse_change()"
    )

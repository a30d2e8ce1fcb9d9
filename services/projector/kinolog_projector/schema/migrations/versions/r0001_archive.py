"""The archive, the checkpoint of the log, and log lines."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "kinolog"

REFUSE = """
CREATE FUNCTION kinolog.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the archive is append-only: % is refused', TG_OP;
END
$$
"""
APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON kinolog.archive
FOR EACH STATEMENT EXECUTE FUNCTION kinolog.refuse_change()
"""


def upgrade() -> None:
    """Create them."""
    key = sa.Text(collation="C")
    op.create_table(
        "archive",
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("job_id", key, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        schema=SCHEMA,
    )
    op.create_index("archive_of_job", "archive", ["job_id", "position"], schema=SCHEMA)
    op.execute(REFUSE)
    op.execute(APPEND_ONLY)
    op.create_table(
        "log_checkpoint",
        sa.Column("one_row", sa.Boolean, sa.CheckConstraint("one_row"), primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        schema=SCHEMA,
    )
    op.execute("INSERT INTO kinolog.log_checkpoint VALUES (true, 0, '')")
    op.create_table(
        "log_lines",
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("job_id", key, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("severity", sa.SmallInteger, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        schema=SCHEMA,
    )
    op.create_index("log_lines_of_job", "log_lines", ["job_id", "sequence"], schema=SCHEMA)

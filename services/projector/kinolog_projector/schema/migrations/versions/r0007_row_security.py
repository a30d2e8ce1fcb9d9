"""The roles that read for the api, and what they may read of the permanent tables."""

from __future__ import annotations

from alembic import op

from kinolog_projector.schema.row_security import MAKE_ROLES, SECURE_ARCHIVE

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLES = ("log_checkpoint", "key_archive", "access_archive", "erased_prompts", "log_lines")
RIGHTS = """
GRANT USAGE ON SCHEMA kinolog TO kinolog_reader, kinolog_operator;
CREATE POLICY lines_of_job ON kinolog.log_lines FOR SELECT TO kinolog_reader
    USING (job_id = current_setting('kinolog.job', true));
GRANT SELECT ON kinolog.log_lines TO kinolog_reader;
"""


def upgrade() -> None:
    """Make them."""
    op.execute(MAKE_ROLES)
    for table in TABLES:
        op.execute(f"ALTER TABLE kinolog.{table} ENABLE ROW LEVEL SECURITY")
    op.execute(RIGHTS)
    op.execute(SECURE_ARCHIVE)

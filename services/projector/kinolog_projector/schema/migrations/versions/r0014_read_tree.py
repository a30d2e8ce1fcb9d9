"""The tree over the recorded reads, and when which of them were deleted."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

CREATE = (
    """
    CREATE TABLE kinolog.read_tree_tiles (
        number bigint NOT NULL,
        level smallint NOT NULL,
        hashes bytea NOT NULL,
        PRIMARY KEY (level, number)
    )
    """,
    "ALTER TABLE kinolog.read_tree_tiles ALTER COLUMN hashes SET STORAGE EXTERNAL",
    """
    CREATE TABLE kinolog.read_deletions (
        until_number bigint PRIMARY KEY,
        deleted_at timestamptz NOT NULL,
        days integer NOT NULL,
        by_size boolean NOT NULL
    )
    """,
    "INSERT INTO kinolog.read_deletions SELECT first.number - 1, now(), 0, true FROM"
    " (SELECT min(number) AS number FROM kinolog.read_batches) AS first WHERE first.number > 1",
    "CREATE POLICY own_rows ON kinolog.read_batches FOR SELECT TO kinolog_reader"
    " USING (tenant = current_setting('kinolog.tenant', true))",
    "GRANT SELECT ON kinolog.read_batches TO kinolog_reader",
)
SECURE = """
ALTER TABLE kinolog.{table} ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_rows ON kinolog.{table} FOR SELECT TO kinolog_operator USING (true);
GRANT SELECT ON kinolog.{table} TO kinolog_operator;
"""


def upgrade() -> None:
    """Create the tables. The projector fills the tree with the batches that are there."""
    for statement in CREATE:
        op.execute(statement)
    for table in ("read_tree_tiles", "read_deletions"):
        op.execute(SECURE.format(table=table))

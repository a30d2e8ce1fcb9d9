"""The tree over all commits, and its signed heads."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

CREATE = (
    """
    CREATE TABLE kinolog.tree_tiles (
        level smallint NOT NULL,
        number bigint NOT NULL,
        hashes bytea NOT NULL,
        PRIMARY KEY (level, number)
    )
    """,
    "ALTER TABLE kinolog.tree_tiles ALTER COLUMN hashes SET STORAGE EXTERNAL",
    """
    CREATE TABLE kinolog.tree_heads (
        number bigint PRIMARY KEY,
        size bigint NOT NULL,
        root bytea NOT NULL,
        signed_at timestamptz NOT NULL,
        public_key bytea NOT NULL,
        note text NOT NULL
    )
    """,
    "CREATE INDEX tree_heads_by_size ON kinolog.tree_heads (size)",
    "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON kinolog.tree_heads"
    " FOR EACH STATEMENT EXECUTE FUNCTION kinolog.refuse_change()",
)
SECURE = """
ALTER TABLE kinolog.{table} ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_rows ON kinolog.{table} FOR SELECT TO kinolog_operator USING (true);
GRANT SELECT ON kinolog.{table} TO kinolog_operator;
"""


def upgrade() -> None:
    """Create the tables. The projector fills them from the archive."""
    for statement in CREATE:
        op.execute(statement)
    for table in ("tree_tiles", "tree_heads"):
        op.execute(SECURE.format(table=table))

"""Which signed heads of the tree were sent to places outside, and what these gave for them."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

CREATE = (
    """
    CREATE TABLE kinolog.tree_receipts (
        target text NOT NULL,
        number bigint NOT NULL,
        sent_at timestamptz NOT NULL,
        receipt bytea NOT NULL,
        PRIMARY KEY (target, number)
    )
    """,
    "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON kinolog.tree_receipts"
    " FOR EACH STATEMENT EXECUTE FUNCTION kinolog.refuse_change()",
    "ALTER TABLE kinolog.tree_receipts ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY all_rows ON kinolog.tree_receipts FOR SELECT TO kinolog_operator USING (true)",
    "GRANT SELECT ON kinolog.tree_receipts TO kinolog_operator",
)


def upgrade() -> None:
    """Create the table."""
    for statement in CREATE:
        op.execute(statement)

"""How far the comparison of everything is that goes on."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

CREATE = (
    """
    CREATE TABLE kinolog.verification_progress (
        one_row boolean PRIMARY KEY CHECK (one_row),
        verification_id text COLLATE "C" NOT NULL,
        commits bigint NOT NULL,
        all_commits bigint NOT NULL,
        jobs bigint NOT NULL
    )
    """,
    "ALTER TABLE kinolog.verification_progress ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY all_rows ON kinolog.verification_progress FOR SELECT TO kinolog_operator USING (true)",
    "GRANT SELECT ON kinolog.verification_progress TO kinolog_operator",
)


def upgrade() -> None:
    """Create the table. The projector writes its row, and the api reads it for operators."""
    for statement in CREATE:
        op.execute(statement)

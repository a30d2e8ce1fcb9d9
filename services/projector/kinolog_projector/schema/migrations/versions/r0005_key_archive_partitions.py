"""The archive of keys in partitions by position, small enough to be rewritten without erased keys."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

CREATE = """
CREATE TABLE kinolog.key_archive (
    key_id text COLLATE "C" NOT NULL,
    wrapped bytea NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (position, key_id)
) PARTITION BY RANGE (position)
"""


def upgrade() -> None:
    """Make the table again. The projector's audit of keys fills it from the key store."""
    op.execute("DROP TABLE kinolog.key_archive")
    op.execute(CREATE)
    op.execute("CREATE INDEX key_archive_by_key ON kinolog.key_archive (key_id)")

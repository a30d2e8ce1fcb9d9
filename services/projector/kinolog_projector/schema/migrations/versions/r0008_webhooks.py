"""What is to be sent to webhooks, and what became of it."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

CREATE = (
    """
    CREATE TABLE kinolog.webhook_deliveries (
        delivery_id text COLLATE "C" PRIMARY KEY,
        webhook_id text COLLATE "C" NOT NULL,
        tenant text COLLATE "C" NOT NULL,
        lane text COLLATE "C" NOT NULL,
        message_id text COLLATE "C" NOT NULL,
        event text COLLATE "C" NOT NULL,
        job_id text COLLATE "C" NOT NULL,
        body bytea NOT NULL,
        status text COLLATE "C" NOT NULL,
        redelivery boolean NOT NULL,
        created_at timestamptz NOT NULL,
        attempts integer NOT NULL,
        next_at timestamptz
    )
    """,
    "CREATE INDEX webhook_deliveries_of_webhook ON kinolog.webhook_deliveries (webhook_id, created_at, delivery_id)",
    "CREATE INDEX webhook_deliveries_lanes ON kinolog.webhook_deliveries (lane, next_at) WHERE next_at IS NOT NULL",
    "CREATE INDEX webhook_deliveries_next ON kinolog.webhook_deliveries (next_at) WHERE next_at IS NOT NULL",
    "CREATE INDEX webhook_deliveries_created ON kinolog.webhook_deliveries (created_at)",
    """
    CREATE TABLE kinolog.webhook_tries (
        delivery_id text COLLATE "C" NOT NULL,
        tenant text COLLATE "C" NOT NULL,
        number integer NOT NULL,
        at timestamptz NOT NULL,
        status_code integer NOT NULL,
        milliseconds integer NOT NULL,
        response_bytes integer NOT NULL,
        error text NOT NULL,
        PRIMARY KEY (delivery_id, number)
    )
    """,
    """
    CREATE TABLE kinolog.webhooks_off (
        webhook_id text COLLATE "C" PRIMARY KEY,
        tenant text COLLATE "C" NOT NULL,
        position bigint NOT NULL,
        at timestamptz NOT NULL,
        reason text NOT NULL
    )
    """,
)


SECURE = """
ALTER TABLE kinolog.{table} ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON kinolog.{table} FOR SELECT TO kinolog_reader
    USING (tenant = current_setting('kinolog.tenant', true));
GRANT SELECT ON kinolog.{table} TO kinolog_reader;
"""


def upgrade() -> None:
    """Create the tables. The projector writes them, and the api reads the rows of one tenant."""
    for statement in CREATE:
        op.execute(statement)
    for table in ("webhook_deliveries", "webhook_tries", "webhooks_off"):
        op.execute(SECURE.format(table=table))

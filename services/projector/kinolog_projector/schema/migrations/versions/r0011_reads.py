"""Who read what, until it is too old to be kept."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

CREATE = (
    """
    CREATE TABLE kinolog.read_checkpoint (
        one_row boolean PRIMARY KEY CHECK (one_row),
        position bigint NOT NULL,
        number bigint NOT NULL
    )
    """,
    "INSERT INTO kinolog.read_checkpoint VALUES (true, 0, 0)",
    """
    CREATE TABLE kinolog.read_batches (
        number bigint PRIMARY KEY,
        position bigint NOT NULL,
        tenant text COLLATE "C" NOT NULL,
        at timestamptz NOT NULL,
        raw bytea NOT NULL
    )
    """,
    """
    CREATE TABLE kinolog.reads (
        batch bigint NOT NULL,
        place integer NOT NULL,
        tenant text COLLATE "C" NOT NULL,
        first_at timestamptz NOT NULL,
        last_at timestamptz NOT NULL,
        times bigint NOT NULL,
        actor text COLLATE "C" NOT NULL,
        api_key_id text COLLATE "C" NOT NULL,
        client text COLLATE "C" NOT NULL,
        kind text COLLATE "C" NOT NULL,
        method text COLLATE "C" NOT NULL,
        route text COLLATE "C" NOT NULL,
        job_id text COLLATE "C" NOT NULL,
        resource text COLLATE "C" NOT NULL,
        first_byte bigint NOT NULL,
        most_bytes bigint NOT NULL,
        size_bytes bigint NOT NULL,
        outcome text COLLATE "C" NOT NULL,
        address_key text COLLATE "C" NOT NULL,
        nonce bytea NOT NULL,
        address bytea NOT NULL,
        PRIMARY KEY (batch, place)
    )
    """,
    "CREATE INDEX reads_of_tenant ON kinolog.reads (tenant, batch, place)",
    "CREATE INDEX reads_of_job ON kinolog.reads (tenant, job_id, batch, place)",
    "CREATE INDEX reads_of_actor ON kinolog.reads (tenant, actor, batch, place)",
    "CREATE INDEX reads_by_time ON kinolog.reads (tenant, last_at)",
    "ALTER TABLE kinolog.read_batches ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE kinolog.reads ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY own_rows ON kinolog.reads FOR SELECT TO kinolog_reader"
    " USING (tenant = current_setting('kinolog.tenant', true))",
    "GRANT SELECT ON kinolog.reads TO kinolog_reader",
)


def upgrade() -> None:
    """Create the tables. The projector writes them, and the api reads the reads of one tenant."""
    for statement in CREATE:
        op.execute(statement)

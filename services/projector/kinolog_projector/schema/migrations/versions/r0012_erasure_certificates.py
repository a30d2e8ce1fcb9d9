"""Certificates of erasure."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

CREATE = (
    """
    CREATE TABLE kinolog.erasure_certificates (
        tenant text COLLATE "C" NOT NULL,
        number bigint NOT NULL,
        erasure_id text COLLATE "C" NOT NULL,
        job_ids text[] COLLATE "C" NOT NULL,
        last_position bigint NOT NULL,
        issued_at timestamptz NOT NULL,
        public_key bytea NOT NULL,
        note text NOT NULL,
        PRIMARY KEY (tenant, number)
    )
    """,
    "CREATE INDEX erasure_certificates_by_position ON kinolog.erasure_certificates (last_position)",
    "CREATE INDEX erasure_certificates_of_erasure ON kinolog.erasure_certificates (tenant, erasure_id, number)",
    "CREATE INDEX erasure_certificates_of_job ON kinolog.erasure_certificates USING gin (job_ids)",
    "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON kinolog.erasure_certificates"
    " FOR EACH STATEMENT EXECUTE FUNCTION kinolog.refuse_change()",
    "ALTER TABLE kinolog.erasure_certificates ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY own_rows ON kinolog.erasure_certificates FOR SELECT TO kinolog_reader"
    " USING (tenant = current_setting('kinolog.tenant', true))",
    "GRANT SELECT ON kinolog.erasure_certificates TO kinolog_reader",
)


def upgrade() -> None:
    """Create the table. The projector fills it, also with the erasures of before."""
    for statement in CREATE:
        op.execute(statement)

"""Runs migrations on the connection that kinolog_projector.schema.migrate passes."""

from __future__ import annotations

from alembic import context

from kinolog.readmodel.permanent_tables import PERMANENT_SCHEMA, permanent

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=permanent,
    version_table_schema=PERMANENT_SCHEMA,
    version_table="schema_version",
    include_schemas=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()

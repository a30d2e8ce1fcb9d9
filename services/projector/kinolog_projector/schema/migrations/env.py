"""Runs migrations on the connection that kinolog_projector.schema.migrate hands over."""

from __future__ import annotations

from alembic import context

from kinolog.readmodel.tables import KEPT_SCHEMA, kept

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=kept,
    version_table_schema=KEPT_SCHEMA,
    version_table="schema_version",
    include_schemas=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()

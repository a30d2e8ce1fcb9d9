"""Alembic migrations of the permanent schema, `kinolog`: the archive, the checkpoint of the log, log lines."""

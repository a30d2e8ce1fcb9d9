"""Alembic migrations of the kept schema, `kinolog`: the archive, the checkpoint of the log, log lines."""

"""Bulk writes to Postgres: array literals, COPY and upserts."""

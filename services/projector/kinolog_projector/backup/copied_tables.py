"""The small permanent tables of a backup: all but the archive, which is the log.

Each is a file as COPY writes it, without the names of columns. So columns are storage: none is moved or taken away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString

from psycopg import sql

from kinolog.readmodel.permanent_tables import PERMANENT_SCHEMA


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedTable:
    """A table, the columns of its file, and those by which its rows are in order. The first column is the key.

    Rows of a table that `changes` are replaced and deleted: those of the backup before are not kept.
    """

    name: str
    columns: LiteralString
    order: LiteralString
    changes: bool = False

    @property
    def reading(self) -> sql.Composed:
        """The statement that copies the rows out of the database."""
        return self._statement(
            "COPY (SELECT {columns} FROM {table} ORDER BY {order}) TO STDOUT (FORMAT BINARY)"
        )

    @property
    def filling(self) -> sql.Composed:
        """The statement that copies rows into the database."""
        return self._statement("COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)")

    def _statement(self, text: LiteralString) -> sql.Composed:
        table = sql.Identifier(PERMANENT_SCHEMA, self.name)
        return sql.SQL(text).format(table=table, columns=sql.SQL(self.columns), order=sql.SQL(self.order))


COPIED_TABLES = {
    "keys": CopiedTable(name="key_archive", columns="key_id, wrapped, position", order="key_id"),
    "log_lines": CopiedTable(
        name="log_lines",
        columns="sequence, job_id, attempt, at, severity, message, note",
        order="sequence",
    ),
    "access": CopiedTable(name="access_archive", columns="position, key_id, raw", order="position"),
    "tree_heads": CopiedTable(
        name="tree_heads", columns="number, size, root, signed_at, public_key, note", order="number"
    ),
    "tree_receipts": CopiedTable(
        name="tree_receipts", columns="target, number, sent_at, receipt", order="target, number"
    ),
    "erasure_certificates": CopiedTable(
        name="erasure_certificates",
        columns="tenant, number, erasure_id, job_ids, last_position, issued_at, public_key, note",
        order="tenant, number",
        changes=True,  # a new database has others, which were signed again
    ),
    "webhook_deliveries": CopiedTable(
        name="webhook_deliveries",
        columns="delivery_id, webhook_id, tenant, lane, message_id, event, job_id, body, status, redelivery,"
        " created_at, attempts, next_at",
        order="delivery_id",
        changes=True,
    ),
    "webhook_tries": CopiedTable(
        name="webhook_tries",
        columns="delivery_id, tenant, number, at, status_code, milliseconds, response_bytes, error",
        order="delivery_id, number",
        changes=True,
    ),
    "read_batches": CopiedTable(
        name="read_batches", columns="number, position, tenant, at, raw", order="number", changes=True
    ),
    "reads": CopiedTable(
        name="reads",
        columns="batch, place, tenant, first_at, last_at, times, actor, api_key_id, client, kind, method, route,"
        " job_id, resource, first_byte, most_bytes, size_bytes, outcome, address_key, nonce, address",
        order="batch, place",
        changes=True,
    ),
    "read_tree": CopiedTable(
        name="read_tree_tiles", columns="number, level, hashes", order="level, number", changes=True
    ),
    "read_deletions": CopiedTable(
        name="read_deletions",
        columns="until_number, deleted_at, days, by_size",
        order="until_number",
        changes=True,
    ),
    "webhooks_off": CopiedTable(
        name="webhooks_off",
        columns="webhook_id, tenant, position, at, reason",
        order="webhook_id",
        changes=True,
    ),
}
"""The tables by the names that they have in a backup. A backup of an earlier version has no file of some."""

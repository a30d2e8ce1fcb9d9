"""Compares the archived batches of reads with their rows, with the stream, and with the numbers of their recorders."""

from __future__ import annotations

from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from kinolog.codec.reads.read_batches import DamagedReadBatch, decode_read_batch
from kinolog.readmodel.database import Connection
from kinolog.reads.read import ReadBatch
from kinolog.reads.read_log import ReadBatchLog
from kinolog_projector.reads.read_archive import read_rows
from kinolog_projector.verify.difference import Difference, DifferenceFound

BATCHES_PER_READ = 200

BATCHES = sql.SQL(
    "SELECT number, position, tenant, raw FROM kinolog.read_batches WHERE number > %s ORDER BY number LIMIT %s"
)
ROWS = sql.SQL("SELECT * FROM kinolog.reads WHERE batch BETWEEN %s AND %s ORDER BY batch, place")


class ReadComparison:
    """Reads the archive of reads once, over a connection whose transaction sees one state of the database."""

    def __init__(self, snapshot: Connection, log: ReadBatchLog | None) -> None:
        self._snapshot = snapshot
        self._log = log
        self._numbers: dict[str, int] = {}
        """The number of the last batch of each recorder."""
        self.batches = 0

    async def run(self) -> None:
        """Compare. Raises `DifferenceFound` for the first batch that differs, `LogUnavailable`."""
        after = 0
        while True:
            cursor = await self._snapshot.execute(BATCHES, [after, BATCHES_PER_READ])
            stored = [
                (int(n), int(at), str(whose), bytes(raw)) for n, at, whose, raw in await cursor.fetchall()
            ]
            if not stored:
                return
            first, last = stored[0][0], stored[-1][0]
            rows = await self._rows(first, last)
            logged = await self._logged(stored[0][1], stored[-1][1])
            for number, position, tenant, raw in stored:
                if logged.get(position, raw) != raw:
                    raise _differs(number, "the stream holds another batch at its position")
                batch = _decoded(number, raw)
                expected = list(read_rows(number, batch))
                if batch.tenant != tenant or rows.pop(number, []) != expected:
                    raise _differs(number, "the reads that questions find are not those of the batch")
                self._check_number(number, batch)
                self.batches += 1
            if rows:
                raise _differs(min(rows), "there are reads of a batch that is not archived")
            after = last

    def _check_number(self, number: int, batch: ReadBatch) -> None:
        """Check that no batch of its recorder is missing before it. The oldest ones are deleted in their order."""
        before = self._numbers.get(batch.recorder)
        if before is not None and batch.number > before + 1:
            text = f"{batch.number - before - 1} before it of the api process {batch.recorder} are missing"
            raise _differs(number, text)
        self._numbers[batch.recorder] = max(batch.number, before or 0)

    async def _rows(self, first: int, last: int) -> dict[int, list[dict[str, Any]]]:
        cursor = self._snapshot.cursor(row_factory=dict_row)
        await cursor.execute(ROWS, [first, last])
        found: dict[int, list[dict[str, Any]]] = {}
        for row in await cursor.fetchall():
            found.setdefault(int(row["batch"]), []).append(row)
        return found

    async def _logged(self, first: int, last: int) -> dict[int, bytes]:
        """Return what the stream has at positions, as far as it is no other stream than that which was archived."""
        found: dict[int, bytes] = {}
        position = first - 1
        while self._log is not None and position < last:
            page = await self._log.after(position)
            found |= {recorded.position: recorded.raw for recorded in page.batches}
            if page.last_position is None:
                break
            position = page.last_position
        return found


def _decoded(number: int, raw: bytes) -> ReadBatch:
    try:
        return decode_read_batch(raw)
    except DamagedReadBatch as damage:
        raise _differs(number, str(damage)) from damage


def _differs(number: int, problem: str) -> DifferenceFound:
    return DifferenceFound(Difference(text=f"batch {number} of the recorded reads: {problem}"))

"""How far the comparison is that goes on, in one row of the database, where the api reads it."""

from __future__ import annotations

import logging

import psycopg
from psycopg import sql

from kinolog.access.verification import Verification
from kinolog.readmodel.database import writer_connection
from kinolog_projector.verify.program import ProgressOfComparison

logger = logging.getLogger(__name__)

STORE = sql.SQL(
    "INSERT INTO kinolog.verification_progress (one_row, verification_id, commits, all_commits, jobs)"
    " VALUES (true, %s, %s, %s, %s) ON CONFLICT (one_row) DO UPDATE SET verification_id = EXCLUDED.verification_id,"
    " commits = EXCLUDED.commits, all_commits = EXCLUDED.all_commits, jobs = EXCLUDED.jobs"
)


class ShownProgress:
    """Stores progress. What cannot be stored is not shown, and ends no comparison."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url

    async def store(self, verification: Verification, progress: ProgressOfComparison) -> None:
        """Store how far a comparison is."""
        values = [verification.verification_id, progress.commits, progress.all_commits, progress.jobs]
        try:
            async with await writer_connection(self._database_url, "kinolog-verify-progress") as connection:
                await connection.execute(STORE, values)
        except psycopg.OperationalError as error:
            logger.warning("progress of the comparison is not shown now: %s", type(error).__name__)

"""How far the comparison of everything is that goes on."""

from __future__ import annotations

from sqlalchemy import select

from kinolog.ports.tree.verification_progress import VerificationProgress
from kinolog.readmodel.permanent_tables import verification_progress
from kinolog.readmodel.queries.statements import PreparedQuery, Snapshot

_c = verification_progress.c
_PROGRESS = PreparedQuery(select(_c.verification_id, _c.commits, _c.all_commits, _c.jobs))


async def stored_progress(snapshot: Snapshot) -> VerificationProgress | None:
    """Return the row; None if there is none."""
    for row in await _PROGRESS.records(snapshot):
        return VerificationProgress(**row)
    return None

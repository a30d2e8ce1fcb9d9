"""The check of the tree over all commits: its last signed head, and the places that have it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg

from kinolog.counts import counted
from kinolog.durations import age_text
from kinolog_stack.checks.doctor_check import OK, WARNING, DoctorCheck
from kinolog_stack.servers.libpq import connect

NAME = "tree"
CONNECT_SECONDS = 5
LATE = timedelta(minutes=5)
"""A head is signed each minute, if there are commits."""

LAST_HEAD = "SELECT number, size, signed_at FROM kinolog.tree_heads ORDER BY number DESC LIMIT 1"
LAST_POSITION = "SELECT position FROM kinolog.log_checkpoint"
SENT = "SELECT target, max(number) FROM kinolog.tree_receipts GROUP BY target ORDER BY target"
KEY_ADVICE = "Read the log of the projector: heads are signed with the key of KINOLOG_TREE_KEY_FILE."


def tree_checks(url: str, now: datetime | None = None) -> list[DoctorCheck]:
    """Return the check of the tree in the database at a URL; none if the database does not answer."""
    try:
        with connect(url, connect_timeout=CONNECT_SECONDS) as connection:
            head = connection.execute(LAST_HEAD).fetchone()
            position = connection.execute(LAST_POSITION).fetchone()
            sent = connection.execute(SENT).fetchall()
    except psycopg.Error:  # the check of the database says why
        return []
    commits = int(position[0]) if position else 0
    if head is None:
        found = f"no head is signed, of {counted(commits, 'commit')}"
        return [DoctorCheck(name=NAME, status=WARNING if commits else OK, found=found, remedy=KEY_ADVICE)]
    number, size, at = head
    age = max((now or datetime.now(UTC)) - at, timedelta(0))
    places = [f"{target} has head {last}" for target, last in sent]
    signed = f"head {number} of {counted(int(size), 'commit')}, signed {age_text(age.total_seconds())} ago"
    found = "; ".join((signed, *places))
    if commits > size and age > LATE:
        later = counted(commits - int(size), "later commit")
        return [
            DoctorCheck(name=NAME, status=WARNING, found=f"{found}; {later} not signed", remedy=KEY_ADVICE)
        ]
    return [DoctorCheck(name=NAME, status=OK, found=found)]

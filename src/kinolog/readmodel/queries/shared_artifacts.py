"""Which files in the artifact store more than one job lists."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Text, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from kinolog.readmodel.queries.statements import PreparedQuery, Snapshot
from kinolog.readmodel.tables import artifacts, scenes

_KEYS = bindparam("keys", type_=ARRAY(Text()))
_EXCLUDING = bindparam("excluding", type_=Text())

_USED = (
    PreparedQuery(
        select(artifacts.c.key)
        .where(artifacts.c.key == any_(_KEYS), artifacts.c.job_id != _EXCLUDING)
        .distinct()
    ),
    PreparedQuery(
        select(scenes.c.artifact_key)
        .where(scenes.c.artifact_key == any_(_KEYS), scenes.c.job_id != _EXCLUDING)
        .distinct()
    ),
)
"""Results and rendered scenes."""


async def artifacts_in_use(snapshot: Snapshot, keys: Sequence[str], excluding: str) -> set[str]:
    """Those of these keys that jobs other than `excluding` list."""
    values = {"keys": list(keys), "excluding": excluding}
    found: set[str] = set()
    for question in _USED:
        found.update(row[0] for row in await question.rows(snapshot, values))
    return found

"""Finds files in the artifact store that other jobs list too."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Text, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from kinolog.readmodel.queries.statements import PreparedQuery, Snapshot
from kinolog.readmodel.tables import artifacts, scenes

_KEYS = bindparam("keys", type_=ARRAY(Text()))
_EXCLUDING = bindparam("excluding", type_=Text())

_IN_RESULTS = PreparedQuery(
    select(artifacts.c.key).where(artifacts.c.key == any_(_KEYS), artifacts.c.job_id != _EXCLUDING).distinct()
)
_IN_SCENES = PreparedQuery(
    select(scenes.c.artifact_key)
    .where(scenes.c.artifact_key == any_(_KEYS), scenes.c.job_id != _EXCLUDING)
    .distinct()
)


async def artifacts_in_use(snapshot: Snapshot, keys: Sequence[str], excluding: str) -> set[str]:
    """Return those of these keys that jobs other than `excluding` list."""
    values = {"keys": list(keys), "excluding": excluding}
    results, rendered = await snapshot.run((_IN_RESULTS, values), (_IN_SCENES, values))
    return {key for (key,) in (*results, *rendered)}

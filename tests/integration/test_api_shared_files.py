"""Files that several jobs list, in a real database. Erasing depends on them."""

from __future__ import annotations

import psycopg

from kinolog.readmodel.postgres import PostgresReadModel

FILE = "INSERT INTO projection.artifacts VALUES (%s, %s, 'video', %s, 'sha', 1, 'video/mp4')"
SCENE = "INSERT INTO projection.scenes VALUES (%s, 0, 0, 1, 8, 'static', 'cut', 1, %s)"


async def test_files_that_others_list(migrated_database_url: str) -> None:
    """A file counts as used when another job lists it as a result or as a rendered scene."""
    async with await psycopg.AsyncConnection.connect(migrated_database_url, autocommit=True) as connection:
        for job_id, place, key in (("a", 0, "own"), ("a", 1, "shared"), ("b", 0, "shared")):
            await connection.execute(FILE, [job_id, place, key])
        await connection.execute(SCENE, ["b", "scene"])
        await connection.execute(SCENE, ["c", None])
    read_model = await PostgresReadModel.connect(migrated_database_url, 1)
    try:
        keys = ["own", "shared", "scene", "nowhere"]
        assert await read_model.artifacts_in_use(keys, "a") == {"shared", "scene"}
        assert await read_model.artifacts_in_use(keys, "b") == {"own", "shared"}
        assert await read_model.artifacts_in_use([], "b") == set()
    finally:
        await read_model.close()

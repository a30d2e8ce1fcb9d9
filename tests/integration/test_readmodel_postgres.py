"""The Postgres read model on a database that has no read models yet. tests/contract has what every read model does."""

from __future__ import annotations

import pytest

from kinolog.ports.read_model import JobQuery, ReadModelUnavailable
from kinolog.readmodel.postgres import PostgresReadModel
from tests.integration.readmodel_database import migrate


async def test_a_database_without_read_models_is_unavailable(database_url: str) -> None:
    """A query before the first migration names the command to run, and succeeds after it."""
    read_model = await PostgresReadModel.connect(database_url, 1)
    with pytest.raises(ReadModelUnavailable, match="the projector makes them from the log"):
        await read_model.list_jobs("default", JobQuery())
    await migrate(database_url)
    assert (await read_model.list_jobs("default", JobQuery())).rows == ()
    await read_model.close()

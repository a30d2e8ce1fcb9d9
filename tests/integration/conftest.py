"""A log in memory, and a read model for a projector to fill."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from kinolog.readmodel.postgres import PostgresReadModel
from tests.builders.memory_jobs import MemoryJobs
from tests.integration.readmodel_database import migrate


@pytest.fixture
async def memory_jobs() -> MemoryJobs:
    """A log with a few jobs."""
    made = MemoryJobs()
    await made.many(20)
    return made


@pytest.fixture
async def read_model(database_url: str) -> AsyncIterator[PostgresReadModel]:
    """A read model on a migrated database."""
    await migrate(database_url)
    model = await PostgresReadModel.connect(database_url, 2)
    yield model
    await model.close()

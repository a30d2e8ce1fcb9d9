"""Connections to the database, and how its failures are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from kinolog.ports.read_model import ReadModelUnavailable

Connection = AsyncConnection[Any]

WAIT_SECONDS = 5.0
STATEMENT_SECONDS = 20

READING = {
    # A plan for the values at hand: statuses are as unequal as can be.
    "plan_cache_mode": "force_custom_plan",
    "jit": "off",
    "default_transaction_read_only": "on",
    "statement_timeout": f"{STATEMENT_SECONDS}s",
}
WRITING = {
    # Batches come as arrays whose length the planner does not know, for tables that grow faster than they are
    # analysed; by index is right for all of them.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
    "idle_in_transaction_session_timeout": "60s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}


def sqlalchemy_url(database_url: str) -> str:
    """The same database for SQLAlchemy, driven by psycopg."""
    scheme, separator, rest = database_url.partition("://")
    if not separator or scheme.split("+")[0] not in ("postgresql", "postgres"):
        raise ValueError("a database URL begins with postgresql://")
    return f"postgresql+psycopg://{rest}"


def libpq_url(database_url: str) -> str:
    """The same database for psycopg itself."""
    return "postgresql://" + sqlalchemy_url(database_url).partition("://")[2]


def _options(settings: dict[str, str]) -> str:
    return " ".join(f"-c {name}={value}" for name, value in settings.items())


def reading_pool(database_url: str, size: int, application: str) -> AsyncConnectionPool[Connection]:
    """A pool for readers; open it before use. Statements outside a transaction stand alone."""

    async def configure(connection: Connection) -> None:
        await connection.set_autocommit(True)

    return AsyncConnectionPool(
        libpq_url(database_url),
        min_size=1,
        max_size=size,
        open=False,
        timeout=WAIT_SECONDS,
        configure=configure,
        kwargs={
            "options": _options(READING),
            "application_name": application,
            "connect_timeout": 5,
            "prepare_threshold": 1,  # planning may take longer than answering: once is enough
        },
    )


async def writing_connection(database_url: str, application: str) -> Connection:
    """A connection for the one who writes; statements outside a transaction commit at once."""
    return await AsyncConnection.connect(
        libpq_url(database_url),
        autocommit=True,
        options=_options(WRITING),
        application_name=application,
        connect_timeout=10,
    )


@asynccontextmanager
async def reading(pool: AsyncConnectionPool[Connection]) -> AsyncIterator[Connection]:
    """A connection to oneself; a transaction that is left open is rolled back. Raises `ReadModelUnavailable`."""
    try:
        async with pool.connection() as connection:
            yield connection
    except (psycopg.OperationalError, PoolTimeout) as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            # A cancellation that breaks into a command may come out as an error of the connection.
            raise asyncio.CancelledError from error
        raise ReadModelUnavailable("the read models cannot be reached; try again") from error
    except psycopg.errors.UndefinedTable as error:
        raise ReadModelUnavailable(
            "the database has no read models yet; run: kinolog-projector migrate"
        ) from error

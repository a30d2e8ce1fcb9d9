"""Connections to the database, and the translation of its errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from kinolog.ports.event_store import RESTORE
from kinolog.ports.read_model import ReadModelDamaged, ReadModelUnavailable

Connection = AsyncConnection[Any]

POOL_WAIT_SECONDS = 5.0
RECONNECT_SECONDS = 2.0
"""How long a pool tries a lost connection again. The next read begins a new try: without this limit its pauses double
to minutes, and a database that is back is not used for as long as it was away.
"""
STATEMENT_TIMEOUT_SECONDS = 20

READER_SETTINGS = {
    # A plan for the given values: some statuses have a thousand times as many jobs as others.
    "plan_cache_mode": "force_custom_plan",
    "jit": "off",
    "default_transaction_read_only": "on",
    "statement_timeout": f"{STATEMENT_TIMEOUT_SECONDS}s",
}
WRITER_SETTINGS = {
    # Batches are arrays whose length the planner does not know, for tables that grow faster than they are
    # analysed. An index scan is right for all of them.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
    "idle_in_transaction_session_timeout": "60s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
KEEPALIVES: dict[str, Any] = {
    # A server that vanished without a word is noticed, by queries that wait for it too.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


def sqlalchemy_url(database_url: str) -> str:
    """Return the URL of the same database for SQLAlchemy with psycopg. Raises `ValueError` for another kind of URL."""
    scheme, separator, rest = database_url.partition("://")
    if not separator or scheme.split("+")[0] not in ("postgresql", "postgres"):
        raise ValueError("a database URL begins with postgresql://")
    return f"postgresql+psycopg://{rest}"


def libpq_url(database_url: str) -> str:
    """Return the URL of the same database for psycopg itself."""
    return "postgresql://" + sqlalchemy_url(database_url).partition("://")[2]


def _options(settings: dict[str, str]) -> str:
    return " ".join(f"-c {name}={value}" for name, value in settings.items())


def reader_pool(
    database_url: str, size: int, application: str, role: str = ""
) -> AsyncConnectionPool[Connection]:
    """Return a pool for readers; open it before use. Its connections are in autocommit mode.

    With a `role` they have its rights alone, whatever the login may do.
    """
    settings = READER_SETTINGS | ({"role": role} if role else {})

    async def configure(connection: Connection) -> None:
        await connection.set_autocommit(True)

    return AsyncConnectionPool(
        libpq_url(database_url),
        min_size=1,
        max_size=size,
        open=False,
        timeout=POOL_WAIT_SECONDS,
        reconnect_timeout=RECONNECT_SECONDS,
        configure=configure,
        kwargs={
            "options": _options(settings),
            "application_name": application,
            "connect_timeout": 5,
            "prepare_threshold": 1,  # planning may take longer than the query: plan once
            **KEEPALIVES,
        },
    )


async def writer_connection(database_url: str, application: str) -> Connection:
    """Open a connection for a writer, in autocommit mode."""
    return await AsyncConnection.connect(
        libpq_url(database_url),
        autocommit=True,
        options=_options(WRITER_SETTINGS),
        application_name=application,
        connect_timeout=10,
        **KEEPALIVES,
    )


@asynccontextmanager
async def reader_connection(pool: AsyncConnectionPool[Connection]) -> AsyncIterator[Connection]:
    """Borrow a connection; an open transaction is rolled back at the end. Raises `ReadModelUnavailable`."""
    try:
        async with pool.connection() as connection:
            yield connection
    except (psycopg.OperationalError, PoolTimeout) as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            # A cancellation in the middle of a command may surface as an error of the connection.
            raise asyncio.CancelledError from error
        raise ReadModelUnavailable("the read models cannot be reached; try again") from error
    except psycopg.errors.UndefinedTable as error:
        raise ReadModelUnavailable(
            "the database has no read models; the projector makes them from the log, try again when it has"
        ) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise ReadModelUnavailable(
            "the database does not let the api read the read models; start kinolog up once, or run: "
            "kinolog-projector update"
        ) from error
    except psycopg.InternalError as error:  # a page or an index whose bytes cannot be right
        raise ReadModelDamaged(
            "the database is damaged. Make its lists again with: kinolog projections rebuild. If that does not help: "
            f"{RESTORE}"
        ) from error


def first_line(error: Exception) -> str:
    """Return the first line of an error, else its type. The other lines of an error of Postgres may hold values."""
    return str(error).strip().partition("\n")[0] or type(error).__name__

"""The projector as a process, on a real log and a real database."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import LiteralString

import httpx
import psycopg
import pytest
from kinolog_projector.rebuild.table_hashes import table_hashes
from kinolog_projector.schema.revision import REVISION

from kinolog.adapters.jetstream.alarms import NatsAlarms
from kinolog.adapters.jetstream.subjects import EVENTS, Service
from kinolog.command_handler import CommandHandler
from kinolog.ports.alarms import LOG_DAMAGED
from kinolog.ports.read_model import JobQuery
from kinolog.process.ready_line import parse
from kinolog.readmodel.database import writer_connection
from kinolog.readmodel.postgres import PostgresReadModel
from kinolog.readmodel.tables import PROJECTION_VERSION, projection
from kinolog_stack.servers.nats_server import NatsServer
from kinolog_stack.servers.postgres_server import PostgresServer
from kinolog_stack.tcp_ports import free_port
from tests.builders.memory_jobs import MemoryJobs
from tests.fixtures.damage import flip_in_log, flip_in_table
from tests.fixtures.log import connected, empty_streams, open_stores
from tests.fixtures.master_key import MASTER_KEY_ENV
from tests.fixtures.waits import WAIT_SECONDS, until, until_true

Env = Mapping[str, str]


@pytest.fixture
async def env(
    own_nats_server: NatsServer, nats_env: Callable[[Service], dict[str, str]], migrated_database_url: str
) -> Env:
    """The environment of a projector, with empty streams and empty read models."""
    await empty_streams(own_nats_server)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("KINOLOG_")}
    return (
        inherited
        | nats_env(Service.PROJECTOR)
        | MASTER_KEY_ENV
        | {"KINOLOG_DATABASE_URL": migrated_database_url}
    )


async def command(env: Env, *arguments: str) -> tuple[int, str, str]:
    """Run a command of the projector. Return exit status, output and errors."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "kinolog_projector",
        *arguments,
        env=env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(90):
        output, errors = await process.communicate()
    return process.returncode or 0, output.decode(), errors.decode()


@dataclass
class Running:
    """A running projector process."""

    process: asyncio.subprocess.Process
    errors: list[str] = field(default_factory=list)

    async def ended(self) -> int:
        """Wait until it has ended. Return its exit status."""
        async with asyncio.timeout(60):
            return await self.process.wait()


@asynccontextmanager
async def running(env: Env) -> AsyncIterator[Running]:
    """Run a projector that is ready."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "kinolog_projector",
        env=env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    projector = Running(process)
    reading = asyncio.create_task(_read(process.stderr, projector.errors))
    try:
        async with asyncio.timeout(60):
            line = await process.stdout.readline()
        assert parse(line.decode()), projector.errors
        yield projector
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(WAIT_SECONDS):
            await process.wait()
        await reading


async def _read(stream: asyncio.StreamReader, lines: list[str]) -> None:
    while line := await stream.readline():
        lines.append(line.decode())


async def submit(server: NatsServer, count: int) -> int:
    """Submit jobs to the real log. Return the last position."""
    async with open_stores(server, Service.API) as stores:
        memory_jobs = MemoryJobs()
        memory_jobs.keys = stores.keys  # type: ignore[assignment]  # the same port
        memory_jobs.store = stores.log  # type: ignore[assignment]
        memory_jobs.handler = CommandHandler(stores.log, lambda: memory_jobs.now)
        for number in range(count):
            job_id = await memory_jobs.submit(f"prompt {number}")
            if number % 3 == 0:
                await memory_jobs.complete(job_id)
        return await stores.log.last_position()


async def hashes(url: str) -> dict[str, str]:
    """Return the hash of each table of the read models."""
    async with await writer_connection(url, "test") as connection:
        return await table_hashes(connection)


async def test_the_commands_of_the_process(own_nats_server: NatsServer, env: Env, database_url: str) -> None:
    """It refuses an unmigrated database, migrates, follows, continues after a kill, and rebuilds to equal hashes."""
    env = {**env, "KINOLOG_DATABASE_URL": database_url}
    status, _, errors = await command(env)
    assert (status, "kinolog-projector migrate" in errors) == (2, True)
    for _ in range(2):
        status, output, errors = await command(env, "migrate")
        assert (status, output) == (
            0,
            f"the database is at revision {REVISION}, the read models are of version {PROJECTION_VERSION}\n",
        ), errors
    model = await PostgresReadModel.connect(database_url, 2)
    probe = free_port("127.0.0.1")
    with_probe = {**env, "KINOLOG_PROJECTOR_PROBE_PORT": str(probe)}
    async with running(with_probe) as projector:
        last = await submit(own_nats_server, 9)
        assert await model.wait_for(last, WAIT_SECONDS) == last
        async with httpx.AsyncClient() as http:
            assert (await http.get(f"http://127.0.0.1:{probe}/ready")).json()["status"] == "ready"
            metrics = (await http.get(f"http://127.0.0.1:{probe}/metrics")).text
        assert f"kinolog_projector_position {last}\n" in metrics
        projector.process.kill()
        await projector.ended()
    async with running(env):
        page = await model.list_jobs("default", JobQuery())
        assert (page.total, page.position) == (9, last)
        assert {row.prompt for row in page.rows} == {f"prompt {number}" for number in range(9)}
        before = await command(env, "hash")
        status, output, errors = await command(env, "rebuild")
        assert (status, output) == (
            0,
            f"rebuilt the read models from {last} commits, up to position {last}\n",
        ), errors
        assert await command(env, "hash") == before
        assert len(before[1].splitlines()) == len(projection.sorted_tables)
    await model.close()


async def test_read_models_of_another_version_are_rebuilt(
    own_nats_server: NatsServer, env: Env, migrated_database_url: str
) -> None:
    """A projection of an earlier version is refused; `update` rebuilds it, and a second one changes nothing."""
    model = await PostgresReadModel.connect(migrated_database_url, 2)
    async with running(env):
        last = await submit(own_nats_server, 5)
        await model.wait_for(last, WAIT_SECONDS)
    await model.close()
    before = await hashes(migrated_database_url)
    with psycopg.connect(migrated_database_url, autocommit=True) as connection:
        connection.execute("UPDATE projection.checkpoint SET projection_version = projection_version - 1")
    status, _, errors = await command(env)
    assert (status, "kinolog-projector rebuild" in errors) == (2, True)
    status, output, errors = await command(env, "update")
    rebuilt = f"rebuilt the read models from {last} commits, up to position {last}\n"
    assert (status, output.endswith(rebuilt)) == (0, True), errors
    assert await hashes(migrated_database_url) == before
    assert "rebuilt" not in (await command(env, "update"))[1]


async def test_a_lost_log_is_restored_from_the_archive(
    own_nats_server: NatsServer, env: Env, migrated_database_url: str
) -> None:
    """A log that lost commits ends the process with status 3; the command in the message restores the log."""
    model = await PostgresReadModel.connect(migrated_database_url, 2)
    async with running(env):
        last = await submit(own_nats_server, 5)
        await model.wait_for(last, WAIT_SECONDS)
    await model.close()
    await empty_streams(own_nats_server, [EVENTS])
    status, _, errors = await command(env)
    assert (status, "kinolog restore" in errors) == (3, True)
    status, output, errors = await command(env, "restore")
    first, second = output.splitlines()
    assert (status, first) == (0, f"restored {last} commits and 0 keys from the archive"), errors
    assert second.startswith(f"log and archive have the same {last} commits (hash ")
    async with running(env):
        assert await submit(own_nats_server, 5) >= last


@pytest.mark.parametrize("arguments", [["unknown"], ["run", "twice"]])
async def test_an_unknown_command_prints_the_usage(env: Env, arguments: list[str]) -> None:
    """The usage goes to standard error, and the status is 2."""
    status, output, errors = await command(env, *arguments)
    assert (status, output) == (2, "")
    assert "migrate  migrate the database to this version" in errors


async def test_no_prompt_and_no_password_is_logged(
    own_nats_server: NatsServer, env: Env, migrated_database_url: str
) -> None:
    """Logs have no prompt and no password, in normal operation and when the database is unavailable."""
    model = await PostgresReadModel.connect(migrated_database_url, 2)
    async with running({**env, "KINOLOG_LOG_LEVEL": "DEBUG"}) as projector:
        await model.wait_for(await submit(own_nats_server, 3), 30)
    await model.close()
    logged = "".join(projector.errors)
    assert "updating the read models" in logged
    password = migrated_database_url.split(":")[2].split("@")[0]
    assert "prompt 1" not in logged
    assert password not in logged
    status, _, errors = await command(
        {**env, "KINOLOG_DATABASE_URL": migrated_database_url + "_gone"}, "migrate"
    )
    assert status == 2
    assert password not in errors


async def test_a_damaged_page_of_the_database_is_named(own_postgres_server: PostgresServer, env: Env) -> None:
    """Commands that read what Postgres holds say that it is damaged, and which command helps.

    An update, which a start of the stack runs, makes damaged read models again. It leaves the archive alone.
    """

    async def run(verb: str) -> tuple[int, str, str]:
        return await command({**env, "KINOLOG_DATABASE_URL": own_postgres_server.url()}, verb)

    flip_in_table(own_postgres_server, own_postgres_server.url(), "projection.checkpoint")
    status, _, errors = await run("hash")
    assert (status, "the read models are damaged, table projection.checkpoint: invalid page" in errors) == (
        3,
        True,
    ), errors
    assert "kinolog projections rebuild" in errors
    status, _, errors = await run("check")
    assert (status, "the read models are damaged: invalid page" in errors) == (2, True), errors
    assert "kinolog-projector rebuild" in errors
    status, output, errors = await run("update")
    assert (status, "the read models are damaged: invalid page" in output) == (0, True), errors
    assert "rebuilt the read models" in output
    assert (await run("check"))[0] == 0
    flip_in_table(own_postgres_server, own_postgres_server.url(), "kinolog.log_checkpoint")
    status, _, errors = await run("update")
    assert (status, "kinolog restore" in errors) == (3, True), errors


async def test_a_restarted_projector_heals_its_read_models(
    own_nats_server: NatsServer, own_postgres_server: PostgresServer, env: Env
) -> None:
    """A process that starts beside damaged or missing read models makes them again, and serves. The archive stays."""
    url = own_postgres_server.url()
    env = {**env, "KINOLOG_DATABASE_URL": url}
    last = await submit(own_nats_server, 6)
    async with running(env):
        model = await PostgresReadModel.connect(url, 2)
        await model.wait_for(last, WAIT_SECONDS)
        await model.close()
    before = await hashes(url)
    for damage in ("page", "schema", "table", "row", "column"):
        if damage == "page":
            flip_in_table(own_postgres_server, url, "projection.checkpoint")
        else:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(DAMAGES[damage])
        async with running(env) as projector:
            await until_true(partial(_is_in, HEALED, projector.errors), f"{damage} is healed")
        assert await hashes(url) == before, damage
        with psycopg.connect(url) as connection:
            archived = connection.execute("SELECT count(*) FROM kinolog.archive").fetchone()
        assert archived == (last,)


def _is_in(text: str, lines: list[str]) -> bool:
    return any(text in line for line in lines)


HEALED = "the read models were made again"
DAMAGES: dict[str, LiteralString] = {
    "schema": "DROP SCHEMA projection CASCADE",
    "table": "DROP TABLE projection.counters",
    "row": "DELETE FROM projection.checkpoint",
    "column": "ALTER TABLE projection.checkpoint DROP COLUMN position",
}


async def test_a_damaged_log_of_servers_of_ones_own_is_restored(
    own_nats_server: NatsServer, env: Env, migrated_database_url: str
) -> None:
    """With the administrator's user the program replaces a damaged stream by its intact commits."""
    model = await PostgresReadModel.connect(migrated_database_url, 2)
    async with running(env):
        last = await submit(own_nats_server, 5)
        await model.wait_for(last, WAIT_SECONDS)
    await model.close()
    own_nats_server.stop()
    flip_in_log(own_nats_server.folder, last // 2)
    own_nats_server.start()
    async with connected(own_nats_server, Service.API) as client:
        alarms = NatsAlarms(client, "api")
        await alarms.open()
        status, _, errors = await command(env)
        assert (status, f"position {last // 2}" in errors) == (3, True)
        (alarm,) = await until(alarms.current, "the alarm that outlives its process")
        await alarms.close()
    assert (alarm.name, f"position {last // 2}" in alarm.details) == (LOG_DAMAGED, True)
    admin = {**env, **own_nats_server.settings_env(Service.ADMIN)}
    status, output, errors = await command(admin, "restore")
    assert (status, f"log and archive have the same {last} commits" in output) == (0, True), errors
    async with running(env):
        assert await submit(own_nats_server, 2) == last

"""nats-server and Postgres as child processes: start, stop, kill, recovery, refusals."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import nats
import nats.errors
import psycopg
import pytest

from kinolog.adapters.jetstream.subjects import Service, inbox_prefix
from kinolog_stack.errors import PortError, StartError
from kinolog_stack.servers.nats_server import NatsServer
from kinolog_stack.servers.postgres_server import PostgresServer
from tests.fixtures.nats_cluster import NatsCluster
from tests.fixtures.waits import WAIT_SECONDS


async def _stored(url: str, add: bool) -> int:
    client = await nats.connect(url)
    try:
        stream = client.jetstream()
        if add:
            await stream.add_stream(name="STORED", subjects=["stored.>"])
            await stream.publish("stored.one", b"1")
        return int((await stream.stream_info("STORED")).state.messages)
    finally:
        await client.close()


async def test_nats_keeps_messages_and_port_over_kill(own_nats_server: NatsServer) -> None:
    """A killed nats-server starts again on the same port with every acknowledged message."""
    port = own_nats_server.port
    await _stored(own_nats_server.url(Service.ADMIN), add=True)
    own_nats_server.kill()
    own_nats_server.start()
    assert own_nats_server.port == port
    assert await _stored(own_nats_server.url(Service.ADMIN), add=False) == 1


def test_the_monitor_is_closed_to_other_accounts(nats_server: NatsServer) -> None:
    """Its pages are in a folder whose name only the owner of the data folder knows."""
    address = f"http://{nats_server.host}:{nats_server.monitor_port}"
    for page in ("/", "/healthz", "/varz", "/connz", "/jsz", "/subsz"):
        assert httpx.get(address + page, trust_env=False).status_code == 404, page
    assert nats_server.monitor("/healthz") == {"status": "ok"}


async def test_nats_denies_other_subjects(own_nats_server: NatsServer) -> None:
    """A service's user may not publish on a subject that is not its own."""
    errors: asyncio.Queue[Exception] = asyncio.Queue()
    report: Callable[[Exception], Awaitable[None]] = errors.put
    client = await nats.connect(
        own_nats_server.url(Service.WORKER),
        error_cb=report,
        inbox_prefix=inbox_prefix(Service.WORKER).encode(),
    )
    await client.publish("work.tiny.0.stolen", b"")
    async with asyncio.timeout(WAIT_SECONDS):
        error = await errors.get()
    await client.close()
    assert "permissions violation" in str(error).lower()


def test_nats_config_is_private(own_nats_server: NatsServer) -> None:
    """Files that hold passwords can be read by their owner alone."""
    for name in ("nats-server.conf", "passwords.json"):
        assert (own_nats_server.folder / name).stat().st_mode & 0o777 == 0o600


def test_nats_names_a_taken_port(tmp_path: Path) -> None:
    """A taken port is named in the error, together with the setting that changes it."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortError, match=rf"(?s){port}.*KINOLOG_NATS_PORT") as refused:
            NatsServer(tmp_path, port=port).start()
    assert refused.value.port == port


def test_cluster_agrees_on_a_leader(nats_cluster: NatsCluster) -> None:
    """Three servers see each other and name one of them leader."""
    assert nats_cluster.leader() in nats_cluster.servers


def _insert(server: PostgresServer) -> None:
    with psycopg.connect(server.url()) as connection:
        connection.execute("CREATE TABLE stored (number int)")
        connection.execute("INSERT INTO stored VALUES (7)")


def _rows(server: PostgresServer) -> list[tuple[int]]:
    with psycopg.connect(server.url()) as connection:
        return connection.execute("SELECT number FROM stored").fetchall()


def test_postgres_recovers_from_kill(own_postgres_server: PostgresServer) -> None:
    """A killed Postgres starts again on the same port with every committed row."""
    port = own_postgres_server.port
    _insert(own_postgres_server)
    own_postgres_server.kill()
    assert (own_postgres_server.folder / "postmaster.pid").exists()
    own_postgres_server.start()
    assert own_postgres_server.port == port
    assert _rows(own_postgres_server) == [(7,)]


def test_postgres_ignores_a_pid_file_of_another_program(own_postgres_server: PostgresServer) -> None:
    """A pid file that names a living process which is not this Postgres does not keep it from starting."""
    own_postgres_server.kill()
    pid_file = own_postgres_server.folder / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    own_postgres_server.start()
    assert own_postgres_server.answers()


def test_postgres_is_not_root_and_asks_for_a_password(own_postgres_server: PostgresServer) -> None:
    """The server runs as an unprivileged user, and refuses a login without the password."""
    assert own_postgres_server.child is not None
    assert Path(f"/proc/{own_postgres_server.child.pid}").stat().st_uid != 0
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host=own_postgres_server.host, port=own_postgres_server.port, user="postgres")


def test_postgres_refuses_a_damaged_folder(tmp_path: Path) -> None:
    """A folder with files but no version is reported as damaged and not changed."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "base").write_text("what was here")
    with pytest.raises(StartError, match="damaged"):
        PostgresServer(folder, fsync=False).start()
    assert (folder / "base").read_text() == "what was here"


def test_postgres_refuses_another_version(tmp_path: Path) -> None:
    """A folder made by another major version is refused with both version numbers."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "PG_VERSION").write_text("16\n")
    with pytest.raises(StartError, match=r"'16'.*Postgres 18"):
        PostgresServer(folder, fsync=False).start()


def test_each_test_has_its_own_database(database_url: str) -> None:
    """The database of a test is empty when the test begins."""
    with psycopg.connect(database_url) as connection:
        tables = connection.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert tables == []

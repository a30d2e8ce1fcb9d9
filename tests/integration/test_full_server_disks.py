"""nats-server, Postgres and the artifact store on a disk that is full for a while: they serve again by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from kinolog.adapters.jetstream.subjects import Service
from kinolog.adapters.obstore.configured_store import artifacts_at
from kinolog.ports.artifacts import ArtifactsUnavailable
from kinolog.ports.event_store import EventStore, LogUnavailable
from kinolog_stack.disks.disk_space import StoredPart, disks_of
from kinolog_stack.disks.disk_watch import DiskWatch
from kinolog_stack.processes.supervised_process import SupervisedProcess
from kinolog_stack.servers.nats_server import NatsServer
from kinolog_stack.servers.postgres_server import PostgresServer
from tests.fixtures.log import empty_streams, given_job, given_jobs, open_stores
from tests.fixtures.programs import started
from tests.fixtures.servers import temporary_folder
from tests.fixtures.small_disks import MEBIBYTE, small_disks
from tests.fixtures.waits import until, wait_until

JOB = "j" * 26
RESERVE_BYTES = 4 * MEBIBYTE
WAL_BYTES = 1_000_000


class AlarmNames:
    """The names of the alarms that stand."""

    def __init__(self) -> None:
        self.standing: set[str] = set()

    def raise_alarm(self, name: str, severity: object, text: str, details: str = "") -> None:
        """Note an alarm."""
        self.standing.add(name)

    def clear(self, name: str) -> None:
        """Forget an alarm."""
        self.standing.discard(name)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for one server, which other users can enter."""
    with temporary_folder() as folder:
        yield folder


async def test_a_log_on_a_full_disk_serves_again(folder: Path) -> None:
    """Commits are refused, reads answered; with room again the log is started, and holds what was acknowledged."""
    server = NatsServer(folder / "nats", log_path=folder / "nats.log")
    supervised = SupervisedProcess("nats-server", server)
    alarms = AlarmNames()
    (folder / "nats").mkdir()
    with small_disks({folder / "nats": 32 * MEBIBYTE}) as disks:
        disk = disks[folder / "nats"]
        with started(supervised):
            watch = DiskWatch(
                lambda: disks_of([StoredPart("log", "the event log", folder / "nats")]),
                server.write_error,
                lambda: _stop_child(server),
                alarms,
                RESERVE_BYTES,
            )
            await empty_streams(server)
            async with open_stores(server, Service.API, retry_timeout_seconds=0.5) as stores:
                stored = await given_jobs(stores.log, 3)
                watch.look()
                assert not alarms.standing
                disk.fill()
                with pytest.raises(LogUnavailable):
                    await _append_without_end(stores.log, stored)
                await until(lambda: _value(server.write_error()), "the server gave up")
                watch.look()
                assert alarms.standing == {"storage-full-log"}
                assert await stores.log.load(stored[0]) is not None
                disk.free()
                with pytest.raises(LogUnavailable):
                    await given_job(stores.log)  # room alone does not help
                watch.look()
                assert supervised.wait_started(2)

                async def appended() -> str | None:
                    try:
                        return await given_job(stores.log)
                    except LogUnavailable:
                        return None

                assert await until(appended, "commits are stored again")
                watch.look()
                assert not alarms.standing
                for job_id in stored:
                    assert await stores.log.load(job_id) is not None


def test_a_database_on_a_full_disk_serves_again(folder: Path) -> None:
    """Postgres ends when it cannot write its log; its supervisor starts it until there is room."""
    server = PostgresServer(folder / "postgres", log_path=folder / "postgres.log", fsync=False)
    with started(server):
        pass  # its folder is made
    supervised = SupervisedProcess("postgres", server)
    with small_disks({folder / "postgres": 256 * MEBIBYTE}) as disks, started(supervised):
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS number")
        disks[folder / "postgres"].fill()
        with pytest.raises(psycopg.Error):
            _write_without_end(server)
        wait_until(lambda: supervised.state, "it ended", lambda state: state == "restarting")
        disks[folder / "postgres"].free()
        assert supervised.wait_started(2)
        with psycopg.connect(server.url()) as connection:
            row = connection.execute("SELECT count(*) FROM kept").fetchone()
        assert row == (1000,)


async def test_a_full_artifact_store_says_so(folder: Path) -> None:
    """On a full disk the store is unavailable, whatever was staged before; with room again the content is stored."""
    (folder / "artifacts").mkdir()
    video = folder / "video.mp4"
    video.write_bytes(b"frame" * MEBIBYTE)
    with small_disks({folder / "artifacts": 16 * MEBIBYTE}) as disks:
        disk, store = disks[folder / "artifacts"], artifacts_at((folder / "artifacts").as_uri())
        disk.fill()
        with pytest.raises(ArtifactsUnavailable):
            await store.stage(video, JOB)
        with pytest.raises(FileNotFoundError):
            await store.stage(
                folder / "missing.mp4", JOB
            )  # the content is missing: that is no trouble of the store
        disk.free()
        stored = await store.commit(await store.stage(video, JOB), ".mp4")
        assert b"".join([chunk async for chunk in store.read(stored.key)]) == video.read_bytes()


async def _append_without_end(log: EventStore, stored: list[str]) -> None:
    while True:
        stored.append(await given_job(log))


def _write_without_end(server: PostgresServer) -> None:
    """Fill the write-ahead log, which needs a new segment soon."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        while True:
            connection.execute("SELECT pg_logical_emit_message(false, '', repeat('x', %s))", [WAL_BYTES])


def _stop_child(server: NatsServer) -> None:
    if server.child is not None:
        server.child.stop()


async def _value(value: str) -> str:
    return value

"""Each disaster of docs/running.md, restored by the commands that it names; afterwards everything is as it was."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from kinolog.adapters.jetstream.subjects import Service
from kinolog.ports.clock import system_clock
from kinolog_stack.errors import StartError
from kinolog_stack.servers.nats_server import NatsServer
from kinolog_stack.servers.postgres_server import PostgresServer
from kinolog_stack.settings import StackSettings
from kinolog_stack.stack import Stack
from tests.builders.jobs import JobDriver
from tests.fixtures.damage import PAGE_BYTES, PARTS, Part, flip_byte, flip_in_log, stored_record
from tests.fixtures.filled_folder import FilledFolder, kinolog, proofs_of, records_of, restored
from tests.fixtures.log import open_stores
from tests.fixtures.programs import started
from tests.fixtures.whole_stack import whole_stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

STRAY = "stray".ljust(26, "a")
"""A job that only the continued log knows."""


def assert_as_before(folder: Path, filled: FilledFolder) -> None:
    """Start a stack without workers: it starts, and jobs, histories, prompts and proofs are as they were."""
    with whole_stack(folder, workers=0) as stack:
        assert records_of(stack) == filled.records
        assert {job_id: wrong for job_id, wrong in proofs_of(stack).items() if wrong} == {}


@contextmanager
def postgres_of(folder: Path) -> Iterator[str]:
    """Run the Postgres of a folder alone. Yield its URL."""
    passwords = folder / "passwords.json"
    with started(PostgresServer(folder / "postgres", fsync=False, passwords_path=passwords)) as server:
        yield server.url()


def refuses_to_start(folder: Path) -> str:
    """Return why a stack does not start on the folder."""
    settings = StackSettings(data=folder, gateway_port=0, api_port=0, postgres_fsync=False, workers=0)
    with pytest.raises(StartError) as refused:
        Stack(settings).start()
    return str(refused.value)


def last_position(filled: FilledFolder) -> int:
    """Return the position of the last commit."""
    return max(int(record["job"]["position"]) for record in filled.records.values())


def lose_broker(folder: Path, last: int) -> None:
    """The folder of nats-server is gone."""
    shutil.rmtree(folder / "nats")


def lose_stream(folder: Path, last: int) -> None:
    """nats-server cannot recover the stream."""
    (stream,) = folder.glob("nats/jetstream/*/streams/EVENTS")
    (stream / "meta.inf").write_text("garbage")


def tear_tail(folder: Path, last: int) -> None:
    """The end of the last block is cut off, as after a crash of the machine."""
    record = stored_record(folder / "nats", last - 2)
    for index in record.block.parent.glob("index.db"):
        index.unlink()
    with record.block.open("r+b") as file:
        file.truncate(record.offset + record.size // 2)


DISASTERS = [lose_broker, lose_stream, tear_tail]


@pytest.mark.parametrize("disaster", DISASTERS, ids=lambda disaster: disaster.__name__)
def test_a_lost_log_is_restored(
    disaster: Callable[[Path, int], None], damaged_copy: Path, filled: FilledFolder
) -> None:
    """`kinolog up` refuses and names the command; the command restores everything, keys included."""
    disaster(damaged_copy, last_position(filled))
    assert "kinolog restore" in refuses_to_start(damaged_copy)
    found = restored(damaged_copy)
    assert (found["changed"], found["commits"]) == (True, last_position(filled))
    assert_as_before(damaged_copy, filled)


@pytest.mark.parametrize(
    ("part", "killed"), [(part, number % 2 == 1) for number, part in enumerate(PARTS)], ids=PARTS
)
def test_a_flipped_bit_is_restored(
    part: Part, killed: bool, damaged_copy: Path, filled: FilledFolder
) -> None:
    """A bit in a commit in the middle: refused, restored, and the damaged stream is kept aside."""
    flip_in_log(damaged_copy / "nats", last_position(filled) // 2, part)
    if killed:
        (index,) = damaged_copy.glob("nats/jetstream/*/streams/EVENTS/msgs/index.db")
        index.unlink()
    assert "kinolog restore" in refuses_to_start(damaged_copy)
    found = restored(damaged_copy)
    assert found["commits"] == last_position(filled)
    assert all(Path(aside).exists() for aside in found["set_aside"])
    assert_as_before(damaged_copy, filled)


@pytest.mark.parametrize("option", [(), ("--new-database",)], ids=["by itself", "by a new database"])
def test_a_lost_database_is_built_from_the_log(
    option: tuple[str, ...], damaged_copy: Path, filled: FilledFolder
) -> None:
    """Without the folder of Postgres the restore builds archive, keys and read models from the log."""
    if not option:
        shutil.rmtree(damaged_copy / "postgres")
    found = restored(damaged_copy, *option)
    assert (found["changed"], found["commits"]) == (True, last_position(filled))
    assert_as_before(damaged_copy, filled)


def test_lost_passwords_need_a_new_database(damaged_copy: Path, filled: FilledFolder) -> None:
    """Postgres refuses the new password; the message names the command that builds another database from the log."""
    (damaged_copy / "passwords.json").unlink()
    assert "kinolog restore --new-database" in refuses_to_start(damaged_copy)
    assert restored(damaged_copy, "--new-database")["commits"] == last_position(filled)
    assert_as_before(damaged_copy, filled)


@pytest.mark.parametrize(
    "change",
    [
        "DROP SCHEMA projection CASCADE",
        "DROP TABLE projection.jobs CASCADE",
        "DROP TABLE projection.checkpoint",
        "UPDATE projection.checkpoint SET position = 3",
    ],
)
def test_up_rebuilds_read_models_that_are_not_whole(
    change: LiteralString, damaged_copy: Path, filled: FilledFolder
) -> None:
    """A dropped schema, a dropped table and another position are healed by the next start."""
    with postgres_of(damaged_copy) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(change)
    assert_as_before(damaged_copy, filled)


@pytest.mark.parametrize("damage", ["page", "row", "deleted"])
def test_a_damaged_archive_is_restored_from_the_log(
    damage: str, damaged_copy: Path, filled: FilledFolder
) -> None:
    """A flipped byte in a page, a changed row and a deleted row of the archive."""
    with postgres_of(damaged_copy) as url, psycopg.connect(url, autocommit=True) as connection:
        if damage == "page":
            found = connection.execute("SELECT pg_relation_filepath('kinolog.archive')").fetchone()
            assert found is not None
            path = damaged_copy / "postgres" / found[0]
        else:
            connection.execute("ALTER TABLE kinolog.archive DISABLE TRIGGER append_only")
            connection.execute(
                "UPDATE kinolog.archive SET raw = set_byte(raw, 50, 1 + get_byte(raw, 50) % 200) WHERE position = 9"
                if damage == "row"
                else "DELETE FROM kinolog.archive WHERE position = 9"
            )
    if damage == "page":
        flip_byte(path, PAGE_BYTES // 2)
    assert "kinolog restore" in refuses_to_start(damaged_copy)
    assert restored(damaged_copy)["commits"] == last_position(filled)
    assert_as_before(damaged_copy, filled)


def test_a_continued_log_loses_no_job(damaged_copy: Path, filled: FilledFolder) -> None:
    """Jobs that a cut log accepted are queued again after those that the archive holds."""
    tear_tail(damaged_copy, last_position(filled))
    with nats_of(damaged_copy) as server:
        asyncio.run(_submit_one(server))
    found = restored(damaged_copy)
    assert found["requeued"] == [STRAY]
    assert found["commits"] == last_position(filled) + 1
    with whole_stack(damaged_copy, workers=0) as stack:
        records = records_of(stack)
    assert {job_id: record for job_id, record in records.items() if job_id != STRAY} == filled.records
    assert records[STRAY]["job"]["status"] == "queued"


async def _submit_one(server: NatsServer) -> None:
    async with open_stores(server, Service.API) as stores:
        driver = JobDriver(stores.log, stores.keys, system_clock)
        await driver.submit_sealed(STRAY, "a stray heron", {})


@contextmanager
def nats_of(folder: Path) -> Iterator[NatsServer]:
    """Run the nats-server of a folder alone."""
    passwords = folder / "passwords.json"
    with started(NatsServer(folder / "nats", passwords_path=passwords)) as server:
        yield server


def test_nothing_to_restore(damaged_copy: Path, filled: FilledFolder) -> None:
    """A restore of a whole folder changes nothing, and says how many commits it compared."""
    done = kinolog("restore", "--data", str(damaged_copy))
    assert done.returncode == 0, done.stderr
    assert (
        f"nothing to restore: log, archive and read models agree, {last_position(filled)} commits"
        in done.stdout
    )


def test_a_restore_asks_first(damaged_copy: Path, filled: FilledFolder) -> None:
    """Without a terminal and without --yes it says what it would do, and changes nothing."""
    lose_broker(damaged_copy, 0)
    done = kinolog("restore", "--data", str(damaged_copy))
    assert done.returncode == 2
    assert "fill the log and the keys from their archives" in done.stderr
    assert "say --yes" in done.stderr
    assert restored(damaged_copy)["commits"] == last_position(filled)


def test_the_commands_of_read_models_run_alone(damaged_copy: Path) -> None:
    """`kinolog projections` starts the servers that it needs if kinolog does not run."""
    before = kinolog("projections", "hash", "--data", str(damaged_copy))
    assert before.returncode == 0, before.stderr
    rebuilt = kinolog("projections", "rebuild", "--data", str(damaged_copy))
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert kinolog("projections", "hash", "--data", str(damaged_copy)).stdout == before.stdout


def test_a_running_stack_is_not_restored(filled: FilledFolder, damaged_copy: Path) -> None:
    """While kinolog runs, the restore says so and touches nothing."""
    with whole_stack(damaged_copy, workers=0):
        done = kinolog("restore", "--yes", "--data", str(damaged_copy))
    assert done.returncode == 1
    assert "already runs" in done.stderr

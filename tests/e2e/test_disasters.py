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
from kinolog_projector.guard.log_comparison import DamageKind
from kinolog_projector.maintenance import hash_tables

from kinolog.adapters.jetstream.subjects import EVENTS, KEYS_STREAM, PROGRESS, WORK, Service
from kinolog.ports.clock import system_clock
from kinolog_stack.errors import StartError
from kinolog_stack.servers.nats_server import DamagedStream, NatsServer
from kinolog_stack.servers.postgres_server import PostgresServer
from kinolog_stack.settings import StackSettings
from kinolog_stack.stack import Stack
from tests.builders.jobs import JobDriver
from tests.fixtures.damage import PAGE_BYTES, PARTS, Part, flip_byte, flip_in_log, flip_place, stored_record
from tests.fixtures.filled_folder import FilledFolder, assert_starts, records_of
from tests.fixtures.kinolog_command import kinolog, kinolog_here, restored
from tests.fixtures.log import open_stores
from tests.fixtures.programs import started
from tests.fixtures.served_folder import assert_restored, refused, repaired, run_projector_command, served

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

STRAY = "stray".ljust(26, "a")
"""A job that only the continued log knows."""


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


def lose_broker(folder: Path) -> None:
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


def test_a_lost_broker_is_restored(damaged_copy: Path, filled: FilledFolder) -> None:
    """`kinolog up` refuses and names the command, which says what it would do and changes nothing until --yes.

    Then it restores everything, keys included, and kinolog starts.
    """
    lose_broker(damaged_copy)
    assert "kinolog restore" in refuses_to_start(damaged_copy)
    asked = kinolog("restore", "--data", str(damaged_copy))
    assert asked.returncode == 2
    assert "fill the log and the keys from their archives" in asked.stderr
    assert "say --yes" in asked.stderr
    found = restored(damaged_copy)
    assert (found["changed"], found["commits"]) == (True, last_position(filled))
    assert_starts(damaged_copy, filled.records)


@pytest.mark.parametrize("disaster", [lose_stream, tear_tail], ids=lambda disaster: disaster.__name__)
def test_a_lost_log_is_restored(
    disaster: Callable[[Path, int], None], damaged_copy: Path, filled: FilledFolder
) -> None:
    """It is not served, and the message names the command, which restores everything, keys included."""
    disaster(damaged_copy, last_position(filled))
    assert "kinolog restore" in refused(damaged_copy)
    found = restored(damaged_copy)
    assert (found["changed"], found["commits"]) == (True, last_position(filled))
    assert_restored(damaged_copy, filled.records)


def test_what_only_a_lost_log_had_is_named(damaged_copy: Path, filled: FilledFolder) -> None:
    """With a log that cannot be read the database stays, and the restore says which positions its archive lacks."""
    last = last_position(filled)
    change_database(
        damaged_copy,
        "ALTER TABLE kinolog.archive DISABLE TRIGGER append_only",
        "DELETE FROM kinolog.archive WHERE position >= (SELECT max(position) - 1 FROM kinolog.archive)",
        "UPDATE kinolog.log_checkpoint SET position = position - 2",
        "ALTER TABLE kinolog.archive ENABLE TRIGGER append_only",
    )
    lose_stream(damaged_copy, last)
    refusal = kinolog_here("restore", "--yes", "--new-database", "--data", str(damaged_copy))
    assert refusal.exit_code != 0
    assert "A new database is built from the log, so the old one stays." in refusal.output
    found = restored(damaged_copy)
    assert found["commits"] == last - 2
    assert (
        f"leave out positions {last - 1} to {last}, which only the log that was set aside has"
        in found["steps"]
    )


def test_places_that_take_all_memory_are_restored(damaged_copy: Path, filled: FilledFolder) -> None:
    """One changed bit in each stream: nats-server is killed and the first one named. Each position is corrected."""
    nats = damaged_copy / "nats"
    streams = (EVENTS, KEYS_STREAM, PROGRESS, WORK)
    for stream in streams:
        flip_place(nats, stream)
    passwords = damaged_copy / "passwords.json"
    with pytest.raises(DamagedStream, match="stream EVENTS"):
        NatsServer(nats, passwords_path=passwords, memory_bytes=96 << 20).start()
    found = restored(damaged_copy)
    assert (found["changed"], found["commits"]) == (True, last_position(filled))
    assert {Path(aside).name.rpartition("-")[0] for aside in found["set_aside"]} == set(streams)
    assert len(found["steps"]) == len(streams)
    for stream, step in zip(sorted(streams), found["steps"], strict=True):
        assert step.startswith("correct position ")
        assert f"/streams/{stream}/msgs/" in step
    assert_restored(damaged_copy, filled.records)


def flip_in_middle(folder: Path, filled: FilledFolder, part: Part, *, killed: bool) -> int:
    """Change a bit of a commit in the middle, and return its position. A killed broker has no index of its blocks."""
    position = last_position(filled) // 2
    flip_in_log(folder / "nats", position, part)
    if killed:
        (index,) = folder.glob("nats/jetstream/*/streams/EVENTS/msgs/index.db")
        index.unlink()
    return position


@pytest.mark.parametrize("part", PARTS)
def test_a_flipped_bit_is_repaired(part: Part, damaged_copy: Path, filled: FilledFolder) -> None:
    """A bit in any part of a commit: the place is named, and the projector's `restore` brings the commit back.

    Without an index, and after a wrong length, the broker reads nothing from there on.
    """
    killed = PARTS.index(part) % 2 == 1
    position = flip_in_middle(damaged_copy, filled, part, killed=killed)
    ends_before = f"the log ends at position {position - 1}, but commits up to {last_position(filled)} were"
    assert (ends_before if killed or part == "length" else f"position {position} ") in refused(damaged_copy)
    assert repaired(damaged_copy)["commits"] == last_position(filled)
    assert_restored(damaged_copy, filled.records)


@pytest.mark.parametrize("killed", [False, True], ids=["with index", "without index"])
def test_a_flipped_bit_is_restored(killed: bool, damaged_copy: Path, filled: FilledFolder) -> None:
    """`kinolog up` refuses; `kinolog restore` brings the commit back. A stream with damage inside is kept aside."""
    flip_in_middle(damaged_copy, filled, "headers" if killed else "body", killed=killed)
    assert "kinolog restore" in refuses_to_start(damaged_copy)
    found = restored(damaged_copy)
    assert found["commits"] == last_position(filled)
    assert bool(found["set_aside"]) != killed
    assert all(Path(aside).exists() for aside in found["set_aside"])
    assert_restored(damaged_copy, filled.records)


def test_a_lost_database_is_built_from_the_log(damaged_copy: Path, filled: FilledFolder) -> None:
    """Without the folder of Postgres the restore builds archive, keys and read models from the log."""
    shutil.rmtree(damaged_copy / "postgres")
    found = restored(damaged_copy)
    assert (found["changed"], found["commits"]) == (True, last_position(filled))
    assert_restored(damaged_copy, filled.records)


def test_lost_passwords_need_a_new_database(damaged_copy: Path, filled: FilledFolder) -> None:
    """Postgres refuses the new password; the message names the command that builds another database from the log."""
    (damaged_copy / "passwords.json").unlink()
    assert "kinolog restore --new-database" in refuses_to_start(damaged_copy)
    found = restored(damaged_copy, "--new-database")
    assert (found["changed"], found["commits"]) == (True, last_position(filled))
    assert_starts(damaged_copy, filled.records)


def change_database(folder: Path, *changes: LiteralString) -> None:
    """Run statements in the database of a folder."""
    with postgres_of(folder) as url, psycopg.connect(url, autocommit=True) as connection:
        for change in changes:
            connection.execute(change)


def test_up_rebuilds_lost_read_models(damaged_copy: Path, filled: FilledFolder) -> None:
    """A dropped schema is made again by the next `kinolog up`."""
    change_database(damaged_copy, "DROP SCHEMA projection CASCADE")
    assert_starts(damaged_copy, filled.records)


@pytest.mark.parametrize(
    "change",
    [
        "DROP TABLE projection.jobs CASCADE",
        "DROP TABLE projection.checkpoint",
        "UPDATE projection.checkpoint SET position = 3",
    ],
)
def test_a_start_rebuilds_read_models_that_are_not_whole(
    change: LiteralString, damaged_copy: Path, filled: FilledFolder
) -> None:
    """A dropped table and another position are healed by what the services do when they start."""
    change_database(damaged_copy, change)
    assert_restored(damaged_copy, filled.records)


def test_a_damaged_page_of_the_archive_is_restored_from_the_log(
    damaged_copy: Path, filled: FilledFolder
) -> None:
    """`kinolog up` refuses, the command that it names restores, and kinolog starts."""
    with postgres_of(damaged_copy) as url, psycopg.connect(url) as connection:
        found = connection.execute("SELECT pg_relation_filepath('kinolog.archive')").fetchone()
    assert found is not None
    flip_byte(damaged_copy / "postgres" / found[0], PAGE_BYTES // 2)
    assert "kinolog restore" in refuses_to_start(damaged_copy)
    assert restored(damaged_copy)["commits"] == last_position(filled)
    assert_starts(damaged_copy, filled.records)


def test_damaged_rows_of_the_archive_are_repaired_from_the_log(
    damaged_copy: Path, filled: FilledFolder
) -> None:
    """A changed and a deleted row are both named, and the projector's `restore` brings both back."""
    change_database(
        damaged_copy,
        "ALTER TABLE kinolog.archive DISABLE TRIGGER append_only",
        "UPDATE kinolog.archive SET raw = set_byte(raw, 50, 1 + get_byte(raw, 50) % 200) WHERE position = 9",
        "DELETE FROM kinolog.archive WHERE position = 11",
    )
    named = refused(damaged_copy)
    assert "position 9 " in named
    assert DamageKind.ARCHIVE_DAMAGED in named
    assert "position 11 " in named
    assert DamageKind.ARCHIVE_LOST in named
    assert repaired(damaged_copy)["commits"] == last_position(filled)
    assert_restored(damaged_copy, filled.records)


def test_a_continued_log_loses_no_job(damaged_copy: Path, filled: FilledFolder) -> None:
    """Jobs that a cut log accepted are queued again after those that the archive holds."""
    tear_tail(damaged_copy, last_position(filled))
    with nats_of(damaged_copy) as server:
        asyncio.run(_submit_one(server))
    found = restored(damaged_copy)
    assert found["requeued"] == [STRAY]
    assert found["commits"] == last_position(filled) + 1
    with served(damaged_copy) as client:
        records = records_of(client)
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


def test_the_commands_of_read_models_run_alone(damaged_copy: Path) -> None:
    """`kinolog projections` starts the servers that it needs if kinolog does not run."""
    before = run_projector_command(damaged_copy, hash_tables).text
    rebuilt = kinolog("projections", "rebuild", "--data", str(damaged_copy))
    assert rebuilt.returncode == 0, rebuilt.stderr
    after = kinolog("projections", "hash", "--data", str(damaged_copy))
    assert after.returncode == 0, after.stderr
    assert after.stdout.strip() == before


def test_a_running_stack_is_not_restored(stack: Stack) -> None:
    """While kinolog runs, the restore says so and touches nothing."""
    done = kinolog("restore", "--yes", "--data", str(stack.folder.path))
    assert done.returncode == 1
    assert "already runs" in done.stderr

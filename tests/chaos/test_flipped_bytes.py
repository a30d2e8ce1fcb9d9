"""One byte of a file changes, at random: in the stream, in the archive, in a video. It is noticed, named, and repaired.

FLIPPED_BYTES sets how many bytes are changed, one after the other, each in a copy of the same folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from random import Random

import psycopg
import pytest

from kinolog_client import GatewayError, KinologClient
from kinolog_stack.errors import StartError
from kinolog_stack.servers.postgres_server import PostgresServer
from tests.fixtures.damage import flip_byte
from tests.fixtures.filled_folder import FilledFolder, proofs_of, records_of
from tests.fixtures.kinolog_command import restored
from tests.fixtures.programs import started
from tests.fixtures.whole_stack import whole_stack

FLIPS = int(os.environ.get("FLIPPED_BYTES", "6"))
pytestmark = [pytest.mark.slow, pytest.mark.drill, pytest.mark.timeout(300)]

ARCHIVE_FILES = """
SELECT pg_relation_filepath(c.oid) FROM pg_class AS c WHERE c.oid = 'kinolog.archive'::regclass
OR c.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = 'kinolog.archive'::regclass)
"""


def stream_files(folder: Path) -> list[Path]:
    """Return the blocks of the log."""
    return sorted(folder.glob("nats/jetstream/*/streams/EVENTS/msgs/*.blk"))


def archive_files(folder: Path) -> list[Path]:
    """Return the files of the archive's table and indexes."""
    passwords = folder / "passwords.json"
    with (
        started(PostgresServer(folder / "postgres", fsync=False, passwords_path=passwords)) as server,
        psycopg.connect(server.url()) as connection,
    ):
        found = connection.execute(ARCHIVE_FILES).fetchall()
    return [folder / "postgres" / name for (name,) in found]


def artifact_files(folder: Path) -> list[Path]:
    """Return the stored files of the jobs."""
    return sorted(path for path in (folder / "artifacts/jobs").rglob("*") if path.is_file())


PLACES: list[Callable[[Path], list[Path]]] = [stream_files, archive_files, artifact_files]


def noticed_by(folder: Path) -> str:
    """Start a stack and read every job. Return what says that something is wrong; empty if nothing does."""
    try:
        with (
            whole_stack(folder, workers=0) as stack,
            KinologClient(stack.addresses["gateway"]) as client,
        ):
            return _found_by_reads(client)
    except StartError as refused:
        return str(refused)


def _found_by_reads(client: KinologClient) -> str:
    try:
        wrong = {job_id: failed for job_id, failed in proofs_of(client).items() if failed}
    except GatewayError as error:
        return str(error)
    alarms = [alarm.text for alarm in client.alarms().alarms]
    return "; ".join([*alarms, *(f"{job_id} {failed}" for job_id, failed in wrong.items())])


@pytest.mark.parametrize("number", range(FLIPS))
def test_a_flipped_byte_is_noticed_and_repaired(
    number: int, damaged_copy: Path, filled: FilledFolder
) -> None:
    """It stops the start or the next read and names its place; after the restore everything is as before."""
    random = Random(number)
    place = PLACES[number % len(PLACES)]
    path = random.choice([path for path in place(damaged_copy) if path.stat().st_size])
    offset = random.randrange(path.stat().st_size)
    flip_byte(path, offset, 1 << random.randrange(8))
    noticed = noticed_by(damaged_copy)
    where = f"byte {offset} of {path.relative_to(damaged_copy)}"
    if place is artifact_files:
        assert path.name in noticed, where
        assert "was changed" in noticed, where
        path.write_bytes((filled.path / path.relative_to(damaged_copy)).read_bytes())  # as from a backup
    else:
        assert "kinolog restore" in noticed, f"{where}: {noticed}"
        assert restored(damaged_copy)["changed"], where
    with whole_stack(damaged_copy, workers=0) as stack, KinologClient(stack.addresses["gateway"]) as client:
        assert records_of(client) == filled.records, where
        assert not any(proofs_of(client).values()), where

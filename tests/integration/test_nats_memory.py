"""A nats-server that a damaged record makes take all memory is killed long before, and the record is named."""

from __future__ import annotations

import logging
from pathlib import Path

import nats
import pytest

from kinolog.adapters.jetstream.subjects import Service
from kinolog_stack.errors import StartError
from kinolog_stack.processes.supervised_process import SupervisedProcess
from kinolog_stack.servers.nats_server import DamagedStream, NatsServer
from tests.fixtures.damage import StoredRecord, flip_place, flip_place_back
from tests.fixtures.programs import started
from tests.fixtures.waits import wait_until

ALLOWED = 96 << 20
"""An empty server takes 20 MiB."""


async def fill(server: NatsServer) -> None:
    """Store some messages in a stream."""
    client = await nats.connect(server.url(Service.ADMIN))
    stream = client.jetstream()
    await stream.add_stream(name="STORED", subjects=["stored.>"])
    for number in range(20):
        await stream.publish(f"stored.{number}", b"content")
    await client.close()


def assert_names(error: StartError, record: StoredRecord, folder: Path) -> None:
    """The stream, the block, the byte and what to do are named."""
    assert isinstance(error, DamagedStream)
    assert f"the event log in {folder} is damaged: stream STORED" in error.problem
    assert f"byte {record.offset} of {record.block}" in error.problem
    assert "kinolog restore" in error.remedy


async def test_a_start_that_takes_all_memory_is_refused(tmp_path: Path) -> None:
    """Each time, until the bit is what it was."""
    server = NatsServer(tmp_path, memory_bytes=ALLOWED)
    with started(server):
        await fill(server)
    record = flip_place(tmp_path, "STORED")
    for _ in range(2):
        with pytest.raises(DamagedStream) as refused:
            server.start()
        assert_names(refused.value, record, tmp_path)
    flip_place_back(record)
    with started(server):
        assert server.healthy()


async def test_a_supervised_server_says_why_it_does_not_start_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The problem of the process, which doctor shows, and the log name the damage and what to do."""
    server = NatsServer(tmp_path, memory_bytes=ALLOWED)
    process = SupervisedProcess("nats-server", server)
    with started(process), caplog.at_level(logging.ERROR):
        await fill(server)
        assert server.damage() is None
        record = flip_place(tmp_path, "STORED")
        assert server.child is not None
        server.child.stop()  # its supervisor starts it again
        wait_until(lambda: "kinolog restore" in process.problem, "the damage is the problem of the process")
        assert f"is damaged: stream STORED: the record at byte {record.offset}" in process.problem
        assert process.state == "restarting"
    assert "a process takes too much memory and is killed" in caplog.text
    damage = server.damage()
    assert damage is not None
    assert_names(damage, record, tmp_path)


async def test_whole_streams_are_never_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A server that takes more memory than expected without damage may take more at its next try, until it serves."""
    server = NatsServer(tmp_path, memory_bytes=4 << 20)
    process = SupervisedProcess("nats-server", server)
    with caplog.at_level(logging.ERROR), started(process):
        wait_until(lambda: "takes too much memory" in caplog.text, "it was killed once")
        wait_until(lambda: process.state == "running" and server.healthy(), "it serves")
    assert server.damage() is None

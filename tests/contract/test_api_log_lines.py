"""Notes of log lines, which quote the prompt: sealed in transit and storage, unsealed for the owner only."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from kinolog.codec.progress import decode_note, decode_progress_update, encode_note, encode_progress_update
from kinolog.ports.progress import LogLevel, LogLine
from kinolog.privacy.sealed_fields import ProgressSealer
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import RunningApi, collected, running_api

SECRET = "crimsn taken for crimson; left out fluffy"


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


async def line_with_note(api: RunningApi, job_id: str, sequence: int = 1) -> LogLine:
    """Return a line with a note, as a worker publishes it."""
    loaded = await api.store.load(job_id)
    key = await api.key(job_id)
    assert loaded is not None
    assert key is not None
    note = ProgressSealer(loaded.job, key).note(SECRET)
    return LogLine(
        job_id=job_id,
        attempt=1,
        at=api.clock(),
        level=LogLevel.INFO,
        message="the model does not know 2 words",
        sequence=sequence,
        note=note,
    )


async def test_the_owner_reads_the_note(api: RunningApi) -> None:
    """ListLogEntries appends the note to the message."""
    job_id = await api.submit()
    plain = LogLine(
        job_id=job_id, attempt=1, at=api.clock(), level=LogLevel.INFO, message="weights loaded", sequence=2
    )
    api.read_model.lines = [await line_with_note(api, job_id), plain]
    answer = await api.jobs.ListLogEntries(pb.ListLogEntriesRequest(job_id=job_id))
    assert [entry.message for entry in answer.entries] == [
        f"the model does not know 2 words: {SECRET}",
        "weights loaded",
    ]


async def test_watchers_read_the_note(api: RunningApi) -> None:
    """WatchJob appends the note to the message."""
    job_id = await api.submit()
    stream = api.jobs.WatchJob(pb.WatchJobRequest(job_id=job_id, logs=True))
    await collected(stream, 1)
    await api.progress.publish(await line_with_note(api, job_id))
    (message,) = await collected(stream, 1)
    assert message.log.message == f"the model does not know 2 words: {SECRET}"
    stream.cancel()


async def test_notes_of_an_erased_job_are_left_out(api: RunningApi) -> None:
    """Once the key is erased a stored line has its message without the note."""
    job_id = await api.submit()
    line = await line_with_note(api, job_id)
    await api.complete(job_id)
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id))
    api.read_model.lines = [line]
    answer = await api.jobs.ListLogEntries(pb.ListLogEntriesRequest(job_id=job_id))
    assert [entry.message for entry in answer.entries] == ["the model does not know 2 words"]


async def test_a_note_of_another_job_is_left_out(api: RunningApi) -> None:
    """A note that cannot be unsealed is left out without an error."""
    mine, other = await api.submit(), await api.submit()
    foreign = (await line_with_note(api, other)).note
    api.read_model.lines = [
        LogLine(
            job_id=mine,
            attempt=1,
            at=api.clock(),
            level=LogLevel.INFO,
            message="a line",
            sequence=1,
            note=foreign,
        )
    ]
    answer = await api.jobs.ListLogEntries(pb.ListLogEntriesRequest(job_id=mine))
    assert [entry.message for entry in answer.entries] == ["a line"]


async def test_notes_are_always_sealed(api: RunningApi) -> None:
    """Encoded updates and stored notes do not contain the text, and decode to the same values."""
    line = await line_with_note(api, await api.submit(), sequence=0)
    assert line.note is not None
    for raw in (encode_progress_update(line), encode_note(line.note)):
        assert b"crimson" not in raw
        assert b"fluffy" not in raw
    assert decode_progress_update(encode_progress_update(line)) == line
    assert decode_note(encode_note(line.note)) == line.note

"""Reasons of cancels and previews: sealed where they are stored, in the clear for their owner, gone with the key."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from kinolog.codec.progress import decode_progress_update, encode_progress_update
from kinolog.job import commands as c
from kinolog.job import events as e
from kinolog.job.commit import Commit
from kinolog.job.evolve import fold
from kinolog.job.state import FOLD_VERSION
from kinolog.job.values import Stage
from kinolog.ports.progress import PreviewImage
from kinolog.privacy.sealed_fields import ERASED_TEXT, ProgressSealer
from kinolog.v1 import audit_service_pb2 as au
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import RunningApi, collected, running_api

REASON = "because of sprongleback"
PICTURE = b"\xff\xd8 a recognisable picture"


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


async def _reasons(api: RunningApi, job_id: str) -> list[str]:
    """Return the reasons in the history of a job, as its owner reads it."""
    history = await api.audit.GetHistory(au.GetHistoryRequest(job_id=job_id))
    events = [event for commit in history.commits for event in commit.events]
    assert not any(event.cancel_requested.HasField("sealed_reason") for event in events)
    return [event.cancel_requested.reason for event in events if event.HasField("cancel_requested")]


async def _cancel(api: RunningApi, job_id: str, reason: str) -> None:
    await api.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id, reason=reason))


async def test_a_reason_is_sealed_in_the_log_and_read_by_its_owner(api: RunningApi) -> None:
    """The reason of a cancel, single or in bulk, is not in the log in the clear; the history shows it."""
    alone, bulk, silent = [await api.submit() for _ in range(3)]
    await _cancel(api, alone, REASON)
    selection = pb.JobSelection(job_ids=[bulk])
    await api.jobs.BulkCancelJobs(pb.BulkCancelJobsRequest(selection=selection, reason=REASON))
    await _cancel(api, silent, "")
    assert not any(REASON.encode() in raw for raw in api.store._log)
    assert [await _reasons(api, job_id) for job_id in (alone, bulk, silent)] == [[REASON], [REASON], [""]]


async def test_an_erased_reason_is_shown_as_erased(api: RunningApi) -> None:
    """After an erasure the history tells that there was a reason, and nothing of it. Nor does a job without one."""
    given, silent = await api.submit(), await api.submit()
    await _cancel(api, given, REASON)
    await _cancel(api, silent, "")
    for job_id in (given, silent):
        await api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id))
    assert [await _reasons(api, job_id) for job_id in (given, silent)] == [[ERASED_TEXT], [""]]


async def test_a_reason_without_its_key_is_not_erased(api: RunningApi) -> None:
    """A key that is lost is trouble of the service. The history does not call the reason erased."""
    job_id = await api.submit()
    await _cancel(api, job_id, REASON)
    loaded = await api.store.load(job_id)
    assert loaded is not None
    await api.keys.discard([loaded.job.sealing_key_id])
    assert await _reasons(api, job_id) == [""]


async def test_a_reason_of_an_earlier_version(api: RunningApi) -> None:
    """A reason that an earlier version stored in the clear is read until its job is erased, also as of earlier."""
    job_id = await api.submit()
    loaded = await api.store.load(job_id)
    assert loaded is not None
    at = api.clock()
    events = (e.CancelRequested(at=at, actor="ann", reason=REASON), e.Cancelled(at=at, attempt=0))
    state = fold(loaded.job, job_id, events, "old")
    first = [recorded async for recorded in api.store.history(job_id)]
    old = Commit(
        job_id=job_id,
        command=first[0].commit.command,
        events=events,
        state=state,
        fold_version=FOLD_VERSION,
        version=state.version,
        previous_position=loaded.position,
        previous_hash=loaded.digest,
        at=at,
    )
    appended = await api.store.append(old)
    assert await _reasons(api, job_id) == [REASON]
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id))
    assert await _reasons(api, job_id) == [ERASED_TEXT]
    earlier = await api.audit.GetHistory(au.GetHistoryRequest(job_id=job_id, position=appended.position))
    assert REASON not in str(earlier)


async def test_a_cancel_does_not_fail_for_a_missing_key(api: RunningApi) -> None:
    """A job whose key is missing is cancelled all the same, without its reason."""
    job_id = await api.submit()
    await api.keys.discard([await api.key_id(job_id)])
    await _cancel(api, job_id, REASON)
    assert not any(REASON.encode() in raw for raw in api.store._log)
    assert await _reasons(api, job_id) == [""]


async def _preview(api: RunningApi, job_id: str) -> PreviewImage:
    """Return a preview as the feed carries it: sealed by the worker."""
    loaded, key = await api.store.load(job_id), await api.key(job_id)
    assert loaded is not None
    assert key is not None
    preview = PreviewImage(
        job_id=job_id,
        attempt=1,
        at=api.clock(),
        scene=0,
        step=4,
        media_type="image/jpeg",
        sealed=ProgressSealer(loaded.job, key).picture(PICTURE),
    )
    encoded = encode_progress_update(preview)
    assert PICTURE not in encoded
    assert decode_progress_update(encoded) == preview
    return preview


async def test_watchers_see_sealed_previews(api: RunningApi) -> None:
    """A preview is sealed in the feed; watchers receive the picture."""
    job_id = await api.submit()
    await api.start_attempt(job_id)
    stream = api.jobs.WatchJob(pb.WatchJobRequest(job_id=job_id, previews=True))
    await collected(stream, 1)
    await api.progress.publish(await _preview(api, job_id))
    (message,) = await collected(stream, 1)
    assert (message.preview.image, message.preview.media_type) == (PICTURE, "image/jpeg")
    stream.cancel()


async def test_a_preview_without_its_key_is_left_out(api: RunningApi) -> None:
    """A preview whose key is gone, or that was changed, reaches no watcher; what follows does."""
    job_id = await api.submit()
    await api.start_attempt(job_id)
    stream = api.jobs.WatchJob(pb.WatchJobRequest(job_id=job_id, previews=True))
    await collected(stream, 1)
    gone = await _preview(api, job_id)
    key = await api.key(job_id)
    assert key is not None
    await api.keys.discard([await api.key_id(job_id)])
    await api.progress.publish(gone)
    mark = c.StageMark(stage=Stage.DENOISE, scene=0, at=api.clock())
    await api.work(job_id, c.RecordStages(id="s1", actor="w1", attempt=1, marks=(mark,)))
    (message,) = await collected(stream, 1)
    assert not message.HasField("preview")
    await api.keys.create({await api.key_id(job_id): key})
    await api.progress.publish(await _preview(api, job_id))
    (message,) = await collected(stream, 1)
    assert message.preview.image == PICTURE
    stream.cancel()

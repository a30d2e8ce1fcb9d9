"""Watcher: its queue is bounded and conflated, and never loses a commit silently."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from kinolog_api.rpc.errors import RpcError
from kinolog_api.watch import watcher as watcher_module
from kinolog_api.watch.encoded_messages import (
    EncodedCommit,
    EncodedProgress,
    ProgressKind,
    encode_progress_message,
)
from kinolog_api.watch.watcher import Watcher, WatchFilter

from kinolog.job.values import Stage
from kinolog.ports.progress import Progress
from kinolog.v1 import job_service_pb2 as pb

JOB = "a" * 26


def commit(position: int, *, terminal: bool = False) -> EncodedCommit:
    """Return a commit of the job."""
    return EncodedCommit(
        position=position,
        previous_position=position - 1,
        job_id=JOB,
        terminal=terminal,
        encoded=b"commit %d" % position,
    )


def update(kind: ProgressKind, encoded: bytes, job_id: str = JOB) -> EncodedProgress:
    """Return a progress update of the job."""
    return EncodedProgress(position=1, kind=kind, job_id=job_id, encoded=encoded)


def pending_updates(watcher: Watcher) -> list[bytes]:
    """Return the pending progress updates."""
    return [message.encoded for message in watcher.take_now().updates]


@pytest.fixture
def watcher() -> Watcher:
    """A watcher of all jobs of a tenant."""
    return Watcher(WatchFilter(tenant="default"))


def test_only_the_latest_progress_is_pending(watcher: Watcher) -> None:
    """Progress and previews replace older ones of the same job. Those of other jobs stay."""
    for encoded in (b"1", b"2"):
        watcher.put_progress(update(ProgressKind.PROGRESS, encoded))
    watcher.put_progress(update(ProgressKind.PROGRESS, b"3", "b" * 26))
    watcher.put_progress(update(ProgressKind.PREVIEW, b"4"))
    assert pending_updates(watcher) == [b"2", b"3", b"4"]
    assert pending_updates(watcher) == []


def test_an_ended_job_has_no_progress(watcher: Watcher) -> None:
    """A terminal commit replaces the pending progress and preview of its job, but not its log lines."""
    watcher.put_progress(update(ProgressKind.PROGRESS, b"progress"))
    watcher.put_progress(update(ProgressKind.PREVIEW, b"preview"))
    watcher.put_progress(update(ProgressKind.LOG, b"line"))
    watcher.put_commit(commit(1, terminal=True))
    pending = watcher.take_now()
    assert [message.position for message in pending.commits] == [1]
    assert [message.encoded for message in pending.updates] == [b"line"]


def test_log_lines_are_bounded(watcher: Watcher) -> None:
    """The last log lines are pending, in order."""
    for number in range(watcher_module.MAX_PENDING_LINES + 3):
        watcher.put_progress(update(ProgressKind.LOG, b"%d" % number))
    lines = pending_updates(watcher)
    assert len(lines) == watcher_module.MAX_PENDING_LINES
    assert (lines[0], lines[-1]) == (b"3", b"%d" % (watcher_module.MAX_PENDING_LINES + 2))


async def test_a_slow_watcher_ends(watcher: Watcher, monkeypatch: pytest.MonkeyPatch) -> None:
    """A watcher with too many pending commits ends with ABORTED instead of losing one."""
    monkeypatch.setattr(watcher_module, "MAX_PENDING_COMMITS", 3)
    for position in range(1, 5):
        watcher.put_commit(commit(position))
    with pytest.raises(RpcError) as refusal:
        await watcher.take()
    assert refusal.value.reason == "WATCHER_TOO_SLOW"
    with pytest.raises(RpcError):
        watcher.take_now()


def test_overflow_while_catching_up(watcher: Watcher, monkeypatch: pytest.MonkeyPatch) -> None:
    """A watcher that is catching up does not end: it is marked to read on from the log."""
    monkeypatch.setattr(watcher_module, "MAX_PENDING_COMMITS", 3)
    watcher.catching_up = True
    for position in range(1, 5):
        watcher.put_commit(commit(position))
    assert watcher.overflowed
    watcher.discard_commits()
    assert not watcher.overflowed
    assert watcher.take_now().commits == []


def test_positions_of_progress_never_decrease() -> None:
    """A watcher that was sent a later commit gets progress with that position, otherwise unchanged."""
    progress = Progress(
        job_id=JOB,
        attempt=1,
        at=datetime(2026, 5, 1, tzinfo=UTC),
        worker="w1",
        stage=Stage.DENOISE,
        scene=0,
        scenes=1,
        step=4,
        steps=10,
        percent=40.0,
    )
    message = encode_progress_message(5, ProgressKind.PROGRESS, progress)
    same = pb.WatchJobsResponse.FromString(message.encoded_after(5))
    later = pb.WatchJobsResponse.FromString(message.encoded_after(9))
    assert (same.position, later.position) == (5, 9)
    assert same.progress == later.progress

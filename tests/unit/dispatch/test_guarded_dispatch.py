"""A dispatch that has commits to read and reads none is named and started again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from kinolog_projector.dispatch import run as module
from kinolog_projector.dispatch.run import GuardedDispatch

from kinolog.job.commit import RecordedCommit
from kinolog.ports.commit_feed import FeedProgress
from kinolog.ports.event_store import LogUnavailable
from kinolog.process.tasks import end_tasks
from tests.fixtures.waits import until_true


class ScriptedFeed:
    """A feed whose progress the test sets; None while the log does not answer."""

    def __init__(self, progress: FeedProgress | None) -> None:
        self.now = progress
        self.reads = 0

    async def take(self) -> Sequence[RecordedCommit]:
        """Wait without end."""
        await asyncio.Event().wait()
        return []

    async def acknowledge(self, batch: Sequence[RecordedCommit]) -> None:
        """Do nothing."""

    async def progress(self) -> FeedProgress:
        """Return the progress that the test set."""
        self.reads += 1
        if self.now is None:
            raise LogUnavailable("no answer")
        return self.now

    async def close(self) -> None:
        """Do nothing."""


class HangingDispatch:
    """A dispatch that waits without end. Counts its runs."""

    def __init__(self) -> None:
        self.runs = 0

    async def __call__(self) -> None:
        self.runs += 1
        await asyncio.Event().wait()


@pytest.fixture(autouse=True)
def short_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look all the time."""
    monkeypatch.setattr(module, "CHECK_SECONDS", 0.001)


async def test_a_dispatch_that_stands_still_is_started_again() -> None:
    """While commits wait and none is acknowledged, the problem is named; when one is, it is over."""
    feed, dispatch = ScriptedFeed(FeedProgress(7, 3)), HangingDispatch()
    guarded = GuardedDispatch(dispatch, feed, limit_seconds=1e-6)
    running = asyncio.create_task(guarded.run())
    await until_true(lambda: dispatch.runs > 1, "it runs again")
    assert guarded.missing() == ["dispatch of tickets stands still at position 7, before 3 commits"]
    assert guarded.metrics()[0].value >= 1
    feed.now = FeedProgress(10, 0)
    await until_true(lambda: not guarded.missing(), "the problem is over")
    await end_tasks((running,))


@pytest.mark.parametrize("progress", [FeedProgress(7, 0), None])
async def test_a_dispatch_without_work_may_rest(progress: FeedProgress | None) -> None:
    """Without commits that wait, and while the log does not answer, nothing is started again."""
    feed, dispatch = ScriptedFeed(progress), HangingDispatch()
    guarded = GuardedDispatch(dispatch, feed, limit_seconds=1e-6)
    running = asyncio.create_task(guarded.run())
    await until_true(lambda: feed.reads > 5, "its progress was read")
    assert dispatch.runs == 1
    assert not guarded.missing()
    await end_tasks((running,))


async def test_an_error_of_the_dispatch_is_raised() -> None:
    """What ends the dispatch ends the process: a damaged log needs a person."""

    async def fail() -> None:
        raise LookupError("damaged")

    with pytest.raises(LookupError):
        await GuardedDispatch(fail, ScriptedFeed(FeedProgress(0, 0))).run()

"""Conformance of the store of live videos. Runs on obstore's store in memory and on a folder."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from kinolog.adapters.obstore.configured_store import artifacts_at, live_videos_at
from kinolog.adapters.obstore.live_videos import ObstoreLiveVideos
from kinolog.ports.artifacts import ArtifactsUnavailable, job_folder
from kinolog.ports.live_video.parts import LiveVideos

FOLDER, NEIGHBOUR = job_folder("default", "a" * 26), job_folder("default", "b" * 26)


@pytest.fixture(params=["memory", "folder"])
def videos(request: pytest.FixtureRequest, tmp_path: Path) -> LiveVideos:
    """One of the stores, empty."""
    return (
        ObstoreLiveVideos(MemoryStore()) if request.param == "memory" else live_videos_at(tmp_path.as_uri())
    )


async def test_parts_are_read_by_their_number(videos: LiveVideos) -> None:
    """Attempts and jobs have parts of their own. Sizes end before a part that is missing."""
    assert (await videos.sizes(FOLDER, 1), await videos.read(FOLDER, 1, 0)) == ([], None)
    for number, content in ((0, b"first"), (1, b"second"), (3, b"fourth")):
        await videos.put(FOLDER, 1, number, content)
    await videos.put(FOLDER, 2, 0, b"another attempt")
    assert await videos.sizes(FOLDER, 1) == [5, 6]
    assert [await videos.read(FOLDER, 1, number) for number in range(3)] == [b"first", b"second", None]
    assert await videos.attempts(FOLDER) == [1, 2]
    assert await videos.attempts(NEIGHBOUR) == []


async def test_an_attempt_is_deleted(videos: LiveVideos) -> None:
    """Others stay."""
    for attempt in (1, 2):
        await videos.put(FOLDER, attempt, 0, b"a part")
    assert [await videos.delete(FOLDER, 1), await videos.delete(FOLDER, 1)] == [1, 0]
    assert await videos.attempts(FOLDER) == [2]


async def test_those_that_do_not_grow_are_found(videos: LiveVideos) -> None:
    """Every part of theirs is old enough."""
    for folder in (FOLDER, NEIGHBOUR):
        await videos.put(folder, 1, 0, b"a part")
    assert await videos.still_for(0) == [FOLDER, NEIGHBOUR]
    assert await videos.still_for(3_600) == []


async def test_they_are_files_of_their_job(tmp_path: Path) -> None:
    """What deletes the files of a job deletes them, and so does the sweep of old files."""
    videos, artifacts = live_videos_at(tmp_path.as_uri()), artifacts_at(tmp_path.as_uri())
    for folder in (FOLDER, NEIGHBOUR):
        await videos.put(folder, 1, 0, b"a part")
    assert await artifacts.delete_all(FOLDER) == 1
    assert await artifacts.sweep(0) == 1
    assert [await videos.attempts(folder) for folder in (FOLDER, NEIGHBOUR)] == [[], []]


async def test_no_folder_of_an_ended_job_is_left(tmp_path: Path) -> None:
    """A store of folders would have one more with each job."""
    videos = live_videos_at(tmp_path.as_uri())
    await videos.put(FOLDER, 1, 0, b"a part")
    await videos.put(FOLDER, 2, 0, b"a part")
    for attempt, left in ((1, 1), (2, 0)):
        await videos.delete(FOLDER, attempt)
        assert await asyncio.to_thread(lambda: len(list(tmp_path.glob("tmp/jobs/*/*")))) == left
    await videos.put(FOLDER, 3, 0, b"a part")
    assert await videos.attempts(FOLDER) == [3]


async def test_a_store_that_fails(tmp_path: Path) -> None:
    """Its errors are those of the store of artifacts."""
    videos = live_videos_at(tmp_path.as_uri())
    (tmp_path / "tmp").write_bytes(b"no folder")
    with pytest.raises(ArtifactsUnavailable):
        await videos.put(FOLDER, 1, 0, b"a part")

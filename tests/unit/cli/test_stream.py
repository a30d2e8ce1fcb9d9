"""`kinolog stream`: the video of a job while it is rendered, into a file or a pipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinolog_cli.exit_codes import ExitCode
from tests.unit.cli.conftest import Kinolog
from tests.unit.gateway import canned
from tests.unit.gateway.recording_api import RecordedLiveVideo, RecordingApi
from tests.unit.gateway.test_live_video import CHANGED


@pytest.fixture
def job_id(api: RecordingApi) -> str:
    """A job that is rendered, of which all is drawn."""
    job = api.commit(canned.started(api.add_job()), "attempt_started")
    api.live_videos[job.id] = RecordedLiveVideo(b"drawn")
    api.live_videos[job.id].is_complete = True
    return job.id


async def test_it_is_written_as_it_comes(kinolog: Kinolog, job_id: str, tmp_path: Path) -> None:
    """Into the file that is named, and nothing is printed."""
    place = tmp_path / "film.mp4"
    done = await kinolog("stream", job_id, "-o", str(place))
    assert (done.exit_code, done.stdout, place.read_bytes()) == (ExitCode.OK, "", b"drawn")


async def test_another_attempt_begins_a_file_again(
    kinolog: Kinolog, api: RecordingApi, job_id: str, tmp_path: Path
) -> None:
    """The file has the frames of one attempt alone. A pipe cannot be begun again: the command says so."""
    place = tmp_path / "film.mp4"
    first = RecordedLiveVideo(b"of the first attempt")
    second = RecordedLiveVideo(b"second", attempt=2)
    second.is_complete = True
    first.ended_by, first.followed_by = CHANGED, second
    api.live_videos[job_id] = first
    done = await kinolog("stream", job_id, "-o", str(place))
    assert (done.exit_code, place.read_bytes()) == (ExitCode.OK, b"second")


async def test_a_job_that_has_ended(kinolog: Kinolog, api: RecordingApi, tmp_path: Path) -> None:
    """The error says how to get its video."""
    ended = api.commit(canned.completed(api.add_job(), canned.artifact()), "completed")
    done = await kinolog("stream", ended.id, "-o", str(tmp_path / "film.mp4"))
    assert done.exit_code == ExitCode.FAILED
    assert f"kinolog result {ended.id} -o FILE" in done.output
    done = await kinolog("stream", ended.id, "-o", str(tmp_path / "missing" / "film.mp4"))
    assert done.exit_code == ExitCode.USAGE

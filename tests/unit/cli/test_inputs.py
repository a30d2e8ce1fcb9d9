"""`kinolog generate` with pictures and clips: uploaded first, each in its role."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kinolog.v1 import job_pb2 as pb
from kinolog_cli.exit_codes import ExitCode
from tests.unit.cli.conftest import Kinolog
from tests.unit.gateway.recording_api import RecordingApi


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A file to upload."""
    path = tmp_path / "cat.png"
    path.write_bytes(b"a picture")
    return path


async def test_files_are_uploaded_and_submitted(kinolog: Kinolog, api: RecordingApi, picture: Path) -> None:
    """Each option is a role; references repeat."""
    at = str(picture)
    options = ["--image", at, "--last-image", at, "--reference", at, "--reference", at, "--video", at]
    options += ["--control", at, "--face", at]
    done = await kinolog("generate", "a cat yawns", *options)
    assert done.exit_code == ExitCode.OK, done.output
    assert len(api.uploads) == 7
    (request,) = api.requests("SubmitJob")
    assert [one.role for one in request.inputs] == [
        pb.INPUT_ROLE_FIRST_FRAME,
        pb.INPUT_ROLE_LAST_FRAME,
        pb.INPUT_ROLE_REFERENCE,
        pb.INPUT_ROLE_REFERENCE,
        pb.INPUT_ROLE_VIDEO,
        pb.INPUT_ROLE_CONTROL,
        pb.INPUT_ROLE_FACE,
    ]
    assert {one.upload_id for one in request.inputs} == {"u" * 26}


async def test_a_file_that_cannot_be_read(kinolog: Kinolog, api: RecordingApi, tmp_path: Path) -> None:
    """Nothing is submitted."""
    done = await kinolog("generate", "a cat", "--image", str(tmp_path / "dog.png"))
    assert done.exit_code == ExitCode.USAGE
    assert f"cannot read {tmp_path / 'dog.png'}: No such file" in done.stderr.replace("\n", "")
    assert not api.requests("SubmitJob")


async def test_many_lines_start_from_one_picture(
    kinolog: Kinolog, api: RecordingApi, picture: Path, tmp_path: Path
) -> None:
    """It is uploaded once. A line may name an upload of its own; a wrong one is named."""
    own = {"prompt": "a dog", "inputs": [{"role": "video", "upload_id": "v" * 26}]}
    lines = [{"prompt": "a cat"}, own, {"prompt": "a fox", "inputs": [{"role": "video"}]}]
    file = tmp_path / "prompts.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    done = await kinolog("generate", "--file", str(file), "--image", str(picture))
    assert done.exit_code == ExitCode.USAGE
    assert "line 3: input 1 is not a JSON object with role and upload_id" in done.stderr
    assert len(api.uploads) == 1
    first, second = api.requests("SubmitJob")
    assert [one.upload_id for one in first.inputs] == ["u" * 26]
    assert [one.upload_id for one in second.inputs] == ["v" * 26]


async def test_a_job_shows_what_it_starts_from(kinolog: Kinolog, api: RecordingApi) -> None:
    """Role, type and size."""
    given = pb.JobInput(
        role=pb.INPUT_ROLE_FIRST_FRAME, media_type="image/png", size_bytes=2_048, width=64, height=48
    )
    job = api.add_job(inputs=[given])
    shown = (await kinolog("show", job.id)).stdout
    assert "input 1" in shown
    assert "first_frame: image/png, 2048 bytes, 64x48" in shown


async def test_models_say_what_they_start_from(kinolog: Kinolog) -> None:
    """Beside the workers that serve them, and whether their scenes can go on from each other."""
    shown = " ".join((await kinolog("models")).stdout.split())
    assert "Starts from first_frame, video. Scenes can be chained." in shown


async def test_scenes_go_on_from_each_other(kinolog: Kinolog, api: RecordingApi, tmp_path: Path) -> None:
    """With the option, for a line of a file too; the job shows it."""
    await kinolog("generate", "--scene", "a cat", "--scene", "it jumps", "--chained")
    file = tmp_path / "prompts.jsonl"
    file.write_text(json.dumps({"prompt": "a dog", "chained": True}) + "\n" + json.dumps({"prompt": "a fox"}))
    await kinolog("generate", "--file", str(file))
    assert [request.chained for request in api.requests("SubmitJob")] == [True, True, False]
    job = api.add_job()
    job.spec.chained = True
    assert "each goes on from the one before" in (await kinolog("show", job.id)).stdout

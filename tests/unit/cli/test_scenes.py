"""`kinolog generate` with scenes: options, files, and what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kinolog.v1 import job_service_pb2 as pb
from kinolog_cli.exit_codes import ExitCode
from tests.unit.cli.conftest import Kinolog
from tests.unit.gateway.recording_api import RecordingApi

SCENES = [
    {"prompt": "a star", "duration": 2, "transition": "fade", "seed": 5},
    {"prompt": "a ring", "duration": 1.5},
]
SENT = [
    pb.SceneRequest(prompt="a star", duration_seconds=2, transition=pb.TRANSITION_FADE, seed=5),
    pb.SceneRequest(prompt="a ring", duration_seconds=1.5),
]


async def test_scenes_as_options(kinolog: Kinolog, api: RecordingApi) -> None:
    """Each --scene is a scene; a prompt is what they have in common."""
    for arguments in (
        ["--scene", "a star", "--scene", "a ring"],
        ["noir", "--scene", "a star", "--scene", "a ring"],
    ):
        done = await kinolog("generate", *arguments)
        assert done.exit_code == 0, done.output
    first, second = api.requests("SubmitJob")
    assert [scene.prompt for scene in first.scenes] == ["a star", "a ring"]
    assert (first.prompt, second.prompt, second.scenes) == ("", "noir", first.scenes)


async def test_scenes_of_a_file(kinolog: Kinolog, api: RecordingApi, tmp_path: Path) -> None:
    """A JSON file has their lengths, transitions and seeds; `-` is standard input."""
    file = tmp_path / "scenes.json"
    file.write_text(json.dumps(SCENES))
    for done in (
        await kinolog("generate", "--scenes", str(file)),
        await kinolog("generate", "--scenes", "-", text=json.dumps(SCENES)),
    ):
        assert done.exit_code == 0, done.output
    assert [list(request.scenes) for request in api.requests("SubmitJob")] == [SENT, SENT]


async def test_scenes_in_a_file_of_jobs(kinolog: Kinolog, api: RecordingApi, tmp_path: Path) -> None:
    """A line may have scenes or shots of its own; --shots is for the lines that have neither."""
    file = tmp_path / "jobs.jsonl"
    lines = [{"scenes": SCENES}, {"prompt": "x", "shots": "one"}, {"prompt": "y"}]
    file.write_text("\n".join(map(json.dumps, lines)))
    done = await kinolog("generate", "--file", str(file), "--shots", "auto")
    assert done.exit_code == 0, done.output
    first, second, third = api.requests("SubmitJob")
    assert (list(first.scenes), first.shots) == (SENT, pb.SHOTS_UNSPECIFIED)
    assert (second.shots, third.shots) == (pb.SHOTS_ONE, pb.SHOTS_AUTO)
    assert "a star a ring" in done.stdout.splitlines()[0]


async def test_a_plan_submits_nothing(kinolog: Kinolog, api: RecordingApi) -> None:
    """It shows the scenes, the words that are left out and an estimate; as JSON what the gateway says."""
    done = await kinolog("generate", "a zeppelin", "--plan", "--shots", "auto")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[-3:]] == ["scene", "1", "2"]
    for text in ("256x128, 2 s, 16 frames at 8/s", "drawn", "12.5 s of work, from 3 past jobs", "zeppelin: "):
        assert text in done.stdout
    as_json = await kinolog("generate", "a zeppelin", "--plan", "--json")
    assert json.loads(as_json.stdout)["cost"] == 11
    first, _ = api.requests("PlanJob")
    assert (first.job.prompt, first.job.shots) == ("a zeppelin", pb.SHOTS_AUTO)
    assert not api.requests("SubmitJob")
    for option in (("--watch",), ("--output", "film.mp4")):
        refused = await kinolog("generate", "x", "--plan", *option)
        assert refused.exit_code == ExitCode.USAGE


WRONG = [
    ({"prompt": "a star"}, "not a list"),
    (["a star"], "scene 1 is not a JSON object"),
    ([SCENES[0], {"duration": 2}], "scene 2 has no prompt"),
    ([SCENES[0], {"prompt": "x", "length": 2}], "scene 2 has unknown fields: length"),
    ([SCENES[0], {"prompt": "x", "transition": "wipe"}], "(scene 2)"),
    ([SCENES[0], {"prompt": "x", "duration": "2"}], "(scene 2)"),
    ([SCENES[0], {"prompt": " "}], "(scene 2)"),
    ([], "scenes must have at least 1 item"),
    ([SCENES[1]] * 33, "scenes must have at most 32 items"),
]


@pytest.mark.parametrize(("scenes", "says"), WRONG)
async def test_a_wrong_scene_is_named(
    kinolog: Kinolog, api: RecordingApi, tmp_path: Path, scenes: object, says: str
) -> None:
    """What is wrong is said with the number of the scene, of a file of scenes and of a line of a file of jobs."""
    file = tmp_path / "scenes.json"
    file.write_text(json.dumps(scenes))
    done = await kinolog("generate", "--scenes", str(file))
    assert done.exit_code == ExitCode.USAGE, done.output
    assert says in " ".join(done.output.split())
    lines = tmp_path / "jobs.jsonl"
    lines.write_text(json.dumps({"scenes": scenes}))
    done = await kinolog("generate", "--file", str(lines))
    assert done.exit_code == ExitCode.USAGE, done.output
    assert "line 1: " in done.output
    assert says in " ".join(done.output.split())
    assert not api.calls


async def test_a_file_that_is_no_json(kinolog: Kinolog, api: RecordingApi, tmp_path: Path) -> None:
    """The error names the file."""
    file = tmp_path / "scenes.json"
    file.write_text("[")
    done = await kinolog("generate", "--scenes", str(file))
    assert done.exit_code == ExitCode.USAGE
    assert "is not JSON" in done.output
    assert not api.calls


async def test_shots_are_a_word(kinolog: Kinolog, api: RecordingApi) -> None:
    """--shots is sent; a wrong word is refused with the right ones."""
    assert (await kinolog("generate", "x", "--shots", "auto")).exit_code == 0
    done = await kinolog("generate", "x", "--shots", "two")
    assert done.exit_code == ExitCode.USAGE
    assert "'one', 'auto' or 'written'" in done.output
    assert [request.shots for request in api.requests("SubmitJob")] == [pb.SHOTS_AUTO]

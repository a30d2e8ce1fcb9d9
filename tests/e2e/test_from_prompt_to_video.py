"""From a prompt to a video, as a person does it: with the kinolog command against a running kinolog."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from hashlib import sha256
from pathlib import Path

import av
import numpy as np
import pytest

from kinolog_cli.exit_codes import ExitCode
from kinolog_client import (
    GatewayError,
    JobEnded,
    JobSelection,
    JobState,
    JobUpdated,
    KinologClient,
    LiveUpdate,
    VideoScene,
)
from kinolog_stack.stack import Stack
from tests.fixtures.threads import background_thread
from tests.fixtures.waits import wait_until

LOAD_JOBS = 40
TINY = ("--model", "kinolog-tiny")
PROMPT = "a red circle moving right on a blue background"


def kinolog(stack: Stack, *arguments: str) -> tuple[int, str, str]:
    """Run the command against the stack; return exit code, standard output and standard error."""
    env = dict(os.environ) | {
        "KINOLOG_URL": stack.addresses["gateway"],
        "KINOLOG_DATA": str(stack.folder.path),
    }
    done = subprocess.run(
        [sys.executable, "-m", "kinolog_cli.app", *arguments],
        env=env,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def made(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """One finished job of the embedded model: its id and its video."""
    video = tmp_path_factory.mktemp("made") / "film.mp4"
    code, out, err = kinolog(stack, "--json", "generate", PROMPT, *TINY, "--seed", "7", "-o", str(video))
    assert code == ExitCode.OK, err
    final = json.loads(out.splitlines()[-1])
    assert final["status"] == "completed"
    return final["job_id"], video


def test_the_video_has_the_requested_format(made: tuple[str, Path], gateway: KinologClient) -> None:
    """The MP4 is H.264 in yuv420p with the size, frames and rate of the job's request."""
    job = gateway.status(made[0])
    assert job.media is not None
    with av.open(str(made[1])) as file:
        stream = file.streams.video[0]
        frames = sum(1 for _ in file.decode(stream))
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert f"{stream.width}x{stream.height}" == job.size == "256x256"
        assert stream.average_rate == job.fps
        assert frames == job.frames == job.media.frames


def test_the_video_shows_the_prompt(made: tuple[str, Path]) -> None:
    """The pixels of the MP4: a red thing that moves to the right over blue."""
    with av.open(str(made[1])) as file:
        frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in file.decode(video=0)]
    red, green, blue = np.median(frames[0].reshape(-1, 3), axis=0)
    assert blue > red + 60
    assert blue > green + 60
    places = []
    for frame in (frames[0], frames[-1]):
        is_red = (frame[..., 0] > 140) & (frame[..., 1] < 100) & (frame[..., 2] < 120)
        assert is_red.sum() > 200
        places.append(np.nonzero(is_red)[1].mean())
    assert places[1] > places[0] + 25


def test_unknown_words_of_the_prompt_are_logged(stack: Stack, gateway: KinologClient) -> None:
    """A prompt with unknown words gives a clip; the job's log names the words and their replacements."""
    code, out, err = kinolog(
        stack, "--json", "generate", "a flurried crimsn star on a blue sky", *TINY, "--watch"
    )
    assert code == ExitCode.OK, err
    final = json.loads(out.splitlines()[-1])
    assert final["status"] == "completed"
    line = "the model does not know 2 words of the prompt: crimsn taken for crimson; left out flurried"
    wait_until(lambda: line in _log_of(final["job_id"], gateway), line)
    for path in stack.folder.logs.iterdir():
        assert b"flurried" not in path.read_bytes()


def _log_of(job_id: str, gateway: KinologClient) -> list[str]:
    """The job's log lines as the gateway answers them."""
    return [line.message for line in gateway.logs(job_id).entries]


def test_the_file_matches_the_record(made: tuple[str, Path], gateway: KinologClient) -> None:
    """The hash in the job's record is the hash of the file, and the manifest names the seed it was made from."""
    manifest = gateway.manifest(made[0])
    recorded = next(a.sha256 for a in manifest.artifacts if a.kind == "video")
    assert recorded == sha256(made[1].read_bytes()).hexdigest()
    assert manifest.spec.seed == 7


def test_the_same_seed_gives_the_same_frames(
    made: tuple[str, Path], stack: Stack, gateway: KinologClient
) -> None:
    """Another job with the same prompt and seed decodes to the same frames."""
    code, out, err = kinolog(stack, "--json", "generate", PROMPT, *TINY, "--seed", "7", "--watch")
    assert code == ExitCode.OK, err
    again = json.loads(out.splitlines()[-1])
    first = gateway.status(made[0])
    assert first.media is not None
    assert again["media"]["frame_hash"] == first.media.frame_hash


def test_replay_prints_the_history_and_an_earlier_state(made: tuple[str, Path], stack: Stack) -> None:
    """`kinolog replay` prints every event; with --at it stops there and shows the state of that moment."""
    code, out, _ = kinolog(stack, "--json", "replay", made[0])
    assert code == ExitCode.OK
    history = json.loads(out)
    types = [event["type"] for commit in history["commits"] for event in commit["events"]]
    assert types[:3] == ["submitted", "storyboard_planned", "queued"]
    assert types[-1] == "completed"
    assert types.count("completed") == 1
    first = history["commits"][0]["position"]
    code, out, _ = kinolog(stack, "replay", made[0], "--at", str(first))
    assert code == ExitCode.OK
    assert re.search(r"^status +queued$", out, re.MULTILINE), out
    assert "completed" not in out
    moment = history["commits"][0]["at"]
    code, out, _ = kinolog(stack, "--json", "replay", made[0], "--at", moment)
    assert json.loads(out)["job"]["status"] == "queued"


def test_a_replay_of_the_log_computes_what_a_file_says(
    made: tuple[str, Path], stack: Stack, tmp_path: Path
) -> None:
    """`--with` runs the first example of the page over the log, `--what-if` simulates the jobs of it."""
    page = (Path(__file__).parents[2] / "docs" / "replay.md").read_text(encoding="utf-8")
    (tmp_path / "costs.py").write_text(page.partition("```python\n")[2].partition("```")[0])
    code, out, err = kinolog(stack, "--json", "replay", "--with", str(tmp_path / "costs.py"))
    assert code == ExitCode.OK, err
    actors = [json.loads(line) for line in out.splitlines()]
    assert sum(actor["jobs"] for actor in actors) >= 1
    assert all(actor["seconds"] > 0 for actor in actors)
    code, out, err = kinolog(stack, "--json", "replay", "--what-if", "workers=2,policy=strict")
    assert code == ExitCode.OK, err
    rows = [row for row in map(json.loads, out.splitlines()) if row["group"] == "all"]
    assert [row["setting"] for row in rows] == ["recorded", "recorded, simulated", "workers=2,policy=strict"]
    assert len({row["jobs"] for row in rows}) == 1


def test_live_progress_ends_with_the_end(stack: Stack, gateway: KinologClient, tmp_path: Path) -> None:
    """A watch of a job yields rising progress through its stages, and its end exactly once."""
    go_on = [tmp_path / f"go-{scene}" for scene in range(3)]
    scenes = [VideoScene(prompt=f"bars until {file}", duration=1.0) for file in go_on]
    job = gateway.generate("bars", model="card", scenes=scenes)
    updates, reached = list[LiveUpdate](), list[float]()
    for update in gateway.watch(job.job_id):
        updates.append(update)
        # Each scene waits after its first step until the watch has seen it there.
        if isinstance(update, JobUpdated) and _reaches(update.state, reached) and len(reached) < len(scenes):
            go_on[len(reached)].touch()
            reached.append(update.state.percent)
    ends = [update for update in updates if isinstance(update, JobEnded)]
    assert [end.state.status for end in ends] == ["completed"]
    assert updates[-1] is ends[0]
    states = [update.state for update in updates if isinstance(update, JobUpdated)]
    running = [state.percent for state in states if state.status == "processing"]
    assert running == sorted(running)
    assert len(reached) == len(scenes)
    assert "denoise" in {state.stage for state in states}


def _reaches(state: JobState, before: list[float]) -> bool:
    """Return whether a job is in the scene after those that it was seen in, with a higher percentage."""
    if not before:
        return state.status == "processing"
    return state.scene == len(before) and state.percent > before[-1]


def test_a_running_job_is_cancelled_between_steps(stack: Stack, gateway: KinologClient) -> None:
    """Cancelling a job that denoises ends it as cancelled, long before its last step."""
    job_id = gateway.generate("bars", model="endless-card").job_id
    for update in gateway.watch(job_id):
        if isinstance(update, JobUpdated) and update.state.step:
            break
    code, out, err = kinolog(stack, "cancel", job_id, "--reason", "enough")
    assert code == ExitCode.OK, err
    assert "cancelling" in out
    *_, last = gateway.watch(job_id)
    assert isinstance(last, JobEnded)
    assert last.state.status == "cancelled"
    code, _, err = kinolog(stack, "cancel", job_id)
    assert code == ExitCode.OK, err  # cancelling twice is no error
    code, _, err = kinolog(stack, "retry", job_id)
    assert code == ExitCode.OK, err
    kinolog(stack, "cancel", job_id)


def test_scenes_are_rendered_one_by_one_and_joined(stack: Stack, gateway: KinologClient) -> None:
    """A prompt that marks three shots becomes three scenes whose lengths add up, joined into one video."""
    prompt = "A red square. Then a blue ring. Then a green star."
    job_id = gateway.generate(prompt, model="card", duration=6.0, shots="auto").job_id
    for _ in gateway.watch(job_id):
        pass
    scenes = gateway.storyboard(job_id).scenes
    assert len(scenes) == 3
    assert sum(scene.duration_seconds for scene in scenes) == pytest.approx(6.0)
    assert gateway.result(job_id).media.frames == 48


def test_listed_scenes_are_rendered_as_asked(gateway: KinologClient) -> None:
    """Scenes with lengths, transitions and seeds become one video of that length; a prompt alone is one scene."""
    scenes = [
        VideoScene(prompt="a red square", duration=1.0, transition="fade", seed=3),
        VideoScene(prompt="a blue ring", duration=1.5, transition="dissolve"),
    ]
    listed = gateway.generate("noir", model="card", scenes=scenes, seed=7).job_id
    single = gateway.generate("A red square. A blue ring. Shot on 35mm.", model="card", duration=2.0).job_id
    for job_id in (listed, single):
        for _ in gateway.watch(job_id):
            pass
    shown = [
        (scene.prompt, scene.frames, scene.transition, scene.seed)
        for scene in gateway.storyboard(listed).scenes
    ]
    assert shown == [("noir. a red square", 8, "fade", 3), ("noir. a blue ring", 12, "dissolve", 7)]
    assert gateway.result(listed).media.frames == 20
    assert [scene.prompt for scene in gateway.storyboard(single).scenes] == [gateway.status(single).prompt]
    assert gateway.result(single).media.frames == 16


def test_the_lists_and_counts_know_the_jobs(
    made: tuple[str, Path], stack: Stack, gateway: KinologClient
) -> None:
    """The job stands in the list, found by its prompt, and the counts add up."""
    position = gateway.status(made[0]).position
    page = gateway.jobs(JobSelection(text="red circle"), min_position=position)
    assert made[0] in [job.job_id for job in page.jobs]
    counts = page.summary.to_json()
    assert counts.pop("total") == sum(counts.values())
    code, out, _ = kinolog(stack, "jobs", "--status", "completed")
    assert code == ExitCode.OK
    assert made[0] in out


def test_erasing_takes_the_prompt_out_of_everything(stack: Stack, gateway: KinologClient) -> None:
    """After an erasure neither the job, nor lists, nor its files contain the prompt; its history stays."""
    secret = "an unmistakable zebrafinch in a teacup"
    job_id = gateway.generate(secret, model="card").job_id
    for _ in gateway.watch(job_id):
        pass
    code, _, err = kinolog(stack, "erase", job_id, "--yes")
    assert code == ExitCode.OK, err
    job = gateway.status(job_id)
    assert job.erased
    assert job.prompt is None
    assert gateway.jobs(JobSelection(text="zebrafinch"), min_position=job.position).jobs == ()
    code, out, _ = kinolog(stack, "--json", "replay", job_id)
    assert code == ExitCode.OK
    assert "zebrafinch" not in out
    code, _, _ = kinolog(stack, "result", job_id)
    assert code == ExitCode.REFUSED


def test_prompts_are_in_no_log_and_not_in_the_event_log(made: tuple[str, Path], stack: Stack) -> None:
    """No process wrote the prompt into its log, and the stored events hold it only sealed."""
    for file in (*stack.folder.logs.iterdir(), *stack.folder.nats.rglob("*.blk")):
        assert b"red circle" not in file.read_bytes(), file


def test_rebuilding_under_load_fails_no_read_and_changes_nothing(stack: Stack) -> None:
    """`kinolog projections rebuild` while jobs run: every read answers, and a second rebuild finds the same rows."""
    failures, submitted = list[str](), list[str]()

    def load(stopping: threading.Event) -> None:
        with KinologClient(stack.addresses["gateway"], retries=0) as client:
            while not stopping.is_set():
                try:
                    if len(submitted) < LOAD_JOBS:
                        submitted.append(client.generate("bars", model="card").job_id)
                    client.jobs(limit=50)
                    client.overview()
                except GatewayError as error:
                    failures.append(str(error))

    with background_thread(load, "load") as loading:
        code, _, err = kinolog(stack, "projections", "rebuild")
        loading.check_runs()
    assert code == ExitCode.OK, err
    assert failures == []
    assert submitted
    with KinologClient(stack.addresses["gateway"]) as client:
        for job_id in submitted:
            for _ in client.watch(job_id):
                pass
        last = max(client.status(job_id).position for job_id in submitted)
        client.jobs(min_position=last)
    before = _hashes(stack)
    code, _, err = kinolog(stack, "projections", "rebuild")
    assert code == ExitCode.OK, err
    assert _hashes(stack) == before


def _hashes(stack: Stack) -> str:
    """What `kinolog projections hash` prints."""
    code, out, err = kinolog(stack, "projections", "hash")
    assert code == ExitCode.OK, err
    return out


def test_doctor_finds_nothing_wrong(stack: Stack) -> None:
    """On a healthy stack every check of `kinolog doctor` is ok, and it exits with 0."""
    code, out, err = kinolog(stack, "doctor", "--json")
    assert code == 0, out + err
    assert json.loads(out)["healthy"]

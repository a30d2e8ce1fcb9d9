"""The inference process: its jobs, and what happens when it exits."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from kinolog_worker.inference.messages import (
    CancelledMessage,
    FailedMessage,
    FinishedMessage,
    LoadedMessage,
    LogLineMessage,
    Message,
    PrefetchedMessage,
    PreviewMessage,
    RenderJob,
    SceneRenderedMessage,
    StageFinishedMessage,
    StageStartedMessage,
    StepMessage,
)
from kinolog_worker.inference.process import InferenceProcess
from kinolog_worker.media.thumbnails import thumbnail_path
from kinolog_worker.media.video_check import ExpectedMedia, verify_video
from kinolog_worker.renderers.renderer import ModelSource

from tests.builders.render_jobs import card_job
from tests.fixtures.programs import frozen
from tests.fixtures.waits import WAIT_SECONDS
from tests.renderers.testcard import RENDERER

SECRET = "a purple unicorn whispers the launch code"


async def _all(process: InferenceProcess, job: RenderJob) -> list[Message]:
    return [message async for message in process.run(job)]


def _only(messages: list[Message], kind: type) -> list[Message]:
    return [message for message in messages if isinstance(message, kind)]


async def test_a_job_becomes_a_verified_video(process: InferenceProcess, tmp_path: Path) -> None:
    """A run ends with files in the requested format, and facts that match them."""
    messages = await _all(process, card_job(tmp_path))
    finished = messages[-1]
    assert isinstance(finished, FinishedMessage)
    files = {file.kind: file for file in finished.files}
    assert set(files) == {"video", "thumbnail", "preview"}
    facts = verify_video(files["video"].path, ExpectedMedia(width=64, height=48, fps=8, frames=20))
    assert facts == finished.media
    assert (facts.codec, facts.pixel_format, facts.frames, facts.duration_seconds) == (
        "h264",
        "yuv420p",
        20,
        2.5,
    )
    assert files["video"].sha256 == facts.sha256
    assert all(file.path.stat().st_size == file.size_bytes > 0 for file in finished.files)
    scenes = [message.file.path for message in messages if isinstance(message, SceneRenderedMessage)]
    assert [thumbnail_path(scene).read_bytes()[:2] for scene in scenes] == [b"\xff\xd8"] * 2


async def test_messages_are_in_order(process: InferenceProcess, tmp_path: Path) -> None:
    """Stages start and finish in order, steps count up, and one message closes the run."""
    messages = await _all(process, card_job(tmp_path))
    stages = [
        (message.stage, message.scene, isinstance(message, StageStartedMessage))
        for message in messages
        if isinstance(message, StageStartedMessage | StageFinishedMessage)
    ]
    expected: list[tuple[str, int | None]] = [("prefetch", None)]
    expected += [(stage, scene) for scene in (0, 1) for stage in ("encode_prompt", "denoise", "decode")]
    expected += [("assemble", None)]
    assert stages == [(*stage, started) for stage in expected for started in (True, False)]
    assert isinstance(messages[1], LoadedMessage)
    steps = [message for message in messages if isinstance(message, StepMessage)]
    assert [step.step for step in steps if step.stage == "denoise"] == [1, 2, 3, 4, 5] * 2
    assert len(_only(messages, PreviewMessage)) >= 1
    assert [
        type(message) for message in messages if isinstance(message, FinishedMessage | FailedMessage)
    ] == [FinishedMessage]


async def test_the_second_job_finds_the_model_loaded(process: InferenceProcess, tmp_path: Path) -> None:
    """A model is loaded once and used by the jobs that follow, in the same process."""
    first = await _all(process, card_job(tmp_path / "1"))
    pid = process.pid
    second = await _all(process, replace(card_job(tmp_path / "2"), job_id="job-2"))
    cached = [message.cached for message in first + second if isinstance(message, LoadedMessage)]
    assert cached == [False, True]
    assert process.pid == pid


async def test_prefetch_leaves_nothing_to_load(process: InferenceProcess, tmp_path: Path) -> None:
    """After a prefetch the run finds the model and the embeddings of all scenes, also after one of another model."""
    job = card_job(tmp_path)
    other = replace(job, model=replace(job.model, name="another"))
    first = await process.prefetch(job)
    assert isinstance(await process.prefetch(other), PrefetchedMessage)
    assert list(process.loaded_models) == ["another", "testcard"]
    again = await process.prefetch(job)
    assert list(process.loaded_models) == ["testcard", "another"]
    assert isinstance(first, PrefetchedMessage)
    assert isinstance(again, PrefetchedMessage)
    assert (first.cached, first.embeddings) == (False, 2)
    assert (again.cached, again.embeddings) == (True, 0)
    (loaded,) = [message async for message in process.run(job) if isinstance(message, LoadedMessage)]
    assert loaded.cached
    await process.kill()
    assert not process.loaded_models


async def test_cancel_acts_between_steps(process: InferenceProcess, tmp_path: Path) -> None:
    """A cancelled run stops long before its last step and leaves no partial file; the process serves the next job."""
    job = replace(card_job(tmp_path, step_seconds=0.02), steps=5_000)
    messages: list[Message] = []
    async for message in process.run(job):
        messages.append(message)
        if isinstance(message, StepMessage) and message.step == 2:
            process.cancel(job.job_id)
    assert isinstance(messages[-1], CancelledMessage)
    assert len(_only(messages, StepMessage)) < 1_000
    assert list(job.folder.iterdir()) == []
    pid = process.pid
    assert isinstance((await _all(process, card_job(tmp_path)))[-1], FinishedMessage)
    assert process.pid == pid


async def test_closing_the_iterator_cancels_the_run(process: InferenceProcess, tmp_path: Path) -> None:
    """Closing the iterator cancels the run, so that the next one is served."""
    job = replace(card_job(tmp_path, step_seconds=0.02), steps=50_000)
    async with aclosing(process.run(job)) as messages:
        async for message in messages:
            if isinstance(message, StepMessage):
                break
    assert isinstance((await _all(process, card_job(tmp_path / "next")))[-1], FinishedMessage)


async def test_a_dead_process_fails_its_job_and_the_next_one_runs(
    process: InferenceProcess, tmp_path: Path
) -> None:
    """A process that is killed ends its run as failed and retryable; a new process serves the next job."""
    messages = await _all(process, card_job(tmp_path, die_at_step=3))
    failed = messages[-1]
    assert isinstance(failed, FailedMessage)
    assert (failed.code, failed.retryable) == ("WORKER_CRASHED", True)
    assert "SIGKILL" in failed.message
    assert isinstance((await _all(process, card_job(tmp_path)))[-1], FinishedMessage)


async def test_scenes_of_an_earlier_attempt_are_used_again(process: InferenceProcess, tmp_path: Path) -> None:
    """After a crash in scene 2 the next attempt renders scene 2 alone and ends with the same video."""
    job = card_job(tmp_path / "torn")
    job = replace(job, scenes=tuple(replace(scene, seed=7 + scene.index) for scene in job.scenes))
    whole = (await _all(process, replace(job, folder=tmp_path / "whole")))[-1]
    assert isinstance(whole, FinishedMessage)
    torn = replace(job.model, options={"pause_at_step": 2, "at_seed": job.scenes[1].seed})
    first = []
    async with aclosing(process.run(replace(job, model=torn))) as messages:
        async for message in messages:
            first.append(message)
            if isinstance(message, SceneRenderedMessage):
                await process.kill()
    assert isinstance(first[-1], FailedMessage)
    done = tuple(message.file for message in first if isinstance(message, SceneRenderedMessage))
    assert [file.index for file in done] == [0]
    second = await _all(process, replace(job, finished_scenes=done, folder=tmp_path / "torn" / "attempt-2"))
    assert [message.reused for message in second if isinstance(message, SceneRenderedMessage)] == [
        True,
        False,
    ]
    assert {message.scene for message in second if isinstance(message, StepMessage)} == {1}
    finished = second[-1]
    assert isinstance(finished, FinishedMessage)
    assert finished.media == whole.media


async def test_a_damaged_scene_is_rendered_again(process: InferenceProcess, tmp_path: Path) -> None:
    """A scene file that no longer has its hash is rendered again, and the job's log reports it."""
    job = card_job(tmp_path)
    done = tuple(
        message.file for message in await _all(process, job) if isinstance(message, SceneRenderedMessage)
    )
    done[0].path.write_bytes(b"not a video")
    messages = await _all(process, replace(job, finished_scenes=done, folder=tmp_path / "again"))
    assert [message.reused for message in messages if isinstance(message, SceneRenderedMessage)] == [
        False,
        True,
    ]
    assert any("cannot be used again" in line.text for line in messages if isinstance(line, LogLineMessage))
    assert isinstance(messages[-1], FinishedMessage)


@pytest.mark.parametrize(
    ("options", "code", "retryable"),
    [
        ({"fail_at_step": 2}, "REQUEST_UNSUPPORTED", False),
        ({"starve_at_step": 2}, "OUT_OF_MEMORY", True),
        ({"raise_at_step": 2}, "RENDER_FAILED", True),
        ({"misuse_at_step": 2}, "RENDER_FAILED", False),
    ],
)
async def test_failures_have_codes_and_quote_the_prompt_in_their_detail_alone(
    process: InferenceProcess,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    options: dict[str, int],
    code: str,
    retryable: bool,
) -> None:
    """Each fault has its code; the prompt is in no message and in no output; the process stays alive."""
    messages = await _all(process, card_job(tmp_path, SECRET, 20, **options))
    failed = messages[-1]
    assert isinstance(failed, FailedMessage)
    assert (failed.code, failed.retryable) == (code, retryable)
    assert ("unicorn" in failed.detail) == (code != "OUT_OF_MEMORY")
    assert process.alive
    await process.kill()
    output = capfd.readouterr()
    for text in (repr([*messages[:-1], replace(failed, detail="")]), output.out, output.err):
        assert "unicorn" not in text


@pytest.mark.parametrize(
    ("model", "code"),
    [
        (ModelSource("x", "missing", renderer=RENDERER), "MODEL_NOT_FOUND"),
        (ModelSource("x", "x", renderer="nowhere"), "RENDERER_NOT_FOUND"),
        (ModelSource("x", "x", renderer="broken"), "RENDERER_NOT_FOUND"),
    ],
)
async def test_a_model_that_cannot_be_loaded_is_not_retryable(
    process: InferenceProcess, tmp_path: Path, model: ModelSource, code: str
) -> None:
    """Without its model or renderer a job fails at once, and another attempt cannot succeed."""
    failed = (await _all(process, replace(card_job(tmp_path), model=model)))[-1]
    assert isinstance(failed, FailedMessage)
    assert (failed.code, failed.retryable) == (code, False)


async def test_kill_ends_the_run_at_once(process: InferenceProcess, tmp_path: Path) -> None:
    """Killing the process ends its run with a code of its own."""
    job = replace(card_job(tmp_path, step_seconds=0.02), steps=50_000)
    messages: list[Message] = []
    async for message in process.run(job):
        messages.append(message)
        if isinstance(message, StepMessage) and message.step == 1:
            await process.kill()
    assert isinstance(messages[-1], FailedMessage)
    assert messages[-1].code == "WORKER_KILLED"
    assert not process.alive


async def test_a_stopped_process_does_not_hold_up_its_supervisor(
    process: InferenceProcess, tmp_path: Path
) -> None:
    """While the process is stopped, as when a library holds the interpreter, the supervisor's loop keeps running."""
    job = replace(card_job(tmp_path, step_seconds=0.01), steps=40)
    async with aclosing(process.run(job)) as messages:
        async for message in messages:
            if isinstance(message, StepMessage):
                break
        assert process.pid is not None
        with frozen(process.pid):
            ticks = 0
            for _ in range(100):
                await asyncio.sleep(0)
                ticks += 1
            assert ticks == 100
        rest = [message async for message in messages]
    assert isinstance(rest[-1], FinishedMessage)


async def test_jobs_are_taken_one_after_the_other(process: InferenceProcess, tmp_path: Path) -> None:
    """Two concurrent runs both finish, each with its own messages only."""
    jobs = [replace(card_job(tmp_path / str(number)), job_id=f"job-{number}") for number in (1, 2)]
    runs = await asyncio.gather(*(_all(process, job) for job in jobs))
    for job, messages in zip(jobs, runs, strict=True):
        assert {message.job_id for message in messages} == {job.job_id}
        assert isinstance(messages[-1], FinishedMessage)


async def test_fades_and_dissolves_keep_the_length(process: InferenceProcess, tmp_path: Path) -> None:
    """Scenes with a fade and a dissolve make a clip of exactly the requested frames, dark at the fade."""
    prompt = "A star. Fade to a ring. Dissolve to a ball."
    finished = (await _all(process, card_job(tmp_path, prompt, frames=48)))[-1]
    assert isinstance(finished, FinishedMessage)
    assert finished.media.frames == 48
    with av.open(str(finished.files[0].path)) as container:
        light = [float(np.mean(frame.to_ndarray(format="gray"))) for frame in container.decode(video=0)]
    assert max(light[14:18]) < min(light[4:10])
    assert min(light[31:34]) > min(light[14:18])


async def test_the_process_ends_with_its_supervisor(tmp_path: Path) -> None:
    """When the supervisor is killed, the inference process ends itself."""
    script = (
        "import asyncio, sys, pathlib\n"
        "from kinolog_worker.inference.process import InferenceProcess\n"
        "async def main():\n"
        "    process = InferenceProcess(device='cpu')\n"
        "    await process.start()\n"
        "    print(process.pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE
    )
    assert supervisor.stdout is not None
    child_pid = int(await supervisor.stdout.readline())
    descriptor = os.pidfd_open(child_pid)
    gone = asyncio.Event()
    asyncio.get_running_loop().add_reader(descriptor, gone.set)
    try:
        supervisor.kill()
        await supervisor.wait()
        async with asyncio.timeout(WAIT_SECONDS):
            await gone.wait()
    finally:
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)

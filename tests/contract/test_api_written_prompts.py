"""Prompts that a language model writes, over a real connection."""

from __future__ import annotations

from dataclasses import dataclass, field

import grpc
import pytest

from kinolog.storyboard.prompt_writer import PromptWriterFailed, WriterTask, WrittenShot
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import RunningApi, refused, running_api

PROMPT = "A heron wades. Then it flies off."
WRITTEN = (
    WrittenShot(prompt="a grey heron named Quillfeather wades", seconds=1.0),
    WrittenShot(prompt="a grey heron flies over reeds", seconds=3.0),
)


@dataclass(slots=True)
class ScriptedWriter:
    """Writes these shots, or fails."""

    written: tuple[WrittenShot, ...] = WRITTEN
    failure: str = ""
    tasks: list[WriterTask] = field(default_factory=list)
    name: str = "llama"

    async def shots(self, task: WriterTask) -> tuple[WrittenShot, ...]:
        """Return the shots."""
        self.tasks.append(task)
        if self.failure:
            raise PromptWriterFailed(self.failure)
        return self.written


async def _job(api: RunningApi, **fields: object) -> job_pb2.Job:
    job_id = await api.submit(PROMPT, duration_seconds=4, **fields)
    return (await api.jobs.GetJob(pb.GetJobRequest(job_id=job_id))).job


def _scenes(job: job_pb2.Job) -> list[tuple[str, int]]:
    return [(scene.prompt, scene.frames) for scene in job.scenes]


async def test_written_shots_are_the_scenes_and_the_prompt_stays() -> None:
    """The job keeps the text of its author; its scenes have the texts and lengths of the language model, sealed."""
    async with running_api(prompt_writer=(writer := ScriptedWriter())) as api:
        job = await _job(api, shots=pb.SHOTS_WRITTEN, style="cinematic")
        assert _scenes(job) == [(WRITTEN[0].prompt, 8), (WRITTEN[1].prompt, 24)]
        spec = job.spec
        assert (spec.prompt, spec.prompt_writer, spec.prompt_writer_trouble) == (PROMPT, "llama", "")
        async for batch in api.store.read(0):
            assert all(b"Quillfeather" not in recorded.raw for recorded in batch)
    assert writer.tasks == [
        WriterTask(prompt=PROMPT, max_shots=4, seconds=4.0, longest_seconds=0.0, style="cinematic")
    ]


async def test_an_enhanced_prompt_is_one_shot() -> None:
    """The language model may write one shot, which has the whole length."""
    writer = ScriptedWriter(written=(WrittenShot(prompt="a grey heron", seconds=1.0),))
    async with running_api(prompt_writer=writer) as api:
        assert _scenes(await _job(api, enhance_prompt=True)) == [("a grey heron", 32)]
    assert writer.tasks[0].max_shots == 1


@pytest.mark.parametrize(
    ("fields", "scenes"),
    [
        ({"shots": pb.SHOTS_WRITTEN}, [("A heron wades.", 16), ("it flies off.", 16)]),
        ({"enhance_prompt": True}, [(PROMPT, 32)]),
    ],
)
async def test_without_a_usable_answer_the_prompt_is_used(
    fields: dict[str, object], scenes: list[tuple[str, int]]
) -> None:
    """No job fails for it: its shots are those that it marks, and the job says why."""
    async with running_api(prompt_writer=ScriptedWriter(failure="the language model is gone")) as api:
        job = await _job(api, **fields)
        assert _scenes(job) == scenes
        assert (job.spec.prompt_writer, job.spec.prompt_writer_trouble) == ("", "the language model is gone")


@pytest.mark.parametrize(
    ("written", "trouble"),
    [
        ("a heron \x1b[2J", "a prompt of the language model must not contain U+001B, a control character"),
        ("\u200b", "the language model wrote an empty prompt"),
    ],
)
async def test_written_texts_obey_the_rules_of_texts(written: str, trouble: str) -> None:
    """They are shown on terminals like those of users."""
    writer = ScriptedWriter(written=(WrittenShot(prompt=written),))
    async with running_api(prompt_writer=writer) as api:
        job = await _job(api, enhance_prompt=True)
        assert (_scenes(job), job.spec.prompt_writer_trouble) == ([(PROMPT, 32)], trouble)


async def test_scenes_over_a_limit_are_no_error_of_the_user() -> None:
    """The prompt is used as it is instead: the user listed no scenes."""
    writer = ScriptedWriter(written=tuple(WrittenShot(prompt="long " * 800) for _ in range(11)))
    async with running_api(prompt_writer=writer) as api:
        job_id = await api.submit(PROMPT, duration_seconds=12, shots=pb.SHOTS_WRITTEN, model="large", fps=6)
        job = (await api.jobs.GetJob(pb.GetJobRequest(job_id=job_id))).job
        assert len(job.scenes) == 2
        assert "exceed a limit" in job.spec.prompt_writer_trouble


async def test_a_repeated_request_asks_no_language_model() -> None:
    """It is the same job, also where there is no language model any more. Another body is refused."""
    request = pb.SubmitJobRequest(prompt=PROMPT, shots=pb.SHOTS_WRITTEN, request_id="again")
    async with running_api(prompt_writer=(writer := ScriptedWriter())) as api:
        first = await api.jobs.SubmitJob(request)
        async with running_api(stores_of=api) as later:
            again = await later.jobs.SubmitJob(request)
            assert (again.created, again.job.id) == (False, first.job.id)
            assert again.job.scenes == first.job.scenes
            request.prompt = "another"
            assert (await refused(later.jobs.SubmitJob(request))).code == grpc.StatusCode.ALREADY_EXISTS
    assert len(writer.tasks) == 1


async def test_a_shot_that_is_too_short_has_the_length_of_the_shortest_scene() -> None:
    """A scene has at least five frames, which the planner takes from the others."""
    short = (WrittenShot(prompt="a", seconds=0.1), WrittenShot(prompt="b", seconds=9.0))
    async with running_api(prompt_writer=ScriptedWriter(written=short)) as api:
        assert _scenes(await _job(api, shots=pb.SHOTS_WRITTEN)) == [("a", 5), ("b", 27)]


async def test_an_installation_without_a_language_model_says_so() -> None:
    """It names the settings, and what to submit instead; the list of models shows whether there is one."""
    async with running_api() as api:
        problem = await refused(api.jobs.SubmitJob(pb.SubmitJobRequest(prompt=PROMPT, enhance_prompt=True)))
        assert (problem.code, problem.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "NO_PROMPT_WRITER")
        assert "KINOLOG_PROMPT_WRITER_URL" in problem.message
        assert (await api.jobs.ListModels(pb.ListModelsRequest())).prompt_writer == ""
    async with running_api(prompt_writer=ScriptedWriter()) as api:
        assert (await api.jobs.ListModels(pb.ListModelsRequest())).prompt_writer == "llama"


async def test_a_batch_does_not_wait_for_a_language_model() -> None:
    """Its other jobs are stored."""
    async with running_api(prompt_writer=ScriptedWriter()) as api:
        requests = [
            pb.SubmitJobRequest(prompt=PROMPT),
            pb.SubmitJobRequest(prompt=PROMPT, shots=pb.SHOTS_WRITTEN),
        ]
        answer = await api.jobs.BatchSubmitJobs(pb.BatchSubmitJobsRequest(requests=requests))
        stored, refusal = answer.results
        assert stored.job_id
        assert "submit a job whose prompts are written by one by itself" in refusal.error.message

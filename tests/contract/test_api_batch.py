"""Submitting many jobs at once, over a real connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from kinolog_api.jobs import submit_job
from kinolog_api.jobs.job_plan import plan_job

from kinolog.storyboard.planner import Shots, plan_storyboard
from kinolog.texts import is_blank, refusal
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import PROMPT, RunningApi, running_api


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


async def test_every_job_gets_a_result(api: RunningApi) -> None:
    """Invalid jobs get errors and do not affect the others."""
    requests = [
        pb.SubmitJobRequest(prompt=PROMPT, request_id="a"),
        pb.SubmitJobRequest(prompt=""),
        pb.SubmitJobRequest(prompt=PROMPT, model="none"),
        pb.SubmitJobRequest(prompt="another"),
    ]
    answer = await api.jobs.BatchSubmitJobs(pb.BatchSubmitJobsRequest(requests=requests))
    assert [result.error.code for result in answer.results] == [0, 3, 3, 0]
    assert [result.created for result in answer.results] == [True, False, False, True]
    assert answer.position == await api.store.last_position() == 2
    assert "prompt" in answer.results[1].error.message


@pytest.mark.parametrize("prompt", ["\u3000", "\u200b\u2028", "a circle\x1b[2J", "\0", "x" * 4_001])
async def test_one_wrong_text_keeps_no_other_back(api: RunningApi, prompt: str) -> None:
    """A prompt that no job may have is the error of its job alone, and is never internal."""
    requests = [
        pb.SubmitJobRequest(prompt=PROMPT),
        pb.SubmitJobRequest(prompt=prompt),
        pb.SubmitJobRequest(prompt="another"),
    ]
    answer = await api.jobs.BatchSubmitJobs(pb.BatchSubmitJobsRequest(requests=requests))
    assert [bool(result.job_id) for result in answer.results] == [True, False, True]
    assert answer.results[1].error.code == 3
    assert "prompt" in answer.results[1].error.message


@pytest.mark.parametrize("first", [0, 0x1F80, 0x2FF0, 0xFD00, 0xFFF0, 0xE0000])
async def test_no_character_is_internal(api: RunningApi, first: int) -> None:
    """A prompt of any one character is a job or a wrong field: exactly the blank and refused ones are not jobs."""
    characters = [chr(code) for code in range(first, first + 1_000) if not 0xD800 <= code <= 0xDFFF]
    requests = [pb.SubmitJobRequest(prompt=character) for character in characters]
    answer = await api.jobs.BatchSubmitJobs(pb.BatchSubmitJobsRequest(requests=requests))
    for character, result in zip(characters, answer.results, strict=True):
        wrong = is_blank(character) or bool(refusal(character, lines=True))
        assert result.error.code == (3 if wrong else 0), f"U+{ord(character):04X}"


async def test_a_job_that_cannot_be_planned_keeps_no_other_back(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unexpected error with one job is internal for that job; the others are stored."""

    def failing_plan(request: pb.SubmitJobRequest, *others: Any) -> Any:
        if request.prompt == "unexpected":
            raise ZeroDivisionError
        return plan_job(request, *others)

    monkeypatch.setattr(submit_job, "plan_job", failing_plan)
    requests = [pb.SubmitJobRequest(prompt=prompt) for prompt in (PROMPT, "unexpected", "another")]
    answer = await api.jobs.BatchSubmitJobs(pb.BatchSubmitJobsRequest(requests=requests))
    assert [result.error.code for result in answer.results] == [0, 13, 0]
    assert await api.store.last_position() == 2


@given(text=st.text(max_size=200))
@settings(deadline=None, max_examples=200)
def test_every_text_is_planned_or_refused(text: str) -> None:
    """A text that is not refused has shots; blank ones and those with control characters never come so far."""
    assume(not is_blank(text) and not refusal(text, lines=True))
    for frames in (1, 48, 480):
        for shots in Shots:
            scenes = plan_storyboard(text, shots=shots, frames=frames, fps=8, seed=1)
            assert sum(scene.frames for scene in scenes) == frames
            assert all(scene.prompt for scene in scenes)


async def test_blank_texts_count_as_empty(api: RunningApi) -> None:
    """A negative prompt and a reason without a visible character are none."""
    job_id = await api.submit(negative_prompt="\u3000 \u200b", style=" \u00a0")
    job = (await api.jobs.GetJob(pb.GetJobRequest(job_id=job_id))).job
    assert (job.spec.negative_prompt, job.spec.style) == ("", "")


async def test_a_thousand_jobs_in_order(api: RunningApi) -> None:
    """The largest batch is stored completely, and its results are in the order of the request."""
    requests = [pb.SubmitJobRequest(prompt=f"frame {n}", request_id=f"r{n}") for n in range(1_000)]
    answer = await api.jobs.BatchSubmitJobs(pb.BatchSubmitJobsRequest(requests=requests))
    assert sorted(result.position for result in answer.results) == list(range(1, 1_001))
    job = (await api.jobs.GetJob(pb.GetJobRequest(job_id=answer.results[700].job_id))).job
    assert (job.spec.prompt, job.request_id) == ("frame 700", "r700")


async def test_a_repeated_batch_creates_nothing(api: RunningApi) -> None:
    """A repeated batch returns the existing jobs. Only a job with another body under the same id is refused."""
    request = pb.BatchSubmitJobsRequest(
        requests=[pb.SubmitJobRequest(prompt=f"frame {n}", request_id=f"r{n}") for n in range(20)]
    )
    first = await api.jobs.BatchSubmitJobs(request)
    request.requests[3].prompt = "something else"
    again = await api.jobs.BatchSubmitJobs(request)
    assert again.results[3].error.code == 6
    accepted = [n for n in range(20) if n != 3]
    assert [again.results[n].job_id for n in accepted] == [first.results[n].job_id for n in accepted]
    assert not any(result.created for result in again.results)
    assert await api.store.last_position() == 20


async def test_one_id_twice_in_a_batch(api: RunningApi) -> None:
    """Of two equal requests with one id in a batch, one creates the job and the other returns it."""
    twin = pb.SubmitJobRequest(prompt=PROMPT, request_id="twin")
    answer = await api.jobs.BatchSubmitJobs(pb.BatchSubmitJobsRequest(requests=[twin, twin]))
    assert [result.created for result in answer.results] == [True, False]
    assert answer.results[0].job_id == answer.results[1].job_id

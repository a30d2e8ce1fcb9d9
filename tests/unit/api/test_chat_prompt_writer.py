"""The language model of a chat endpoint: what it is asked, which answers are taken, and how it fails."""

from __future__ import annotations

import asyncio
import json

import pytest

from kinolog.adapters.chat.prompt_writer import MOST_AT_ONCE, ChatPromptWriter
from kinolog.process.setting_groups.prompt_writer import PromptWriterSettings
from kinolog.storyboard.prompt_writer import PromptWriterFailed, WriterTask, WrittenShot
from tests.builders.chat_endpoint import ChatEndpoint, chat_endpoint
from tests.fixtures.waits import until_true

TASK = WriterTask(prompt="a heron", max_shots=3, seconds=4.0, longest_seconds=5.0, style="noir")
TWO = '{"shots": [{"prompt": " a heron wades ", "seconds": 1}, {"prompt": "a heron flies", "seconds": 3}]}'


def _settings(endpoint: ChatEndpoint, **fields: object) -> PromptWriterSettings:
    values = {"prompt_writer_url": endpoint.url, "prompt_writer_model": "llama", **fields}
    return PromptWriterSettings.model_validate(values)


async def _shots(
    endpoint: ChatEndpoint, task: WriterTask = TASK, **fields: object
) -> tuple[WrittenShot, ...]:
    writer = ChatPromptWriter(_settings(endpoint, **fields))
    try:
        return await writer.shots(task)
    finally:
        await writer.close()


@pytest.mark.parametrize(
    "text",
    [
        TWO,
        f"```json\n{TWO}\n```",
        f"<think>two moments, so two shots</think>\n{TWO}",
        f"so two shots</think>\n```\n{TWO}```",
    ],
)
async def test_the_shots_of_an_answer_are_taken(text: str) -> None:
    """Also out of a fence and after thoughts, which some models write."""
    with chat_endpoint(text) as endpoint:
        assert await _shots(endpoint) == (
            WrittenShot(prompt="a heron wades", seconds=1),
            WrittenShot(prompt="a heron flies", seconds=3),
        )


async def test_the_endpoint_gets_the_wish_as_data_and_the_key() -> None:
    """The instructions are a message of their own, and the prompt is a value in JSON."""
    with chat_endpoint(TWO) as endpoint:
        await _shots(endpoint, prompt_writer_key="secret")
    (request,), (key,) = endpoint.requests, endpoint.keys
    assert (request["model"], key) == ("llama", "Bearer secret")
    system, user = request["messages"]
    assert "heron" not in system["content"]
    assert json.loads(user["content"]) == {
        "wish": "a heron",
        "style": "noir",
        "seconds": 4.0,
        "max_shots": 3,
        "longest_seconds": 5.0,
    }


async def test_one_shot_has_instructions_of_its_own() -> None:
    """A prompt that is rewritten is not cut."""
    with chat_endpoint('{"shots": [{"prompt": "a grey heron"}]}') as endpoint:
        task = WriterTask(prompt="a heron", max_shots=1, seconds=4.0)
        assert await _shots(endpoint, task) == (WrittenShot(prompt="a grey heron"),)
    assert "rewrite" in endpoint.requests[0]["messages"][0]["content"]


async def test_an_endpoint_without_formats_is_asked_without_one() -> None:
    """It is asked once more, and from then on at once."""
    with chat_endpoint(400, TWO) as endpoint:
        writer = ChatPromptWriter(_settings(endpoint))
        await writer.shots(TASK)
        await writer.shots(TASK)
        await writer.close()
    assert ["response_format" in request for request in endpoint.requests] == [True, False, False]


async def test_one_refused_request_says_nothing_of_the_next_ones() -> None:
    """A prompt that is too long for the language model is refused in the same way as a form that it does not know."""
    with chat_endpoint(400, 400, TWO) as endpoint:
        writer = ChatPromptWriter(_settings(endpoint))
        with pytest.raises(PromptWriterFailed, match="HTTP status 400"):
            await writer.shots(TASK)
        await writer.shots(TASK)
        await writer.close()
    assert ["response_format" in request for request in endpoint.requests] == [True, False, True]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("Here are your shots: a heron wades.", "is no list of shots: the answer: json_invalid"),
        ('{"shots": []}', "is no list of shots: shots: too_short"),
        ('{"shots": [{"prompt": " "}]}', "is no list of shots: shots.0.prompt: string_too_short"),
        ('{"shots": [{"prompt": "a", "seconds": -1}]}', "shots.0.seconds: greater_than"),
        (json.dumps({"shots": [{"prompt": "a"}] * 4}), "wrote 4 shots, where 3 shots fit"),
        (503, "was refused with HTTP status 503"),
        (b"<html>", "does not answer as a chat endpoint does"),
        (b'{"choices": [{"message": {"content": null}}]}', "has no text"),
        (b" " * (2 << 20), "is longer than 1 MiB"),
    ],
)
async def test_an_answer_that_cannot_be_used_says_why(answer: str | int | bytes, problem: str) -> None:
    """The reason is stored in the clear: it has no words of the prompt or of the answer."""
    with chat_endpoint(answer) as endpoint, pytest.raises(PromptWriterFailed) as failure:
        await _shots(endpoint)
    assert problem in str(failure.value)
    assert "heron" not in str(failure.value)


async def test_an_endpoint_that_is_silent_or_gone_says_so() -> None:
    """A submission waits no longer than the setting says, also for its turn."""
    with chat_endpoint(TWO) as endpoint:
        endpoint.is_silent = True
        writer = ChatPromptWriter(_settings(endpoint, prompt_writer_seconds=0.05))
        asked = [writer.shots(TASK) for _ in range(MOST_AT_ONCE + 1)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        await writer.close()
        assert {str(answer) for answer in answers} == {"the language model did not answer within 0.05 s"}
    with pytest.raises(PromptWriterFailed, match="cannot be asked: ConnectError"):
        await _shots(endpoint)


async def test_few_are_asked_at_once() -> None:
    """A burst of submissions waits for its turn, and none is lost."""
    with chat_endpoint(TWO) as endpoint:
        endpoint.is_silent = True
        writer = ChatPromptWriter(_settings(endpoint))
        asked = asyncio.gather(*(writer.shots(TASK) for _ in range(2 * MOST_AT_ONCE)), return_exceptions=True)
        await until_true(lambda: len(endpoint.requests) >= MOST_AT_ONCE, "as many as may be asked are asked")
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(endpoint.requests) == MOST_AT_ONCE
        endpoint.is_silent = False
        endpoint.released.set()
        answers = await asked
        await writer.close()
    assert [type(answer) for answer in answers].count(tuple) == MOST_AT_ONCE
    assert len(endpoint.requests) == 2 * MOST_AT_ONCE


async def test_lengths_count_only_if_all_shots_have_one() -> None:
    """Otherwise the shots are equally long."""
    with chat_endpoint('{"shots": [{"prompt": "a", "seconds": 1}, {"prompt": "b"}]}') as endpoint:
        assert [shot.seconds for shot in await _shots(endpoint)] == [None, None]

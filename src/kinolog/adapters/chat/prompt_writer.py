"""A language model behind an endpoint such as that of vLLM, llama.cpp, Ollama or OpenAI: POST …/chat/completions."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from kinolog.adapters.chat.instructions import ANSWER_FORMAT, messages
from kinolog.counts import counted
from kinolog.network_addresses import is_loopback
from kinolog.process.setting_groups.prompt_writer import PromptWriterSettings
from kinolog.storyboard.planner import MAX_PROMPT_CHARACTERS
from kinolog.storyboard.prompt_writer import PromptWriterFailed, WriterTask, WrittenShot

MAX_ANSWER_BYTES = 1 << 20
MOST_AT_ONCE = 4
"""Requests that are made at the same time. Others wait for their turn, and no longer than for an answer."""

_END_OF_THOUGHTS = "</think>"
"""What ends the thoughts that some models write before their answer."""

_FENCE = "```"
_FORMAT_REFUSED = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
"""How endpoints answer a request with a field that they do not know. They may mean something else in it."""


class _Shot(BaseModel):
    model_config = ConfigDict(extra="ignore")

    prompt: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_PROMPT_CHARACTERS)
    ]
    seconds: Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)] | None = None


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore")

    shots: Annotated[list[_Shot], Field(min_length=1)]


class ChatPromptWriter:
    """Asks the language model of a chat endpoint. Call `close` at the end."""

    def __init__(self, settings: PromptWriterSettings) -> None:
        """Raises `ValueError` if the settings name no endpoint."""
        if not settings.prompt_writer_url:
            raise ValueError("KINOLOG_PROMPT_WRITER_URL is not set")
        url = settings.prompt_writer_url.rstrip("/")
        key = settings.prompt_writer_key.get_secret_value() if settings.prompt_writer_key else ""
        self._url = f"{url}/chat/completions"
        self._model = settings.prompt_writer_model
        self._seconds = settings.prompt_writer_seconds
        self._takes_format = True
        self._turns = asyncio.Semaphore(MOST_AT_ONCE)
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=settings.prompt_writer_seconds,
            # a proxy of the environment cannot reach an endpoint of this machine
            trust_env=not is_loopback(urlsplit(url).hostname or ""),
        )

    @property
    def name(self) -> str:
        """Name of the language model, as the endpoint knows it."""
        return self._model

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def shots(self, task: WriterTask) -> tuple[WrittenShot, ...]:
        """Return the shots that the language model writes. Raises `PromptWriterFailed`."""
        try:
            async with asyncio.timeout(self._seconds), self._turns:
                text = await self._answer(task)
        except (TimeoutError, httpx.TimeoutException):
            problem = f"the language model did not answer within {self._seconds:g} s"
            raise PromptWriterFailed(problem) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            problem = f"the language model cannot be asked: {type(error).__name__}"
            raise PromptWriterFailed(problem) from error
        return _shots(text, task)

    async def _answer(self, task: WriterTask) -> str:
        """Return the text of the answer."""
        status, body = await self._posted(task, with_format=self._takes_format)
        if status in _FORMAT_REFUSED and self._takes_format:
            status, body = await self._posted(task, with_format=False)
            self._takes_format = status != HTTPStatus.OK
        if status != HTTPStatus.OK:
            raise PromptWriterFailed(f"the language model was refused with HTTP status {status}")
        try:
            text = json.loads(body)["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError) as error:
            raise PromptWriterFailed("the endpoint does not answer as a chat endpoint does") from error
        if not isinstance(text, str):
            raise PromptWriterFailed("the answer of the language model has no text")
        return text

    async def _posted(self, task: WriterTask, *, with_format: bool) -> tuple[int, bytes]:
        """Send the request. Return status and content of the answer, of which too much is not read."""
        request = {"model": self._model, "messages": messages(task), "stream": False}
        if with_format:
            request["response_format"] = ANSWER_FORMAT
        async with self._client.stream("POST", self._url, json=request) as response:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise PromptWriterFailed("the answer of the language model is longer than 1 MiB")
            return response.status_code, bytes(body)


def _shots(text: str, task: WriterTask) -> tuple[WrittenShot, ...]:
    """Return the shots of an answer. Raises `PromptWriterFailed`, with no word of the answer."""
    try:
        shots = _Answer.model_validate_json(_without_wrapping(text)).shots
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the answer"
        problem = f"the answer of the language model is no list of shots: {where}: {first['type']}"
        raise PromptWriterFailed(problem) from error
    if len(shots) > task.max_shots:
        problem = f"the language model wrote {len(shots)} shots, where {counted(task.max_shots, 'shot')} fit"
        raise PromptWriterFailed(problem)
    have_lengths = all(shot.seconds for shot in shots)
    return tuple(
        WrittenShot(prompt=shot.prompt, seconds=shot.seconds if have_lengths else None) for shot in shots
    )


def _without_wrapping(text: str) -> str:
    """Return an answer without the thoughts before it, and out of its fence."""
    plain = text.rpartition(_END_OF_THOUGHTS)[2].strip()
    if plain.startswith(_FENCE) and plain.endswith(_FENCE):
        return plain.removeprefix(_FENCE).removeprefix("json").removesuffix(_FENCE)
    return plain

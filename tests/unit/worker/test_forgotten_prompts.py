"""Prompts in the memory of the inference process, which no erasure reaches."""

from __future__ import annotations

import socket
from typing import Any

from kinolog_worker.inference.inference_loop import PROMPT_SECONDS, InferenceLoop
from kinolog_worker.inference.model_cache import ModelCache
from kinolog_worker.renderers.diffusers.prompt_memory import PromptMemory


class _Scheduler:
    def set_timesteps(self, steps: int) -> None:
        """Do nothing: the timesteps are of no interest here."""


class _Pipe:
    """A pipeline whose embeddings are the prompts themselves. It encodes a prompt and goes on with its timesteps."""

    def __init__(self) -> None:
        self.scheduler = _Scheduler()
        self.drawn = 0

    def encode_prompt(self, prompt: str, picture: object = None) -> Any:
        return [prompt]

    def __call__(self, prompt: str, picture: object = None) -> Any:
        embeddings = self.encode_prompt(prompt, picture=picture)
        self.scheduler.set_timesteps(2)
        self.drawn += 1
        return embeddings


def test_a_prompt_that_is_not_used_is_forgotten() -> None:
    """A prompt is remembered from its last use on for so long, and encoded again after that."""
    now = [0.0]
    pipe = _Pipe()
    memory = PromptMemory(pipe, clock=lambda: now[0])
    assert not memory.encode(lambda: pipe("unicorn"), "unicorn")
    assert not memory.encode(lambda: pipe("parrot"), "parrot")
    now[0] = 30.0
    assert memory.encode(lambda: pipe("parrot"), "parrot")
    now[0] = 60.0
    memory.forget(60.0)
    assert "unicorn" not in repr(vars(memory))
    assert memory.encode(lambda: pipe("parrot"), "parrot")
    assert not memory.encode(lambda: pipe("unicorn"), "unicorn")
    assert pipe.drawn == 0


def test_a_call_after_an_encoded_prompt_draws() -> None:
    """What ends a call after its prompts is gone afterwards, and the call gets the remembered embeddings."""
    pipe = _Pipe()
    memory = PromptMemory(pipe)
    assert not memory.encode(lambda: pipe("parrot"), "parrot")
    assert pipe("parrot") is pipe("parrot")
    assert (pipe.drawn, memory.encoded) == (2, 1)


def test_a_prompt_with_a_picture_is_not_remembered() -> None:
    """A picture is not compared: two of them might be told apart by nothing."""
    pipe = _Pipe()
    memory = PromptMemory(pipe)
    for _ in range(2):
        assert not memory.encode(lambda: pipe("parrot", picture=object()), "parrot")


def test_a_call_that_starts_with_its_timesteps_encodes_nothing() -> None:
    """It is ended before its prompts, which are encoded when the scene is drawn. It is never drawn ahead."""

    class _EarlyPipe(_Pipe):
        def __call__(self, prompt: str, picture: object = None) -> Any:
            self.scheduler.set_timesteps(2)
            return super().__call__(prompt, picture)

    pipe = _EarlyPipe()
    memory = PromptMemory(pipe)
    assert not memory.encode(lambda: pipe("parrot"), "parrot")
    assert pipe("parrot") is pipe("parrot")
    assert not memory.encode(lambda: pipe("parrot"), "parrot")
    assert (pipe.drawn, memory.encoded) == (2, 1)


def test_few_prompts_are_remembered() -> None:
    """The prompt that was used last stays, the others go."""
    pipe = _Pipe()
    memory = PromptMemory(pipe, capacity=1)
    assert not memory.encode(lambda: pipe("unicorn"), "unicorn")
    assert not memory.encode(lambda: pipe("parrot"), "parrot")
    assert memory.encode(lambda: pipe("parrot"), "parrot")
    assert not memory.encode(lambda: pipe("unicorn"), "unicorn")


def test_a_request_that_was_encoded_is_not_called_again() -> None:
    """While its prompts are remembered it costs nothing. Once they are not, it is encoded again."""
    pipe = _Pipe()
    memory = PromptMemory(pipe, capacity=2)
    calls: list[str] = []

    def called(prompt: str) -> Any:
        calls.append(prompt)
        return pipe(prompt)

    assert not memory.encode(lambda: called("parrot"), "first")
    assert memory.encode(lambda: called("parrot"), "first")
    assert memory.encode(lambda: called("parrot"), "second")
    assert calls == ["parrot", "parrot"]
    for other in ("unicorn", "heron"):
        assert not memory.encode(lambda other=other: called(other), other)  # type: ignore[misc] # a default
    assert not memory.encode(lambda: called("parrot"), "first")


def test_an_idle_process_forgets_prompts() -> None:
    """Also without a command the process looks for prompts that nothing uses."""
    looks: list[float] = []

    class Cache(ModelCache):
        def forget_prompts(self, unused_seconds: float) -> None:
            looks.append(unused_seconds)

    here, there = socket.socketpair()
    with here, there:
        InferenceLoop(here, Cache("cpu")).run_next(0.0)
    assert looks == [PROMPT_SECONDS]

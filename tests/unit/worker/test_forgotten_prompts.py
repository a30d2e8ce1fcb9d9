"""Prompts in the memory of the inference process, which no erasure reaches."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

from kinolog_worker.inference.inference_loop import PROMPT_SECONDS, InferenceLoop
from kinolog_worker.inference.model_cache import ModelCache
from kinolog_worker.renderers.diffusers.embeddings import PromptEncoder
from kinolog_worker.renderers.renderer import SceneRequest


class _Pipe:
    """A pipeline whose embeddings are the prompts themselves."""

    _execution_device = "cpu"

    def encode_prompt(self, prompt: str, negative_prompt: str, do_classifier_free_guidance: bool) -> Any:
        return prompt, negative_prompt


def _request(prompt: str) -> SceneRequest:
    return SceneRequest(
        prompt=prompt, negative_prompt="", width=64, height=64, frames=8, fps=8, steps=2, guidance=1.0, seed=1
    )


def test_a_prompt_that_is_not_used_is_forgotten() -> None:
    """A prompt is remembered from its last use on for so long, and encoded again after that."""
    now = [0.0]
    signature: Any = SimpleNamespace(
        accepts=frozenset({"prompt_embeds", "negative_prompt_embeds"}), text_tokens=None
    )
    encoder = PromptEncoder(_Pipe(), signature, clock=lambda: now[0])
    assert not encoder.encode(_request("unicorn"))
    assert not encoder.encode(_request("parrot"))
    now[0] = 30.0
    assert encoder.encode(_request("parrot"))
    now[0] = 60.0
    encoder.forget(60.0)
    assert "unicorn" not in repr(vars(encoder))
    assert encoder.encode(_request("parrot"))
    assert not encoder.encode(_request("unicorn"))


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

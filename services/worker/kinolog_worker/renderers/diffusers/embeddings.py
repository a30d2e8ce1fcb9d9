"""Embeddings of prompts, cached: a prompt that was prefetched is not encoded again when its scene is rendered."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from typing import Any

import torch

from kinolog_worker.renderers.diffusers.pipeline_signature import PipelineSignature
from kinolog_worker.renderers.renderer import SceneRequest

_MASKED = (
    "prompt_embeds",
    "prompt_attention_mask",
    "negative_prompt_embeds",
    "negative_prompt_attention_mask",
)
_PLAIN = ("prompt_embeds", "negative_prompt_embeds")


@dataclass(slots=True)
class _Embedding:
    """The arguments of the pipeline's call for one prompt, and when they were used last."""

    arguments: dict[str, Any]
    used_at: float


class PromptEncoder:
    """Encodes prompts with the text encoder of one pipeline.

    Works for pipelines whose `encode_prompt` returns what their call takes: embeddings, with or without masks. For any
    other pipeline the prompt itself is passed to the call, which encodes it each time.
    """

    def __init__(
        self,
        pipe: Any,
        pipeline_signature: PipelineSignature,
        capacity: int = 32,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pipe = pipe
        self._signature = pipeline_signature
        self._capacity = capacity
        self._clock = clock
        self._cache: OrderedDict[tuple[str, str, bool], _Embedding] = OrderedDict()
        """The embeddings by prompt, the one used last at the end."""
        encode = getattr(pipe, "encode_prompt", None)
        self._parameters = frozenset(signature(encode).parameters) if encode else frozenset()
        accepts = pipeline_signature.accepts
        names = _MASKED if "prompt_attention_mask" in accepts else _PLAIN
        cacheable = set(names) <= accepts and "do_classifier_free_guidance" in self._parameters
        self._names = names if cacheable else ()

    def encode(self, request: SceneRequest) -> bool:
        """Encode the prompt and cache its embedding. Return True if it was cached before."""
        if not self._names:
            return False
        key = _key(request)
        cached = self._cache.get(key)
        if cached is not None:
            cached.used_at = self._clock()
            self._cache.move_to_end(key)
            return True
        encoded = self._encode(request)
        if encoded is None:
            self._names = ()  # this pipeline returns something other than embeddings
            return False
        self._cache[key] = _Embedding(encoded, self._clock())
        while len(self._cache) > self._capacity:
            self._cache.popitem(last=False)
        return False

    def forget(self, unused_seconds: float) -> None:
        """Drop the prompts, with their embeddings, that were not used for so long: their jobs may be erased."""
        now = self._clock()
        while self._cache and now - next(iter(self._cache.values())).used_at >= unused_seconds:
            self._cache.popitem(last=False)

    def arguments(self, request: SceneRequest) -> dict[str, Any]:
        """Return the arguments of the pipeline's call for this prompt."""
        self.encode(request)
        if self._names:
            return dict(self._cache[_key(request)].arguments)
        guided = (
            request.guidance > 1 and request.negative_prompt and "negative_prompt" in self._signature.accepts
        )
        negative = {"negative_prompt": request.negative_prompt} if guided else {}
        return {"prompt": request.prompt, **negative}

    def _encode(self, request: SceneRequest) -> dict[str, Any] | None:
        possible = {
            "prompt": request.prompt,
            "negative_prompt": request.negative_prompt,
            "do_classifier_free_guidance": request.guidance > 1,
            "num_videos_per_prompt": 1,
            "max_sequence_length": self._signature.text_tokens or self._default_tokens(),
            "device": self._pipe._execution_device,
        }
        arguments = {
            name: value for name, value in possible.items() if name in self._parameters and value is not None
        }
        with torch.no_grad():
            encoded = self._pipe.encode_prompt(**arguments)
        if not isinstance(encoded, tuple) or len(encoded) != len(self._names):
            return None
        return dict(zip(self._names, encoded, strict=True))

    def _default_tokens(self) -> int | None:
        """Return the length that the call encodes with by default; `encode_prompt` may have another default."""
        parameter = signature(type(self._pipe).__call__).parameters.get("max_sequence_length")
        return parameter.default if parameter is not None and isinstance(parameter.default, int) else None


def _key(request: SceneRequest) -> tuple[str, str, bool]:
    guided = request.guidance > 1
    return request.prompt, request.negative_prompt if guided else "", guided

"""Remembers what a pipeline's own `encode_prompt` returned: a prompt that was prefetched is not encoded again.

The pipeline is given the text each time. So it passes to `encode_prompt` what it needs, and a guardrail sees the text.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import wraps
from inspect import signature
from typing import Any

import torch


class _Encoded(BaseException):
    """The prompts of a call are encoded, and nothing else of it is wanted."""


@dataclass(slots=True)
class _RememberedCall:
    """What a call of `encode_prompt` returned, and when it was used last."""

    result: Any
    used_at: float


class PromptMemory:
    """The calls of one pipeline's `encode_prompt`, by their arguments; at most `capacity` of them.

    Only calls whose arguments are texts, numbers and the like are remembered: a picture is not compared.
    """

    def __init__(self, pipe: Any, capacity: int = 32, clock: Callable[[], float] = time.monotonic) -> None:
        self._pipe = pipe
        self._capacity = capacity
        self._clock = clock
        self._calls: OrderedDict[str, _RememberedCall] = OrderedDict()
        """The calls by arguments, the one used last at the end."""
        self._ahead: dict[Hashable, frozenset[str]] = {}
        """The calls of what was encoded ahead, as long as all of them are remembered."""
        self._seen: set[str] = set()
        """The calls since the last encoding ahead began."""
        self.encoded = 0
        """How many calls were not remembered."""
        self._install()

    def forget(self, unused_seconds: float) -> None:
        """Drop the prompts, with their embeddings, that were not used for so long: their jobs may be erased."""
        now = self._clock()
        while self._calls and now - next(iter(self._calls.values())).used_at >= unused_seconds:
            self._calls.popitem(last=False)
        self._drop_stale()

    def encode(self, call: Callable[[], Any], request: Hashable) -> bool:
        """Encode the prompts of a call of the pipeline, and nothing else of it. `request` stands for its arguments.

        Return True if it has some and all were remembered. A call that does something else first encodes none. A
        request that was encoded ahead is not called again while its prompts are remembered.
        """
        if known := self._ahead.get(request):
            for key in known:
                self._use(key)
            return True
        if not hasattr(self._pipe, "encode_prompt"):
            return False
        before = self.encoded
        self._seen.clear()
        with self._ended_after_prompts(), suppress(_Encoded):
            call()
        if self._seen:
            self._ahead[request] = frozenset(self._seen)
            self._drop_stale()
        return self.encoded == before and bool(self._seen)

    def _use(self, key: str) -> _RememberedCall:
        """Return a remembered call, which is now the one used last."""
        call = self._calls[key]
        call.used_at = self._clock()
        self._calls.move_to_end(key)
        return call

    def _drop_stale(self) -> None:
        """Forget requests of which a call is not remembered, and the oldest ones of too many."""
        held = {request: keys for request, keys in self._ahead.items() if keys <= self._calls.keys()}
        self._ahead = dict(list(held.items())[-self._capacity :])

    @contextmanager
    def _ended_after_prompts(self) -> Iterator[None]:
        """Let the pipeline's next call end where it goes on from its prompts."""
        scheduler = getattr(self._pipe, "scheduler", None)  # some draw by a list of noise levels alone
        places = [(scheduler, "set_timesteps"), (self._pipe, "prepare_latents")]
        replaced = [(owner, name) for owner, name in places if hasattr(owner, name)]
        for owner, name in replaced:
            setattr(owner, name, _end_of(getattr(owner, name)))
        try:
            yield
        finally:
            for owner, name in replaced:
                delattr(owner, name)

    def _install(self) -> None:
        encode = getattr(self._pipe, "encode_prompt", None)
        if encode is None:
            return
        parameters = signature(encode)

        @wraps(encode)
        def remembered(*positional: Any, **named: Any) -> Any:
            arguments = parameters.bind(*positional, **named).arguments
            key = _key(arguments)
            if key is None:
                self.encoded += 1
                return encode(*positional, **named)
            self._seen.add(key)
            if key not in self._calls:
                self.encoded += 1
                self._calls[key] = _RememberedCall(encode(*positional, **named), self._clock())
                while len(self._calls) > self._capacity:
                    self._calls.popitem(last=False)
            return self._use(key).result

        self._pipe.encode_prompt = remembered


def _end_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of the same signature that ends the call."""

    @wraps(function)
    def end(*_: Any, **__: Any) -> Any:
        raise _Encoded

    return end


def _key(value: Any) -> str | None:
    """Return a text that is the same for equal arguments; None if one is of a kind that is not compared."""
    if isinstance(value, dict):
        value = sorted(value.items())
    if isinstance(value, list | tuple):
        parts = [_key(item) for item in value]
        return None if None in parts else f"({','.join(map(str, parts))})"
    if value is None or isinstance(value, str | int | float | torch.dtype | torch.device):
        return f"{type(value).__name__}:{value!r}"
    return None
